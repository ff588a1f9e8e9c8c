"""Everything about lyrics on a real database, for one member after another."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from bot.domain.inbox_entry import Recorded
from bot.domain.jobs import Place
from bot.domain.lyrics import LyricsEnd, LyricsOrder, LyricsReport, Version
from bot.domain.models import WHOLE_TABLE
from bot.domain.pace import SlidingWindow
from bot.domain.quota import quota_day
from bot.domain.source import SourceChoice
from bot.domain.spending import Spent
from bot.services.common.bells import Bells
from bot.services.operator.account import Account
from bot.services.operator.caps import Caps
from bot.services.operator.notices import Operator
from bot.services.pipeline.rate import Rate
from bot.services.songs.lyrics import Lyrics
from bot.services.songs.lyrics_allowance import LyricsAllowance
from bot.services.songs.lyrics_news import LyricsNews
from bot.services.songs.lyrics_writing import LyricsWriting, WritingTimes
from bot.suno.wire import callback_task_id
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.fakes import FakeLyricsMessages, FakeMessenger, FakeProvider, TurnedClock
from tests.support.pipeline import patience
from tests.support.storage_samples import a_place

MIA, BEN = 1001, 2002
VERSIONS = (Version(text="[Verse]\nOne", title="Ferry"), Version(text="[Verse]\nTwo"))
DAY = 86400


@dataclass(kw_only=True)
class Desk:
    """Where members click: each click is an interaction of its own, and what is spent is known."""

    storage: SqlStorage
    clock: TurnedClock
    provider: FakeProvider
    account: Account
    clicks: int = 0

    def place(self, member_id: int = MIA) -> Place:
        self.clicks += 1
        return replace(a_place(member_id=member_id), interaction_id=7000 + self.clicks, received_at=self.clock())

    async def spent(self) -> Spent:
        return await self.storage.reading.spending.of_day(quota_day(self.clock()))


@dataclass(kw_only=True)
class LyricsDesk(Desk):
    messages: FakeLyricsMessages
    lyrics: Lyrics
    writing: LyricsWriting
    news: LyricsNews
    bells: Bells

    async def agreed(self, *, source: SourceChoice | None = None) -> LyricsOrder:
        """An order that its member has agreed to, and that no worker has seen."""
        offered, _ = await self.lyrics.offer(self.place(), "a ferry at night", source)
        order, is_new = await self.lyrics.agree(offered.id, self.place())
        assert is_new
        await self.lyrics.begin(order)
        return order

    async def order(self, order: LyricsOrder) -> LyricsOrder:
        found = await self.storage.reading.lyrics.get(order.id)
        assert found is not None
        return found

    async def work(self) -> None:
        """Do everything that is due."""
        while await self.writing.step():
            pass

    async def work_for(self, seconds: float, *, every: float) -> None:
        for _ in range(round(seconds / every)):
            self.clock.turn(every)
            await self.work()

    async def call_back(self, order: LyricsOrder, task_id: str | None) -> Recorded:
        token = (await self.order(order)).callback_token
        assert token is not None
        body = json.dumps({"code": 200, "msg": "", "data": {"callbackType": "complete", "task_id": task_id}})
        return await self.news.record(token=token, body=body.encode(), at=self.clock())

    def writes(self, task_id: str) -> None:
        """From now on the provider's record has the lyrics."""
        self.provider.lyrics[task_id] = LyricsReport(task_id=task_id, end=LyricsEnd.COMPLETE, versions=VERSIONS)

    async def counted(self) -> int:
        return await self.storage.reading.lyrics.count(MIA, day=quota_day(self.clock()))


def a_desk(
    storage: SqlStorage, clock: TurnedClock, provider: FakeProvider, *, per_day: int = 5, caps: Caps | None = None
) -> LyricsDesk:
    bells = Bells(clock=clock)
    messages, operator = FakeLyricsMessages(), Operator(storage, FakeMessenger(), clock)
    account = Account(
        storage,
        provider,
        operator,
        every_seconds=60,
        patience=patience(clock, 900),
        long_patience=patience(clock, DAY),
        bells=bells,
        clock=clock,
    )
    return LyricsDesk(
        storage=storage,
        clock=clock,
        provider=provider,
        messages=messages,
        lyrics=Lyrics(
            storage,
            allowance=LyricsAllowance(per_day=per_day, caps=caps or Caps(), clock=clock),
            takeover_seconds=30,
            offer=WHOLE_TABLE,
            bells=bells,
            clock=clock,
        ),
        writing=LyricsWriting(
            storage,
            provider,
            messages,
            account=account,
            rate=Rate(SlidingWindow(limit=2)),
            callback_url=lambda token: f"https://encore.example/callbacks/lyrics/{token}",
            times=WritingTimes(lease=90, pace=10, token=870, give_up=DAY),
            bells=bells,
            clock=clock,
        ),
        news=LyricsNews(storage, callback_task_id),
        account=account,
        bells=bells,
    )


@asynccontextmanager
async def opened_desk(folder: Path) -> AsyncIterator[LyricsDesk]:
    """With a database of its own in `folder`."""
    clock = TurnedClock()
    clock.turn(0.000_123)  # the database keeps milliseconds
    async with open_storage(folder / "encore.db") as storage:
        yield a_desk(storage, clock, FakeProvider())
