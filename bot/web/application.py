"""The aiohttp application: which path leads where."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.domain.public_address import SelfCalls
from bot.web import interactions
from bot.web.bodies import MOST_LARGE, MOST_UNDER_WAY, BodyCrowd
from bot.web.health import ReadyEndpoint, alive
from bot.web.receive import (
    BODY_LIMIT_BYTES,
    BODY_SECONDS,
    LYRICS_PATH,
    MOST_IN_AN_OUTAGE,
    PATH,
    CallbackEndpoint,
    IsToken,
    Record,
    Room,
    VerifySignature,
)
from bot.web.self_calls import PREFIXED_PATH, elsewhere, knowing_itself

log = logging.getLogger(__name__)


class CallbackTakers(msgspec.Struct, frozen=True, kw_only=True):
    """Whose callbacks an endpoint takes; for its fields, see `CallbackEndpoint`."""

    is_token: IsToken
    record: Record
    wake: Callable[[], None]


def build_web(
    *,
    is_token: IsToken,
    record: Record,
    task_id_of: Callable[[bytes], str | None],
    wake: Callable[[], None],
    readiness: Callable[[], Mapping[str, bool]],
    verify_signature: VerifySignature,
    malformed: type[Exception] = ValueError,
    webhook_key: str = "",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    body_seconds: float = BODY_SECONDS,
    lyrics: CallbackTakers | None = None,
    interaction_endpoint: interactions.InteractionEndpoint | None = None,
    self_calls: SelfCalls | None = None,
    middlewares: Sequence[Middleware] = (),
) -> web.Application:
    """The application with `POST /callbacks/{token}`, `GET /healthz` and `GET /readyz`.

    With `lyrics` there is also `POST /callbacks/lyrics/{token}`.
    With `interaction_endpoint` there is also `POST /interactions`, and with `self_calls` the bot knows its own calls.

    `task_id_of` raises `malformed` (or a subclass) for anything but a callback. With `webhook_key`, callbacks must
    carry the provider's signature (docs/provider.md 3), checked by `verify_signature`, which is never called without a
    key.
    """
    crowd = BodyCrowd(most=MOST_UNDER_WAY, most_large=MOST_LARGE)
    room = Room(in_an_outage=MOST_IN_AN_OUTAGE)

    def endpoint(takers: CallbackTakers) -> CallbackEndpoint:
        return CallbackEndpoint(
            is_token=takers.is_token,
            record=takers.record,
            task_id_of=task_id_of,
            wake=takers.wake,
            malformed=malformed,
            webhook_key=webhook_key,
            verify_signature=verify_signature,
            clock=clock,
            crowd=crowd,
            room=room,
            body_seconds=body_seconds,
        )

    app = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=middlewares)
    receive = answering_for_itself(endpoint(CallbackTakers(is_token=is_token, record=record, wake=wake)).receive)
    app.router.add_post(PATH, receive if self_calls is None else knowing_itself(receive, self_calls, clock=clock))
    if lyrics is not None:
        app.router.add_post(LYRICS_PATH, answering_for_itself(endpoint(lyrics).receive))
    if interaction_endpoint is not None:
        app.router.add_post(interactions.PATH, answering_for_itself(interaction_endpoint.receive))
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", answering_for_itself(ReadyEndpoint(readiness).ready))
    if self_calls is not None:
        app.router.add_post(PREFIXED_PATH, elsewhere(self_calls, clock=clock))
    return app


def answering_for_itself(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A failure inside is our own fault: a traceback in the log and a 500. See `bot.web.server` for the rest."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:
            log.exception("a request failed")
            raise web.HTTPInternalServerError from error

    return handle
