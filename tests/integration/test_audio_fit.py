"""Making a file small enough to post."""

from pathlib import Path

import av
import pytest

from bot.audio.process import AudioProcess
from bot.domain.source import AudioFormat
from bot.errors import NotAudio
from bot.sandbox.sounds import compose


@pytest.fixture
def audio() -> AudioProcess:
    return AudioProcess()


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".mp4"])
@pytest.mark.parametrize("limit_bytes", [100_000, 45_000])
async def test_the_result_is_an_mp3_within_the_limit(
    suffix: str, limit_bytes: int, audio: AudioProcess, tmp_path: Path
) -> None:
    source, to = tmp_path / f"piece{suffix}", tmp_path / "small.mp3"
    compose(source, seconds=8.0)

    assert await audio.fit(source, to, limit_bytes=limit_bytes)

    properties = await audio.probe(to)
    assert properties.format is AudioFormat.MP3
    assert properties.length_seconds == pytest.approx(8.0, abs=0.15)
    assert limit_bytes // 2 < properties.size_bytes <= limit_bytes


async def test_the_best_quality_that_fits_is_taken(audio: AudioProcess, tmp_path: Path) -> None:
    source, to = tmp_path / "piece.ogg", tmp_path / "small.mp3"
    compose(source, seconds=4.0)

    bit_rates = {}
    for limit_bytes in (1_000_000, 60_000, 25_000):
        assert await audio.fit(source, to, limit_bytes=limit_bytes)
        with av.open(str(to), "r") as result:
            stream = result.streams.audio[0]
            bit_rates[limit_bytes] = stream.bit_rate, stream.codec_context.channels

    assert bit_rates == {1_000_000: (256_000, 2), 60_000: (112_000, 2), 25_000: (40_000, 1)}


async def test_if_no_quality_is_small_enough_nothing_is_left_behind(audio: AudioProcess, tmp_path: Path) -> None:
    source, to = tmp_path / "piece.wav", tmp_path / "small.mp3"
    compose(source, seconds=8.0)

    assert not await audio.fit(source, to, limit_bytes=20_000)

    assert not to.exists()


async def test_the_title_is_kept(audio: AudioProcess, tmp_path: Path) -> None:
    source, to = tmp_path / "piece.flac", tmp_path / "small.mp3"
    compose(source, seconds=1.0, title="Über den Wolken")

    assert await audio.fit(source, to, limit_bytes=50_000)

    with av.open(str(to), "r") as result:
        assert result.metadata["title"] == "Über den Wolken"


async def test_the_readable_part_of_a_title_that_is_not_utf8_is_kept(audio: AudioProcess, tmp_path: Path) -> None:
    source, to = tmp_path / "piece.flac", tmp_path / "small.mp3"
    compose(source, seconds=1.0, title="Uber den Wolken")
    source.write_bytes(source.read_bytes().replace(b"Uber", b"\xdcber"))

    assert await audio.fit(source, to, limit_bytes=50_000)

    with av.open(str(to), "r") as result:
        assert result.metadata["title"] == "\N{REPLACEMENT CHARACTER}ber den Wolken"


async def test_a_file_that_is_not_audio_cannot_be_made_smaller(audio: AudioProcess, tmp_path: Path) -> None:
    source, to = tmp_path / "piece.wav", tmp_path / "small.mp3"
    source.write_bytes(b"no music" * 1000)

    with pytest.raises(NotAudio):
        await audio.fit(source, to, limit_bytes=50_000)

    assert not to.exists()
