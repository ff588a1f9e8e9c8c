"""Where phrases end, and what is loud or quiet."""

from array import array
from itertools import pairwise

import pytest

from bot.audio.curves import BLOCK_SAMPLES, COLUMN_SECONDS, SAMPLE_RATE, Curves
from bot.audio.points import APART_SECONDS, parts_of, points_of
from bot.domain.outlines import Level
from tests.support.music import noise, phrases, tone


def curves(samples: "array[int]") -> Curves:
    heard = Curves()
    for at in range(0, len(samples), BLOCK_SAMPLES):
        heard.add(samples[at : at + BLOCK_SAMPLES].tobytes())
    heard.length_seconds = len(samples) / SAMPLE_RATE
    return heard


def silence(seconds: float) -> "array[int]":
    return array("h", bytes(2 * round(seconds * SAMPLE_RATE)))


def test_a_column_has_the_extremes_and_the_level_of_its_samples() -> None:
    heard = curves(array("h", [100, -300] * 256 + [0] * 512))

    assert (heard.lowest[0], heard.highest[0]) == (-300, 100)
    assert heard.level[0] == pytest.approx(((100**2 + 300**2) / 2) ** 0.5, abs=1)
    assert heard.edge[0] == pytest.approx(400, abs=3)
    assert (heard.lowest[1], heard.highest[1], heard.level[1]) == (0, 0, 0)


def test_an_hour_of_curves_takes_three_megabytes() -> None:
    heard = curves(noise(1.0))

    bytes_a_second = sum(
        len(curve) * curve.itemsize for curve in (heard.lowest, heard.highest, heard.level, heard.edge)
    )
    assert bytes_a_second * 3600 < 3_000_000


def test_phrases_end_where_the_next_one_begins() -> None:
    samples, ends = phrases([5.0, 6.0, 4.5, 7.0])

    assert points_of(curves(samples)) == pytest.approx(ends, abs=0.05)


def test_at_most_five_points_are_found_and_they_are_apart() -> None:
    samples, _ = phrases([3.0] * 14)

    points = points_of(curves(samples))

    assert len(points) == 5
    assert list(points) == sorted(points)
    assert all(later - sooner >= APART_SECONDS for sooner, later in pairwise(points))


def test_a_silence_is_the_end_of_a_phrase() -> None:
    samples = tone(6.0) + silence(3.0) + tone(5.0)

    points = points_of(curves(samples))

    assert len(points) == 1
    assert 6.0 <= points[0] <= 9.1


@pytest.mark.parametrize("samples", [tone(20.0), noise(20.0), silence(20.0), tone(0.5), silence(0.0)])
def test_a_piece_without_phrases_has_no_points(samples: "array[int]") -> None:
    assert points_of(curves(samples)) == ()


def test_no_point_is_in_the_last_second() -> None:
    samples, _ = phrases([6.0, 0.6])

    assert points_of(curves(samples)) == ()


def test_loud_quiet_and_silent_parts_are_told_apart() -> None:
    samples = tone(10.0, loudness=0.1) + tone(10.0, loudness=0.5) + tone(10.0, loudness=0.02) + silence(10.0)

    parts = parts_of(curves(samples))

    assert [part.level for part in parts if part.ends_at - part.begins_at > 4] == [
        *(Level.QUIET, Level.LOUD, Level.QUIET, Level.SILENT)
    ]
    assert parts[0].begins_at == 0
    assert parts[-1].ends_at == pytest.approx(40.0, abs=0.01)
    assert all(sooner.ends_at == later.begins_at for sooner, later in pairwise(parts))


@pytest.mark.parametrize("seconds", [0.001, 0.3, 1.0, 3.5])
def test_a_short_piece_is_one_part(seconds: float) -> None:
    parts = parts_of(curves(tone(seconds)))

    assert [(part.begins_at, part.level) for part in parts] == [(0.0, Level.MIDDLE)]
    assert parts[0].ends_at == pytest.approx(seconds, abs=0.01)
    assert COLUMN_SECONDS < 0.0125
