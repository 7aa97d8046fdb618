"""What is in a credential: which parts may be read, which are encrypted."""

import base64
import hashlib
from collections.abc import Mapping

import yaml  # type: ignore[import-untyped]  # PyYAML ships no types
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from pydantic import BaseModel, SecretStr

from app.credentials.errors import UnusableContent

_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"


def divided(content: BaseModel) -> tuple[dict[str, str], dict[str, str]]:
    """The public and the secret parts of a credential.

    Raises: UnusableContent when it is not what its kind says.
    """
    public: dict[str, str] = {}
    secret: dict[str, str] = {}
    for name, value in content:
        if isinstance(value, SecretStr):
            secret[name] = value.get_secret_value()
        elif name != "kind" and value is not None:
            public[name] = str(value)
    if "private_key" in secret:
        public |= _described(secret)
    if "kubeconfig" in secret:
        _check_kubeconfig(secret["kubeconfig"])
    return public, secret


def _described(secret: dict[str, str]) -> Mapping[str, str]:
    # Keys that are copied out of a page have carriage returns or lack their last line end: ssh
    # refuses them.
    secret["private_key"] = text = secret["private_key"].replace("\r\n", "\n").strip() + "\n"
    load = load_ssh_private_key if text.startswith(_OPENSSH) else load_pem_private_key
    passphrase = secret.get("passphrase")
    try:
        key = load(text.encode(), passphrase.encode() if passphrase else None)
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableContent(
            "the private key cannot be read: it must be an OpenSSH or PEM key, with its "
            "passphrase if it has one"
        ) from error
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    fingerprint = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
    return {"public_key": public, "fingerprint": fingerprint}


def _check_kubeconfig(text: str) -> None:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnusableContent("the kubeconfig is no YAML") from error
    if not isinstance(found, dict) or not found.get("clusters"):
        raise UnusableContent("the kubeconfig must be a map with `clusters`")
