"""Orders of lyrics are paid for at most once, whatever the provider, the clock or a dying process does."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.inbox_entry import Recorded
from bot.domain.jobs import FailureReason, Place, WaitReason
from bot.domain.lyrics import LYRICS_KEPT, LyricsEnd, LyricsOrder, LyricsReport, LyricsState, Version
from bot.domain.models import WHOLE_TABLE
from bot.domain.pace import SlidingWindow
from bot.domain.quota import quota_day
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.spending import AN_ORDER, Spent
from bot.errors import (
    ProviderBusy,
    ProviderError,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    ProviderUnauthorized,
    Refused,
    TakenElsewhere,
)
from bot.fault_points import hold
from bot.services.common.bells import Bells
from bot.services.common.messenger import RouteUnavailable
from bot.services.operator.account import Account
from bot.services.operator.caps import Caps
from bot.services.operator.notices import Operator
from bot.services.pipeline.rate import Rate
from bot.services.songs.lyrics import TRIES, Lyrics
from bot.services.songs.lyrics_allowance import LyricsAllowance
from bot.services.songs.lyrics_news import LyricsNews
from bot.services.songs.lyrics_writing import LyricsWriting, WritingTimes
from bot.suno.wire import callback_task_id
from storage.held_back import hold_back
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.fakes import FakeLyricsMessages, FakeMessenger, FakeProvider, TurnedClock
from tests.support.pipeline import patience
from tests.support.storage_samples import a_place

MIA, BEN = 1001, 2002
VERSIONS = (Version(text="[Verse]\nOne", title="Ferry"), Version(text="[Verse]\nTwo"))
DAY = 86400


@dataclass
class Desk:
    """Everything about lyrics, on a real database."""

    storage: SqlStorage
    clock: TurnedClock
    provider: FakeProvider
    messages: FakeLyricsMessages
    lyrics: Lyrics
    writing: LyricsWriting
    news: LyricsNews
    account: Account
    clicks: int = 0

    def place(self, member_id: int = MIA) -> Place:
        self.clicks += 1
        return replace(a_place(member_id=member_id), interaction_id=7000 + self.clicks, received_at=self.clock())

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

    async def spent(self) -> Spent:
        return await self.storage.reading.spending.of_day(quota_day(self.clock()))

    async def counted(self) -> int:
        return await self.storage.reading.lyrics.count(MIA, day=quota_day(self.clock()))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = TurnedClock()
    clock.turn(0.000_123)  # the database keeps milliseconds
    async with open_storage(tmp_path / "encore.db") as storage:
        yield a_desk(storage, clock, FakeProvider())


def a_desk(
    storage: SqlStorage, clock: TurnedClock, provider: FakeProvider, *, per_day: int = 5, caps: Caps | None = None
) -> Desk:
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
    return Desk(
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
    )


async def test_an_offer_orders_nothing(desk: Desk) -> None:
    await desk.lyrics.offer(desk.place(), "a ferry at night", None)

    await desk.work()

    assert desk.provider.ordered == []
    assert (await desk.spent(), await desk.counted()) == (Spent(), 0)


async def test_lyrics_are_ordered_asked_about_and_shown(desk: Desk) -> None:
    order = await desk.agreed()
    await desk.work()
    assert (await desk.order(order)).state is LyricsState.RUNNING
    desk.writes("lyrics-1")

    await desk.work_for(10, every=10)

    (shown,) = desk.messages.shown
    assert (shown.state, shown.versions) == (LyricsState.READY, VERSIONS)
    assert await desk.storage.reading.lyrics.next_due() is None
    assert (await desk.spent(), await desk.counted()) == (AN_ORDER, 1)
    place = (await desk.order(order)).place
    assert place is not None
    assert place.interaction_token == ""  # a secret that nobody needs any more


async def test_a_callback_brings_them_at_once_and_is_not_believed_itself(desk: Desk) -> None:
    order = await desk.agreed()
    await desk.work()

    assert await desk.call_back(order, "lyrics-1") is Recorded.NEW
    await desk.work()
    assert desk.messages.shown == []  # the provider does not say so

    desk.writes("lyrics-1")
    await desk.call_back(order, "lyrics-1")
    await desk.work()
    assert desk.messages.shown[-1].state is LyricsState.READY
    assert await desk.call_back(order, "lyrics-1") is Recorded.REPEAT


async def test_a_callback_with_an_unknown_token_is_nobodys(desk: Desk) -> None:
    body = b'{"code":200,"data":{"callbackType":"complete","task_id":"x"}}'

    assert await desk.news.record(token="x" * 43, body=body, at=desk.clock()) is Recorded.UNKNOWN
    assert not await desk.news.is_token("x" * 43)


async def test_a_click_counts_once_and_a_second_one_orders_nothing(desk: Desk) -> None:
    offered, left = await desk.lyrics.offer(desk.place(), "a ferry at night", None)
    click = desk.place()
    order, _ = await desk.lyrics.agree(offered.id, click)

    with pytest.raises(TakenElsewhere):
        await desk.lyrics.agree(offered.id, click)
    again, is_new = await desk.lyrics.agree(offered.id, desk.place())
    assert (again.callback_token, is_new) == (order.callback_token, False)

    assert left == 5
    assert (await desk.spent(), await desk.counted()) == (AN_ORDER, 1)


async def test_ideas_that_are_refused_again_and_again_are_no_longer_sent(desk: Desk) -> None:
    waiting, _ = await desk.lyrics.offer(desk.place(), "a ferry at dawn", None)
    for _ in range(TRIES * 5):
        desk.provider.lyrics_answers = [ProviderRefused("no such words", code=400)]
        await desk.agreed()
        await desk.work_for(60, every=20)
    assert (len(desk.provider.ordered), await desk.counted()) == (TRIES * 5, 0)

    for asked in (desk.lyrics.offer(desk.place(), "a ferry", None), desk.lyrics.agree(waiting.id, desk.place())):
        with pytest.raises(Refused, match="many times"):
            await asked

    await desk.lyrics.offer(desk.place(BEN), "a ferry", None)
    desk.clock.turn(DAY + 1)
    await desk.lyrics.offer(desk.place(), "a ferry", None)
    with pytest.raises(Refused, match="no longer have these lyrics"):
        await desk.lyrics.agree(waiting.id, desk.place())


async def test_an_order_whose_process_died_before_it_was_begun_is_taken_over(desk: Desk) -> None:
    offered, _ = await desk.lyrics.offer(desk.place(), "a ferry at night", None)
    await desk.lyrics.agree(offered.id, desk.place())
    await desk.work()
    assert desk.provider.ordered == []

    await desk.work_for(31, every=31)

    assert len(desk.provider.ordered) == 1


async def test_an_order_without_a_clear_answer_is_not_repeated_and_fails_at_the_deadline(desk: Desk) -> None:
    desk.provider.lyrics_answers = [ProviderSilent("timeout")]
    order = await desk.agreed()

    await desk.work_for(DAY + 1800, every=600)

    failed = await desk.order(order)
    assert len(desk.provider.ordered) == 1
    assert failed.failure is not None
    assert failed.failure.reason is FailureReason.SILENCE
    assert desk.messages.shown[0].outcome_unknown
    assert desk.messages.told[-1].state is LyricsState.FAILED  # the answer's time is long over
    yesterday = quota_day(desk.clock() - timedelta(days=1))
    assert await desk.storage.reading.spending.of_day(yesterday) == AN_ORDER  # it may have been paid for
    assert await desk.storage.reading.lyrics.count(MIA, day=yesterday) == 1


async def test_a_process_that_died_while_sending_leaves_an_order_that_is_not_repeated(desk: Desk) -> None:
    class Killed(BaseException):
        pass

    order = await desk.agreed()
    died = desk.provider.order_lyrics
    desk.provider.lyrics_answers = [ProviderSilent("never read")]

    async def dies(idea: str, *, callback_url: str) -> str:
        with pytest.raises(ProviderError):
            await died(idea, callback_url=callback_url)
        raise Killed

    desk.provider.order_lyrics = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await desk.writing.step()
    desk.provider.order_lyrics = died  # type: ignore[method-assign]

    await desk.work_for(3600, every=100)

    assert len(desk.provider.ordered) == 1
    assert (await desk.order(order)).outcome_unknown


@pytest.mark.parametrize("seconds", [60, DAY + 1000])
async def test_a_callback_names_the_task_of_an_order_that_was_never_answered(desk: Desk, seconds: float) -> None:
    """Even after it was given up: somebody paid for it."""
    desk.provider.lyrics_answers = [ProviderSilent("timeout")]
    order = await desk.agreed()
    await desk.work_for(seconds, every=seconds / 10)
    desk.provider.lyrics |= {
        "denied": ProviderRefused("not found", code=404),
        "unknown": LyricsReport(task_id=None, end=LyricsEnd.WAITING),
    }

    for invented in desk.provider.lyrics:
        await desk.call_back(order, invented)
        await desk.work()
        assert (await desk.order(order)).task_id is None
    desk.writes("lyrics-9")
    await desk.call_back(order, "lyrics-9")
    await desk.work()

    ready = await desk.order(order)
    assert (ready.state, ready.task_id, ready.versions) == (LyricsState.READY, "lyrics-9", VERSIONS)
    assert ready.failure is None


async def test_a_callback_may_be_faster_than_the_answer(desk: Desk) -> None:
    order = await desk.agreed()
    desk.writes("lyrics-1")

    async with hold("after the answer to an order of lyrics") as held:
        sending = asyncio.create_task(desk.writing.step())
        await held.reached()
        await desk.call_back(order, "lyrics-1")
        assert await desk.writing.step()
        assert (await desk.order(order)).state is LyricsState.READY
        held.release()
        await sending
    await desk.work()

    assert [shown.state for shown in desk.messages.shown] == [LyricsState.READY]
    assert len(desk.provider.ordered) == 1


async def test_two_processes_share_the_work(desk: Desk) -> None:
    other = a_desk(desk.storage, desk.clock, desk.provider)
    for _ in range(2):
        await desk.agreed()
    for number in (1, 2):
        desk.writes(f"lyrics-{number}")

    for _ in range(8):
        await asyncio.gather(desk.writing.step(), other.writing.step())
    desk.clock.turn(10)
    for _ in range(8):
        await asyncio.gather(desk.writing.step(), other.writing.step())

    assert len(desk.provider.ordered) == 2
    shown = [*desk.messages.shown, *other.messages.shown]
    assert sorted(str(order.task_id) for order in shown) == ["lyrics-1", "lyrics-2"]


async def test_a_callback_cannot_name_the_task_of_another_order(desk: Desk) -> None:
    await desk.agreed()
    await desk.work()
    desk.provider.lyrics_answers = [ProviderSilent("timeout")]
    other = await desk.agreed()
    await desk.work()
    desk.writes("lyrics-1")

    await desk.call_back(other, "lyrics-1")
    await desk.work()

    assert (await desk.order(other)).task_id is None


async def test_a_denied_task_is_asked_about_again_if_its_answer_named_it(desk: Desk) -> None:
    order = await desk.agreed()
    await desk.work()
    desk.provider.lyrics["lyrics-1"] = ProviderRefused("not found", code=404)

    await desk.work_for(60, every=10)
    desk.writes("lyrics-1")
    await desk.work_for(60, every=10)

    assert (await desk.order(order)).state is LyricsState.READY


async def test_lyrics_that_never_come_are_asked_about_ever_less_often_and_given_up(desk: Desk) -> None:
    order = await desk.agreed()

    await desk.work_for(DAY + 20_000, every=10)

    failed = await desk.order(order)
    assert failed.failure is not None
    assert failed.failure.reason is FailureReason.NO_RESULT
    assert len(desk.provider.asked) < 120


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ProviderOutOfCredits("none left", code=429), WaitReason.NO_CREDITS),
        (ProviderUnauthorized("who are you", code=401), WaitReason.KEY_REFUSED),
    ],
)
async def test_a_closed_account_keeps_orders_and_its_members_read_why(
    desk: Desk, error: ProviderError, reason: WaitReason
) -> None:
    desk.provider.lyrics_answers = [error]
    desk.provider.credits_error = error
    await desk.agreed()
    await desk.work_for(300, every=10)

    assert len(desk.provider.ordered) == 1
    assert [order.waits_for for order in desk.messages.shown] == [reason]

    desk.provider.credits_error = None
    await desk.work_for(120, every=10)
    assert len(desk.provider.ordered) == 2
    assert await desk.spent() == AN_ORDER


async def test_an_account_that_stays_closed_fails_the_order_and_nothing_counts(desk: Desk) -> None:
    desk.provider.credits_left = 0
    desk.provider.lyrics_answers = [ProviderOutOfCredits("none left", code=429)]
    order = await desk.agreed()
    day = quota_day(desk.clock())

    await desk.work_for(DAY + 600, every=300)

    failed = await desk.order(order)
    assert failed.failure is not None
    assert failed.failure.reason is FailureReason.NO_CREDITS
    assert await desk.storage.reading.spending.of_day(day) == Spent()
    assert await desk.storage.reading.lyrics.count(MIA, day=day) == 0


async def test_a_busy_provider_is_asked_again(desk: Desk) -> None:
    desk.provider.lyrics_answers = [ProviderBusy("slow down", code=430)]
    await desk.agreed()

    await desk.work_for(10, every=5)

    assert len(desk.provider.ordered) == 2
    assert await desk.spent() == AN_ORDER


async def test_a_refused_idea_costs_nothing(desk: Desk) -> None:
    desk.provider.lyrics_answers = [ProviderRefused("no", code=400)]
    await desk.agreed()

    await desk.work()

    assert desk.messages.shown[-1].state is LyricsState.FAILED
    assert (await desk.spent(), await desk.counted()) == (Spent(), 0)


async def test_a_failed_task_gives_the_member_another_try(desk: Desk) -> None:
    await desk.agreed()
    await desk.work()
    desk.provider.lyrics["lyrics-1"] = LyricsReport(
        task_id="lyrics-1", end=LyricsEnd.FAILED, is_sensitive=True, message="Contains a name."
    )

    await desk.work_for(10, every=10)

    failure = desk.messages.shown[-1].failure
    assert failure is not None
    assert (failure.reason, failure.provider_message) == (FailureReason.SENSITIVE, "Contains a name.")
    assert (await desk.spent(), await desk.counted()) == (AN_ORDER, 0)


async def test_orders_share_the_provider_s_rate(desk: Desk) -> None:
    for _ in range(3):
        await desk.agreed()

    await desk.work()
    assert len(desk.provider.ordered) == 2

    await desk.work_for(12, every=4)
    assert len(desk.provider.ordered) == 3


async def test_an_answer_that_discord_does_not_take_is_tried_again_then_sent_directly(desk: Desk) -> None:
    desk.messages.errors = [RouteUnavailable("HTTP 500")] * 2
    await desk.agreed()
    await desk.work()
    desk.writes("lyrics-1")
    await desk.work_for(40, every=10)
    assert desk.messages.shown[-1].state is LyricsState.READY

    desk.messages.can_answer = False
    await desk.agreed()
    await desk.work()
    desk.writes("lyrics-2")
    await desk.work_for(10, every=10)
    assert desk.messages.told[-1].task_id == "lyrics-2"


async def test_lyrics_that_come_while_their_failure_is_being_shown_are_kept(desk: Desk) -> None:
    """They were paid for, and Discord doesn't take the sentence about the failure at that very moment."""
    desk.provider.lyrics_answers = [ProviderSilent("timeout")]
    order = await desk.agreed()
    await desk.work()
    other = a_desk(desk.storage, desk.clock, desk.provider)
    desk.clock.turn(DAY)
    assert await desk.writing.step()  # gives it up
    desk.writes("lyrics-1")

    tell = desk.messages.tell_directly

    async def fails_meanwhile(place: Place, order: LyricsOrder) -> None:  # noqa: ARG001  # the protocol's
        desk.messages.tell_directly = tell  # type: ignore[method-assign]
        await desk.call_back(order, "lyrics-1")
        await other.work()
        raise RouteUnavailable("HTTP 500")

    desk.messages.tell_directly = fails_meanwhile  # type: ignore[method-assign]
    await desk.work_for(60, every=10)

    ready = await desk.order(order)
    assert (ready.state, ready.versions) == (LyricsState.READY, VERSIONS)


