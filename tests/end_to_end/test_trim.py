"""Audio that is longer than the model takes: refused with an offer, trimmed, and joined with the original again."""

import dataclasses
from pathlib import Path

import pytest

from bot.audio.process import AudioProcess
from bot.domain.jobs import JobState
from bot.sandbox.discord import Message, Upload
from bot.sandbox.suno import SunoOptions
from tests.end_to_end.town import WITH_SOUND, Town
from tests.support.music import phrases, write

pytestmark = pytest.mark.either_way

WISHES = {"style": "folk", "title": "Tide", "prompt": "la la", "model": "V4_5ALL"}  # takes a minute


@pytest.fixture
def suno() -> SunoOptions:
    """Its tracks contain what was sent."""
    return dataclasses.replace(WITH_SOUND, continuation_seconds=4)


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute and a half, in phrases of six seconds."""
    samples, _ = phrases([6.0] * 15)
    return write(tmp_path_factory.mktemp("piece") / "tide.wav", samples)


async def offered(town: Town, piece: Path, **options: object) -> Message:
    command = await town.extend(**{**WISHES, "audio": Upload(piece), **options})
    return await command.wait_until(lambda message: message.components)


def labels(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


def field(message: Message, name: str) -> str:
    return next(str(each["value"]) for each in message.embeds[0]["fields"] if each["name"] == name)


async def test_audio_that_is_too_long_is_trimmed_before_the_moment(town: Town, piece: Path) -> None:
    await town.start()

    offer = await offered(town, piece, continue_at="1:20")
    click = await town.mia.click(offer, "Trim it")
    answer = await click.wait_until(lambda message: "Got it" in message.content)
    result = await town.result()

    assert "V4_5ALL takes at most 1:00" in offer.content
    assert labels(offer) == ["Fix", "Trim it"]
    job = await town.job_in(JobState.DELIVERED)
    assert job.source.length_seconds <= 60
    assert job.request.source_began_at >= 21
    assert job.continues_from == pytest.approx(80, abs=0.02)
    assert field(result, "Continues from") == "1 minute 20 seconds"
    assert "Your audio is longer than V4_5ALL takes, so I used the part from 0:2" in answer.content


async def test_the_whole_song_of_a_trimmed_source_begins_with_the_original(
    town: Town, piece: Path, tmp_path: Path
) -> None:
    await town.start()
    await town.mia.click(await offered(town, piece, continue_at="1:20"), "Trim it")
    result = await town.result()

    await town.mia.click(result, "Whole song")
    song = await town.songs.wait_for(lambda message: "the whole song" in message.content)

    path = tmp_path / "song.mp3"
    path.write_bytes(song.attachments[0].data)
    assert (await AudioProcess().probe(path)).length_seconds == pytest.approx(80 + 4, abs=0.5)


async def test_a_picked_moment_needs_no_further_offer(town: Town, piece: Path) -> None:
    await town.start()

    shown = await offered(town, piece, continue_at="pick")
    await town.mia.click(shown, "The end")

    assert "V4_5ALL takes at most 1:00, so I'll keep as much as fits" in shown.content
    await town.result()
    job = await town.job_in(JobState.DELIVERED)
    assert job.continues_from == pytest.approx(15 * 6.25 - 1, abs=0.1)


async def test_the_offer_stands_after_a_restart(town: Town, piece: Path) -> None:
    await town.start()
    offer = await offered(town, piece, continue_at="1:20")
    await town.stop()
    await town.start()

    await town.mia.click(offer, "Trim it")

    await town.result()
    assert (await town.job()).request.trim


async def test_the_picture_of_a_trimmed_source_shows_the_whole_piece_in_its_own_time(town: Town, piece: Path) -> None:
    await town.start(join_preview=True)
    await town.mia.click(await offered(town, piece, continue_at="1:20"), "Trim it")

    result = await town.result()

    picture = next(file for file in result.now.attachments if file.filename == "whole-piece.png")
    assert "1 minute 24 seconds long" in (picture.description or "")
    assert "The continuation begins at 1 minute 20 seconds" in (picture.description or "")
