"""Settings: `ANSFLOW_<PART>__<NAME>` in the environment or in `.env`.

Nothing configured means the embedded mode. The distributed mode needs the database, Redis and
RabbitMQ, all three; something in between is refused.
"""

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Mode(StrEnum):
    """How the parts are put together; the code is the same."""

    EMBEDDED = "embedded"
    DISTRIBUTED = "distributed"


class Part(BaseModel):
    """Settings that belong together; one that does not exist is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")


class ServerSettings(Part):
    """Where and how HTTP is served."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    base_url: str | None = Field(None, description="Public address, for links in messages")
    processes: int = Field(1, ge=1, le=64)
    max_body_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    production: bool = Field(False, description="Refuse default secrets and insecure cookies")

    @property
    def public_url(self) -> str:
        """Where people reach this installation, without a slash at the end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")


class DataSettings(Part):
    """The folder of everything that is kept on disk."""

    folder: Path = Path(".ansflow-data")


class DatabaseSettings(Part):
    """The database. Without a URL: a SQLite file in the data folder."""

    url: SecretStr | None = None
    pool_size: int = Field(10, ge=1, le=500)
    pool_timeout_s: float = Field(10.0, gt=0)
    insert_returning: bool = True


class RedisSettings(Part):
    """Redis. `url` names the server; each namespace takes its own database number, unless it
    has a URL of its own in `urls`."""

    url: SecretStr | None = None
    urls: dict[str, SecretStr] = Field(default_factory=dict)
    prefix: str = "ansflow"
    pool_size: int = Field(16, ge=1, le=1000)
    timeout_s: float = Field(1.0, gt=0)


class RabbitMQSettings(Part):
    """RabbitMQ. `prefix` is put before all queue names (for tests and shared brokers)."""

    url: SecretStr | None = None
    prefix: str = ""
    quorum_queues: bool = False
    publish_timeout_s: float = Field(5.0, gt=0)


class SecuritySettings(Part):
    """Keys and log-in."""

    secret_key: SecretStr | None = Field(
        None,
        description="Encrypts secrets. Without it one is made in the data folder (embedded mode)",
    )
    old_secret_keys: list[SecretStr] = Field(
        default_factory=list, description="What `secret_key` was before: still decrypts"
    )
    session_idle_s: int = Field(7 * 24 * 3600, ge=60)
    cookie_secure: bool = False
    allow_private_addresses: bool = False
    allowed_origins: list[str] = Field(default_factory=list)


class OidcProvider(Part):
    """An OpenID Connect provider that people log in with."""

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$", max_length=255)
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = Field(None, description="None: a public client, PKCE only")
    title: str | None = Field(None, description="For people; none: its name")
    scopes: list[str] = Field(default_factory=lambda: ["openid", "profile", "email"])
    auto_create: bool = Field(False, description="Make a user for whoever is not known yet")


class WorkerSettings(Part):
    """How jobs are run."""

    queues: list[str] = Field(default_factory=lambda: ["high", "medium", "low"])
    concurrency: int = Field(4, ge=1, le=256)
    labels: list[str] = Field(default_factory=list)
    lease_s: float = Field(20.0, ge=1)
    renew_s: float = Field(5.0, gt=0)
    grace_s: float = Field(10.0, ge=0)
    drain_s: float = Field(60.0, ge=0, description="How long running jobs may end on TERM")
    isolation: Literal["auto", "none"] = Field(
        "auto", description="auto: as root, jobs run as unprivileged accounts"
    )
    containers: Literal["off", "on", "unrestricted"] = Field(
        "on",
        description="Whether jobs may have containers where the worker reaches a docker engine;"
        " unrestricted: also such with access to the host, which makes every author root there",
    )
    keep_workspaces: bool = False
    max_worker_lost: int = Field(2, ge=0)
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Workers and schedulers show /metrics there; none: not"
    )
    metrics_host: str = "127.0.0.1"


class SchedulerSettings(Part):
    """Sweeps and timers; seconds."""

    sweep_s: float = Field(5.0, gt=0)
    fire_s: float = Field(1.0, gt=0, description="How often it looks for what is due by the clock")
    queued_after_s: float = Field(60.0, gt=0)
    no_worker_after_s: float = Field(24 * 3600.0, gt=0)


class LogSettings(Part):
    """The log path."""

    max_step_bytes: int = Field(256 * 1024 * 1024, ge=4096)


class ArtifactSettings(Part):
    """The store of artifacts and caches. Without a URL: a folder in the data folder, which all
    servers and workers must then share."""

    url: SecretStr | None = Field(None, description="As fsspec takes it, e.g. s3://bucket/prefix")
    retention_days: int = Field(90, ge=1, le=3650, description="The default and the longest time")
    execution_bytes: int = Field(10 * 1024**3, ge=0, description="All artifacts of an execution")
    cache_bytes: int = Field(10 * 1024**3, ge=0, description="All caches of a project")
    cache_days: int = Field(7, ge=1, description="After so many days without use a cache goes")


class SmtpSettings(Part):
    """The server that takes e-mail. Without a host no e-mail is sent."""

    host: str | None = None
    port: int = Field(587, ge=1, le=65535)
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    sender: str = Field(
        "ansflow@localhost", pattern=r"^[^\r\n\x00]+$", description="From: of all messages"
    )
    timeout_s: float = Field(20.0, gt=0)
    verify: bool = Field(True, description="False: any certificate will do")


class RealtimeSettings(Part):
    """Sockets and streams; seconds."""

    heartbeat_s: float = Field(20.0, gt=0)
    max_lifetime_s: float = Field(6 * 3600.0, gt=0)
    queue_frames: int = Field(256, ge=8)


class Settings(BaseSettings):
    """All of it. Read once at start and passed down as values."""

    model_config = SettingsConfigDict(
        env_prefix="ANSFLOW_",
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        nested_model_default_partial_update=True,
    )

    server: ServerSettings = ServerSettings()
    data: DataSettings = DataSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    rabbitmq: RabbitMQSettings = RabbitMQSettings()
    security: SecuritySettings = SecuritySettings()
    oidc: dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")], OidcProvider] = Field(
        default_factory=dict
    )
    worker: WorkerSettings = WorkerSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    logs: LogSettings = LogSettings()
    artifacts: ArtifactSettings = ArtifactSettings()
    smtp: SmtpSettings = SmtpSettings()
    realtime: RealtimeSettings = RealtimeSettings()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = {
            "ANSFLOW_DATABASE__URL": self.database.url,
            "ANSFLOW_REDIS__URL": self.redis.url,
            "ANSFLOW_RABBITMQ__URL": self.rabbitmq.url,
        }
        missing = [name for name, value in given.items() if value is None]
        if missing and len(missing) < len(given):
            there = ", ".join(sorted(set(given) - set(missing)))
            raise ValueError(
                f"half configured: {there} set, {', '.join(missing)} not. The distributed mode "
                "needs all three; unset all of them for the embedded mode"
            )
        plain = [name for name, each in self.oidc.items() if each.issuer.startswith("http://")]
        if plain and self.server.production:
            raise ValueError(f"ANSFLOW_OIDC__{plain[0].upper()}__ISSUER must begin with https://")
        url = self.database.url
        if url is not None and not url.get_secret_value().startswith("mysql+asyncmy://"):
            raise ValueError(
                "ANSFLOW_DATABASE__URL must begin with mysql+asyncmy:// (MySQL 8.4 or MariaDB "
                "10.11); for SQLite unset it together with Redis and RabbitMQ (embedded mode)"
            )
        if self.server.production and url is not None and not self.security.secret_key:
            raise ValueError(
                "ANSFLOW_SECURITY__SECRET_KEY is not set: make one with `openssl rand -hex 32`"
            )
        return self

    @cached_property
    def mode(self) -> Mode:
        """Embedded when nothing is configured."""
        return Mode.EMBEDDED if self.database.url is None else Mode.DISTRIBUTED

    @cached_property
    def database_url(self) -> str:
        """The SQLAlchemy URL in effect."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.data.folder / 'ansflow.db').resolve()}"

    @cached_property
    def artifacts_url(self) -> str:
        """Where the contents of artifacts and caches are, as fsspec takes it."""
        if self.artifacts.url is not None:
            return self.artifacts.url.get_secret_value()
        return f"file://{(self.data.folder / 'artifacts').resolve()}"

    @cached_property
    def log_archive_url(self) -> str:
        """Where logs are that are no longer in the database, as fsspec takes it."""
        if self.artifacts.url is not None:
            return f"{self.artifacts.url.get_secret_value().rstrip('/')}/logs"
        return f"file://{(self.data.folder / 'logs').resolve()}"

    @cached_property
    def backups_url(self) -> str:
        """Where periodic backups of all definitions are, as fsspec takes it."""
        if self.artifacts.url is not None:
            return f"{self.artifacts.url.get_secret_value().rstrip('/')}/backups"
        return f"file://{(self.data.folder / 'backups').resolve()}"
