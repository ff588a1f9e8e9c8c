"""Answers the bot's own calls, by which it finds out whether PUBLIC_URL leads to it. Nobody else can make one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiohttp import web

from bot.domain.public_address import SelfCalls
from bot.web.interactions import PATH as INTERACTIONS_PATH
from bot.web.interactions import InteractionEndpoint
from bot.web.receive import PATH

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PREFIXED_PATH = "/{prefix:.+}" + PATH

IS_OWN = web.RequestKey("is_own", bool)
"""Marks a request that the bot has made itself, which the metrics do not count."""


def knowing_itself(handler: Handler, calls: SelfCalls, *, clock: Callable[[], datetime]) -> Handler:
    """`handler`, except for the bot's own calls. Recognising one takes a few microseconds and no look-up."""

    async def handle(request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        if calls.recognises(token, now=clock().timestamp()):
            request[IS_OWN] = True
            return web.Response(text=calls.answer(token))
        return await handler(request)

    return handle


def elsewhere(calls: SelfCalls, *, clock: Callable[[], datetime]) -> Handler:
    """For callback addresses behind a prefix that a proxy should have removed: 404, as for any unknown page.

    Only the bot's own calls learn that they have arrived.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        if calls.recognises(token, now=clock().timestamp()):
            return web.Response(status=404, text=calls.answer_elsewhere(token))
        raise web.HTTPNotFound

    return handle


def _signed_by_nobody(message: bytes, *, signature: bytes) -> bool:
    del message, signature
    return False


def build_stand_in(calls: SelfCalls) -> web.Application:
    """What listens in the place of a bot that is not running: it knows the bot's own calls and nothing else.

    Callbacks are answered 503, so that the provider sends them again.
    """

    async def unavailable(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPServiceUnavailable

    def clock() -> datetime:
        return datetime.now(UTC)

    endpoint = InteractionEndpoint(
        verify=_signed_by_nobody, take_in=lambda _interaction: None, is_ready=lambda: False, self_calls=calls
    )

    async def interactions(request: web.Request) -> web.StreamResponse:
        try:
            return await endpoint.receive(request)
        except web.HTTPUnauthorized:
            raise web.HTTPServiceUnavailable from None

    app = web.Application()
    app.router.add_post(INTERACTIONS_PATH, interactions)
    app.router.add_post(PATH, knowing_itself(unavailable, calls, clock=clock))
    app.router.add_post(PREFIXED_PATH, elsewhere(calls, clock=clock))
    app.router.add_route("*", "/{path:.*}", unavailable)
    return app
