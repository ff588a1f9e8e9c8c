"""The bot of the sandbox: a process of its own, which can be killed, started again and moved in time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from bot.sandbox.processes import BotProcess, bot_process, environ_of
from bot.sandbox.turned_clock import turn
from bot.settings import Settings

READY_SECONDS = 60.0
LINES_KEPT = 2000


class SandboxBot:
    """`tell` is called with each line that it prints."""

    def __init__(self, settings: Settings, *, folder: Path, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = folder / "clock"
        self._tell = tell
        self._stack = AsyncExitStack()
        self._bot: BotProcess | None = None
        self._is_ready = False
        self._is_ending = False
        self._changing = asyncio.Lock()
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        self.line_count = 0
        turn(self._clock, 0)

    @property
    def state(self) -> str:
        if self._bot is None or self._bot.process.returncode is not None:
            return "stopped"
        return "running" if self._is_ready else "starting"

    @property
    def said(self) -> Sequence[str]:
        return [*self._said]

    @property
    def ended(self) -> bool:
        return self.state == "stopped"

    def _hear(self, line: str) -> None:
        self._said.append(line)
        self.line_count += 1
        self._tell(line)

    async def start(self) -> None:
        """Start it, unless it runs, and wait until it serves its members; if it ends instead, its output says why.

        One that is stopping may finish first.
        """
        async with self._changing:
            if self._is_ending and self._bot is not None:
                await self._bot.process.wait()
            if not self.ended:
                return
            await self._stack.aclose()
            self._is_ready = self._is_ending = False
            environ = environ_of(self._settings)
            self._bot = await self._stack.enter_async_context(
                bot_process(environ, str(self._clock), "run", folder=self._folder, module="bot.sandbox.turned_clock")
            )
            self._bot.hear = self._hear
            with suppress(TimeoutError):  # then it shows as "starting"
                self._is_ready = await self._bot.has_said("ready as", seconds=READY_SECONDS)

    async def kill(self) -> None:
        if self._bot is not None and not self.ended:
            self._is_ending = True
            self._bot.process.kill()
            await self._bot.exit_status()

    async def stop(self) -> None:
        if self._bot is not None and not self.ended:
            self._is_ending = True
            await self._bot.end()

    def set_ahead(self, seconds: float) -> None:
        turn(self._clock, seconds)

    async def close(self) -> None:
        """Stop it, and collect what it says until then."""
        with suppress(TimeoutError):  # then it is killed
            await self.stop()
        await self._stack.aclose()