async def test_the_limits_of_the_day(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with open_storage(tmp_path / "encore.db") as storage:
        desk = a_desk(storage, clock, provider, per_day=2, caps=Caps(per_server_per_day=1))
        for _ in range(2):
            await desk.agreed()
        with pytest.raises(Refused, match="lyrics written"):
            await desk.agreed()

        with pytest.raises(Refused, match="This server's credits"):  # 0.8 of 1 are used up
            await desk.lyrics.offer(desk.place(BEN), "another", None)
        clock.turn(DAY)
        await desk.agreed()


async def test_orders_that_waited_in_a_restored_backup_are_offered_again(desk: Desk) -> None:
    """They may have been sent since the copy was made."""
    offered, _ = await desk.lyrics.offer(desk.place(), "a ferry at night", None)
    await desk.lyrics.agree(offered.id, desk.place())
    async with desk.storage.transaction() as work:
        await hold_back(work.lyrics._connection, desk.clock())  # as a restore does

    await desk.work_for(3600, every=600)
    assert desk.provider.ordered == []

    order, is_new = await desk.lyrics.agree(offered.id, desk.place())
    assert is_new
    await desk.lyrics.begin(order)
    await desk.work()
    assert len(desk.provider.ordered) == 1


async def test_a_version_opens_the_form_with_its_words_and_its_piece(desk: Desk) -> None:
    track = SourceChoice(kind=SourceKind.TRACK, name="Tide", locator="https://files.invalid/1.mp3", model="V4")
    order = await ready(desk, source=track)

    draft = await desk.lyrics.draft(MIA, order.id, 1)
    other = await desk.lyrics.draft(MIA, order.id, 2)

    assert (draft.source, draft.request.model) == (track, "V4")
    assert (draft.request.prompt, draft.request.title) == ("[Verse]\nOne", "Ferry")
    assert (other.request.prompt, other.request.title) == ("[Verse]\nTwo", "a ferry at night")
    assert draft.made_at == desk.clock()  # kept as long as any other
    for member_id, number in ((BEN, 1), (MIA, 3)):
        with pytest.raises(Refused):
            await desk.lyrics.draft(member_id, order.id, number)


async def test_a_file_given_with_the_idea_is_counted_on_for_a_while(desk: Desk) -> None:
    file = SourceChoice(kind=SourceKind.ATTACHMENT, name="tide.mp3", locator="https://files.invalid/1.mp3")
    order = await ready(desk, source=file)

    draft = await desk.lyrics.draft(MIA, order.id, 1)
    assert (draft.source, draft.made_at) == (file, order.made_at)

    desk.clock.turn(900)
    assert (await desk.lyrics.draft(MIA, order.id, 1)).source is None


async def ready(desk: Desk, *, source: SourceChoice | None) -> LyricsOrder:
    order = await desk.agreed(source=source)
    await desk.work()
    desk.writes("lyrics-1")
    await desk.work_for(10, every=10)
    return await desk.order(order)


async def test_old_orders_are_forgotten_once_nothing_is_owed(desk: Desk) -> None:
    done = await ready(desk, source=None)
    waiting = await desk.agreed()
    desk.clock.turn(LYRICS_KEPT.total_seconds() + 100)

    made_before = desk.clock() - LYRICS_KEPT
    assert await desk.storage.write(lambda work: work.lyrics.forget(made_before=made_before, limit=10)) == 1

    assert await desk.storage.reading.lyrics.get(done.id) is None
    assert await desk.storage.reading.lyrics.get(waiting.id) is not None
