"""Whether PUBLIC_URL leads to this bot: the tokens of its own calls, and what their answers mean."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

FRESH_SECONDS = 900
"""How long a call is recognised. Processes may run on machines whose clocks differ."""
NONCE_BYTES = 12
_TIME_BYTES = 4
_MAC_BYTES = 16

HAIRPIN = (
    "If this machine can't reach its own public address at all, which many routers cause, this proves nothing:"
    " try the address from elsewhere."
)


class SelfCalls:
    """Recognises the bot's own calls. They look like callbacks, so they take the same way through proxies.

    Only processes with the same Discord token can make such a call or its answer. Nothing is stored, so any web process
    can answer any other process. To anybody else, the address is one more callback address that does not exist.
    """

    def __init__(self, discord_token: str) -> None:
        self._key = hashlib.sha256(b"encore calls itself\0" + discord_token.encode()).digest()

    def token(self, *, now: float, nonce: bytes) -> str:
        """A new token, shaped like a callback's; `now` is Unix seconds, `nonce` has `NONCE_BYTES` random bytes."""
        head = int(now).to_bytes(_TIME_BYTES, "big") + nonce
        return base64.urlsafe_b64encode(head + self._mac("call", head)[:_MAC_BYTES]).rstrip(b"=").decode()

    def recognises(self, token: str, *, now: float) -> bool:
        """Whether this bot made `token` lately."""
        try:
            parts = base64.urlsafe_b64decode(token + "=")
        except ValueError:
            return False
        head, mac = parts[:-_MAC_BYTES], parts[-_MAC_BYTES:]
        if len(head) != _TIME_BYTES + NONCE_BYTES or not hmac.compare_digest(mac, self._mac("call", head)[:_MAC_BYTES]):
            return False
        return abs(now - int.from_bytes(head[:_TIME_BYTES], "big")) <= FRESH_SECONDS

    def answer(self, token: str) -> str:
        """What only this bot answers to a call at the right path."""
        return self._mac("answer", token.encode()).hex()

    def answer_elsewhere(self, token: str) -> str:
        """The same for a call whose path was changed on its way."""
        return self._mac("answer elsewhere", token.encode()).hex()

    def body(self, token: str) -> bytes:
        """What the bot posts to `/interactions`: it looks like Discord's test of an address."""
        return f'{{"type":1,"token":"{token}"}}'.encode()

    def signature(self, message: bytes) -> bytes:
        """Takes the place of Discord's, which nobody else can make: 64 bytes, like that one."""
        return hmac.digest(self._key, b"interaction\0" + message, "sha512")

    def token_in(self, body: bytes, *, timestamp: str, signature: bytes, now: float) -> str | None:
        """The token of an interaction that this bot posted lately; None for all others."""
        token = body[len(self.body("")) - 2 : -2].decode("ascii", "replace")
        if body != self.body(token) or not self.recognises(token, now=now):
            return None
        return token if hmac.compare_digest(signature, self.signature(timestamp.encode() + body)) else None

    def _mac(self, purpose: str, message: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + message, "sha256")


class Came(StrEnum):
    """What came of a call."""

    ANSWER = "this bot's answer"
    ELSEWHERE = "this bot's answer, from another path"
    OTHER_BOT = "the answer of an Encore that does not know the call"
    REDIRECT = "a redirect"
    STRANGER = "another program's answer"
    NO_NAME = "a name that does not resolve"
    BAD_TLS = "no secure connection"
    NO_ANSWER = "nothing"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is HTTP's. `detail`: where a redirect leads, or what went wrong, in a few words."""

    came: Came
    status: int = 0
    detail: str = ""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """For the operator. `is_certain`: whether the music service meets the same problem."""

    came_back: str
    remedy: str
    is_certain: bool


# What came back, and what to do. {path}: of PUBLIC_URL; {own_port}: where the bot listens.
_MEANINGS: Mapping[Came, tuple[str, str]] = MappingProxyType(
    {
        Came.ANSWER: ("this bot answered", ""),
        Came.ELSEWHERE: (
            "the call reached this bot, but with /{path} still in front of its path",
            "let the reverse proxy remove /{path} before it passes requests on to the bot",
        ),
        Came.OTHER_BOT: (
            "an Encore answered that doesn't know this bot's calls",
            "let PUBLIC_URL lead to this bot; an Encore with another DISCORD_TOKEN, or an older release, answers there",
        ),
        Came.REDIRECT: ("HTTP {status}: it redirects to {detail}", "set PUBLIC_URL to the address itself: {detail}"),
        Came.NO_NAME: (
            "its name cannot be resolved",
            "check the spelling of PUBLIC_URL, and the DNS entry of its host",
        ),
        Came.BAD_TLS: (
            "no secure connection ({detail})",
            "give the reverse proxy a valid certificate for this name, such as one from Let's Encrypt",
        ),
        Came.NO_ANSWER: (
            "it does not answer from here ({detail})",
            f"check the reverse proxy or tunnel, and the firewall. {HAIRPIN}",
        ),
        Came.STRANGER: (
            "HTTP {status}, but not from this bot: something else answers there",
            "check host, port and path of PUBLIC_URL; POST /callbacks/… has to arrive at {own_port}",
        ),
    }
)
_UNREACHED = (
    "HTTP {status}: a proxy answered, but does not reach the bot behind it",
    "start the bot, and let the proxy pass requests on to {own_port}",
)
_BARRED = (
    "HTTP {status}: something in front of the bot refuses strangers",
    "let POST /callbacks/… through without a password, a challenge or a filter",
)
_NO_POST = ("HTTP {status}: POST is not allowed there", "let the proxy pass POST /callbacks/… on to {own_port}")
_STRANGERS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {401: _BARRED, 403: _BARRED, 405: _NO_POST, 502: _UNREACHED, 503: _UNREACHED, 504: _UNREACHED}
)
"""What another program's status says."""


_NOT_PASSED_ON = (
    "HTTP {status}: /interactions does not lead to this bot",
    "pass POST /interactions on to {own_port}, and restart the bot if INTERACTIONS_PUBLIC_KEY is new",
)
_CHANGED = (
    "HTTP {status}: the call's signature was lost or refused on the way",
    (
        "let the reverse proxy pass POST /interactions on without a password, with its body unchanged and with the"
        " headers X-Signature-Ed25519 and X-Signature-Timestamp"
    ),
)
_OF_INTERACTIONS: Mapping[int, tuple[str, str]] = MappingProxyType({401: _CHANGED, 404: _NOT_PASSED_ON})
"""The same for a call to `/interactions`, whoever answers."""


def explain(outcome: Outcome, url: str, *, own_port: str, is_interaction: bool = False) -> Explained:
    """What a call to PUBLIC_URL, which is `url`, shows; `own_port`: where the bot listens, in words.

    `is_interaction`: it was a call to `/interactions`, otherwise one to `/callbacks/…`.
    """
    meaning = _MEANINGS[outcome.came]
    if outcome.came is Came.STRANGER:
        meaning = _STRANGERS.get(outcome.status, meaning)
    if is_interaction and outcome.came in {Came.STRANGER, Came.OTHER_BOT}:
        meaning = _OF_INTERACTIONS.get(outcome.status, meaning)
        meaning = (meaning[0], meaning[1].replace("/callbacks/…", "/interactions"))
    facts = {
        "status": outcome.status,
        "detail": outcome.detail,
        "path": url.partition("://")[2].partition("/")[2],
        "own_port": own_port,
    }
    came_back, remedy = (words.format(**facts) for words in meaning)
    return Explained(came_back=came_back, remedy=remedy, is_certain=outcome.came is not Came.NO_ANSWER)
