"""Encrypted columns of rows, and where the master keys are."""

import os
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.crypto import CannotDecrypt, Keyring, Sealed
from app.core.errors import Unavailable
from app.core.orm import MediumBlob

KEY_FILE = "secret.key"


class SealedColumns:
    """Columns of a row with one encrypted value. `ansflow keys rotate` finds all such tables."""

    if TYPE_CHECKING:
        __tablename__: str
        id: Mapped[uuid.UUID]

    key_id: Mapped[str] = mapped_column(String(16))
    wrapped_key: Mapped[bytes] = mapped_column(MediumBlob)
    ciphertext: Mapped[bytes] = mapped_column(MediumBlob)


def seal_into(row: SealedColumns, data: bytes, keyring: Keyring) -> None:
    """Put an encrypted value into a row that has its id; it can be read from this row only."""
    sealed = keyring.seal(data, context=context_of(row))
    row.key_id, row.wrapped_key, row.ciphertext = (
        sealed.key_id,
        sealed.wrapped_key,
        sealed.ciphertext,
    )


def opened(row: SealedColumns, keyring: Keyring | None) -> bytes:
    """The value of a row in clear.

    Raises: CannotDecrypt.
    """
    if keyring is None:
        raise CannotDecrypt(f"the key {row.key_id} is not configured")
    return keyring.open(sealed_of(row), context=context_of(row))


def sealed_of(row: SealedColumns) -> Sealed:
    """The encrypted value of a row."""
    return Sealed(row.key_id, row.wrapped_key, row.ciphertext)


def context_of(row: SealedColumns) -> str:
    """What the value of a row is bound to: its table and id."""
    return f"{row.__tablename__}:{row.id}"


class NoMasterKey(Unavailable):
    code, title = "no_master_key", "There is no key to encrypt with"


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """Where the master keys come from: the settings, or else a file that only this account reads.

    Parameters: `current` None: the first key of the file encrypts; `folder` None: no file.
    """

    current: str | None
    old: Sequence[str]
    folder: Path | None

    def to_read(self) -> Keyring | None:
        """All keys; None when there is none."""
        found = [*self._able_to_write(), *self.old]
        return Keyring(found) if found else None

    def to_write(self) -> Keyring:
        """All keys; one is made where there may be a file.

        Raises: NoMasterKey.
        """
        if not self._able_to_write():
            if self.folder is None:
                raise NoMasterKey(
                    "set ANSFLOW_SECURITY__SECRET_KEY (`openssl rand -hex 32`), the same for all "
                    "servers and workers"
                )
            self._keep([])
        return Keyring([*self._able_to_write(), *self.old])

    def renew(self) -> Keyring:
        """Put a new key before those in the file; where a key is configured, that one is new.

        Raises: NoMasterKey.
        """
        if self.current is None and (kept := self._kept()):
            self._keep(kept)
        return self.to_write()

    def _able_to_write(self) -> list[str]:
        return [*([self.current] if self.current else []), *self._kept()]

    def _kept(self) -> list[str]:
        if self.folder is None:
            return []
        try:
            return (self.folder / KEY_FILE).read_text().split()
        except FileNotFoundError:
            return []

    def _keep(self, older: Sequence[str]) -> None:
        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / KEY_FILE
        draft = self.folder / f"{KEY_FILE}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("".join(f"{key}\n" for key in (secrets.token_hex(32), *older)))
            file.flush()
            os.fsync(file.fileno())
        try:
            if older:
                draft.rename(path)
            else:
                # Whoever was first has made the key; two of them would lock each other out.
                path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
