"""Channels: create, change, delete. What is secret of them goes in and never comes out."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import SecretStr

from app.audit.recording import record_change
from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.core.sealing import MasterKeys, opened, seal_into
from app.notifications.errors import ChannelIsIncomplete, ChannelNameTaken, TooManyChannels
from app.notifications.models import ChannelKind, NotificationChannel
from app.notifications.repository.rules import ChannelRepository, RuleRepository
from app.notifications.sending import Target
from app.projects.service.access import Access

MAX_CHANNELS = 50


async def create_channel(
    session: AsyncSession, keys: MasterKeys, *, access: Access, fields: Mapping[str, Any]
) -> NotificationChannel:
    """A new channel of the project.

    Raises: ChannelNameTaken, ChannelIsIncomplete, TooManyChannels, NoMasterKey.
    """
    repository, now = ChannelRepository(session), utcnow()
    if await repository.count(access.project.id) >= MAX_CHANNELS:
        raise TooManyChannels(f"there may be at most {MAX_CHANNELS} channels")
    channel = NotificationChannel(
        id=new_id(),
        project_id=access.project.id,
        kind=fields["kind"],
        created_at=now,
    )
    await _write(session, keys, channel, {}, fields)
    await _record(session, access, channel, "create", after=_shown(channel, fields))
    return channel


async def update_channel(
    session: AsyncSession,
    keys: MasterKeys,
    *,
    access: Access,
    channel_id: uuid.UUID,
    changes: Mapping[str, Any],
) -> NotificationChannel:
    """Change fields of a channel.

    Raises: ChannelNotFound, ChannelNameTaken, ChannelIsIncomplete, NoMasterKey, CannotDecrypt.
    """
    repository = ChannelRepository(session)
    channel = await repository.require(access.project.id, channel_id, lock=True)
    before = _shown(channel, {})
    old = secrets_of(channel, keys) if changes.keys() & {"url", "secret"} else None
    await _write(session, keys, channel, old, changes)
    await _record(session, access, channel, "update", before=before, after=_shown(channel, changes))
    return channel


async def delete_channel(session: AsyncSession, *, access: Access, channel_id: uuid.UUID) -> None:
    """Delete a channel with its rules and what is known of its deliveries.

    Raises: ChannelNotFound.
    """
    repository = ChannelRepository(session)
    channel = await repository.require(access.project.id, channel_id, lock=True)
    before = _shown(channel, {})
    await repository.delete(channel)
    await RuleRepository(session).mark_project(access.project.id)
    await _record(session, access, channel, "delete", before=before)


async def record_test(
    session: AsyncSession, *, access: Access, channel: NotificationChannel, detail: str
) -> None:
    """Somebody has sent a test."""
    await _record(session, access, channel, "test", after={"result": detail})


def target_of(channel: NotificationChannel, keys: MasterKeys) -> Target:
    """A channel in clear.

    Raises: CannotDecrypt.
    """
    secrets = secrets_of(channel, keys)
    return Target(
        kind=channel.kind,
        recipients=tuple(channel.public.get("recipients", ())),
        url=secrets.get("url", ""),
        secret=secrets.get("secret"),
    )


def secrets_of(channel: NotificationChannel, keys: MasterKeys) -> dict[str, str]:
    """What is encrypted of a channel.

    Raises: CannotDecrypt.
    """
    found: dict[str, str] = json.loads(opened(channel, keys.to_read()))
    return found


async def _write(
    session: AsyncSession,
    keys: MasterKeys,
    channel: NotificationChannel,
    secrets: dict[str, str] | None,
    fields: Mapping[str, Any],
) -> None:
    """Put fields into a row and save it. `secrets` None: they stay as they are."""
    channel.name = fields.get("name", channel.name)
    channel.folded = channel.name.casefold()
    channel.is_enabled = fields.get("is_enabled", channel.is_enabled)
    channel.updated_at = utcnow()
    is_mail = channel.kind is ChannelKind.EMAIL
    if (fields.get("url") or fields.get("secret")) and is_mail:
        raise ChannelIsIncomplete("e-mail has neither a URL nor a key")
    if fields.get("recipients") and not is_mail:
        raise ChannelIsIncomplete("only e-mail has recipients")
    public = dict(channel.public or {})
    if fields.get("recipients"):
        public["recipients"] = list(fields["recipients"])
    if secrets is not None:
        secrets = _merged(secrets, fields)
        if not is_mail:
            public |= {"host": _host(secrets["url"]), "has_secret": "secret" in secrets}
        seal_into(channel, json.dumps(secrets).encode(), keys.to_write())
    channel.public = public
    taken = ChannelNameTaken(f"there is already a channel {channel.name!r}")
    await ChannelRepository(session).save(channel, conflict=taken)


def _merged(secrets: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, str]:
    merged = dict(secrets)
    for name in ("url", "secret"):
        value: SecretStr | None = fields.get(name)
        if value is not None:
            merged[name] = value.get_secret_value()
        elif name in fields:
            merged.pop(name, None)
    return merged


def _host(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ChannelIsIncomplete("the URL is not valid") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ChannelIsIncomplete("the URL must begin with http:// or https:// and name a host")
    if parsed.userinfo:
        raise ChannelIsIncomplete("the URL may hold neither a user nor a password")
    return parsed.host


def _shown(channel: NotificationChannel, written: Mapping[str, Any]) -> dict[str, Any]:
    secrets = {name: written[name] for name in ("url", "secret") if written.get(name)}
    fields = {"name": channel.name, "kind": channel.kind, "is_enabled": channel.is_enabled}
    return fields | channel.public | secrets


async def _record(
    session: AsyncSession,
    access: Access,
    channel: NotificationChannel,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await record_change(
        session,
        access.principal,
        f"channel.{verb}",
        kind="channel",
        target_id=channel.id,
        name=channel.name,
        project_id=channel.project_id,
        before=before,
        after=after,
    )
