"""The picture of a song's family, read as text."""

import re
from xml.etree import ElementTree as ET

from msgspec.structs import replace

from bot.audio.family import WIDTH, family_svg
from bot.domain.family_pictures import DEPTH_MAX, TAKES_MAX, Bar, Branch, branches_of
from bot.domain.jobs import JobState, Parent
from bot.domain.songs import Reader, tree_of
from bot.domain.votes import Vote
from tests.support.storage_samples import NOW, a_job, a_track, after

SVG = "{http://www.w3.org/2000/svg}"
MIA = Reader(member_id=1, guild_id=200)


def branch(number: int, depth: int = 0, parent: int | None = None, **changes: object) -> Branch:
    bars = (Bar(take=1, length_seconds=60.0), Bar(take=2, length_seconds=120.0, votes=3, is_preferred=True))
    is_root = parent is None
    plain = Branch(number=number, depth=depth, parent=parent, is_root=is_root, take=2, moment=65.0, bars=bars)
    return replace(plain, **changes)


def drawn(*branches: Branch) -> ET.Element:
    return ET.fromstring(family_svg(branches))  # noqa: S314  # our own text


def words(picture: ET.Element) -> list[str]:
    return [group.attrib["aria-label"] for group in picture.iter(f"{SVG}g")]


def of_class(picture: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in picture.iter() if each.get("class") == name]


def test_each_row_has_its_number_what_it_continues_and_its_takes_with_lengths_and_votes() -> None:
    assert words(drawn(branch(1, take=None, moment=30.4))) == ["1", "0:30", "1", "1:00", "2", "2:00", "3"]
    assert words(drawn(branch(12)))[:3] == ["12", "2", "1:05"]


def test_a_take_is_as_long_as_it_lasts() -> None:
    widths = [float(bar.attrib["width"]) for bar in of_class(drawn(branch(1)), "take")]

    assert widths[1] == 2 * widths[0]


def test_the_preferred_take_and_votes_have_signs_of_their_own() -> None:
    picture = drawn(branch(1), branch(2, bars=(Bar(take=1),)))

    assert len(of_class(picture, "preferred")) == len(of_class(picture, "votes")) == 1


def test_lines_lead_from_parents_and_a_hidden_parent_is_hinted_at() -> None:
    picture = drawn(branch(1), branch(2, 1, parent=1), branch(3, is_root=False))

    assert len(of_class(picture, "line")) == 1
    assert len(of_class(picture, "cut")) == 1


def test_everything_lies_inside_the_picture_however_deep_and_voted_for() -> None:
    bars = tuple(
        Bar(take=take, length_seconds=400_000.0 * take, votes=10**6, is_preferred=take == 1)
        for take in range(1, TAKES_MAX + 1)
    )
    rows = [branch(1000 + each, min(each, DEPTH_MAX), 999 + each if each else None, bars=bars) for each in range(10)]

    picture = drawn(*rows)

    places = [
        tuple(map(float, found))
        for found in re.findall(r"translate\(([\d.]+) ([\d.]+)\)", ET.tostring(picture).decode())
    ]
    assert places
    assert max(x for x, _ in places) < WIDTH - 10
    assert max(y for _, y in places) < float(picture.attrib["height"])


def test_a_part_of_a_family_begins_at_the_left_and_does_not_name_parents_outside_it() -> None:
    jobs = [replace(a_job(), state=JobState.DELIVERED, tracks=(a_track(1),) * 9)]
    for number in range(1, 12):
        parent = Parent(job_id=jobs[-1].id, song_id=jobs[0].id, track_id="track-1")
        jobs.append(replace(jobs[0], id=f"f{number:031}", accepted_at=after(number), parent=parent))
    votes = [Vote(message_id=1, member_id=1, job_id=jobs[4].id, take=1, at=NOW)]

    branches = branches_of(tree_of(jobs, MIA, votes)[4:])

    assert [each.depth for each in branches] == [0, 1, 2, 3, 4, 5, 5, 5]
    assert (branches[0].parent, branches[0].is_root, branches[1].parent) == (None, False, 5)
    assert next((bar.votes, bar.is_preferred) for bar in branches[0].bars) == (1, True)
    assert len(branches[0].bars) == TAKES_MAX
