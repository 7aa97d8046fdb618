"""Whether a call of a webhook is from whom has the secret: on the raw body, in constant time."""

import hashlib
import hmac
from collections.abc import Mapping

from app.triggers.models import Forge

_HEADERS: Mapping[Forge, tuple[str, str]] = {
    Forge.GITHUB: ("x-hub-signature-256", "sha256="),
    Forge.GITEA: ("x-gitea-signature", ""),
    Forge.FORGEJO: ("x-forgejo-signature", ""),
    Forge.GENERIC: ("x-ansflow-signature-256", "sha256="),
}
_GITLAB_TOKEN = "x-gitlab-token"  # noqa: S105  name of a header


def is_signed(forge: Forge, headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """True when the headers prove the secret. `headers` have small letters."""
    if forge is Forge.GITLAB:
        # GitLab signs nothing: it sends the secret itself.
        given = headers.get(_GITLAB_TOKEN, "")
        return hmac.compare_digest(given.encode(), secret)
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
    name, prefix = _HEADERS[forge]
    given = headers.get(name, "")
    if not given and forge is Forge.FORGEJO:
        given = headers.get(_HEADERS[Forge.GITEA][0], "")
    return hmac.compare_digest(given.encode(), (prefix + expected).encode())
