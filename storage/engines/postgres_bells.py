"""Bells across processes, by LISTEN and NOTIFY. They are known here by name only, and a lost one costs only time.

Transactions with a NOTIFY commit one after the other, so those that do work never contain one: the names are collected
and sent separately, over the connection that also listens and does not belong to the pool (decision 23).
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from bot.domain.pace import backoff_seconds
from storage.engines.postgres_outages import connecting_to, outages_typed
from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

CHANNEL = "encore_bells"
"""A payload is the bell's name, a space, and the sender's id. A channel belongs to its database."""
SEND = "SELECT pg_notify($1, name || ' ' || $3::text) FROM unnest($2::text[]) AS name"

COALESCE_SECONDS = 0.005
"""After a NOTIFY, the least time to the next: whatever rings in between goes out together, once for each bell."""
ANSWER_SECONDS = 5.0
CLOSING_SECONDS = 1.0
CHECK_SECONDS = 30.0
"""How often an idle connection is tried; a network can lose one without a word. Workers look about as often anyway."""
STEADY_SECONDS = 10.0
"""A connection that lasted this long counts as good."""
PAUSE_SECONDS, PAUSE_CAP_SECONDS = 0.1, 10.0
"""Between two tries to connect: the first pause, and the longest."""


class BellsElsewhere:
    """The bells of the other processes on one database."""

    def __init__(self, url: str) -> None:
        """`url` as in DATABASE_URL."""
        self._url = url
        self._sender = secrets.token_hex(8)
        self._unsent: set[str] = set()
        self._stirred = asyncio.Event()  # something is unsent, or the connection is gone
        self._all_sent = asyncio.Event()
        self._all_sent.set()

    def ring(self, name: str) -> None:
        """Ring the bell `name` in the other processes: within milliseconds, or once there is a connection."""
        self._unsent.add(name)
        self._all_sent.clear()
        self._stirred.set()

    @asynccontextmanager
    async def heard(self, *, ring: Callable[[str], None], ring_all: Callable[[], None]) -> AsyncIterator[None]:
        """Stay connected: call `ring` with the name of each bell that another process rings.

        `ring_all` is called with each new connection, since nobody knows what was rung before. An outage is
        reported where the database is written to; here it is only a debug line. On leaving, what has rung is sent.
        """
        ringing = asyncio.create_task(self._keep_connected(ring, ring_all), name="bells elsewhere")
        try:
            yield
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await self._all_sent.wait()
            ringing.cancel()
            await asyncio.gather(ringing, return_exceptions=True)

    async def _keep_connected(self, ring: Callable[[str], None], ring_all: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                async with self._listening(ring) as pg:
                    ring_all()
                    await self._keep_sending(pg)
            except StorageUnavailable as error:
                log.debug("bells of other processes are not heard (%s); connecting again", error)
            except Exception:
                if not failures:
                    log.exception("bells of other processes are not heard; connecting again")
            failures = 1 if loop.time() - began >= STEADY_SECONDS else failures + 1
            await asyncio.sleep(backoff_seconds(failures, base_seconds=PAUSE_SECONDS, cap_seconds=PAUSE_CAP_SECONDS))

    @asynccontextmanager
    async def _listening(self, ring: Callable[[str], None]) -> AsyncIterator[Any]:
        """A connection of its own that hears the other processes."""

        def heard(_pg: object, _pid: int, _channel: str, payload: str) -> None:
            name, _, sender = payload.rpartition(" ")  # a name may have spaces
            if sender != self._sender:
                ring(name)

        with connecting_to(self._url):
            pg = await asyncpg.connect(
                self._url,
                timeout=ANSWER_SECONDS,
                command_timeout=ANSWER_SECONDS,
                server_settings={"application_name": "encore bells"},
            )
        try:
            pg.add_termination_listener(lambda _pg: self._stirred.set())
            with outages_typed():
                await pg.add_listener(CHANNEL, heard)
            yield pg
        finally:
            with suppress(Exception):  # it is lost, or will be soon
                await pg.close(timeout=CLOSING_SECONDS)

    async def _keep_sending(self, pg: Any) -> None:  # noqa: ANN401  # asyncpg has no types
        """Send what rings until the connection is lost.

        Raises:
            StorageUnavailable: it is lost; what could not be sent is kept.
        """
        while True:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._stirred.wait()
            except TimeoutError:
                pass  # nothing to send: only see whether the server still answers
            self._stirred.clear()
            names, self._unsent = self._unsent, set()
            try:
                with outages_typed():
                    await pg.execute(SEND, CHANNEL, sorted(names), self._sender)
            except BaseException:
                self._unsent |= names
                self._stirred.set()
                raise
            if not self._unsent:
                self._all_sent.set()
            await asyncio.sleep(COALESCE_SECONDS)
