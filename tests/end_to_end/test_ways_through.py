"""One test for each way through, with the real client over sockets."""

import re
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.audio.process import AudioProcess
from bot.domain.jobs import JobState
from bot.sandbox.discord import TroubleKind, Upload
from bot.sandbox.sounds import compose
from cogs.extend import ExtendCog
from tests.end_to_end.town import QUICK, Town, a_town, eventually

TESTED_ELSEWHERE = {"audio", "url", "track", "instrumental", "private"}


async def test_an_attachment_is_continued(town: Town, tmp_path: Path) -> None:
    await town.start()

    invocation = await town.extend(continue_at="0:05")
    answer = await invocation.response()
    result = await town.result()

    assert answer.is_ephemeral
    assert answer.content == "Got it. I'll post here and ping you."
    assert result.reference is town.progress()
    assert town.mia in result.pinged
    assert [file.filename for file in result.attachments] == ["paper-boats-1.mp3", "paper-boats-2.mp3"]
    arrived = tmp_path / "arrived.mp3"
    arrived.write_bytes(result.attachments[0].data)
    properties = await AudioProcess().probe(arrived)
    assert properties.length_seconds == pytest.approx(5 + QUICK.continuation_seconds, abs=0.2)


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
        await town.songs.wait_for(lambda message: "here it is" in message.content, timeout=30)

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


