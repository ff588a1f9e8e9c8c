"""What whoever supervises the process asks: is it alive, is it ready?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

READY_SECONDS = 5.0


async def alive(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


class ReadyEndpoint:
    """`readiness` gives each check's name and whether it holds."""

    def __init__(
        self, readiness: Callable[[], Awaitable[Mapping[str, bool]]], *, seconds: float = READY_SECONDS
    ) -> None:
        self._readiness = readiness
        self._seconds = seconds

    async def ready(self, _request: web.Request) -> web.Response:
        """200 if all checks hold, otherwise 503; the checks as a JSON object."""
        try:
            async with asyncio.timeout(self._seconds):
                checks = dict(await self._readiness())
        except TimeoutError:
            checks = {"answered_in_time": False}
        return web.json_response(checks, status=200 if all(checks.values()) else 503)
