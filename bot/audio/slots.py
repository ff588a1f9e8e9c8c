"""How many audio processes run at a time, and which of them wait for which."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Slots:
    """Places for one kind of work: first come, first served.

    `after` is a kind that goes first: while somebody waits for a place there, nobody begins here.
    """

    def __init__(self, places: int, *, after: "Slots | None" = None) -> None:
        self._free = places
        self._queue: deque[asyncio.Future[None]] = deque()
        self._after = after
        self.when_nobody_waits: list[Callable[[], None]] = []
        if after is not None:
            after.when_nobody_waits.append(self._let_in)

    @property
    def has_waiting(self) -> bool:
        return bool(self._queue)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A place, as soon as there is one."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._let_in()
        try:
            await turn
        except BaseException:
            if turn in self._queue:
                self._queue.remove(turn)
                self._let_in()
            else:  # let in and cancelled at the same moment
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        self._free += 1
        self._let_in()

    def _let_in(self) -> None:
        while self._queue and self._free and not (self._after is not None and self._after.has_waiting):
            self._free -= 1
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
        if not self._queue:
            for tell in self.when_nobody_waits:
                tell()
