"""Writes the callbacks of many tasks together: whoever comes while one batch is committed is in the next."""

import asyncio
from dataclasses import dataclass

from bot.domain.callbacks import Recorded
from storage.database import Database
from storage.inbox import CallbackToRecord, Inbox

BATCH_MAX = 500


@dataclass(frozen=True, slots=True)
class _Waiting:
    callback: CallbackToRecord
    answer: asyncio.Future[Recorded]


class CallbackRecorder:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, callback: CallbackToRecord) -> Recorded:
        """Write it down, durably. Cancelled meanwhile, it is written all the same.

        Raises:
            StorageUnavailable: it was not written.
        """
        if not callback.token.isascii():
            return Recorded.UNKNOWN  # ours are; and not every other string can be asked for
        waiting = _Waiting(callback, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="record callbacks")
        return await waiting.answer

    async def close(self) -> None:
        """After what waits is written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        try:
            async with self._database.transaction() as connection:
                answers = await Inbox(connection).record([waiting.callback for waiting in batch])
        except Exception as error:  # noqa: BLE001  # each of those who wait hears of it
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        for waiting, recorded in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(recorded)
