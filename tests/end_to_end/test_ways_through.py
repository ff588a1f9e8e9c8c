"""One test for each way through, with the real client over sockets."""

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.audio.process import AudioProcess
from bot.domain.jobs import JobState
from bot.sandbox.discord import Upload
from bot.sandbox.sounds import compose
from tests.end_to_end.town import QUICK, Town, a_town, eventually


async def test_an_attachment_comes_back_continued(town: Town, tmp_path: Path) -> None:
    await town.start()

    invocation = await town.extend(continue_at="0:05")
    answer = await invocation.response()
    result = await town.result()

    assert answer.is_ephemeral
    assert "Accepted as job" in answer.content
    assert result.reference is town.progress()
    assert town.mia in result.pinged
    assert [file.filename for file in result.attachments] == ["paper-boats-1.mp3", "paper-boats-2.mp3"]
    arrived = tmp_path / "arrived.mp3"
    arrived.write_bytes(result.attachments[0].data)
    facts = await AudioProcess().probe(arrived)
    assert facts.length_seconds == pytest.approx(5 + QUICK.continuation_seconds, abs=0.2)


async def test_the_source_reaches_the_provider_byte_for_byte(town: Town) -> None:
    await town.start()

    await town.extend()
    await town.suno.wait_for_submit()

    task = next(iter(town.suno.tasks.values()))
    async with aiohttp.ClientSession() as session, session.get(str(task.request["uploadUrl"])) as answer:
        assert await answer.read() == town.source.read_bytes()


async def test_progress_is_told_stage_by_stage_in_one_message(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, manual=True)) as town:
        await town.start()
        await town.extend()
        progress = await town.songs.wait_for(lambda message: "The music service has begun" in message.content)
        task_id = next(iter(town.suno.tasks))

        await town.suno.finish(task_id, "text")
        await town.songs.wait_for(lambda message: "lyrics are written" in message.content)
        stream = progress.components[0]["components"][0]
        await town.suno.finish(task_id, "first")
        await town.songs.wait_for(lambda message: "first track is ready" in message.content)
        await town.suno.finish(task_id, "complete")
        await town.songs.wait_for(lambda message: "Done" in message.content, timeout=30)

        shown = [version.content for version in progress.versions]
        assert all("from 0:07 on, with V5" in content for content in shown)
        assert len(set(shown)) == len(shown)
        assert stream["label"] == "Listen while it is made"
        assert [message for message in town.songs.messages if not message.embeds] == [progress]


async def test_a_link_is_fetched_and_continued(town: Town) -> None:
    await town.start()
    posted = town.mia.post(town.songs, "my song", Upload(town.source))
    url = posted.attachments[0].url

    await town.extend(url=url)

    assert len((await town.result()).attachments) == 2


