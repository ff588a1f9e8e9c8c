"""The connection is lost during an acknowledgement: a job and an answer, or neither; never a job and a "no"."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.sandbox.discord import DiscordOptions, TroubleKind
from tests.end_to_end.town import QUICK, Town, a_town, eventually

CALLBACK = "/interactions/*/callback"
LOST = [TroubleKind.ABORT_BEFORE, TroubleKind.ABORT_AFTER, TroubleKind.HOLD_BEFORE, TroubleKind.HOLD_AFTER]
NOTHING_STARTED = "I couldn't reach Discord in time, so nothing was started. Please try again."


@pytest.fixture
async def patient_town(tmp_path: Path, source: Path) -> AsyncIterator[Town]:
    """A town whose Discord waits longer for an acknowledgement than the bot does."""
    async with a_town(tmp_path, source, QUICK) as town:
        town.settings = replace(town.settings, lease_seconds=30)
        yield town


async def check_that_nothing_was_started(town: Town) -> None:
    """Nor will anything start later: the command is put away."""

    async def is_put_away() -> bool:
        return await town.app.storage.reading.intakes.next_due() is None

    await eventually(is_put_away)
    assert await town.app.storage.reading.jobs.of_member(town.mia.id, limit=1) == []
    assert not town.handed_over()
    assert (await town.balance()).left == town.settings.quota_per_day


@pytest.mark.either_way
@pytest.mark.parametrize("kind", LOST)
async def test_a_command_whose_acknowledgement_was_lost_once_makes_one_job(town: Town, kind: TroubleKind) -> None:
    await town.start(lease_seconds=30)
    fault = town.discord.troubles.add("POST", CALLBACK, kind)

    invocation = await town.extend()
    answer = await invocation.wait_until(lambda message: "Got it" in message.content)
    await town.result()
    await town.job_in(JobState.DELIVERED)

    assert answer.is_ephemeral
    assert town.suno.submits == fault.hits == 1
    assert not any("nothing was started" in version.content for version in invocation.edits)


@pytest.mark.parametrize("kind", LOST)
async def test_every_other_command_is_answered_too(town: Town, kind: TroubleKind) -> None:
    await town.start()
    town.discord.troubles.add("POST", CALLBACK, kind)

    answer = await (await town.mia.command(town.songs, "quota")).response()

    assert "10 of 10 extensions left" in answer.content


@pytest.mark.parametrize("kind", LOST)
async def test_with_a_lease_shorter_than_the_trouble_it_is_one_or_the_other(town: Town, kind: TroubleKind) -> None:
    """A worker takes the command over while it is being acknowledged."""
    await town.start(lease_seconds=0.5)
    town.discord.troubles.add("POST", CALLBACK, kind)

    invocation = await town.extend()
    answer = await invocation.wait_until(
        lambda message: "Got it" in message.content or "nothing was started" in message.content,
    )

    if "nothing was started" in answer.content:
        await check_that_nothing_was_started(town)
    else:
        await town.result()
        assert town.suno.submits == 1


async def test_a_command_whose_acknowledgement_never_arrived_starts_nothing(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, QUICK, DiscordOptions()) as town:
        await town.start(lease_seconds=30)
        town.discord.troubles.add("POST", CALLBACK, TroubleKind.ABORT_BEFORE, times=1000)

        invocation = await town.extend()
        await invocation.failed()

        await check_that_nothing_was_started(town)


async def no_clear_answer(town: Town) -> None:
    """From the next acknowledgement on: it arrives, and every connection is lost before Discord can say so."""
    arrived = town.discord.troubles.add("POST", CALLBACK, TroubleKind.ABORT_AFTER)
    await arrived.reached()
    town.discord.troubles.add("POST", CALLBACK, TroubleKind.ABORT_BEFORE, times=1000)


async def test_an_unclear_acknowledgement_is_reported_once_nothing_can_start_any_more(
    patient_town: Town,
) -> None:
    town = patient_town
    await town.start()

    _, invocation = await asyncio.gather(no_clear_answer(town), town.extend())
    answer = await invocation.response()

    assert answer.content == NOTHING_STARTED
    await check_that_nothing_was_started(town)


async def test_other_commands_report_an_unclear_acknowledgement_too(patient_town: Town) -> None:
    town = patient_town
    await town.start()

    _, invocation = await asyncio.gather(no_clear_answer(town), town.mia.command(town.songs, "quota"))
    answer = await invocation.response()

    assert answer.content == NOTHING_STARTED
