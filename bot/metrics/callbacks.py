"""Callbacks by the answer they got."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.metrics.meters import Meters
from bot.web.receive import LYRICS_PATH, PATH
from bot.web.self_calls import IS_OWN


def counting_callbacks(meters: Meters) -> Middleware:
    """Paths with another shape and the bot's own calls are no callbacks, and are not counted."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.route.resource is None or request.match_info.route.resource.canonical not in CANONICAL:
            return await handler(request)
        status = "none"  # the connection broke off
        try:
            answer = await handler(request)
            status = str(answer.status)
        except web.HTTPException as error:
            status = str(error.status)
            raise
        finally:
            if IS_OWN not in request:
                meters.count("encore_callbacks_total", status)
        return answer

    return count


CANONICAL = frozenset(f"{path.partition('{')[0]}{{token}}" for path in (PATH, LYRICS_PATH))