async def test_an_earlier_track_is_suggested_and_continued_with_its_own_model(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la", model="V4_5")
    await town.result()
    await town.job_in(JobState.DELIVERED)

    choices = await town.mia.autocomplete(town.songs, "extend", focused="track", value="boa")
    models = await town.mia.autocomplete(town.songs, "extend", focused="model", value="", track=choices[0].value)
    await town.extend(track=choices[0].value)
    await town.result(2)

    assert re.fullmatch(r"Boats · take 1 · 0:\d\d · \d{1,2} \w{3}", choices[0].name)
    assert re.fullmatch(r"Boats · take 2 · 0:\d\d · \d{1,2} \w{3}", choices[1].name)
    assert [model.value for model in models] == ["V4_5"]
    assert (await town.job()).request.model == "V4_5"


async def test_custom_with_vocals_sends_every_option(town: Town) -> None:
    options = {
        "style": "dream pop",
        "title": "Paper Boats",
        "prompt": "[Verse] la la",
        "model": "V5",
        "vocal_gender": "f",
        "exclude": "metal",
        "style_weight": 0.65,
        "weirdness": 0.3,
        "audio_weight": 0.7,
        "continue_at": "4.5",
    }
    assert options.keys() | TESTED_ELSEWHERE == {parameter.name for parameter in ExtendCog.extend.parameters}
    await town.start()

    await town.extend(**options)
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


async def sent(town: Town, **options: object) -> dict[str, object]:
    """What reaches the music service from one `/extend`, without addresses."""
    await town.extend(**options)
    await town.suno.wait_for_submit()
    body = next(request.json for request in town.suno.requests if request.path.endswith("/upload-extend"))
    assert body is not None
    return {name: value for name, value in body.items() if name not in {"uploadUrl", "callBackUrl"}}


async def test_a_custom_instrumental_sends_neither_words_nor_voice(town: Town) -> None:
    await town.start()

    body = await sent(
        town, instrumental=True, style="ambient", title="Harbour", prompt="la la", vocal_gender="f", continue_at="0:02"
    )

    assert body == {
        "defaultParamFlag": True,
        "instrumental": True,
        "style": "ambient",
        "title": "Harbour",
        "model": "V5",
        "continueAt": 2.0,
    }


async def test_instrumental_alone_takes_everything_from_the_source_without_singing(town: Town) -> None:
    await town.start()

    assert await sent(town, instrumental=True) == {
        "defaultParamFlag": False,
        "instrumental": True,
        "model": "V5",
        "continueAt": 7.0,
    }
    assert len((await town.result()).attachments) == 2


async def test_an_idea_for_an_instrumental_is_sent(town: Town) -> None:
    await town.start()

    assert await sent(town, instrumental=True, prompt="slower, with strings") == {
        "defaultParamFlag": False,
        "instrumental": True,
        "prompt": "slower, with strings",
        "model": "V5",
        "continueAt": 7.0,
    }


async def test_default_mode_takes_everything_from_the_source(town: Town) -> None:
    await town.start()

    assert await sent(town, prompt="more of it") == {
        "defaultParamFlag": False,
        "instrumental": False,
        "prompt": "more of it",
        "model": "V5",
        "continueAt": 7.0,
    }


async def test_natural_input_is_understood(town: Town) -> None:
    await town.start()

    body = await sent(
        town,
        style="folk",
        title="Boats",
        prompt="la la",
        vocal_gender="Female",
        model="v4.5 plus",
        continue_at="3 sec",
        exclude="x" * 300,
    )

    assert body == {
        "defaultParamFlag": True,
        "instrumental": False,
        "style": "folk",
        "title": "Boats",
        "prompt": "la la",
        "vocalGender": "f",
        "negativeTags": "x" * 300,
        "model": "V4_5PLUS",
        "continueAt": 3.0,
    }


@pytest.mark.parametrize(("continue_at", "second"), [("0.5", 1.0), ("0:07.7", 7.7), ("end", 7.0)])
async def test_any_moment_inside_the_audio_is_accepted(town: Town, continue_at: str, second: float) -> None:
    await town.start()

    assert (await sent(town, continue_at=continue_at))["continueAt"] == second


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
    await invocation.wait_until(lambda message: message.attachments, timeout=30)
    assert town.songs.messages == []


async def test_the_oldest_model_can_be_chosen_and_is_suggested(town: Town) -> None:
    await town.start()

    models = await town.mia.autocomplete(town.songs, "extend", focused="model", value="3.5")
    body = await sent(town, model=models[0].value)

    assert [model.value for model in models] == ["V3_5"]
    assert body["model"] == "V3_5"


async def test_the_operators_models_are_suggested_and_the_operators_default_is_sent(town: Town) -> None:
    await town.start(models=("V4", "V5_5"), default_model="V4")

    models = await town.mia.autocomplete(town.songs, "extend", focused="model")
    body = await sent(town)

    assert [model.name for model in models] == ["V4 (default, audio up to 8:00)", "V5_5 (audio up to 8:00)"]
    assert body["model"] == "V4"


async def test_a_track_made_with_a_retired_model_is_continued_with_it(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la", model="V3_5")
    await town.result()
    await town.job_in(JobState.DELIVERED)
    await town.stop()

    await town.start(models=("V5",))
    models = await town.mia.autocomplete(town.songs, "extend", focused="model", track="Boats")
    await town.extend(track="Boats")
    await town.result(2)

    assert [model.value for model in models] == ["V3_5"]
    assert (await town.job()).request.model == "V3_5"


async def test_a_long_title_is_cut_so_that_the_rest_of_the_suggestion_shows(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="La " * 32 + "end", prompt="la la", model="V5")
    await town.result()
    await town.job_in(JobState.DELIVERED)

    choices = await town.mia.autocomplete(town.songs, "extend", focused="track")

    assert len(choices[1].name) == 100
    assert re.fullmatch(r"(La ?)+… · take 2 · 0:\d\d · \d{1,2} \w{3}", choices[1].name)


async def test_a_track_is_found_by_its_title_and_the_member_reads_which_take_it_is(town: Town) -> None:
    await town.start()
    for number in (1, 2):
        await town.extend(style="folk", title="Paper Boats", prompt="la la")
        await town.result(number)
        newest = await town.job_in(JobState.DELIVERED)

    invocation = await town.extend(track="paper boats")
    first = await invocation.wait_until(lambda message: "Got it" in message.content)
    await town.result(3)
    continued = await town.job_in(JobState.DELIVERED)

    assert "“Paper Boats” has 2 takes, and I chose the first." in first.content
    assert "`Paper Boats take 2`" in first.content
    assert continued.source_name == "Paper Boats"
    assert continued.source.length_seconds == pytest.approx(newest.tracks[0].length_seconds, abs=0.2)


async def test_without_a_public_address_results_are_polled(town: Town) -> None:
    await town.start(public_url="", poll_every_seconds=0.1)

    await town.extend()
    result = await town.result()

    assert len(result.attachments) == 2
    assert all(callback.status != 200 for callback in town.suno.callbacks_sent)


async def test_only_the_member_sees_a_private_result(town: Town) -> None:
    await town.start()

    invocation = await town.extend(private=True)
    answer = await invocation.wait_until(lambda message: message.attachments, timeout=30)

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
    message = await slow_town.mia.dm.wait_for(lambda message: message.attachments, timeout=30)

    assert slow_town.mia in message.pinged
    assert message.content.startswith("A private answer can only be changed for 15 minutes, so here is your music.")
    assert slow_town.songs.messages == []


async def test_quota_jobs_and_cancel_show_members_only_their_own_things(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, credits=0)) as town:
        await town.start()
        await town.extend(title="Boats", style="folk", prompt="la")
        await town.songs.wait_for(lambda message: "Boats" in message.content)
        await town.job_in(JobState.ACCEPTED)

        quota = await (await town.mia.command(town.songs, "quota")).response()
        jobs = await (await town.mia.command(town.songs, "jobs")).response()
        assert "9 of 10 left today · 0 used · 1 in progress" in quota.content
        assert "**Boats**: waiting, number 1 in line" in jobs.content

        async def back_in_the_queue() -> bool:
            return (await town.job()).state is JobState.ACCEPTED and (await town.job()).attempts > 0

        await eventually(back_in_the_queue)
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
