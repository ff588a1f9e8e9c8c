"""`Whole song` below a result: joined, posted, and what is said where that cannot be."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.audio.process import AudioProcess
from bot.domain.jobs import JobState
from bot.fault_points import hold
from bot.sandbox.discord import Invocation, Member, Message
from tests.end_to_end.town import Town

pytestmark = pytest.mark.either_way

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


async def a_result(town: Town, **options: object) -> Message:
    """Mia's result in #songs, whose takes don't contain the original: they are silent."""
    await town.start()
    await town.extend(**{"style": "folk", "title": "Boats", "prompt": "la la", "continue_at": "0:06", **options})
    return await town.result()


def songs(town: Town) -> list[Message]:
    return [message for message in town.songs.messages if "the whole song" in message.content]


async def whole_song(town: Town, number: int = 1) -> Message:
    """The n-th whole song in #songs."""
    await town.songs.wait_until(lambda _: len(songs(town)) >= number)
    return songs(town)[number - 1]


async def press(town: Town, message: Message, button: str = "Whole song", *, by: Member | None = None) -> Invocation:
    return await (by or town.mia).click(message, button)


async def said(click: Invocation, words: str) -> str:
    """The answer to a click, once it has these words."""
    return (await click.wait_until(lambda answer: words in answer.content)).content


async def length_of(message: Message, folder: Path) -> float:
    (file,) = message.attachments
    path = folder / file.filename
    path.write_bytes(file.data)
    return (await AudioProcess().probe(path)).length_seconds


async def take_seconds(town: Town) -> float:
    job = await town.job_in(JobState.DELIVERED)
    return job.tracks[0].length_seconds or 0


async def extended(town: Town, result: Message) -> Message:
    """The result of continuing its first take from 0:01."""
    form = await (await press(town, result, "Extend 1")).opened_modal()
    await town.mia.submit_modal(form, {"Where to continue": "0:01"})
    return await town.result(2)


async def test_the_original_and_a_take_become_one_file(town: Town, tmp_path: Path) -> None:
    result = await a_result(town)

    click = await press(town, result)
    song = await whole_song(town)

    assert re.match(rf"{town.mia.mention} \*\*Boats\*\*, the whole song, 0:\d\d\. ", song.content)  # no tenths here
    assert song.reference is result
    assert [file.filename for file in song.attachments] == ["boats-whole.mp3"]
    assert await length_of(song, tmp_path) == pytest.approx(6 + await take_seconds(town), abs=0.5)
    assert str(song.id) in await said(click, "Here it is")


async def test_only_whoever_clicked_is_pinged(town: Town) -> None:
    result = await a_result(town)
    noa = town.discord.member("Noa", guild=town.guild)

    await press(town, result, by=noa)

    assert (await whole_song(town)).pinged == [noa]


async def test_a_double_click_joins_one_song(town: Town) -> None:
    result = await a_result(town)

    clicks = [await press(town, result), await press(town, result)]  # the bot may hear them in either order
    answers = [(await click.response()).content for click in clicks]
    await whole_song(town)

    assert sum("I'm already joining it" in answer or "double click" in answer for answer in answers) == 1
    assert len(songs(town)) == 1


async def test_a_chain_of_extensions_is_joined_from_the_original_on(town: Town, tmp_path: Path) -> None:
    result = await a_result(town)
    first = await take_seconds(town)
    second = await extended(town, result)

    await press(town, second)
    song = await whole_song(town)

    assert "The original and 2 takes, joined." in song.content
    assert await length_of(song, tmp_path) == pytest.approx(6 + 1 + first, abs=0.6)


async def test_more_has_it_as_flac(town: Town) -> None:
    result = await a_result(town)
    more = await (await press(town, result, "More…")).response()

    await press(town, more, "Whole song as FLAC")
    song = await whole_song(town)

    assert [file.filename for file in song.attachments] == ["boats-whole.flac"]
    assert song.attachments[0].data.startswith(b"fLaC")
    assert song.reference is result


async def test_a_result_in_a_direct_message_is_joined_there(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la", continue_at="0:06")
    await town.suno.wait_for_submit()
    town.songs.deny("SEND_MESSAGES")
    result = await town.mia.dm.wait_for(lambda message: message.attachments)

    await press(town, result)
    song = await town.mia.dm.wait_for(lambda message: "the whole song" in message.content)

    assert song.reference is result


async def test_the_whole_song_of_a_private_result_is_private(town: Town) -> None:
    await town.start()
    command = await town.extend(private=True, continue_at="0:06")
    result = await command.wait_until(lambda message: message.attachments)

    click = await press(town, result)
    answer = await click.wait_until(lambda message: message.attachments)

    assert "the whole song" in answer.content
    assert songs(town) == []


@pytest.mark.parametrize("when", ["while a whole song is joined", "after a whole song is posted"])
async def test_a_restart_in_the_middle_loses_no_click_and_posts_once(town: Town, when: str) -> None:
    result = await a_result(town)

    async with hold(when) as point:
        click = await press(town, result)
        await point.reached()
        await town.stop()
    await town.start()
    await said(click, "Here it is")

    assert len(songs(town)) == 1


async def test_the_button_works_after_a_restart(town: Town) -> None:
    result = await a_result(town)
    await town.stop()
    await town.start()

    await press(town, result)

    assert (await whole_song(town)).reference is result


async def test_an_original_that_is_gone_is_named(town: Town) -> None:
    await town.start()
    command = await town.extend(style="folk", title="Boats", prompt="la la")
    result = await town.result()
    job = await town.job_in(JobState.DELIVERED)
    town.discord.vanish(command)
    async with town.app.storage.transaction() as work:
        await work.jobs.save(replace(job, source_url=""))  # the provider keeps its copy for three days

    words = await said(await press(town, result), "any more")

    assert words == "I can't find the piece that “Boats” continues any more."


async def lose_the_provider_s_takes(town: Town) -> None:
    """As after 14 days."""
    await town.job_in(JobState.DELIVERED)
    async with town.app.storage.transaction() as work:
        await work.housekeeping.erase_links(ended_after=EPOCH, ended_before=town.app.client.clock(), limit=10)
    town.suno.tasks.clear()


async def test_a_take_that_the_provider_deleted_is_read_from_its_message(town: Town) -> None:
    result = await a_result(town)
    await lose_the_provider_s_takes(town)

    await press(town, result)

    assert (await whole_song(town)).reference is result


async def test_a_take_that_is_gone_everywhere_is_named(town: Town) -> None:
    result = await a_result(town)
    second = await extended(town, result)
    town.discord.member("Max", guild=town.guild, permissions=["MANAGE_MESSAGES"]).delete_post(result)
    await lose_the_provider_s_takes(town)

    words = await said(await press(town, second), "any more")

    assert words.startswith("I can't find take 1 of “Boats” any more.")


async def test_a_result_of_an_erased_job_says_so(town: Town) -> None:
    result = await a_result(town)
    await town.job_in(JobState.DELIVERED)
    async with town.app.storage.transaction() as work:
        await work.housekeeping.remove_jobs(ended_before=town.app.client.clock(), limit=10)

    await said(await press(town, result), "don't have this job any more")
