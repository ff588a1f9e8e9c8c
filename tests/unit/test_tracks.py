"""Which of a member's tracks typed words mean."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from bot.domain.jobs import OwnedTrack, Track
from bot.domain.text import Said
from bot.domain.tracks import Wanted, matching, readings
from bot.services.common.sentences import lookalikes, track_label
from bot.text import Catalogue


def an_owned(
    title: str = "Paper Boats", *, job: str = "a", take: int = 1, takes: int = 2, length: float | None = 86.4
) -> OwnedTrack:
    return OwnedTrack(
        job_id=job,
        track=Track(id=f"{job}-{take}", length_seconds=length),
        title=title,
        take=take,
        takes=takes,
        model="V5",
        delivered_at=datetime(2026, 11, 24, 23, 59, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("owned", "label"),
    [
        (an_owned(take=2), "Paper Boats · take 2 · 1:26 · 24 Nov"),
        (an_owned(takes=1), "Paper Boats · 1:26 · 24 Nov"),
        (an_owned(takes=1, length=None), "Paper Boats · 24 Nov"),
        (an_owned(length=59.6), "Paper Boats · take 1 · 1:00 · 24 Nov"),
    ],
)
@pytest.mark.parametrize("locale", ["en-US", "en-GB"])
def test_a_label_tells_a_track_from_others(owned: OwnedTrack, label: str, locale: str) -> None:
    assert Catalogue.load().render(track_label(owned, title=Said(owned.title)), locale) == label


def test_tracks_that_would_look_alike_show_when_they_were_made() -> None:
    first, second = an_owned(job="a"), an_owned(job="b")
    later = replace(second, delivered_at=datetime(2026, 11, 24, 8, 5, tzinfo=UTC))
    other = an_owned("Sailing", job="c")

    alike = lookalikes([first, later, other])

    assert alike == {"a-1", "b-1"}
    say = Catalogue.load().for_reader("en-US")
    assert say(track_label(later, title="Paper Boats", with_hour=True)) == (
        "Paper Boats · take 1 · 1:26 · 24 Nov · 08:05 UTC"
    )


def test_words_are_read_as_a_whole_title_before_a_part_of_one_and_before_a_take() -> None:
    assert readings(" Paper Boats ") == (Wanted("Paper Boats", whole=True), Wanted("Paper Boats", whole=False))
    assert readings("Paper Boats take 2") == (
        Wanted("Paper Boats take 2", whole=True),
        Wanted("Paper Boats", whole=True, take=2),
        Wanted("Paper Boats take 2", whole=False),
        Wanted("Paper Boats", whole=False, take=2),
    )
    assert readings(" ") == ()


@pytest.mark.parametrize("words", ["Boats take 2", "Boats, Take 2", "Boats · take 2", "Boats  take  2"])
def test_a_take_is_named_behind_the_title(words: str) -> None:
    assert readings(words)[1] == Wanted("Boats", whole=True, take=2)


@pytest.mark.parametrize("words", ["take 2", "Mistake 2", "Boats take", "Boats take two", "Boats take 100"])
def test_these_words_name_no_take(words: str) -> None:
    assert all(wanted.take is None for wanted in readings(words))


TRACKS = [
    an_owned("Paper Boats", job="new", take=1),
    an_owned("Paper Boats", job="new", take=2),
    an_owned("Sailing", job="middle", take=1, takes=1),
    an_owned("PAPER BOATS", job="old", take=1),
    an_owned("Paper Boats II", job="oldest", take=1),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted("paper boats", whole=True), ["new-1"]),
        (Wanted("paper boats", whole=True, take=2), ["new-2"]),
        (Wanted("paper boats", whole=True, take=3), []),
        (Wanted("ＰＡＰＥＲ boats", whole=True), ["new-1"]),  # noqa: RUF001  # full-width letters are the point
        (Wanted("boats", whole=True), []),
        (Wanted("boats", whole=False), ["new-1", "oldest-1"]),
        (Wanted("sail", whole=False), ["middle-1"]),
        (Wanted("sail", whole=False, take=1), ["middle-1"]),
        (Wanted("jazz", whole=False), []),
    ],
)
def test_of_each_title_the_newest_track_is_meant_and_its_first_take(wanted: Wanted, found: list[str]) -> None:
    assert [owned.track.id for owned in matching(wanted, TRACKS)] == found
