"""The credentials of its project that a job may use by name, each only when a step asks for it."""

import uuid
from dataclasses import dataclass, field

from app.core.db import Database
from app.core.sealing import MasterKeys
from app.credentials.errors import CredentialUnreadable
from app.credentials.service.credentials import ClearCredential, named_credential


class CredentialRefused(Exception):
    """The job does not get the credential; the text says why."""


@dataclass(frozen=True, slots=True)
class JobCredentials:
    """With `trusted` False, code from a fork, there are none."""

    database: Database
    keys: MasterKeys = field(repr=False)
    project_id: uuid.UUID
    trusted: bool

    async def named(self, name: str) -> ClearCredential:
        """A credential in clear.

        Raises: CredentialRefused, Unavailable.
        """
        if not self.trusted:
            raise CredentialRefused(
                f"The credential {name!r} is not given to code from a fork, which gets no secrets."
            )
        try:
            found = await named_credential(
                self.database, self.keys, project_id=self.project_id, name=name
            )
        except CredentialUnreadable as error:
            raise CredentialRefused(f"{error}.") from error
        if found is None:
            raise CredentialRefused(f"The project has no credential {name!r}.")
        return found
