"""Discord's signatures. PyNaCl is optional: nothing else imports this module, and only with a public key."""

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from bot.web.interactions import Verify


def verifier(public_key: str) -> Verify:
    """Checks signatures made with the private half of `public_key` (64 hex digits)."""
    key = VerifyKey(bytes.fromhex(public_key))

    def verify(message: bytes, *, signature: bytes) -> bool:
        try:
            key.verify(message, signature)
        except BadSignatureError:
            return False
        return True

    return verify
