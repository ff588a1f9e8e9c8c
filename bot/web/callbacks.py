"""The provider's callbacks: parsed, written down, acknowledged. The work they cause happens elsewhere."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from aiohttp import web

from bot import fault_points
from bot.domain.callbacks import Recorded
from bot.domain.reports import TaskReport
from bot.errors import EncoreError

log = logging.getLogger(__name__)

# 256 bits in base64url, unguessable; whatever has another shape never reaches the storage.
PATH = "/callbacks/{token:[A-Za-z0-9_-]{43}}"
# A callback with two tracks and their lyrics has 3 to 15 KB.
BODY_LIMIT_BYTES = 256 * 1024
# The provider waits 15 s for its answer (fact sheet, section 2, "Delivery") and sends the message again after that.
BODY_SECONDS = 10.0
RECORD_SECONDS = 12.0


class Record(Protocol):
    """`bot.services.ports.Storage.record_callback`."""

    def __call__(self, *, token: str, digest: bytes, body: bytes, at: datetime) -> Awaitable[Recorded]: ...


class VerifySignature(Protocol):
    def __call__(self, *, key: str, task_id: str, timestamp: str, signature: str, now: float) -> bool:
        """Whether a callback's headers were made with `key`, recently; `now` is Unix seconds.

        `timestamp` and `signature` are as they came, empty where they were missing.
        """


class CallbackEndpoint:
    """`parse` raises `malformed` for what is no callback. `wake` is called once for each new callback.

    With `webhook_key`, a callback without the provider's signature is refused.
    """

    def __init__(
        self,
        *,
        record: Record,
        parse: Callable[[bytes], TaskReport],
        wake: Callable[[], None],
        malformed: type[Exception],
        webhook_key: str,
        verify_signature: VerifySignature,
        clock: Callable[[], datetime],
        body_seconds: float = BODY_SECONDS,
        record_seconds: float = RECORD_SECONDS,
    ) -> None:
        self._record = record
        self._parse = parse
        self._wake = wake
        self._malformed = malformed
        self._webhook_key = webhook_key
        self._verify_signature = verify_signature
        self._clock = clock
        self._body_seconds = body_seconds
        self._record_seconds = record_seconds
        self._storage_away = False

    async def receive(self, request: web.Request) -> web.Response:
        """200 once the callback is durable, 503 where it is not: then the provider sends it again.

        An unknown token is answered like an unknown page.
        """
        body = await self._read(request)
        self._check(body, request)
        recorded = await self._write_down(request.match_info["token"], body)
        if recorded is Recorded.UNKNOWN:
            raise web.HTTPNotFound
        await fault_points.pause_at("after a callback is stored")
        if recorded is Recorded.NEW:
            self._wake()
        return web.Response(text="ok")

    async def _read(self, request: web.Request) -> bytes:
        if (request.content_length or 0) > BODY_LIMIT_BYTES:
            raise too_large()
        try:
            async with asyncio.timeout(self._body_seconds):
                return await request.read()  # ends at the application's limit, for bodies of unannounced length
        except web.HTTPRequestEntityTooLarge:
            raise too_large() from None
        except TimeoutError:
            raise closing(web.HTTPRequestTimeout()) from None
        except (web.RequestPayloadError, ConnectionError):
            raise closing(web.HTTPBadRequest()) from None

    def _check(self, body: bytes, request: web.Request) -> None:
        try:
            report = self._parse(body)
        except self._malformed:
            raise web.HTTPBadRequest from None
        if self._webhook_key and not self._is_signed(report.task_id or "", request):
            raise web.HTTPUnauthorized

    def _is_signed(self, task_id: str, request: web.Request) -> bool:
        return self._verify_signature(
            key=self._webhook_key,
            task_id=task_id,
            timestamp=request.headers.get("X-Webhook-Timestamp", ""),
            signature=request.headers.get("X-Webhook-Signature", ""),
            now=self._clock().timestamp(),
        )

    async def _write_down(self, token: str, body: bytes) -> Recorded:
        digest = hashlib.sha256(body).digest()
        try:
            async with asyncio.timeout(self._record_seconds):
                recorded = await self._record(token=token, digest=digest, body=body, at=self._clock())
        except (EncoreError, OSError) as error:  # TimeoutError is an OSError
            self._note_storage(away=str(error) or type(error).__name__)
            raise web.HTTPServiceUnavailable from None
        self._note_storage(away="")
        return recorded

    def _note_storage(self, *, away: str) -> None:
        """Log the edges: once when nothing can be written down any more, once when it is possible again."""
        if away and not self._storage_away:
            log.error("callbacks cannot be written down, the provider will repeat them: %s", away)
        if not away and self._storage_away:
            log.info("callbacks are written down again")
        self._storage_away = bool(away)


def too_large() -> web.HTTPException:
    return closing(web.HTTPRequestEntityTooLarge(BODY_LIMIT_BYTES, text="413: Request Entity Too Large"))


def closing(answer: web.HTTPException) -> web.HTTPException:
    """The answer, after which the connection is closed; what is left of the request is no next one."""
    answer.force_close()
    return answer
