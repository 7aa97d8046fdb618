"""How the other side knows that it was us."""

import base64
import hashlib
import hmac
from urllib.parse import quote_plus


def signature(secret: str, content: bytes) -> str:
    """`X-AnsFlow-Signature-256`: as GitHub signs its webhooks, over the bytes of the body."""
    return "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def dingtalk(secret: str, at_ms: int) -> str:
    """What DingTalk wants behind the URL: over the time and the secret, keyed by the secret."""
    digest = hmac.new(secret.encode(), f"{at_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return f"timestamp={at_ms}&sign={quote_plus(base64.b64encode(digest))}"


def feishu(secret: str, at_s: int) -> str:
    """What Feishu wants in the body: over nothing, keyed by the time and the secret."""
    digest = hmac.new(f"{at_s}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
