"""How one worker wakes another early. The work is found in the database: a bell that is missed costs only time."""

import asyncio


class Bell:
    """Rung by whoever made work; any number of workers may listen."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, *, seen: int, timeout_seconds: float) -> None:
        """Return once the bell was rung more than `seen` times, or after the time."""
        if self.rung != seen:
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return


class Bells:
    """One for each kind of work."""

    def __init__(self) -> None:
        self.submit = Bell()
        self.callbacks = Bell()
        self.watch = Bell()
        self.deliver = Bell()
        self.progress = Bell()
        self.intake = Bell()

    def job_changed(self) -> None:
        """After any change of a job: whoever is concerned looks at the table."""
        for bell in (self.submit, self.watch, self.deliver, self.progress):
            bell.ring()

    def all_due(self) -> None:
        """After times themselves were changed."""
        self.job_changed()
        self.intake.ring()
