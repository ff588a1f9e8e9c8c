"""Takes that contain the original, as the provider's usually do, beside takes that don't."""

from pathlib import Path

import pytest

from bot.audio.process import AudioProcess
from bot.sandbox.discord import Upload
from bot.sandbox.suno import SunoOptions
from tests.end_to_end.town import WITH_SOUND, Town


@pytest.fixture
def suno() -> SunoOptions:
    return WITH_SOUND


async def test_a_take_that_is_the_whole_song_already_is_not_joined_again(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la", continue_at="0:06")
    result = await town.result()
    vote = await town.mia.click(result, "Take 2 · 0")
    await vote.wait_until(lambda message: "You voted" in message.content)

    click = await town.mia.click(result, "Whole song")
    answer = await click.wait_until(lambda message: "already contains" in message.content)

    assert answer.content.startswith("Take 2 of “Boats” already contains the whole song from its beginning")
    assert len(town.songs.messages) == 2


async def test_takes_of_new_music_alone_are_joined(town: Town, tmp_path: Path) -> None:
    await town.start()
    town.suno.next_submit("new-alone")
    await town.extend(style="folk", title="Boats", prompt="la la", continue_at="0:04")
    result = await town.result()

    click = await town.mia.click(result, "Whole song")
    await click.wait_until(lambda message: "Here it is" in message.content, timeout=30)

    song = next(message for message in town.songs.messages if "the whole song" in message.content)
    path = tmp_path / "whole.mp3"
    path.write_bytes(song.attachments[0].data)
    assert (await AudioProcess().probe(path)).length_seconds == pytest.approx(
        4 + WITH_SOUND.continuation_seconds, abs=0.5
    )


async def test_a_relay_ends_with_a_take_that_is_the_whole_song_already(town: Town) -> None:
    await town.start()
    thread = town.songs.thread("relay")
    form = await (await town.mia.command(thread, "relay start", audio=Upload(town.source))).opened_modal()
    await town.mia.submit_modal(form, {})
    await thread.wait_for(lambda message: "turn 1" in message.content)

    await town.mia.command(thread, "relay finish")
    song = await thread.wait_for(lambda message: "the whole song" in message.content)

    assert f"Made by {town.mia.mention}." in song.content
    assert len(song.attachments) == 1
