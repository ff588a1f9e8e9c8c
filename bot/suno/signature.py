"""The signature that callbacks carry when a webhook key is configured (docs/provider.md 3)."""

import base64
import hashlib
import hmac
import re


def signature_is_valid(
    *, key: str, task_id: str, timestamp: str, signature: str, now: float, window_seconds: float = 300
) -> bool:
    """Whether `signature` is base64(HMAC-SHA256(key, task_id + "." + timestamp)) and `timestamp` is close to `now`.

    `timestamp` is Unix seconds as written in the header, `now` is Unix seconds. The provider names no window; 300 s
    either way is our choice. The body is not signed: someone who saw one callback can send another body with its
    headers.
    """
    if not key or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    digest = hmac.digest(key.encode(), f"{task_id}.{timestamp}".encode("utf-8", "replace"), hashlib.sha256)
    genuine = hmac.compare_digest(base64.b64encode(digest), signature.strip().encode("utf-8", "replace"))
    return genuine and abs(now - int(timestamp)) <= window_seconds
