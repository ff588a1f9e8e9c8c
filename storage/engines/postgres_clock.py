"""The server's clock, by which processes on different machines agree on leases, rates and due times."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from storage.engines.base import Connection
from storage.errors import StorageUnavailable

LOOK_SECONDS = 30.0
SLOW_SECONDS = 1.0
"""An answer that took longer says little about the time."""

NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def steady_seconds() -> float:
    """Seconds that only ever grow, also while the machine sleeps where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class DatabaseClock:
    """Call it for the time. Between two looks at the server it goes by this machine's steady clock."""

    def __init__(self, steady: Callable[[], float] = steady_seconds) -> None:
        self._steady = steady
        self._ahead_seconds = 0.0  # of the steady clock
        self._has_looked = False

    def __call__(self) -> datetime:
        return _EPOCH + timedelta(seconds=self._steady() + self._ahead_seconds)

    async def look(self, connection: Connection) -> None:
        """Set the clock by the server's.

        Raises:
            StorageUnavailable: it cannot be asked.
        """
        before = self._steady()
        row = await connection.fetch_one(NOW)
        after = self._steady()
        if row is None or (self._has_looked and after - before > SLOW_SECONDS):
            return
        self._ahead_seconds = int(row["now_us"]) / 1e6 - (before + after) / 2
        self._has_looked = True


@asynccontextmanager
async def running_clock(connection: Connection) -> AsyncIterator[DatabaseClock]:
    """A clock that is set now and every `LOOK_SECONDS`."""
    clock = DatabaseClock()
    await clock.look(connection)

    async def keep_looking() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(StorageUnavailable):  # the next write reports it
                await clock.look(connection)

    looking = asyncio.create_task(keep_looking(), name="the database's clock")
    try:
        yield clock
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
