"""Named points in the code where tests kill the process or hold it. In normal use nothing happens there.

`ENCORE_FAULT=name` kills at a point, `name:3` the third time it is reached, and `stop name` asks the process to end
there, as a service manager does; `__main__` reads it. `hold` is for tests in the same process: it stops every task at a
point, so that a race can be played step by step.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

POINTS = frozenset(
    {
        "after the command is written down",
        "after the defer",
        "after the progress message is posted",
        "after the progress message is written down",
        "after the source upload",
        "inside the accepting transaction",
        "before the submit",
        "after the answer to the submit",
        "after a callback is stored",
        "while a track is fetched",
        "before the post",
        "after the post",
        "inside the settling transaction",
        "inside a migration",
    }
)
"""Where the process can be killed while it works on a job."""

BESIDE_JOBS = frozenset(
    {
        "before lyrics are ordered",
        "after the answer to an order of lyrics",
        "while a whole song is joined",
        "after a whole song is posted",
    }
)
"""Where it can be killed, too."""

HOLDABLE = {name for name in POINTS | BESIDE_JOBS if not name.startswith("inside")} | {
    "between claim and send",
    "after callbacks are claimed",
    "before a callback is applied",
    "while the provider is asked",
    "after the queue is looked at",
    "before a progress message is shown",
    "after a progress view is read",
    "before timed lyrics are asked for",
}
"""Where a task can be held: not inside a transaction, which would hold up all the others."""

STOP = "stop "

_armed: dict[str, int] = {}
_signals: dict[str, signal.Signals] = {}
_held: dict[str, "HeldPoint"] = {}


def arm(words: str) -> None:
    """Arm the point named by `words`.

    Raises:
        ValueError: there is no such point.
    """
    name, _, times = words.removeprefix(STOP).partition(":")
    if name not in POINTS | BESIDE_JOBS:
        raise ValueError(f"there is no fault point {name!r}; there are: {', '.join(sorted(POINTS | BESIDE_JOBS))}")
    _armed[name] = int(times or 1)
    _signals[name] = signal.SIGTERM if words.startswith(STOP) else signal.SIGKILL


def reach(name: str) -> None:
    """End here if this point is armed and its time has come: at once, or as on a stop signal."""
    if not _armed:
        return
    if name in _armed:
        _armed[name] -= 1
        if not _armed[name]:
            os.kill(os.getpid(), _signals[name])


async def pause_at(name: str) -> None:
    """Like `reach`; also wait here while a test holds this point."""
    reach(name)
    if _held and (point := _held.get(name)) is not None:
        await point.arrive()


class HeldPoint:
    """A point where every task stops until `release`."""

    def __init__(self) -> None:
        self._arrivals = asyncio.Semaphore(0)
        self._open = asyncio.Event()

    async def arrive(self) -> None:
        self._arrivals.release()
        await self._open.wait()

    async def reached(self, *, timeout: float = 60) -> None:
        """Wait until one more task stops here. Raises `TimeoutError` after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            await self._arrivals.acquire()

    def release(self) -> None:
        """Let all tasks pass, now and later."""
        self._open.set()


@asynccontextmanager
async def hold(name: str) -> AsyncIterator[HeldPoint]:
    """Hold the point until `release` or the end of the block.

    Raises:
        ValueError: there is no such point, or it is already held.
    """
    if name not in HOLDABLE:
        raise ValueError(f"there is no point {name!r} to hold; there are: {', '.join(sorted(HOLDABLE))}")
    if name in _held:
        raise ValueError(f"{name!r} is held already")
    point = _held[name] = HeldPoint()
    try:
        yield point
    finally:
        del _held[name]
        point.release()
