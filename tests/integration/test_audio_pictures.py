"""Pictures of pieces, drawn in the real audio process."""

import asyncio
import struct
from pathlib import Path

import pytest

from bot.audio.process import PICTURE_MAX_BYTES, AudioProcess
from bot.audio.questions import Limits
from bot.errors import BadSource, NotAudio, SourceEmpty, SourceTooCostly
from bot.sandbox.sounds import compose
from bot.services.common.studio import Studio
from tests.support.music import phrases, write


@pytest.fixture
def audio() -> Studio:
    return AudioProcess()


def size_of(png: Path) -> tuple[int, int]:
    data = png.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".webm", ".mp4"])
async def test_every_format_can_be_drawn(suffix: str, audio: Studio, tmp_path: Path) -> None:
    compose(tmp_path / f"piece{suffix}", seconds=6.0)

    outline = await audio.draw(tmp_path / f"piece{suffix}", tmp_path / "piece.png")

    assert outline.length_seconds == pytest.approx(6.0, abs=0.15)
    assert size_of(tmp_path / "piece.png")[0] == 1200
    assert (tmp_path / "piece.png").stat().st_size < PICTURE_MAX_BYTES


async def test_the_phrase_ends_of_a_piece_are_its_points(audio: Studio, tmp_path: Path) -> None:
    samples, ends = phrases([5.0, 6.0, 7.0])

    outline = await audio.draw(write(tmp_path / "piece.wav", samples), tmp_path / "piece.png")

    assert outline.points == pytest.approx(ends, abs=0.05)
    assert outline.parts[0].begins_at == 0.0
    assert outline.seam is None


async def test_a_picture_with_a_seam_has_no_points(audio: Studio, tmp_path: Path) -> None:
    samples, _ = phrases([5.0, 6.0, 7.0])
    path = write(tmp_path / "piece.wav", samples)

    outline = await audio.draw(path, tmp_path / "piece.png", seam=5.25)

    assert (outline.seam, outline.points) == (5.25, ())


@pytest.mark.parametrize(
    ("content", "error"), [(b"", BadSource), (b"no music" * 1000, NotAudio), (b"RIFF\x00\x00\x00\x00WAVE", BadSource)]
)
async def test_a_file_that_cannot_be_drawn_says_why_and_leaves_nothing(
    content: bytes, error: type[BadSource], audio: Studio, tmp_path: Path
) -> None:
    (tmp_path / "piece.mp3").write_bytes(content)

    with pytest.raises(error):
        await audio.draw(tmp_path / "piece.mp3", tmp_path / "piece.png")

    assert not (tmp_path / "piece.png").exists()


async def test_a_file_without_a_sound_is_empty(audio: Studio, tmp_path: Path) -> None:
    (tmp_path / "piece.mp3").write_bytes(b"")

    with pytest.raises(SourceEmpty):
        await audio.draw(tmp_path / "piece.mp3", tmp_path / "piece.png")


async def test_drawing_has_its_limits(tmp_path: Path) -> None:
    compose(tmp_path / "piece.mp3", seconds=1.0)
    audio = AudioProcess(studio_limits=Limits(cpu_seconds=0))

    with pytest.raises(SourceTooCostly, match="CPU"):
        await audio.draw(tmp_path / "piece.mp3", tmp_path / "piece.png")

    assert not (tmp_path / "piece.png").exists()


async def test_a_cancelled_picture_leaves_nothing_behind(audio: Studio, tmp_path: Path) -> None:
    compose(tmp_path / "piece.mp3", seconds=30.0)
    before = set(tmp_path.iterdir())

    task = asyncio.create_task(audio.draw(tmp_path / "piece.mp3", tmp_path / "piece.png"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert set(tmp_path.iterdir()) == before
