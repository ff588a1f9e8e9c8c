"""As many results at once as the provider can start: none lost, none doubled, few in flight, memory bounded."""

from pathlib import Path

from bot.domain.pace import REQUESTS_PER_WINDOW
from bot.parts.pipeline import DELIVERERS
from tests.faults.burst import TRACKS, a_town_with_tracks, burst

TRACK_BYTES = 3_500_000
SHARE = 3
"""A tenth of all tracks is in flight; the bot's memory may grow by this fraction of them."""


async def test_results_that_come_all_at_once_are_each_posted_once_and_few_are_held_at_a_time(
    tmp_path: Path, source: Path
) -> None:
    async with a_town_with_tracks(tmp_path, source, track_bytes=TRACK_BYTES) as town:
        done = await burst(town, tmp_path, jobs=REQUESTS_PER_WINDOW)

    assert done.balance.jobs == REQUESTS_PER_WINDOW
    assert done.answers.statuses == [200] * REQUESTS_PER_WINDOW
    assert done.files == [TRACKS] * REQUESTS_PER_WINDOW
    assert done.balance.is_whole, done.balance
    assert done.in_flight <= DELIVERERS
    assert not done.children_ran, "a process whose memory is not counted"
    assert done.growth_bytes < REQUESTS_PER_WINDOW * TRACKS * TRACK_BYTES / SHARE
