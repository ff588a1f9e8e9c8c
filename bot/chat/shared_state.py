"""A small state that several processes change: kept in the database, or in memory if there is one process.

There is no lock: a change is written only if the state it was made from is still there; otherwise it is made again.
While the database is away, each process relies on what it last knew, because a finished result must not wait for it.
"""

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from bot.errors import Outage

log = logging.getLogger(__name__)

S = TypeVar("S", bound=msgspec.Struct)

ANSWER_SECONDS = 1.0
"""How long a change may take before the database counts as away."""
AWAY_SECONDS = 5.0
"""How long to wait before asking it again."""
AHEAD_SECONDS = 5.0
"""A state written so far in the future dates from before the clock was set back, and is ignored."""


class Texts(Protocol):
    """Texts by name, shared by all processes. Each method raises an `Outage`."""

    async def get(self, name: str) -> str | None: ...

    async def put(self, name: str, *, old: str | None, new: str) -> str:
        """Write `new` if `old` is there; returns what is there now."""


class Shared:
    """The states of one bot, shared by its processes while the database can be reached."""

    def __init__(
        self, texts: Texts, clock: Callable[[], float], *, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: in seconds, the same in all processes. `steady`: this process's own."""
        self._texts = texts
        self.clock = clock
        self._steady = steady
        self._process = secrets.token_hex(4)
        self._numbers = itertools.count()
        self._asked_again_at = 0.0

    @property
    def is_away(self) -> bool:
        return self._steady() < self._asked_again_at

    def went_away(self, error: Exception) -> None:
        log.debug("Discord's limits are not shared for now (%s)", error)
        self._asked_again_at = self._steady() + AWAY_SECONDS

    async def get(self, name: str) -> str | None:
        return await self._texts.get(name)

    async def put(self, name: str, state: object, *, old: str | None) -> tuple[str, bool]:
        """The text that is there now, and whether it is this state."""
        # Each text is unique: two processes that make the same change must not both believe theirs was written.
        new = f"{self._process}-{next(self._numbers)} {self.clock():.3f} {msgspec.json.encode(state).decode()}"
        there = await self._texts.put(name, old=old, new=new)
        return there, there == new


class Kept(Generic[S]):
    """One state, a frozen struct; it begins as `start`."""

    def __init__(self, name: str, start: S, shared: Shared | None) -> None:
        self._name = name
        self._start = start
        self._shared = shared
        self._text: str | None = None
        self._lock = asyncio.Lock()  # one change at a time in this process
        self._changed_at = 0.0
        self.state = start
        """As last seen here."""

    async def change(self, make: Callable[[S], S | None]) -> bool:
        """Replace the state with what `make` makes of it; False if that is None.

        `make` may be called several times, with newer states. The same state is not written.
        """
        if self._shared is None:
            return self._change_here(make)
        self._forget_another_time(self._shared.clock())
        if self._shared.is_away:
            return self._change_here(make)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._lock:
                return await self._change_everywhere(make, self._shared)
        except (Outage, TimeoutError) as error:
            self._shared.went_away(error)
        except Exception as error:
            log.exception("Discord's limits cannot be shared")
            self._shared.went_away(error)
        return self._change_here(make)

    async def look(self) -> S:
        """The state as it is now, as far as that can be found out."""
        if self._shared is not None and not self._shared.is_away:
            try:
                async with asyncio.timeout(ANSWER_SECONDS), self._lock:
                    self._see(await self._shared.get(self._name), self._shared)
            except (Outage, TimeoutError) as error:
                self._shared.went_away(error)
        return self.state

    def _forget_another_time(self, now: float) -> None:
        """After the clock was set back, what was known is about the future, and would count for as long."""
        if now < self._changed_at - AHEAD_SECONDS:
            self.state = self._start
        self._changed_at = now

    def _change_here(self, make: Callable[[S], S | None]) -> bool:
        made = make(self.state)
        if made is not None:
            self.state = made
        return made is not None

    async def _change_everywhere(self, make: Callable[[S], S | None], shared: Shared) -> bool:
        is_new = False
        while True:
            old, made = self._text, make(self.state)
            if made == self.state:
                return True
            if made is not None:
                there, is_written = await shared.put(self._name, made, old=old)
                self._see(there, shared)
                if is_written:
                    return True
            elif is_new:
                return False
            else:
                self._see(await shared.get(self._name), shared)
            is_new = True

    def _see(self, text: str | None, shared: Shared) -> None:
        if text == self._text:
            return
        self._text, self.state = text, self._start
        if text is None:
            return
        try:
            _, written_at, content = text.split(" ", 2)
            if float(written_at) <= shared.clock() + AHEAD_SECONDS:
                self.state = msgspec.json.decode(content, type=type(self._start))
        except (ValueError, msgspec.MsgspecError):
            log.debug("%s: only another release can read it", self._name)
