"""What a supervisor asks the process: is it alive, is it ready?"""

from collections.abc import Callable, Mapping

from aiohttp import web


async def alive(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


class ReadyEndpoint:
    """`readiness` gives each part's name and whether it works. It only reads what is known, as strangers may ask."""

    def __init__(self, readiness: Callable[[], Mapping[str, bool]]) -> None:
        self._readiness = readiness

    async def ready(self, _request: web.Request) -> web.Response:
        """200 if all parts work, otherwise 503, with the parts as a JSON object."""
        parts = self._readiness()
        return web.json_response(dict(parts), status=200 if all(parts.values()) else 503)
