"""Orders of lyrics are paid for at most once, whatever the provider, the clock or a dying process does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.inbox_entry import Recorded
from bot.domain.jobs import FailureReason
from bot.domain.lyrics import LYRICS_KEPT, NAMES_MAX, LyricsEnd, LyricsOrder, LyricsReport, LyricsState
from bot.domain.quota import quota_day
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.spending import AN_ORDER, Spent
from bot.errors import ProviderError, ProviderRefused, ProviderSilent, Refused, TakenElsewhere
from bot.fault_points import hold
from bot.services.operator.caps import Caps
from bot.services.songs.lyrics import TRIES
from storage.held_back import hold_back
from tests.support.database import open_storage
from tests.support.fakes import FakeProvider, TurnedClock
from tests.support.lyrics_desk import BEN, DAY, MIA, VERSIONS, LyricsDesk, a_desk, opened_desk
from tests.support.shared_tasks import wakes_another_worker


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[LyricsDesk]:
    async with opened_desk(tmp_path) as desk:
        yield desk


async def test_an_offer_orders_nothing(desk: LyricsDesk) -> None:
    await desk.lyrics.offer(desk.place(), "a ferry at night", None)

    await desk.work()

    assert desk.provider.ordered == []
    assert (await desk.spent(), await desk.counted()) == (Spent(), 0)


async def test_lyrics_are_ordered_asked_about_and_shown(desk: LyricsDesk) -> None:
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


async def test_a_callback_brings_them_at_once_and_is_not_believed_itself(desk: LyricsDesk) -> None:
    order = await desk.agreed()
    await desk.work()

    assert await desk.call_back(order, "lyrics-1") is Recorded.NEW
    await desk.work()
    assert desk.messages.shown == []  # the provider does not say so

    desk.writes("lyrics-1")
    await desk.call_back(order, "lyrics-1")
    await desk.work_for(3, every=3)
    assert desk.messages.shown[-1].state is LyricsState.READY
    assert await desk.call_back(order, "lyrics-1") is Recorded.REPEAT


async def test_a_callback_with_an_unknown_token_is_nobodys(desk: LyricsDesk) -> None:
    body = b'{"code":200,"data":{"callbackType":"complete","task_id":"x"}}'

    assert await desk.news.record(token="x" * 43, body=body, at=desk.clock()) is Recorded.UNKNOWN
    assert not await desk.news.is_token("x" * 43)


async def test_a_click_counts_once_and_a_second_one_orders_nothing(desk: LyricsDesk) -> None:
    offered, left = await desk.lyrics.offer(desk.place(), "a ferry at night", None)
    click = desk.place()
    order, _ = await desk.lyrics.agree(offered.id, click)

    with pytest.raises(TakenElsewhere):
        await desk.lyrics.agree(offered.id, click)
    again, is_new = await desk.lyrics.agree(offered.id, desk.place())
    assert (again.callback_token, is_new) == (order.callback_token, False)

    assert left == 5
    assert (await desk.spent(), await desk.counted()) == (AN_ORDER, 1)


async def test_ideas_that_are_refused_again_and_again_are_no_longer_sent(desk: LyricsDesk) -> None:
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


async def test_an_order_whose_process_died_before_it_was_begun_is_taken_over(desk: LyricsDesk) -> None:
    offered, _ = await desk.lyrics.offer(desk.place(), "a ferry at night", None)
    await desk.lyrics.agree(offered.id, desk.place())
    await desk.work()
    assert desk.provider.ordered == []

    await desk.work_for(31, every=31)

    assert len(desk.provider.ordered) == 1


async def test_an_order_without_a_clear_answer_is_not_repeated_and_fails_at_the_deadline(desk: LyricsDesk) -> None:
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


async def test_a_process_that_died_while_sending_leaves_an_order_that_is_not_repeated(desk: LyricsDesk) -> None:
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
async def test_a_callback_names_the_task_of_an_order_that_was_never_answered(desk: LyricsDesk, seconds: float) -> None:
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
        await desk.work_for(seconds / 5, every=seconds / 5)
        assert (await desk.order(order)).task_id is None
    desk.writes("lyrics-9")
    await desk.call_back(order, "lyrics-9")
    await desk.work_for(seconds / 5, every=seconds / 5)

    ready = await desk.order(order)
    assert (ready.state, ready.task_id, ready.versions) == (LyricsState.READY, "lyrics-9", VERSIONS)
    assert ready.failure is None


async def test_callbacks_that_repeat_themselves_bring_few_questions(desk: LyricsDesk) -> None:
    order = await desk.agreed()
    await desk.work()

    for _ in range(300):
        await desk.call_back(order, "lyrics-1")
        await desk.work()
    assert len(desk.provider.asked) == 1

    for _ in range(300):
        await desk.call_back(order, "lyrics-1")
        await desk.work_for(1, every=1)
    assert len(desk.provider.asked) < 40  # in five minutes, a fifth of them by polls


async def test_the_last_of_many_callbacks_is_not_lost(desk: LyricsDesk) -> None:
    """It is true that the lyrics are ready now, though the one just before it came too soon."""
    order = await desk.agreed()
    await desk.work()
    await desk.work_for(60, every=10)
    await desk.call_back(order, "lyrics-1")
    await desk.work()
    desk.writes("lyrics-1")

    await desk.call_back(order, "lyrics-1")
    await desk.work_for(6, every=1)

    assert (await desk.order(order)).state is LyricsState.READY


@pytest.mark.parametrize("seconds", [60, 3600])
async def test_a_callback_that_comes_while_the_provider_answers_is_not_lost(desk: LyricsDesk, seconds: int) -> None:
    order = await desk.agreed()
    await desk.work()
    await desk.work_for(seconds, every=10)
    ask = desk.provider.lyrics_report

    async def answers_late(task_id: str) -> LyricsReport:
        report = await ask(task_id)
        await desk.call_back(order, "lyrics-1")
        desk.writes("lyrics-1")
        return report

    desk.provider.lyrics_report = answers_late  # type: ignore[method-assign]
    desk.clock.turn(3)  # between two polls
    await desk.call_back(order, "lyrics-1")
    await desk.writing.step()
    desk.provider.lyrics_report = ask  # type: ignore[method-assign]
    await desk.work_for(seconds / 10 + 1, every=1)

    assert (await desk.order(order)).state is LyricsState.READY


async def test_late_callbacks_that_bring_nothing_are_not_told_again(
    desk: LyricsDesk, caplog: pytest.LogCaptureFixture
) -> None:
    order = await desk.agreed()
    await desk.work_for(DAY + 20_000, every=600)
    (told,) = desk.messages.told
    asked = len(desk.provider.asked)
    caplog.clear()

    for _ in range(50):
        await desk.call_back(order, "lyrics-1")
        await desk.work_for(0.5, every=0.5)
    desk.clock.turn(5 * DAY)
    await desk.call_back(order, "lyrics-1")
    await desk.work()

    assert told.failure is not None
    assert told.failure.reason is FailureReason.NO_RESULT
    assert desk.messages.told == [told]
    assert len(desk.provider.asked) - asked <= 3
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
    assert await desk.storage.reading.lyrics.next_due() is None
    assert (await desk.order(order)).state is LyricsState.FAILED

    desk.writes("lyrics-1")
    desk.clock.turn(DAY)
    await desk.call_back(order, "lyrics-1")
    await desk.work()
    assert [each.state for each in desk.messages.told] == [LyricsState.FAILED, LyricsState.READY]


@pytest.mark.parametrize("seconds", [60, DAY + 1000])
@pytest.mark.parametrize("forged", ["junk", None])
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_forged_callback_does_not_hide_the_true_name_of_a_task(
    desk: LyricsDesk, forged: str | None, is_first: bool, seconds: float
) -> None:
    desk.provider.lyrics_answers = [ProviderSilent("timeout")]
    desk.provider.lyrics["junk"] = ProviderRefused("not found", code=404)
    order = await desk.agreed()
    await desk.work_for(seconds, every=seconds / 10)
    desk.writes("true")

    for named in (forged, "true") if is_first else ("true", forged):
        await desk.call_back(order, named)
    await desk.work()
    await desk.work_for(seconds / 5, every=seconds / 10)

    ready = await desk.order(order)
    assert (ready.state, ready.task_id) == (LyricsState.READY, "true")


async def test_names_beyond_a_few_are_to_be_sent_again(desk: LyricsDesk) -> None:
    desk.provider.lyrics_answers = [ProviderSilent("timeout")]
    order = await desk.agreed()
    await desk.work()
    junk = [f"junk-{number}" for number in range(NAMES_MAX)]
    desk.provider.lyrics |= dict.fromkeys(junk, ProviderRefused("not found", code=404))
    for name in junk:
        assert await desk.call_back(order, name) is Recorded.NEW
    assert await desk.call_back(order, "true") is Recorded.FULL

    desk.writes("true")
    await desk.work_for(60, every=1)  # the provider comes again a minute later
    assert len(desk.provider.asked) == NAMES_MAX
    await desk.call_back(order, "true")
    await desk.work_for(10, every=1)

    assert (await desk.order(order)).state is LyricsState.READY


async def test_a_callback_may_be_faster_than_the_answer(desk: LyricsDesk) -> None:
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


async def test_a_second_worker_is_woken_once_the_first_has_claimed_an_order(desk: LyricsDesk) -> None:
    await desk.agreed()

    await wakes_another_worker(desk.writing, desk.bells.lyrics, before="before lyrics are ordered")


async def test_two_processes_share_the_work(desk: LyricsDesk) -> None:
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


async def test_a_callback_cannot_name_the_task_of_another_order(desk: LyricsDesk) -> None:
    await desk.agreed()
    await desk.work()
    desk.provider.lyrics_answers = [ProviderSilent("timeout")]
    other = await desk.agreed()
    await desk.work()
    desk.writes("lyrics-1")

    await desk.call_back(other, "lyrics-1")
    await desk.work()

    assert (await desk.order(other)).task_id is None


async def test_a_denied_task_is_asked_about_again_if_its_answer_named_it(desk: LyricsDesk) -> None:
    order = await desk.agreed()
    await desk.work()
    desk.provider.lyrics["lyrics-1"] = ProviderRefused("not found", code=404)

    await desk.work_for(60, every=10)
    desk.writes("lyrics-1")
    await desk.work_for(60, every=10)

    assert (await desk.order(order)).state is LyricsState.READY


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


async def test_orders_that_waited_in_a_restored_backup_are_offered_again(desk: LyricsDesk) -> None:
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


async def test_a_version_opens_the_form_with_its_words_and_its_piece(desk: LyricsDesk) -> None:
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


async def test_a_file_given_with_the_idea_is_counted_on_for_a_while(desk: LyricsDesk) -> None:
    file = SourceChoice(kind=SourceKind.ATTACHMENT, name="tide.mp3", locator="https://files.invalid/1.mp3")
    order = await ready(desk, source=file)

    draft = await desk.lyrics.draft(MIA, order.id, 1)
    assert (draft.source, draft.made_at) == (file, order.made_at)

    desk.clock.turn(900)
    assert (await desk.lyrics.draft(MIA, order.id, 1)).source is None


async def ready(desk: LyricsDesk, *, source: SourceChoice | None) -> LyricsOrder:
    order = await desk.agreed(source=source)
    await desk.work()
    desk.writes("lyrics-1")
    await desk.work_for(10, every=10)
    return await desk.order(order)


async def test_old_orders_are_forgotten_once_nothing_is_owed(desk: LyricsDesk) -> None:
    done = await ready(desk, source=None)
    waiting = await desk.agreed()
    desk.clock.turn(LYRICS_KEPT.total_seconds() + 100)

    made_before = desk.clock() - LYRICS_KEPT
    assert await desk.storage.write(lambda work: work.lyrics.forget(made_before=made_before, limit=10)) == 1

    assert await desk.storage.reading.lyrics.get(done.id) is None
    assert await desk.storage.reading.lyrics.get(waiting.id) is not None
