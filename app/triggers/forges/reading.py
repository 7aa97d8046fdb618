"""From the headers and the body of a signed call to what happened."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from app.triggers.forges import github, gitlab
from app.triggers.forges.happenings import Happening, Ignored
from app.triggers.models import Forge

_EVENT_HEADERS: Mapping[Forge, tuple[str, ...]] = {
    Forge.GITHUB: ("x-github-event",),
    Forge.GITEA: ("x-gitea-event", "x-github-event"),
    Forge.FORGEJO: ("x-forgejo-event", "x-gitea-event", "x-github-event"),
    Forge.GENERIC: ("x-ansflow-event",),
}
_ID_HEADERS: Mapping[Forge, tuple[str, ...]] = {
    Forge.GITHUB: ("x-github-delivery",),
    Forge.GITEA: ("x-gitea-delivery",),
    Forge.FORGEJO: ("x-forgejo-delivery", "x-gitea-delivery"),
    Forge.GITLAB: ("idempotency-key", "x-gitlab-event-uuid"),
    Forge.GENERIC: ("x-ansflow-delivery",),
}
_UNNAMED = "unknown"
KEPT_HEADERS = ("content-type", "user-agent")
"""What is kept of the headers, besides those of the forge; never the signature or token."""


class Unreadable(ValueError):
    """A body that is no JSON object; the text says why."""


def _refuse(name: str) -> None:
    raise ValueError(name)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a webhook. `headers` have small letters."""

    forge: Forge
    headers: Mapping[str, str]
    body: bytes

    @property
    def external_id(self) -> str:
        """The forge's id of the delivery; without one, what its body says twice is the same."""
        found = self._first(_ID_HEADERS[self.forge])
        return found[:200] or f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    def shown_headers(self) -> dict[str, str]:
        """The headers that may be shown."""
        names = (*KEPT_HEADERS, *_EVENT_HEADERS.get(self.forge, ()), *_ID_HEADERS[self.forge])
        return {name: self.headers[name][:500] for name in names if name in self.headers}

    def payload(self) -> dict[str, Any]:
        """The JSON of the body, also when it is a form with the field `payload`.

        Raises: Unreadable.
        """
        body = self.body
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            try:
                fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)
                body = fields["payload"][0].encode()
            except (ValueError, KeyError) as error:
                raise Unreadable("the form has no field 'payload'") from error
        try:
            found: Any = json.loads(body, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise Unreadable("the body is not JSON") from error
        if not isinstance(found, dict):
            raise Unreadable("the body is not a JSON object")
        if b"\\ud" in body.lower():
            # Half of a pair of surrogates is valid JSON, but no text that a database takes.
            whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
            found = json.loads(whole)
        payload: dict[str, Any] = found
        return payload

    def event(self, payload: Mapping[str, Any]) -> str:
        """The forge's name of the event."""
        if self.forge is Forge.GITLAB:
            kind = payload.get("object_kind")
            return kind[:100] if kind and isinstance(kind, str) else _UNNAMED
        return self._first(_EVENT_HEADERS[self.forge])[:100] or _UNNAMED

    def happening(self, payload: Mapping[str, Any]) -> Happening | Ignored:
        """What happened."""
        event = self.event(payload)
        if event == "ping":
            return Ignored("ping: the webhook works")
        if event == _UNNAMED:
            return Ignored(f"the call names no event ({self._names_event()})")
        read = gitlab.happening if self.forge is Forge.GITLAB else github.happening
        return read(event, payload)

    def _names_event(self) -> str:
        if self.forge is Forge.GITLAB:
            return "`object_kind` in the body"
        return f"the header {_EVENT_HEADERS[self.forge][0]}"

    def _first(self, names: tuple[str, ...]) -> str:
        return next((self.headers[name] for name in names if self.headers.get(name)), "")
