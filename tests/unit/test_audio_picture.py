"""The picture of a piece, read as text."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from bot.audio.curves import COLUMN_SECONDS, Curves
from bot.audio.picture import WIDTH, svg_of
from bot.domain.outlines import Level, Outline, Part

SVG = "{http://www.w3.org/2000/svg}"


def a_piece(seconds: float, *, points: tuple[float, ...] = (), seam: float | None = None) -> tuple[Curves, Outline]:
    """Quiet up to its half, then loud."""
    curves, columns = Curves(length_seconds=seconds), int(seconds / COLUMN_SECONDS)
    for number in range(columns):
        height = 3000 if number < columns / 2 else 20000
        curves.lowest.append(-height)
        curves.highest.append(height)
        curves.level.append(height)
        curves.edge.append(0)
    parts = (
        Part(begins_at=0.0, ends_at=seconds / 2, level=Level.QUIET),
        Part(begins_at=seconds / 2, ends_at=seconds, level=Level.LOUD),
    )
    return curves, Outline(length_seconds=seconds, points=points, parts=parts, seam=seam)


def drawn(seconds: float, *, points: tuple[float, ...] = (), seam: float | None = None) -> ET.Element:
    return ET.fromstring(svg_of(*a_piece(seconds, points=points, seam=seam)))  # noqa: S314  # our own text


def words(picture: ET.Element) -> list[str]:
    return [group.attrib["aria-label"] for group in picture.iter(f"{SVG}g")]


def extent(path: str, axis: int) -> tuple[float, float]:
    numbers = [float(pair[axis]) for pair in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]
    return min(numbers), max(numbers)


def waves(picture: ET.Element, level: Level) -> list[str]:
    return [path.attrib["d"] for path in picture.iter(f"{SVG}path") if path.get("class") == level]


def test_the_axis_has_round_times_from_beginning_to_end() -> None:
    assert words(drawn(90.0)) == ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50", "1:00", "1:10", "1:20", "1:30"]
    assert words(drawn(2.0)) == ["0:00", "0:01", "0:02"]
    assert words(drawn(3600.0))[:3] == ["0:00", "10:00", "20:00"]


@pytest.mark.parametrize("seconds", [0.02, 0.5, 3.0, 61.0, 119.0, 240.0, 3600.0])
def test_a_picture_of_any_length_has_times_that_do_not_touch(seconds: float) -> None:
    picture = drawn(seconds)

    assert int(picture.attrib["width"]) == WIDTH
    assert 1 <= len(words(picture)) <= 20


def test_points_are_numbered_and_have_their_time() -> None:
    said = words(drawn(100.0, points=(12.5, 40.0, 71.2)))

    for number, moment in (("1", "0:12.5"), ("2", "0:40"), ("3", "1:11.2")):
        assert number in said
        assert moment in said


def test_points_close_together_are_on_rows_of_their_own() -> None:
    picture = drawn(110.0, points=(50.0, 54.0, 58.0, 62.0, 66.0))

    places = [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in picture.iter(f"{SVG}circle")]
    assert len(places) == 5
    assert all(abs(one[0] - other[0]) > 120 or one[1] != other[1] for one, other in pairwise(sorted(places)))
    assert all(y > 15 for _, y in places)


def test_loud_and_quiet_parts_have_their_height_and_their_colour() -> None:
    picture = drawn(100.0)

    (quiet,), (loud,) = waves(picture, Level.QUIET), waves(picture, Level.LOUD)
    low, high = extent(quiet, 1)
    assert high - low < 40
    low, high = extent(loud, 1)
    assert high - low > 150
    assert extent(quiet, 0)[1] == pytest.approx(extent(loud, 0)[0], abs=1)
    assert len({path.get("fill") for path in picture.iter(f"{SVG}path") if path.get("class") in {"loud", "quiet"}}) == 2


def test_the_end_of_a_long_piece_is_magnified() -> None:
    short, long = drawn(119.0, points=(100.0,)), drawn(240.0, points=(100.0, 200.0))

    assert int(long.attrib["height"]) > int(short.attrib["height"])
    assert words(long).count("2") == 2  # a point of the last minute is in both views
    assert words(long).count("1") == 1
    assert "3:10" in words(long)


def test_the_seam_divides_the_piece_and_has_its_time() -> None:
    picture = drawn(100.0, seam=30.5)

    assert "0:30.5" in words(picture)
    assert sum(path.get("class") == "seam" for path in picture.iter(f"{SVG}path")) == 1
    before, after = waves(picture, Level.QUIET)
    assert extent(before, 0)[1] == pytest.approx(extent(after, 0)[0], abs=1)
    assert not list(picture.iter(f"{SVG}circle"))


def test_only_outlines_are_used_for_text() -> None:
    assert not list(drawn(240.0, points=(3.0,)).iter(f"{SVG}text"))
