"""Orders of lyrics while the account is closed, the provider refuses or is busy, or Discord takes no answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, Place, WaitReason
from bot.domain.lyrics import LyricsEnd, LyricsOrder, LyricsReport, LyricsState
from bot.domain.quota import quota_day
from bot.domain.spending import AN_ORDER, Spent
from bot.errors import (
    ProviderBusy,
    ProviderError,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    ProviderUnauthorized,
)
from bot.services.common.messenger import RouteUnavailable
from tests.support.lyrics_desk import DAY, MIA, VERSIONS, LyricsDesk, a_desk, opened_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[LyricsDesk]:
    async with opened_desk(tmp_path) as desk:
        yield desk


async def test_lyrics_that_never_come_are_asked_about_ever_less_often_and_given_up(desk: LyricsDesk) -> None:
    order = await desk.agreed()

    await desk.work_for(DAY + 20_000, every=60)

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
    desk: LyricsDesk, error: ProviderError, reason: WaitReason
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


async def test_an_account_that_stays_closed_fails_the_order_and_nothing_counts(desk: LyricsDesk) -> None:
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


async def test_a_busy_provider_is_asked_again(desk: LyricsDesk) -> None:
    desk.provider.lyrics_answers = [ProviderBusy("slow down", code=430)]
    await desk.agreed()

    await desk.work_for(10, every=5)

    assert len(desk.provider.ordered) == 2
    assert await desk.spent() == AN_ORDER


async def test_a_refused_idea_costs_nothing(desk: LyricsDesk) -> None:
    desk.provider.lyrics_answers = [ProviderRefused("no", code=400)]
    await desk.agreed()

    await desk.work()

    assert desk.messages.shown[-1].state is LyricsState.FAILED
    assert (await desk.spent(), await desk.counted()) == (Spent(), 0)


async def test_a_failed_task_gives_the_member_another_try(desk: LyricsDesk) -> None:
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


async def test_orders_share_the_provider_s_rate(desk: LyricsDesk) -> None:
    for _ in range(3):
        await desk.agreed()

    await desk.work()
    assert len(desk.provider.ordered) == 2

    await desk.work_for(12, every=4)
    assert len(desk.provider.ordered) == 3


async def test_an_answer_that_discord_does_not_take_is_tried_again_then_sent_directly(desk: LyricsDesk) -> None:
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


async def test_lyrics_that_come_while_their_failure_is_being_shown_are_kept(desk: LyricsDesk) -> None:
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
