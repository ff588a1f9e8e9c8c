"""The key with which Discord signs what it sends to an application's endpoint (docs/discord.md 2.5)."""

from collections.abc import Mapping

from nacl.signing import SigningKey


class Signer:
    """Makes the headers of a request; one with another key of its own is a forger."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()

    @property
    def public_key(self) -> str:
        """64 hex digits, as the application's page shows them."""
        return self._key.verify_key.encode().hex()

    def headers(self, body: bytes, *, at: float) -> Mapping[str, str]:
        """`at`: Unix seconds."""
        timestamp = str(int(at))
        signature = self._key.sign(timestamp.encode() + body).signature
        return {"X-Signature-Ed25519": signature.hex(), "X-Signature-Timestamp": timestamp}