async def test_an_earlier_track_is_suggested_and_continued_with_its_own_model(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la", model="V4_5")
    await town.result()
    await town.job_in(JobState.DELIVERED)

    choices = await town.mia.autocomplete(town.songs, "extend", focused="track", value="boa")
    models = await town.mia.autocomplete(town.songs, "extend", focused="model", value="", track=choices[0].value)
    await town.extend(track=choices[0].value)
    await town.result(2)

    assert "Boats" in choices[0].name
    assert [model.value for model in models] == ["V4_5"]
    assert (await town.job()).request.model == "V4_5"


async def test_custom_with_vocals_sends_every_option(town: Town) -> None:
    await town.start()

    await town.extend(
        style="dream pop",
        title="Paper Boats",
        prompt="[Verse] la la",
        model="V5",
        vocal_gender="f",
        exclude="metal",
        style_weight=0.65,
        weirdness=0.3,
        audio_weight=0.7,
        continue_at="4.5",
    )
    result = await town.result()

    sent = next(request.json for request in town.suno.requests if request.path.endswith("/upload-extend"))
    assert sent is not None
    assert {name: sent[name] for name in sent.keys() - {"uploadUrl", "callBackUrl"}} == {
        "defaultParamFlag": True,
        "instrumental": False,
        "style": "dream pop",
        "title": "Paper Boats",
        "prompt": "[Verse] la la",
        "model": "V5",
        "vocalGender": "f",
        "negativeTags": "metal",
        "styleWeight": 0.65,
        "weirdnessConstraint": 0.3,
        "audioWeight": 0.7,
        "continueAt": 4.5,
    }
    assert result.embeds[0]["title"] == "Paper Boats"
    assert result.attachments[0].filename == "paper-boats-1.mp3"


async def test_an_instrumental_sends_neither_words_nor_voice(town: Town) -> None:
    await town.start()

    await town.extend(instrumental=True, style="ambient", title="Harbour")
    await town.result()

    sent = next(request.json for request in town.suno.requests if request.path.endswith("/upload-extend"))
    assert sent is not None
    assert (sent["defaultParamFlag"], sent["instrumental"]) == (True, True)
    assert not {"prompt", "vocalGender"} & sent.keys()


async def test_the_default_mode_takes_everything_from_the_source(town: Town) -> None:
    await town.start()

    await town.extend(prompt="more of it")
    await town.result()

    sent = next(request.json for request in town.suno.requests if request.path.endswith("/upload-extend"))
    assert sent is not None
    assert (sent["defaultParamFlag"], sent["prompt"], sent["continueAt"]) == (False, "more of it", 7.0)


async def test_without_a_public_address_results_are_polled(town: Town) -> None:
    await town.start(public_url="", poll_every_seconds=0.1)

    await town.extend()
    result = await town.result()

    assert len(result.attachments) == 2
    assert all(callback.status != 200 for callback in town.suno.callbacks_sent)


async def test_a_private_result_is_seen_by_the_member_alone(town: Town) -> None:
    await town.start()

    invocation = await town.extend(private=True)
    answer = await invocation.wait_until(lambda message: message.attachments, timeout=30)

    assert answer.is_ephemeral
    assert town.songs.messages == []
    assert len(answer.attachments) == 2


async def test_a_private_result_comes_by_direct_message_when_the_answers_time_is_over(slow_town: Town) -> None:
    await slow_town.start()
    await slow_town.extend(private=True)
    await slow_town.job_in(JobState.RUNNING)
    await slow_town.stop()

    await slow_town.start(interaction_seconds=0.0)
    await slow_town.suno.finish(next(iter(slow_town.suno.tasks)))
    message = await slow_town.mia.dm.wait_for(lambda message: message.attachments, timeout=30)

    assert slow_town.mia in message.pinged
    assert slow_town.songs.messages == []


async def test_quota_jobs_and_cancel_tell_a_member_their_own_things(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, credits=0)) as town:
        await town.start()
        await town.extend(title="Boats", style="folk", prompt="la")
        await town.songs.wait_for(lambda message: "Boats" in message.content)
        job = await town.job_in(JobState.ACCEPTED)

        quota = await (await town.mia.command(town.songs, "quota")).response()
        jobs = await (await town.mia.command(town.songs, "jobs")).response()
        assert "9 of 10 left today · 0 used · 1 on the way" in quota.content
        assert "**Boats**: waiting" in jobs.content

        async def back_in_the_queue() -> bool:
            return (await town.job()).state is JobState.ACCEPTED and (await town.job()).attempts > 0

        await eventually(back_in_the_queue)
        choices = await town.mia.autocomplete(town.songs, "cancel", focused="job", value="boats")
        cancelled = await (await town.mia.command(town.songs, "cancel", job=choices[0].value)).response()
        assert f"Job `{job.short_id}` is cancelled" in cancelled.content
        assert (await town.balance()).left == 10
        await town.songs.wait_for(lambda message: "Cancelled" in message.content)


async def test_a_long_text_of_lyrics_is_attached_whole(town: Town) -> None:
    await town.start()
    lyrics = "\n".join(f"line {number} of a long song" for number in range(100))

    await town.extend(style="folk", title="Long", prompt=lyrics)
    result = await town.result()

    assert result.attachments[-1].filename == "long.txt"
    assert result.attachments[-1].data.decode() == lyrics


async def test_the_shortest_and_oddest_formats_find_their_way(town: Town, tmp_path: Path) -> None:
    await town.start(quota_per_day=20)
    for number, suffix in enumerate(("wav", "flac", "ogg", "opus", "m4a", "webm", "mp4"), 1):
        piece = tmp_path / f"piece.{suffix}"
        compose(piece, seconds=3)
        await town.extend(audio=Upload(piece))
        assert len((await town.result(number)).attachments) == 2
