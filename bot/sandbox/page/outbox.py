"""Frames on their way to one window."""

import asyncio
from collections.abc import Callable


class Outbox:
    """`overflow` is called, once, if the window has left too much unread; whatever follows is dropped."""

    def __init__(self, overflow: Callable[[], None], *, most_bytes: int) -> None:
        self._overflow = overflow
        self._most = most_bytes
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._waiting_bytes = 0
        self._is_over = False

    def put(self, frame: bytes) -> None:
        if self._is_over:
            return
        self._waiting_bytes += len(frame)
        self._frames.put_nowait(frame)
        if self._waiting_bytes > self._most:
            self._is_over = True
            while not self._frames.empty():
                self._frames.get_nowait()
            self._overflow()

    def end(self) -> None:
        self._frames.put_nowait(None)

    async def next(self) -> bytes | None:
        """The next frame; None: there are no more."""
        frame = await self._frames.get()
        self._waiting_bytes -= len(frame or b"")
        return frame
