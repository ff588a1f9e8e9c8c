"""The bot calls itself through an address, as the music service would, to find out whether it leads there."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from bot.domain.public_address import NONCE_BYTES, Came, Outcome, SelfCalls

CALL_SECONDS = 10.0
ANSWER_MAX_BYTES = 128
"""The bot's own answer is shorter."""
ADDRESS_SHOWN = 200
PLAIN = {"Accept-Encoding": "identity"}
"""A few packed bytes could become gigabytes."""
PATH = "/callbacks/"
INTERACTIONS_PATH = "/interactions"
SERVER = "encore"
"""What every answer of an Encore has in its `Server` header, unless a proxy replaces it."""


async def call(
    url: str,
    calls: SelfCalls,
    *,
    seconds: float = CALL_SECONDS,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Outcome:
    """Call this bot at the base address `url`, as the music service would.

    Redirects are not followed, and no proxy of this machine is used. `clock`: the one by which the bot that is to
    answer goes. On PostgreSQL, that is the database's.
    """
    token = calls.token(now=clock().timestamp(), nonce=os.urandom(NONCE_BYTES))
    return await _posted(f"{url}{PATH}{token}", b"{}", {}, token, calls, seconds)


async def call_interactions(url: str, calls: SelfCalls, *, seconds: float = CALL_SECONDS) -> Outcome:
    """Call this bot at the base address `url`, as Discord would with a command over HTTP (docs/discord.md 2.5)."""
    now = datetime.now(UTC).timestamp()
    token = calls.token(now=now, nonce=os.urandom(NONCE_BYTES))
    body, timestamp = calls.body(token), str(int(now))
    signature = calls.signature(timestamp.encode() + body)
    headers = {"X-Signature-Ed25519": signature.hex(), "X-Signature-Timestamp": timestamp}
    return await _posted(f"{url}{INTERACTIONS_PATH}", body, headers, token, calls, seconds)


async def _posted(
    url: str, body: bytes, headers: Mapping[str, str], token: str, calls: SelfCalls, seconds: float
) -> Outcome:
    timeout = aiohttp.ClientTimeout(total=seconds)
    headers = {"Content-Type": "application/json", **PLAIN, **headers}
    try:
        async with (
            aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            ) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            answer = (await _beginning(response.content)).decode("ascii", "replace")
            location = response.headers.get("Location", "")
            return _read(response.status, answer, location, response.headers.get("Server", ""), token, calls)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _failed(error)


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """Enough to tell whether it is this bot's answer, in however many pieces a proxy sends it."""
    body = b""
    while len(body) < ANSWER_MAX_BYTES and (piece := await content.read(ANSWER_MAX_BYTES - len(body))):
        body += piece
    return body


def _read(status: int, body: str, location: str, server: str, token: str, calls: SelfCalls) -> Outcome:
    if body == calls.answer(token):
        return Outcome(came=Came.ANSWER, status=status)
    if body == calls.answer_elsewhere(token):
        return Outcome(came=Came.ELSEWHERE, status=status)
    if 300 <= status < 400 and location:
        return Outcome(came=Came.REDIRECT, status=status, detail=_base_of(location, token))
    return Outcome(came=Came.OTHER_BOT if server == SERVER else Came.STRANGER, status=status)


def _base_of(location: str, token: str) -> str:
    """The base address that a redirect leads to; without the token, which is nobody's business."""
    parts = urlsplit(location)
    path = parts.path.partition(f"{PATH}{token}")[0].replace(token, "…").removesuffix(INTERACTIONS_PATH)
    base = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))
    return base if len(base) <= ADDRESS_SHOWN else f"{base[:ADDRESS_SHOWN]}…"


def _failed(error: Exception) -> Outcome:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Outcome(came=Came.NO_NAME)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "its certificate is not valid"
        return Outcome(came=Came.BAD_TLS, detail=reason)
    if isinstance(error, aiohttp.ClientSSLError):
        return Outcome(came=Came.BAD_TLS, detail="it doesn't speak TLS")
    return Outcome(came=Came.NO_ANSWER, detail=_in_words(error))


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was lost"
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else type(error).__name__
