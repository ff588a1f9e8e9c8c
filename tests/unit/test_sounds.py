"""The pieces that the stand-ins, the demo and the tests play."""

from array import array
from pathlib import Path

import av
import pytest

from bot.domain.source import AudioFormat
from bot.sandbox.sounds import compose, continue_piece, silent_mp3_of_size

SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".webm", ".mp4")


def heard(path: Path) -> "array[int]":
    """The file's samples, 24000 per second."""
    samples = array("h")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=24000)
    with av.open(str(path), "r") as source:
        for frame in source.decode(source.streams.audio[0]):
            for piece in resampler.resample(frame):
                samples.frombytes(bytes(piece.planes[0])[: 2 * piece.samples])
    return samples


def loudness(samples: "array[int]") -> float:
    return sum(map(abs, samples)) / len(samples)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_piece_lasts_as_long_as_asked_and_can_be_heard(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"piece{suffix}"

    compose(path, seconds=2.5)

    samples = heard(path)
    assert len(samples) / 24000 == pytest.approx(2.5, abs=0.1)
    assert loudness(samples) > 500


def test_the_same_seed_gives_the_same_piece_and_another_seed_a_different_one(tmp_path: Path) -> None:
    for name, seed in (("one.wav", 1), ("again.wav", 1), ("other.wav", 2)):
        compose(tmp_path / name, seconds=1.0, seed=seed)

    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "again.wav").read_bytes()
    assert (tmp_path / "one.wav").read_bytes() != (tmp_path / "other.wav").read_bytes()


@pytest.mark.parametrize("seed", range(12))
def test_no_seed_is_too_loud(seed: int, tmp_path: Path) -> None:
    compose(tmp_path / "piece.wav", seconds=6.0, seed=seed)

    samples = heard(tmp_path / "piece.wav")
    assert 4000 < max(map(abs, samples)) < 32000


def test_the_container_may_differ_from_the_suffix(tmp_path: Path) -> None:
    compose(tmp_path / "cover.jpg", seconds=1.0, container=AudioFormat.FLAC)

    assert (tmp_path / "cover.jpg").read_bytes()[:4] == b"fLaC"


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".webm"])
def test_a_piece_has_its_title(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"piece{suffix}"

    compose(path, seconds=0.5, title="Große Fahrt")

    with av.open(str(path), "r") as source:
        assert source.metadata["title"] == "Große Fahrt"


def test_a_film_has_pictures(tmp_path: Path) -> None:
    compose(tmp_path / "film.mp4", seconds=2.0)

    with av.open(str(tmp_path / "film.mp4"), "r") as film:
        assert len(film.streams.video) == 1
        assert len(film.streams.audio) == 1


def test_an_unknown_suffix_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        compose(tmp_path / "piece.xyz", seconds=1.0)


def test_a_continuation_keeps_the_source_up_to_its_moment(tmp_path: Path) -> None:
    source, to = tmp_path / "source.wav", tmp_path / "longer.mp3"
    compose(source, seconds=5.0, seed=1)

    length = continue_piece(source, to, continue_at=3.0, seconds=4.0, seed=2)

    before, after = heard(source), heard(to)
    assert length == 7.0
    assert len(after) / 24000 == pytest.approx(7.0, abs=0.1)
    difference = array("h", (a - b for a, b in zip(before[: 3 * 24000], after[: 3 * 24000], strict=True)))
    assert loudness(difference) < 0.1 * loudness(before)
    assert loudness(after[4 * 24000 : 6 * 24000]) > 500


def test_a_continuation_from_beyond_the_end_starts_at_the_end(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    compose(source, seconds=2.0)

    assert continue_piece(source, tmp_path / "longer.mp3", continue_at=9.0, seconds=1.0, seed=0) == 3.0


def test_new_music_alone_is_what_follows_the_source(tmp_path: Path) -> None:
    source, whole, alone = tmp_path / "source.wav", tmp_path / "whole.mp3", tmp_path / "alone.mp3"
    compose(source, seconds=5.0, seed=1)
    continue_piece(source, whole, continue_at=3.0, seconds=4.0, seed=2)

    assert continue_piece(source, alone, continue_at=3.0, seconds=4.0, seed=2, is_alone=True) == 4.0

    after, new = heard(whole)[3 * 24000 :], heard(alone)
    difference = array("h", (a - b for a, b in zip(after[24000 : 3 * 24000], new[24000 : 3 * 24000], strict=True)))
    assert loudness(difference) < 0.2 * loudness(new)


def test_a_silent_mp3_is_as_large_as_asked_and_silent(tmp_path: Path) -> None:
    path = tmp_path / "large.mp3"

    silent_mp3_of_size(path, 1_000_000)

    assert 1_000_000 <= path.stat().st_size < 1_100_000
    samples = heard(path)
    assert len(samples) / 24000 > 20
    assert max(map(abs, samples)) < 10
