"""Signed links: `ex`, `is` and `hm` (docs/discord.md 4)."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import quote

from bot.sandbox.discord.world.clock import Clock

ISSUED_EVERY_SECONDS = 600
"""Links made within these seconds are the same."""


class Links:
    """Makes and checks signed links. `base` is set once the server listens."""

    def __init__(self, clock: Clock, *, lifetime_seconds: float) -> None:
        self.base = ""
        self._clock = clock
        self._lifetime = lifetime_seconds
        self._key = secrets.token_bytes(32)

    def url(self, path: str) -> str:
        every = max(1, min(ISSUED_EVERY_SECONDS, int(self._lifetime / 10)))
        issued = int(self._clock().timestamp()) // every * every
        expires = issued + max(1, int(self._lifetime))
        signed = self._signature(path, f"{expires:x}", f"{issued:x}")
        return f"{self.base}{quote(path)}?ex={expires:x}&is={issued:x}&hm={signed}&"

    def is_good(self, path: str, query: Mapping[str, str]) -> bool:
        expires, issued = query.get("ex", ""), query.get("is", "")
        if not hmac.compare_digest(query.get("hm", "").encode(), self._signature(path, expires, issued).encode()):
            return False
        return self._clock().timestamp() < int(expires, 16)

    def _signature(self, path: str, expires: str, issued: str) -> str:
        return hmac.new(self._key, f"{path}?{expires}&{issued}".encode(), hashlib.sha256).hexdigest()
