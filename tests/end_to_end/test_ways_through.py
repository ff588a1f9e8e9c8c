"""One test for each way through, with the real client over sockets."""

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.audio.process import AudioProcess
from bot.domain.jobs import JobState
from bot.sandbox.discord import TroubleKind, Upload
from bot.sandbox.sounds import compose
from bot.sandbox.suno import SunoOptions
from tests.end_to_end.town import QUICK, WITH_SOUND, Town, a_town, eventually


@pytest.fixture
def suno() -> SunoOptions:
    return WITH_SOUND


async def test_an_attachment_is_continued(town: Town, tmp_path: Path) -> None:
    await town.start()

    invocation = await town.extend(continue_at="0:05")
    answer = await invocation.response()
    result = await town.result()

    assert answer.is_ephemeral
    assert answer.content.splitlines()[0] == "Got it. I'll post here and ping you."
    assert result.reference is town.progress()
    assert town.mia in result.pinged
    assert [file.filename for file in result.attachments] == ["paper-boats-1.mp3", "paper-boats-2.mp3"]
    arrived = tmp_path / "arrived.mp3"
    arrived.write_bytes(result.attachments[0].data)
    properties = await AudioProcess().probe(arrived)
    assert properties.length_seconds == pytest.approx(5 + WITH_SOUND.continuation_seconds, abs=0.2)


async def test_the_source_reaches_the_provider_byte_for_byte(town: Town) -> None:
    await town.start()

    await town.extend()
    await town.suno.wait_for_submit()

    task = next(iter(town.suno.tasks.values()))
    async with aiohttp.ClientSession() as session, session.get(str(task.request["uploadUrl"])) as answer:
        assert await answer.read() == town.source.read_bytes()


async def test_progress_is_shown_stage_by_stage_in_one_message(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, manual=True)) as town:
        await town.start()
        await town.extend()
        progress = await town.songs.wait_for(lambda message: "Composing" in message.content)
        task_id = next(iter(town.suno.tasks))

        await town.suno.finish(task_id, "text")
        await town.songs.wait_for(lambda message: "lyrics are written" in message.content and message.components)
        stream = progress.components[0]["components"][0]
        await town.suno.finish(task_id, "first")
        await town.songs.wait_for(lambda message: "first track is ready" in message.content)
        await town.suno.finish(task_id, "complete")
        await town.songs.wait_for(lambda message: "here it is" in message.content)

        shown = [version.content for version in progress.versions]
        assert "Reading **paper-boats**" in shown[0]
        assert all("from 0:07 with V5" in content for content in shown[1:-1])
        edits = [(version.content, str(version.components)) for version in progress.versions]
        assert len(set(edits)) == len(edits)
        assert stream["label"] == "Listen while it's being made"
        assert [message for message in town.songs.messages if not message.embeds] == [progress]


async def test_progress_is_shown_without_its_button_if_discord_refuses_that(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, manual=True)) as town:
        await town.start()
        await town.extend()
        await town.songs.wait_for(lambda message: "Composing" in message.content)
        task_id = next(iter(town.suno.tasks))
        await town.suno.finish(task_id, "text")
        await town.songs.wait_for(lambda message: "lyrics are written" in message.content and message.components)
        town.discord.troubles.add(
            "PATCH", "/channels/*/messages/*", TroubleKind.ERROR_BEFORE, status=400, code=50035, message="Invalid URL"
        )

        await town.suno.finish(task_id, "first")

        await town.songs.wait_for(lambda message: "first track is ready" in message.content and not message.components)


async def test_a_link_is_fetched_and_continued(town: Town) -> None:
    await town.start()
    posted = town.mia.post(town.songs, "my song", Upload(town.source))
    url = posted.attachments[0].url

    await town.extend(url=url)

    assert len((await town.result()).attachments) == 2


