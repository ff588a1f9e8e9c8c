"""The bot calls itself through an address, as the music service would, to find out whether it leads there."""

import os
import time
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from bot.domain.public_address import NONCE_BYTES, Came, Outcome, SelfCalls

CALL_SECONDS = 10.0
ANSWER_MAX_BYTES = 4096
PATH = "/callbacks/"
INTERACTIONS_PATH = "/interactions"
SERVER = "encore"
"""What every answer of an Encore has in its `Server` header, unless a proxy replaces it."""


async def call(url: str, calls: SelfCalls, *, seconds: float = CALL_SECONDS) -> Outcome:
    """Call this bot at the base address `url`, as the music service would.

    Redirects are not followed, and no proxy of this machine is used.
    """
    token = _new_token(calls)
    return await _posted(f"{url}{PATH}{token}", b"{}", {}, token, calls, seconds)


async def call_interactions(url: str, calls: SelfCalls, *, seconds: float = CALL_SECONDS) -> Outcome:
    """Call this bot at the base address `url`, as Discord would with a command over HTTP (docs/discord.md 2.5)."""
    token = _new_token(calls)
    body, timestamp = calls.body(token), str(int(time.time()))
    signature = calls.signature(timestamp.encode() + body)
    headers = {"X-Signature-Ed25519": signature.hex(), "X-Signature-Timestamp": timestamp}
    return await _posted(f"{url}{INTERACTIONS_PATH}", body, headers, token, calls, seconds)


def _new_token(calls: SelfCalls) -> str:
    return calls.token(now=time.time(), nonce=os.urandom(NONCE_BYTES))


async def _posted(
    url: str, body: bytes, headers: Mapping[str, str], token: str, calls: SelfCalls, seconds: float
) -> Outcome:
    timeout = aiohttp.ClientTimeout(total=seconds)
    headers = {"Content-Type": "application/json", **headers}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            answer = (await response.content.read(ANSWER_MAX_BYTES)).decode("ascii", "replace")
            location = response.headers.get("Location", "")
            return _read(response.status, answer, location, response.headers.get("Server", ""), token, calls)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _failed(error)


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
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


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
