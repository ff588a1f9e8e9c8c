"""Write what arrives, in dedicated threads: it must not wait for the process's other threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bot.cancellation import in_thread_to_its_end

THREADS = 4


class Disk:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="fetch-disk")

    async def create(self, path: Path) -> None:
        """Make an empty file, replacing whatever was there. Raises OSError."""
        await self._finish(partial(_write, path, b"", "wb"))

    async def append(self, path: Path, data: bytes) -> None:
        """Raises OSError."""
        await self._finish(partial(_write, path, data, "ab"))

    async def remove(self, path: Path) -> None:
        """It may be missing."""
        await self._finish(partial(path.unlink, missing_ok=True))

    async def _finish(self, work: Callable[[], None]) -> None:
        """Wait for `work` even when cancelled: a file must not be removed while it is being written."""
        await in_thread_to_its_end(self._threads, work)

    def close(self) -> None:
        self._threads.shutdown()


def _write(path: Path, data: bytes, mode: str) -> None:
    """Open the file for each piece, so that a cancellation never finds it open."""
    with path.open(mode) as file:
        file.write(data)
