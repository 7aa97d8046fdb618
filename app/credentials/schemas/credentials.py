"""What the API takes and gives about credentials."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from app.core.schemas import Input, Output, Prose, Title
from app.credentials.models import Credential, CredentialKind
from app.credentials.schemas.names import MAX_VALUE, SecretText

UserName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-9;-~]+$")]
"""No blanks and no colon: it goes into HTTP headers and addresses."""
Hidden = Annotated[SecretText, Field(max_length=MAX_VALUE)]


class UsernamePassword(Input):
    """A user name and a password."""

    kind: Literal[CredentialKind.USERNAME_PASSWORD] = Field(description="Says which fields follow")
    username: UserName = Field(description="May be read", examples=["deploy"])
    password: Hidden = Field(description="Never shown again", examples=["hunter2"])


class Token(Input):
    """An access token, as forges and registries have them."""

    kind: Literal[CredentialKind.TOKEN] = Field(description="Says which fields follow")
    username: UserName | None = Field(
        default=None, description="Where a user name must stand beside it; may be read"
    )
    token: Hidden = Field(description="Never shown again", examples=["t0ken"])


class SshKey(Input):
    """A private key."""

    kind: Literal[CredentialKind.SSH_KEY] = Field(description="Says which fields follow")
    username: UserName = Field(default="git", description="May be read")
    private_key: Hidden = Field(
        description="As OpenSSH or PEM writes it; never shown again, its public part is"
    )
    passphrase: Hidden | None = Field(default=None, description="Of the key; never shown again")


class Kubeconfig(Input):
    """How to reach a Kubernetes cluster."""

    kind: Literal[CredentialKind.KUBECONFIG] = Field(description="Says which fields follow")
    kubeconfig: Hidden = Field(description="The whole file; never shown again")


class VaultPassword(Input):
    """The password of an Ansible vault."""

    kind: Literal[CredentialKind.VAULT_PASSWORD] = Field(description="Says which fields follow")
    password: Hidden = Field(description="Never shown again", examples=["hunter2"])


Content = Annotated[
    UsernamePassword | Token | SshKey | Kubeconfig | VaultPassword, Field(discriminator="kind")
]


class CredentialCreate(Input):
    """A new credential."""

    name: Title = Field(description="For people; unique in the project", examples=["forge"])
    description: Prose = Field(default="", description="What it is for")
    content: Content = Field(
        description="What it is", examples=[{"kind": "token", "token": "t0ken"}]
    )


class CredentialUpdate(Input):
    """Changes of a credential; absent fields stay."""

    name: Title = Field(default="x", description="For people; unique in the project")
    description: Prose = Field(default="", description="What it is for")
    content: Content = Field(
        default=Token(kind=CredentialKind.TOKEN, token=SecretStr("x")),
        description="All of it anew, also of another kind",
        examples=[{"kind": "token", "token": "t0ken"}],
    )


class CredentialRead(Output):
    """A credential; what is secret in it is never shown."""

    id: uuid.UUID = Field(description="Never changes")
    project_id: uuid.UUID = Field(description="The project")
    name: str = Field(description="For people")
    description: str = Field(description="What it is for")
    kind: CredentialKind = Field(description="What it is")
    username: str | None = Field(description="The user name, where it has one")
    fingerprint: str | None = Field(description="Of an SSH key, as `ssh-keygen -l` shows it")
    public_key: str | None = Field(description="Of an SSH key, as `authorized_keys` takes it")
    key_id: str = Field(description="The master key that it is encrypted with")
    created_at: datetime = Field(description="When it was made")
    updated_at: datetime = Field(description="Last change")

    @classmethod
    def of(cls, row: Credential) -> "CredentialRead":
        """A credential as its row says."""
        public = {name: row.public.get(name) for name in ("username", "fingerprint", "public_key")}
        same = (name for name in cls.model_fields if name not in public)
        return cls(**public, **{name: getattr(row, name) for name in same})
