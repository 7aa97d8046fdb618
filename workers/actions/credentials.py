"""Stored credentials for built-in actions: by the name that an input gives."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from app.credentials.models import CredentialKind
from app.credentials.service.credentials import ClearCredential
from workers.actions.base import ActionCall, ActionFailed
from workers.runner.credentials import CredentialRefused
from workers.runner.storage import insist

_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
_NAMES = {
    CredentialKind.TOKEN: "a token",
    CredentialKind.USERNAME_PASSWORD: "a user name and password",
    CredentialKind.SSH_KEY: "an SSH key",
    CredentialKind.VAULT_PASSWORD: "a vault password",
    CredentialKind.KUBECONFIG: "a kubeconfig",
}


async def stored_credential(
    call: ActionCall, name: str, *kinds: CredentialKind, instead_of: tuple[str, ...]
) -> ClearCredential | None:
    """The credential that the input `name` names, masked from now on; None without the input.

    Parameters:
        kinds: what it may be.
        instead_of: the inputs that say the same by value.

    Raises:
        ActionFailed: it is not given to this job, is of another kind, or a value is given as well.
        Interrupted: the step was stopped before the database answered.
    """
    wanted = call.inputs.get(name, "").strip()
    if not wanted:
        return None
    for other in instead_of:
        if call.inputs.get(other, "").strip():
            raise ActionFailed(f"Inputs {name!r} and {other!r} exclude each other.")
    credentials = call.attempt.run.assignment.credentials
    if credentials is None:
        raise ActionFailed(f"Input {name!r}: this run has no project with credentials.")
    try:
        found = await call.interruptible(insist(lambda: credentials.named(wanted)))
    except CredentialRefused as error:
        raise ActionFailed(f"Input {name!r}: {error}") from None
    for secret in found.secrets.values():
        call.attempt.run.masker.add(secret)
    if found.kind not in kinds:
        possible = " or ".join(_NAMES[kind] for kind in kinds)
        raise ActionFailed(
            f"Input {name!r}: the credential {wanted!r} is {_NAMES[found.kind]}; it must be"
            f" {possible}."
        )
    return found


def private_key(call: ActionCall, credential: ClearCredential) -> str:
    """The private key as ssh takes it without asking for a passphrase.

    Raises:
        ActionFailed: the stored passphrase does not open it.
    """
    text, passphrase = credential.secrets["private_key"], credential.secrets.get("passphrase")
    if not passphrase:
        return text
    load = load_ssh_private_key if text.startswith(_OPENSSH) else load_pem_private_key
    try:
        key = load(text.encode(), passphrase.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ActionFailed(f"The private key cannot be opened: {error}.") from None
    opened = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    call.attempt.run.masker.add(opened)
    return opened