async def test_the_acceptance_says_what_was_left_out(town: Town) -> None:
    await town.start()

    invocation = await town.extend(instrumental=True, vocal_gender="male", continue_at="0.5")
    answer = await invocation.wait_until(lambda message: "Got it" in message.content)

    assert "An instrumental has no singer, so I left out `vocal_gender`." in answer.content
    assert "The music service can't start before 0:01, so I moved `continue_at` there." in answer.content


async def test_a_private_acceptance_says_what_was_left_out_in_a_separate_message(town: Town) -> None:
    await town.start()

    invocation = await town.extend(instrumental=True, vocal_gender="male", private=True)
    remark = await invocation.followup()

    assert remark.is_ephemeral
    assert remark.content == "An instrumental has no singer, so I left out `vocal_gender`."
    await invocation.wait_until(lambda message: message.attachments)
    assert town.songs.messages == []


async def test_without_a_public_address_results_are_polled(town: Town) -> None:
    await town.start(public_url="", poll_every_seconds=0.1)

    await town.extend()
    result = await town.result()

    assert len(result.attachments) == 2
    assert all(callback.status != 200 for callback in town.suno.callbacks_sent)


async def test_only_the_member_sees_a_private_result(town: Town) -> None:
    await town.start()

    invocation = await town.extend(private=True)
    answer = await invocation.wait_until(lambda message: message.attachments)

    assert answer.is_ephemeral
    assert town.songs.messages == []
    assert len(answer.attachments) == 2


async def test_a_private_result_comes_by_direct_message_once_the_answer_is_too_old(slow_town: Town) -> None:
    await slow_town.start()
    await slow_town.extend(private=True)
    await slow_town.job_in(JobState.RUNNING)
    await slow_town.stop()

    await slow_town.start(interaction_seconds=0.0)
    await slow_town.suno.finish(next(iter(slow_town.suno.tasks)))
    message = await slow_town.mia.dm.wait_for(lambda message: message.attachments)

    assert slow_town.mia in message.pinged
    assert message.content.startswith("A private answer can only be changed for 15 minutes, so here is your music.")
    assert slow_town.songs.messages == []


async def test_quota_jobs_and_cancel_show_members_only_their_own_things(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, credits=0)) as town:
        await town.start()
        await town.extend(title="Boats", style="folk", prompt="la")
        await town.songs.wait_for(lambda message: "Boats" in message.content)

        async def back_in_the_queue() -> bool:
            return (await town.job()).state is JobState.ACCEPTED and (await town.job()).attempts > 0

        await eventually(back_in_the_queue)
        quota = await (await town.mia.command(town.songs, "quota")).response()
        jobs = await (await town.mia.command(town.songs, "jobs")).response()
        assert "9 of 10 extensions left today · 0 used · 1 in progress" in quota.content
        assert "**Boats**: waiting, number 1 in line" in jobs.content

        choices = await town.mia.autocomplete(town.songs, "cancel", focused="job", value="boats")
        cancelled = await (await town.mia.command(town.songs, "cancel", job=choices[0].value)).response()
        assert cancelled.content == "Cancelled **Boats**. This didn't use up an extension."
        assert (await town.balance()).left == 10
        await town.songs.wait_for(lambda message: "cancelled" in message.content)


async def test_long_lyrics_are_attached_whole(town: Town) -> None:
    await town.start()
    lyrics = "\n".join(f"line {number} of a long song" for number in range(100))

    await town.extend(style="folk", title="Long", prompt=lyrics)
    result = await town.result()

    assert result.attachments[-1].filename == "long.txt"
    assert result.attachments[-1].data.decode() == lyrics


async def test_the_shortest_and_oddest_files_work(town: Town, tmp_path: Path) -> None:
    await town.start(quota_per_day=20)
    for number, suffix in enumerate(("wav", "flac", "ogg", "opus", "m4a", "webm", "mp4"), 1):
        piece = tmp_path / f"piece.{suffix}"
        compose(piece, seconds=3)
        await town.extend(audio=Upload(piece))
        assert len((await town.result(number)).attachments) == 2
