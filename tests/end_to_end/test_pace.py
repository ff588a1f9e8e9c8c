"""The provider's real rate, an empty account, and whose turn it is."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.domain.pace import REQUESTS_PER_WINDOW, WINDOW_SECONDS
from bot.parts import pipeline
from bot.sandbox.discord import DiscordOptions, RateLimit, Upload
from tests.end_to_end.town import QUICK, Town, a_town, eventually

AT_THE_REAL_RATE = dataclasses.replace(
    QUICK, manual=True, rate_limit=REQUESTS_PER_WINDOW, rate_window_seconds=WINDOW_SECONDS
)


async def test_never_more_than_twenty_in_ten_seconds_even_across_a_restart(tmp_path: Path, source: Path) -> None:
    """The stand-in refuses early submissions, like the provider; here none is refused."""
    more = 3
    async with a_town(tmp_path, source, AT_THE_REAL_RATE) as town:
        town.settings = replace(town.settings, quota_per_day=100)
        await town.start()
        for _ in range(REQUESTS_PER_WINDOW + more):
            await town.extend()
        await town.suno.wait_for_submit(REQUESTS_PER_WINDOW, timeout_seconds=30)
        await town.stop()
        await town.start()
        await town.suno.wait_for_submit(REQUESTS_PER_WINDOW + more, timeout_seconds=30)

        submissions = [request for request in town.suno.requests if request.path.endswith("upload-extend")]
        assert len(submissions) == REQUESTS_PER_WINDOW + more  # none was refused or repeated
        started_at = [task.accepted_at for task in town.suno.tasks.values()]
        assert all(late - early > WINDOW_SECONDS for early, late in zip(started_at, started_at[20:], strict=False))


async def test_the_operator_hears_once_of_an_empty_account_and_work_resumes_when_it_is_filled(
    tmp_path: Path, source: Path
) -> None:
    async with a_town(tmp_path, source, dataclasses.replace(QUICK, credits=0)) as town:
        operator = town.discord.owner
        await town.start(poll_every_seconds=0.3)
        for title in ("one", "two", "three"):
            await town.extend(style="folk", title=title, prompt="la")
        first = await operator.dm.wait_for(lambda message: "out of credits" in message.content)
        progress = await town.songs.wait_for(lambda message: "run out of credits" in message.content)
        await town.stop()
        await town.start(poll_every_seconds=0.3)
        town.suno.credits = 1000
        await town.result(3)
        await operator.dm.wait_for(lambda message: "has credits again" in message.content)

        assert len(operator.dms) == 2
        assert first.pinged == [operator]
        assert progress is not None
        assert town.suno.submits == 3


async def test_a_member_with_many_jobs_does_not_hold_up_another_who_sees_their_place(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time: of two that are sent at the same moment, either may arrive first."""
    monkeypatch.setattr(pipeline, "SUBMITTERS", 1)
    async with a_town(tmp_path, source, dataclasses.replace(QUICK, credits=0)) as town:
        await town.start(poll_every_seconds=0.3)
        ben = town.discord.member("Ben", guild=town.guild)
        for number in range(6):
            invocation = await town.extend(style="folk", title=f"Mia {number}", prompt="la")
            await invocation.wait_until(lambda message: "Got it" in message.content, timeout=20)
        late = await ben.command(town.songs, "extend", audio=Upload(source), style="folk", title="Ben", prompt="la")
        await late.wait_until(lambda message: "Got it" in message.content, timeout=20)
        await town.songs.wait_for(lambda message: "**Ben**" in message.content and "2nd or 3rd" in message.content)
        town.suno.credits = 1000
        await town.result(7)

        titles = [task.request["title"] for task in town.suno.tasks.values()]
        assert titles.index("Ben") == 1
        assert [title for title in titles if title != "Ben"] == [f"Mia {number}" for number in range(6)]


async def test_a_key_that_is_refused_is_told_to_the_member_and_to_the_operator_once(town: Town) -> None:
    operator = town.discord.owner
    await town.start(suno_api_key="no-longer-valid-key")
    for _ in range(2):
        answer = await (await town.extend()).wait_until(lambda message: "key" in message.content, timeout=20)
        assert answer.is_ephemeral

    async def put_away() -> bool:
        return await town.app.storage.reading.intakes.next_due() is None

    await eventually(put_away)  # otherwise a restart would continue with it
    await town.stop()
    await town.start()
    await town.extend()
    await town.result()
    await town.job_in(JobState.DELIVERED)

    assert ["SUNO_API_KEY" in message.content for message in operator.dms] == [True, False]
    assert (await town.balance()).left == 9


MESSAGES = "/channels/{channel_id}/messages"


@pytest.mark.parametrize("shared", [True, False])
async def test_twelve_results_at_once_are_posted_before_any_edits_with_hardly_a_refusal(
    tmp_path: Path, source: Path, shared: bool
) -> None:
    """Whether a channel's posts and edits share five requests per window or have five each."""
    five = RateLimit(5, 1.5)
    discord = DiscordOptions(
        rate_limits={("POST", MESSAGES): five, ("PATCH", f"{MESSAGES}/{{message_id}}"): five},
        shared_channel_bucket=shared,
    )
    async with a_town(tmp_path, source, dataclasses.replace(QUICK, manual=True), discord) as town:
        town.settings = replace(town.settings, quota_per_day=100)
        await town.start(progress_every_seconds=1.0, lease_seconds=30.0, open_commands_per_member=100)
        for number in range(12):
            await town.extend(style="folk", title=f"Boats {number}", prompt="la")
        await town.suno.wait_for_submit(12, timeout_seconds=60)
        await town.songs.wait_until(lambda here: len(here.messages) == 12, timeout=60)
        before = len(town.discord.requests)

        await asyncio.gather(*(town.suno.finish(task_id) for task_id in town.suno.tasks))
        await town.result(12)

        made = list(town.discord.requests)[before:]
        assert sum(request.status == 429 for request in made) <= 1
        posts = [number for number, request in enumerate(made) if request.method == "POST" and request.files]
        between = [request for request in made[posts[0] : posts[-1]] if request.method == "PATCH"]
        assert len(posts) == 12
        assert len(between) <= 1
        await town.songs.wait_until(
            lambda here: sum("here it is" in message.content for message in here.messages) == 12, timeout=60
        )
        assert sum(request.status == 429 for request in town.discord.requests) <= 1
