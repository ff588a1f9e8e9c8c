"""SIGKILL at each named point: submitted at most once, posted exactly once, ledger balanced, member informed."""

from pathlib import Path

import pytest

from bot.fault_points import BESIDE_JOBS, HOLDABLE, POINTS
from tests.faults.killing import (
    UNANSWERED,
    a_town_to_kill_in,
    count,
    killed_at,
    killed_at_random,
    killed_beside_jobs,
    stopped_at,
)

EARLY = {
    "after the defer",
    "after the progress message is posted",
    "after the progress message is written down",
    "after the source upload",
    "inside the accepting transaction",
}
UNTOLD = {"inside a migration", "after the command is written down"}
IN_A_PROCESS_OF_ITS_OWN = sorted({UNANSWERED, *POINTS} - HOLDABLE)


@pytest.mark.parametrize("point", sorted({*POINTS, UNANSWERED}))
async def test_a_bot_killed_there_loses_nothing_and_doubles_nothing(point: str, tmp_path: Path, source: Path) -> None:
    async with a_town_to_kill_in(tmp_path, source) as town:
        told = await killed_at(point, town, tmp_path)
        balance = await count(town)

    assert balance.is_whole, balance
    assert balance.jobs == (0 if point == "after the command is written down" else 1)
    if point in EARLY:
        assert any("I was interrupted" in words for words in told)
    elif point not in UNTOLD:
        assert any("nothing was lost" in words or "here it is" in words for words in told)


@pytest.mark.parametrize("point", IN_A_PROCESS_OF_ITS_OWN)
async def test_a_process_stopped_there_loses_nothing_and_doubles_nothing(
    point: str, tmp_path: Path, source: Path
) -> None:
    async with a_town_to_kill_in(tmp_path, source) as town:
        await killed_at(point, town, tmp_path, stopped=True)
        balance = await count(town)

    assert balance.is_whole, balance


# `make faults` stops a process at each of these points, too; stopping a bot in this one is far quicker.
@pytest.mark.parametrize("point", sorted(POINTS & HOLDABLE))
async def test_a_bot_stopped_there_loses_nothing_and_doubles_nothing(point: str, tmp_path: Path, source: Path) -> None:
    async with a_town_to_kill_in(tmp_path, source) as town:
        await stopped_at(point, town)
        balance = await count(town)

    assert balance.is_whole, balance
    assert balance.jobs == 1


# `make faults` also stops a process there.
@pytest.mark.parametrize("point", sorted(BESIDE_JOBS))
async def test_no_lyrics_are_paid_twice_and_no_whole_song_is_posted_twice(
    point: str, tmp_path: Path, source: Path
) -> None:
    async with a_town_to_kill_in(tmp_path, source) as town:
        deeds = await killed_beside_jobs(point, town, tmp_path)
        balance = await count(town, deeds)
        posted = sum("the whole song" in message.content for message in town.songs.messages)
        ordered = len(town.suno.lyrics.tasks)

    assert balance.is_whole, balance
    assert (posted, ordered) == ((1, 0) if "song" in point else (0, int(point != "before lyrics are ordered")))


async def test_everything_adds_up_after_kills_at_random_moments_under_load(tmp_path: Path, source: Path) -> None:
    async with a_town_to_kill_in(tmp_path, source) as town:
        balance = await killed_at_random(town, tmp_path, rounds=4, seed=1)

    assert balance.is_whole, balance
    assert balance.jobs >= 1
