"""Pictures of pieces, drawn in the real audio process."""

import asyncio
import struct
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.audio.process import PICTURE_MAX_BYTES, AudioProcess
from bot.audio.questions import Limits
from bot.domain.family_pictures import Bar, Branch
from bot.domain.jobs import JobState, Parent
from bot.domain.songs import Reader, tree_of
from bot.errors import BadSource, NotAudio, SourceEmpty, SourceTooCostly
from bot.sandbox.sounds import compose
from bot.services.common.studio import Studio
from bot.services.songs.family_pictures import FamilyPictures
from tests.support.music import phrases, write
from tests.support.storage_samples import a_job, a_track

MIA = Reader(member_id=1, guild_id=200)


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


async def test_a_family_is_drawn_without_a_file_to_read(audio: AudioProcess, tmp_path: Path) -> None:
    bars = (Bar(take=1, length_seconds=130.0), Bar(take=2, length_seconds=144.0, votes=12, is_preferred=True))
    first = Branch(number=1, depth=0, parent=None, is_root=True, take=None, moment=30.0, bars=bars)
    second = Branch(number=2, depth=1, parent=1, is_root=False, take=2, moment=65.0, bars=bars)

    await audio.draw_family([first, second], tmp_path / "family.png")

    width, height = size_of(tmp_path / "family.png")
    assert width == 1200
    assert 200 < height < 400


async def test_a_family_that_takes_too_long_leaves_no_file(tmp_path: Path) -> None:
    audio = AudioProcess(worker="tests.support.stuck_worker")
    job = replace(a_job(), state=JobState.DELIVERED, tracks=(a_track(1),))
    nodes = tree_of([job, replace(a_job(), parent=Parent(job_id=job.id, song_id=job.id))], MIA)

    async with FamilyPictures(audio, folder=tmp_path, wait_seconds=0.2).of(nodes) as picture:
        assert picture is None

    assert list(tmp_path.iterdir()) == []


async def test_one_result_alone_has_no_picture(audio: AudioProcess, tmp_path: Path) -> None:
    async with FamilyPictures(audio, folder=tmp_path).of(tree_of([a_job()], MIA)) as picture:
        assert picture is None
