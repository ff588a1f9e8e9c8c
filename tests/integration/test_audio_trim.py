"""The part of a piece before a moment, as long as a model takes."""

from pathlib import Path

import av
import pytest

from bot.audio.process import AudioProcess
from bot.domain.source import AudioFormat
from bot.errors import NotAudio, SourceEmpty
from bot.sandbox.sounds import compose
from tests.support.music import phrases, write

FORMATS = {
    ".mp3": AudioFormat.MP3,
    ".wav": AudioFormat.WAV,
    ".flac": AudioFormat.FLAC,
    ".ogg": AudioFormat.OGG,
    ".opus": AudioFormat.OGG,
    ".m4a": AudioFormat.M4A,
    ".aac": AudioFormat.M4A,
    ".webm": AudioFormat.WEBM,
    ".mp4": AudioFormat.M4A,
}


@pytest.fixture
def audio() -> AudioProcess:
    return AudioProcess()


@pytest.mark.parametrize("suffix", FORMATS)
async def test_the_part_before_the_moment_keeps_its_format(suffix: str, audio: AudioProcess, tmp_path: Path) -> None:
    source, to = tmp_path / f"piece{suffix}", tmp_path / "part"
    compose(source, seconds=20.0)

    trimmed = await audio.trim(source, to, until_seconds=15.0, at_most_seconds=8.0)

    properties = await audio.probe(to)
    assert properties.format is FORMATS[suffix]
    assert trimmed.length_seconds <= 8.0
    assert properties.length_seconds == pytest.approx(trimmed.length_seconds, abs=0.1)
    assert trimmed.began_at + trimmed.length_seconds == pytest.approx(15.0, abs=0.1)
    assert trimmed.is_copied is (suffix != ".flac")


async def test_the_part_begins_where_a_phrase_ends(audio: AudioProcess, tmp_path: Path) -> None:
    samples, ends = phrases([5.0, 6.0, 5.0, 7.0, 6.0])
    path = write(tmp_path / "piece.wav", samples)

    trimmed = await audio.trim(path, tmp_path / "part", until_seconds=24.0, at_most_seconds=20.0)

    assert trimmed.began_at == pytest.approx(ends[0], abs=0.1)
    assert trimmed.length_seconds == pytest.approx(24.0 - ends[0], abs=0.15)


async def test_a_phrase_end_far_into_the_part_is_not_worth_its_loss(audio: AudioProcess, tmp_path: Path) -> None:
    samples, _ = phrases([16.0, 6.0])
    path = write(tmp_path / "piece.wav", samples)

    trimmed = await audio.trim(path, tmp_path / "part", until_seconds=20.0, at_most_seconds=16.0)

    assert trimmed.length_seconds == pytest.approx(16.0, abs=0.15)


async def test_what_is_short_enough_is_kept_from_its_beginning(audio: AudioProcess, tmp_path: Path) -> None:
    compose(tmp_path / "piece.mp3", seconds=10.0)

    trimmed = await audio.trim(tmp_path / "piece.mp3", tmp_path / "part", until_seconds=60.0, at_most_seconds=30.0)

    assert trimmed.began_at == 0.0
    assert trimmed.length_seconds == pytest.approx(10.0, abs=0.1)


async def test_a_file_that_is_not_audio_cannot_be_trimmed(audio: AudioProcess, tmp_path: Path) -> None:
    (tmp_path / "piece.mp3").write_bytes(b"no music" * 1000)

    with pytest.raises(NotAudio):
        await audio.trim(tmp_path / "piece.mp3", tmp_path / "part", until_seconds=3.0, at_most_seconds=2.0)

    assert not (tmp_path / "part").exists()


async def test_nothing_is_before_the_beginning(audio: AudioProcess, tmp_path: Path) -> None:
    compose(tmp_path / "piece.mp3", seconds=5.0)

    with pytest.raises(SourceEmpty):
        await audio.trim(tmp_path / "piece.mp3", tmp_path / "part", until_seconds=0.0, at_most_seconds=2.0)


def slowed(path: Path, to: Path) -> None:
    """The same packets by a clock that says a tenth."""
    with av.open(str(path)) as source, av.open(str(to), "w", format="webm") as output:
        stream = source.streams.audio[0]
        copy = output.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is not None:
                packet.pts = packet.dts = packet.pts // 10
                packet.stream = copy
                output.mux(packet)


async def test_a_file_whose_clock_runs_slow_is_trimmed_by_what_is_heard(audio: AudioProcess, tmp_path: Path) -> None:
    compose(tmp_path / "piece.webm", seconds=20.0)
    slowed(tmp_path / "piece.webm", tmp_path / "slow.webm")

    trimmed = await audio.trim(tmp_path / "slow.webm", tmp_path / "part", until_seconds=15.0, at_most_seconds=8.0)

    assert not trimmed.is_copied
    assert (await audio.probe(tmp_path / "part")).length_seconds == pytest.approx(trimmed.length_seconds, abs=0.1)
    assert trimmed.length_seconds <= 8.1
