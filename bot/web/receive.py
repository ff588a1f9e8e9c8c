"""Check the provider's callbacks, write them down and answer. They are applied elsewhere."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from aiohttp import web

from bot import fault_points
from bot.domain.inbox_entry import Recorded
from bot.errors import EncoreError
from bot.web.bodies import BodyCrowd, read_body

log = logging.getLogger(__name__)

# 256 bits in base64url, unguessable; anything of another shape never reaches the storage.
PATH = "/callbacks/{token:[A-Za-z0-9_-]{43}}"
LYRICS_PATH = "/callbacks/lyrics/{token:[A-Za-z0-9_-]{43}}"
BODY_LIMIT_BYTES = 192 * 1024
"""Usually 3 to 15 KB. But lyrics may have 5,000 characters, they come with each track, and JSON may take 12 bytes for
each character."""
# The provider waits 15 s for an answer (docs/provider.md 2.3), then sends the message again.
BODY_SECONDS = 5.0

MOST_IN_AN_OUTAGE = 50
"""Callbacks that wait for the storage at a time once it has failed, until it answers again: each may wait for five
seconds. There is no bound before, because a flood of invented ones would then keep true ones out."""


class IsToken(Protocol):
    """`bot.services.common.ports.Storage.is_callback_token`."""

    def __call__(self, token: str) -> Awaitable[bool]: ...


class Record(Protocol):
    """`bot.services.common.ports.Storage.record_callback`."""

    def __call__(self, *, token: str, body: bytes, at: datetime) -> Awaitable[Recorded]: ...


class VerifySignature(Protocol):
    def __call__(self, *, key: str, task_id: str, timestamp: str, signature: str, now: float) -> bool:
        """Whether a callback's headers were recently made with `key`; `now` is Unix seconds.

        `timestamp` and `signature` are as they came, empty if missing.
        """


class Room:
    """For callbacks while they wait for the storage: `in_an_outage` at a time as long as that is `away`."""

    def __init__(self, *, in_an_outage: int) -> None:
        self._most = in_an_outage
        self._waiting = 0
        self.away = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raise HTTPServiceUnavailable if there is none: the provider comes again."""
        if self.away and self._waiting >= self._most:
            raise web.HTTPServiceUnavailable
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1


class CallbackEndpoint:
    """`task_id_of` raises `malformed` for anything but a callback. `wake` is called once for each new callback.

    With `webhook_key`, a callback without the provider's signature is refused. `crowd`: its bodies under way, which one
    address that leaked could otherwise use to hold all connections. `room` bounds how many wait for the storage.
    """

    def __init__(
        self,
        *,
        is_token: IsToken,
        record: Record,
        task_id_of: Callable[[bytes], str | None],
        wake: Callable[[], None],
        malformed: type[Exception],
        webhook_key: str,
        verify_signature: VerifySignature,
        clock: Callable[[], datetime],
        crowd: BodyCrowd,
        room: Room,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._is_token = is_token
        self._record = record
        self._task_id_of = task_id_of
        self._wake = wake
        self._malformed = malformed
        self._webhook_key = webhook_key
        self._verify_signature = verify_signature
        self._clock = clock
        self._crowd = crowd
        self._room = room
        self._body_seconds = body_seconds
        self._storage_away = False

    async def receive(self, request: web.Request) -> web.Response:
        """200 once the callback is durable, otherwise 503, so that the provider sends it again.

        Without a known token, the answer is the one for an unknown page, and the body is not read.
        """
        try:
            recorded = await self._taken(request)
        except (EncoreError, OSError) as error:  # TimeoutError is an OSError
            self._note_storage(away=str(error) or type(error).__name__)
            raise web.HTTPServiceUnavailable from None
        self._note_storage(away="")
        if recorded is Recorded.UNKNOWN:
            raise web.HTTPNotFound
        if recorded is Recorded.FULL:
            raise web.HTTPServiceUnavailable
        await fault_points.pause_at("after a callback is stored")
        if recorded is Recorded.NEW:
            self._wake()
        return web.Response(text="ok")

    async def _taken(self, request: web.Request) -> Recorded:
        token = request.match_info["token"]
        with self._room.place():
            is_known = await self._is_token(token)
        if not is_known:
            return Recorded.UNKNOWN
        body = await read_body(request, limit_bytes=BODY_LIMIT_BYTES, seconds=self._body_seconds, crowd=self._crowd)
        self._check(body, request)
        with self._room.place():
            return await self._record(token=token, body=body, at=self._clock())

    def _check(self, body: bytes, request: web.Request) -> None:
        try:
            task_id = self._task_id_of(body)
        except self._malformed:
            raise web.HTTPBadRequest from None
        if self._webhook_key and not self._is_signed(task_id or "", request):
            raise web.HTTPUnauthorized

    def _is_signed(self, task_id: str, request: web.Request) -> bool:
        return self._verify_signature(
            key=self._webhook_key,
            task_id=task_id,
            timestamp=request.headers.get("X-Webhook-Timestamp", ""),
            signature=request.headers.get("X-Webhook-Signature", ""),
            now=self._clock().timestamp(),
        )

    def _note_storage(self, *, away: str) -> None:
        """Log only changes: once when callbacks can no longer be written down, once when they can again.

        The operator reads of the outage itself from the storage.
        """
        if away and not self._storage_away:
            log.info("callbacks cannot be written down, the provider will repeat them: %s", away)
        if not away and self._storage_away:
            log.info("callbacks are written down again")
        self._storage_away = self._room.away = bool(away)
