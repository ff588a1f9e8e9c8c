"""Handle requests from many tasks together: those that come during one batch go into the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
R = TypeVar("R")

BATCH_MAX = 500


class _Waiting(msgspec.Struct, Generic[T, R], frozen=True):
    item: T
    answer: asyncio.Future[R]


class Batches(Generic[T, R]):
    def __init__(self, handle: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, seconds: float, name: str) -> None:
        """`handle` returns one answer per item, in order; what it raises is raised for the whole batch.

        If it takes longer than `seconds`, all that are waiting get a `TimeoutError`.
        """
        self._handle = handle
        self._seconds = seconds
        self._name = name
        self._waiting: list[_Waiting[T, R]] = []
        self._handling: asyncio.Task[None] | None = None

    async def add(self, item: T) -> R:
        """The answer for `item`, which is handled even if this call is cancelled."""
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._handling is None:
            self._handling = asyncio.create_task(self._run(), name=self._name)
        answer: R = await waiting.answer
        return answer

    async def close(self) -> None:
        """Return once everything waiting is handled."""
        if self._handling is not None:
            await asyncio.wait([self._handling])

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                await self._run_one(batch)
        finally:
            self._handling = None

    async def _run_one(self, batch: Sequence[_Waiting[T, R]]) -> None:
        handled = asyncio.ensure_future(self._handle([waiting.item for waiting in batch]))
        while not (await asyncio.wait([handled], timeout=self._seconds))[0]:
            # One timer for all. The work under way may still finish, but nobody waits for it.
            _fail([*batch, *self._waiting], TimeoutError())
            self._waiting = []
        if (error := handled.exception()) is not None:
            _fail(batch, error)
            return
        for waiting, answer in zip(batch, handled.result(), strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)


def _fail(batch: Sequence[_Waiting[T, R]], error: BaseException) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
