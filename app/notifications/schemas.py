"""What the API takes and gives about notifications."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from app.core.schemas import Input, Output, Title
from app.credentials.schemas.environments import Patterns
from app.notifications.models import (
    ChannelKind,
    DeliveryState,
    NotificationChannel,
    NotificationEvent,
)

Recipient = Annotated[
    str,
    StringConstraints(
        max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}$"
    ),
]
Recipients = Annotated[list[Recipient], Field(min_length=1, max_length=50)]
ChannelUrl = Annotated[SecretStr, Field(max_length=2000)]
Key = Annotated[SecretStr, Field(min_length=1, max_length=255)]
Events = Annotated[list[NotificationEvent], Field(min_length=1, max_length=10)]
Minutes = Annotated[int, Field(ge=1, le=10080)]

_RECIPIENTS = "Of e-mail: to whom"
_URL = "Of all others: where to post to. It is never shown again"
_SIGNS = "Signs webhooks; the key of DingTalk and Feishu robots. It is never shown again"


class ChannelCreate(Input):
    """A new channel: e-mail needs recipients, everything else a URL."""

    name: Title = Field(description="Unique in the project, in any case", examples=["team chat"])
    kind: ChannelKind = Field(description="How it is reached")
    recipients: Recipients | None = Field(
        default=None, description=_RECIPIENTS, examples=[["team@example.com"]]
    )
    url: ChannelUrl | None = Field(
        default=None, description=_URL, examples=["https://hooks.example.com/ansflow"]
    )
    secret: Key | None = Field(default=None, description=_SIGNS)
    is_enabled: bool = Field(default=True, description="False: nothing is sent to it")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is ChannelKind.EMAIL:
            if self.recipients is None or self.url is not None or self.secret is not None:
                raise ValueError("e-mail needs `recipients`, and neither `url` nor `secret`")
        elif self.url is None or self.recipients is not None:
            raise ValueError("this kind needs `url`, and no `recipients`")
        return self


class ChannelUpdate(Input):
    """Changes of a channel; absent fields stay, the kind always does."""

    name: Title = Field(default="x", description="Unique in the project, in any case")
    recipients: Recipients = Field(default=[], description=_RECIPIENTS)
    url: ChannelUrl = Field(default=SecretStr(""), description=_URL)
    secret: Key | None = Field(default=None, description=f"{_SIGNS}. Null: none")
    is_enabled: bool = Field(default=True, description="False: nothing is sent to it")


class ChannelRead(Output):
    """A channel, without what is secret of it."""

    id: uuid.UUID = Field(description="Never changes")
    name: str = Field(description="Unique in the project")
    kind: ChannelKind = Field(description="How it is reached")
    recipients: list[str] = Field(description="Of e-mail: to whom")
    host: str | None = Field(description="Of all others: the host of the URL")
    has_secret: bool = Field(description="Whether there is a key")
    is_enabled: bool = Field(description="False: nothing is sent to it")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change")

    @classmethod
    def of(cls, channel: NotificationChannel) -> "ChannelRead":
        """What may be read of a channel."""
        public: dict[str, Any] = channel.public
        return cls(
            id=channel.id,
            name=channel.name,
            kind=channel.kind,
            recipients=public.get("recipients", []),
            host=public.get("host"),
            has_secret=public.get("has_secret", False),
            is_enabled=channel.is_enabled,
            created_at=channel.created_at,
            updated_at=channel.updated_at,
        )


class TestResult(Output):
    """What became of a notification that was sent as a test."""

    __test__ = False

    ok: bool = Field(description="Whether it was taken")
    status: int | None = Field(description="Of the answer over HTTP, if there was one")
    detail: str = Field(description="What the other side said, or why it could not be reached")


class RuleCreate(Input):
    """A new rule: which events go to a channel."""

    channel_id: uuid.UUID = Field(description="Where to")
    events: Events = Field(
        description="`fixed`: the first success after a failure on the same branch",
        examples=[["failed", "fixed"]],
    )
    pipeline_id: uuid.UUID | None = Field(
        default=None, description="Only of this pipeline; null: of all"
    )
    branches: Patterns = Field(
        default=[],
        description="Only of these branches and tags, as in `on.push.branches`; none: of all",
        examples=[["main"]],
    )
    long_running_minutes: Minutes = Field(
        default=60, description="After how many minutes an execution is `long_running`"
    )
    is_enabled: bool = Field(default=True, description="False: nothing is sent by it")


class RuleUpdate(Input):
    """Changes of a rule; absent fields stay."""

    channel_id: uuid.UUID = Field(default=uuid.UUID(int=0), description="Where to")
    events: Events = Field(default=[], description="Of what to tell")
    pipeline_id: uuid.UUID | None = Field(default=None, description="Only of it; null: of all")
    branches: Patterns = Field(default=[], description="Only of these; none: of all")
    long_running_minutes: Minutes = Field(default=60, description="See the creation")
    is_enabled: bool = Field(default=True, description="False: nothing is sent by it")


class RuleRead(Output):
    """A rule."""

    id: uuid.UUID = Field(description="Never changes")
    channel_id: uuid.UUID = Field(description="Where to")
    events: list[NotificationEvent] = Field(description="Of what it tells")
    pipeline_id: uuid.UUID | None = Field(description="Only of this pipeline")
    branches: list[str] = Field(description="Only of these branches and tags; none: of all")
    long_running_minutes: int = Field(description="When an execution is `long_running`")
    is_enabled: bool = Field(description="False: nothing is sent by it")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change")


class DeliveryRead(Output):
    """What became of one notification."""

    id: uuid.UUID = Field(description="Never changes; `X-AnsFlow-Delivery` of webhooks")
    rule_id: uuid.UUID = Field(description="The rule that wanted it")
    execution_id: uuid.UUID = Field(description="What it tells of")
    attempt: int = Field(description="The attempt of the execution, or of the job that waits")
    event: NotificationEvent = Field(description="Why")
    state: DeliveryState = Field(description="`pending`: it will be tried, perhaps again")
    tries: int = Field(description="How often it was tried")
    status: int | None = Field(description="Of the last answer over HTTP")
    result: str = Field(description="What the other side said, or why it could not be reached")
    created_at: datetime = Field(description="When it was wanted")
    finished_at: datetime | None = Field(description="When it was sent or given up")
