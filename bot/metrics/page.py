"""`GET /metrics`, on a listener of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from bot.errors import Outage
from bot.metrics import gauges
from bot.metrics.meters import CONTENT_TYPE, Meters
from bot.web.application import answering_for_itself
from bot.web.server import serve

log = logging.getLogger(__name__)

DATABASE_SECONDS = 2.0
"""How long the page waits for the database. Prometheus usually waits 10 s for the page."""
MAX_CONNECTIONS = 16


class MetricsPage:
    """`look` sets the gauges that come from the database, and raises an `Outage`; `note` sets the others."""

    def __init__(self, meters: Meters, look: Callable[[], Awaitable[None]], note: Callable[[], None]) -> None:
        self._meters = meters
        self._look = look
        self._note = note
        self._making: asyncio.Task[bytes] | None = None

    async def get(self, _: web.Request) -> web.Response:
        """Those who ask while a page is being made get the same one, so the database has one query to answer."""
        if self._making is None:
            self._making = asyncio.create_task(self._page(), name="metrics")
        page = await asyncio.shield(self._making)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE})

    async def close(self) -> None:
        """Nobody waits for a page any more."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait({self._making})

    async def _page(self) -> bytes:
        try:
            self._note()
            self._meters.set("encore_database_up", await self._is_up())
            return self._meters.page()
        finally:
            self._making = None

    async def _is_up(self) -> bool:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                await self._look()
        except (Outage, TimeoutError) as error:
            log.debug("the database does not answer the metrics (%s)", error)
        else:
            return True
        gauges.forget(self._meters)
        return False


@asynccontextmanager
async def listening(page: MetricsPage, host: str, port: int) -> AsyncIterator[int]:
    """Yields the port. Raises `WebServerError`, which names METRICS_ADDR."""
    app = web.Application()
    app.router.add_get("/metrics", answering_for_itself(page.get), allow_head=False)

    def remedy(_host: str, _port: int, error: OSError) -> str:
        return (
            f"METRICS_ADDR: cannot listen on {host}, port {port} ({error.strerror or error});"
            " choose an address of this machine and a free port"
        )

    async with serve(app, host, port, max_connections=MAX_CONNECTIONS, remedy=remedy) as listening_port:
        try:
            yield listening_port
        finally:
            await page.close()
