"""Callbacks about lyrics. Each is only news: it makes the provider be asked at once, and nothing else of it counts."""

from collections.abc import Callable
from datetime import datetime

from bot.domain.inbox_entry import Recorded
from bot.domain.lyrics import heard_of, keeps
from bot.services.common.ports import Storage, Work


class LyricsNews:
    """`task_id_of` reads the task that a body names."""

    def __init__(self, storage: Storage, task_id_of: Callable[[bytes], str | None]) -> None:
        self._storage = storage
        self._task_id_of = task_id_of

    async def is_token(self, token: str) -> bool:
        return await self._storage.is_lyrics_token(token)

    async def record(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        """Durable once this returns; the body itself is not kept."""
        named = self._task_id_of(body)

        async def recorded(work: Work) -> Recorded:
            order = await work.lyrics.by_token(token)
            if order is None:
                return Recorded.UNKNOWN
            after = heard_of(order, named, at=at)
            if after is not order:
                await work.lyrics.save(after)
            if not keeps(after, named):
                return Recorded.FULL
            return Recorded.REPEAT if after is order else Recorded.NEW

        return await self._storage.write(recorded)
