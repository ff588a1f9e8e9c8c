"""Handle requests from many tasks together: those that come before a batch begins go into it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
R = TypeVar("R")

BATCH_MAX = 500

Take: TypeAlias = Callable[[], Sequence[T]]
"""Called when the work begins, in any thread: what is to be handled. Nothing joins the batch after that."""


class _Waiting(msgspec.Struct, Generic[T, R], frozen=True):
    item: T
    answer: asyncio.Future[R]


class _Batch(Generic[T, R]):
    def __init__(self) -> None:
        self.waiting: list[_Waiting[T, R]] = []
        self._has_begun = False
        self._lock = Lock()

    def add(self, waiting: _Waiting[T, R]) -> bool:
        """False if it has begun or is full."""
        with self._lock:
            if self._has_begun or len(self.waiting) == BATCH_MAX:
                return False
            self.waiting.append(waiting)
            return True

    def begin(self) -> Sequence[T]:
        with self._lock:
            self._has_begun = True
            return [waiting.item for waiting in self.waiting]

    def fail(self, error: BaseException) -> None:
        """Let nobody wait any longer. If it has not begun, it is empty again, and may be joined."""
        with self._lock:
            failed = self.waiting
            if not self._has_begun:
                self.waiting = []
        for waiting in failed:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)

    def answer(self, answers: Sequence[R]) -> None:
        for waiting, answer in zip(self.waiting, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)


class Batches(Generic[T, R]):
    def __init__(self, handle: Callable[[Take[T]], Awaitable[Sequence[R]]], *, seconds: float, name: str) -> None:
        """`handle` returns one answer per item that it took, in order; what it raises is raised for the whole batch.

        The next batch is handed over while one is being handled, so that the database need not wait for the event loop
        in between. If a batch takes longer than `seconds`, its items get a `TimeoutError`.
        """
        self._handle = handle
        self._seconds = seconds
        self._name = name
        self._open: _Batch[T, R] | None = None
        self._handling: set[asyncio.Task[None]] = set()

    async def add(self, item: T) -> R:
        """The answer for `item`, which is handled even if this call is cancelled."""
        waiting = _Waiting[T, R](item, asyncio.get_running_loop().create_future())
        if self._open is None or not self._open.add(waiting):
            self._open = _Batch()
            self._open.add(waiting)
            task = asyncio.create_task(self._run(self._open), name=self._name)
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)
        answer: R = await waiting.answer
        return answer

    async def close(self) -> None:
        """Return once everything waiting is handled."""
        while self._handling:
            await asyncio.wait(self._handling)

    async def _run(self, batch: _Batch[T, R]) -> None:
        handled = asyncio.ensure_future(self._handle(batch.begin))
        while not (await asyncio.wait([handled], timeout=self._seconds))[0]:
            # One timer for all. The work under way may still finish, but nobody waits for it.
            batch.fail(TimeoutError())
        if (error := handled.exception()) is None:
            batch.answer(handled.result())
        else:
            batch.begin()  # it may have failed before that; nothing may join it now
            batch.fail(error)
