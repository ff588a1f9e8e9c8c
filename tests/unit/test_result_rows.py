"""The buttons below a result."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.chat import cards
from bot.chat.result.rows import Rows, result_rows
from bot.domain.text import Text
from bot.services.common.messenger import ResultFile
from bot.text import Catalogue
from tests.support.storage_samples import a_job, a_track

CUSTOM_ID_MAX, LABEL_MAX, ROWS_MAX, IN_A_ROW_MAX = 100, 80, 2, 5


@pytest.fixture(scope="module")
def say() -> Callable[[Text], str]:
    return Catalogue.load().for_reader("en-US")


def labels(rows: Rows) -> list[list[str]]:
    return [[button.label for button in row] for row in rows]


def test_two_takes_have_a_button_each_to_extend_and_to_vote(say: Callable[[Text], str]) -> None:
    rows = result_rows("a1", [1, 2], say, votes={2: 3})

    assert labels(rows) == [["Extend 1", "Extend 2", "Whole song", "Again", "More…"], ["Take 1 · 0", "Take 2 · 3"]]
    assert [button.custom_id for row in rows for button in row] == [
        "encore:extend:a1:1",
        "encore:extend:a1:2",
        "encore:whole:a1",
        "encore:repeat:a1",
        "encore:more:a1",
        "encore:vote:a1:1",
        "encore:vote:a1:2",
    ]


@pytest.mark.parametrize(("votes", "preferred"), [({1: 1, 2: 3}, ["Extend 2"]), ({1: 2, 2: 2}, []), ({}, [])])
def test_the_take_with_the_most_votes_is_the_one_to_extend(
    say: Callable[[Text], str], votes: dict[int, int], preferred: list[str]
) -> None:
    rows = result_rows("a1", [1, 2], say, votes=votes)

    assert [button.label for row in rows for button in row if button.is_preferred] == preferred


def test_a_single_take_has_no_number_and_no_votes(say: Callable[[Text], str]) -> None:
    assert labels(result_rows("a1", [1], say, votes={})) == [["Extend", "Whole song", "Again", "More…"]]


def test_there_are_no_votes_where_one_person_sees_the_result(say: Callable[[Text], str]) -> None:
    assert labels(result_rows("a1", [1, 2], say, votes=None)) == [
        ["Extend 1", "Extend 2", "Whole song", "Again", "More…"]
    ]


def test_many_takes_stay_within_discords_limits(say: Callable[[Text], str]) -> None:
    rows = result_rows("f" * 32, range(1, 40), say, votes=dict.fromkeys(range(1, 40), 10**6))

    assert len(rows) <= ROWS_MAX
    assert all(len(row) <= IN_A_ROW_MAX for row in rows)
    assert all(len(each.custom_id) <= CUSTOM_ID_MAX and len(each.label) <= LABEL_MAX for row in rows for each in row)


def test_a_result_has_its_buttons_and_a_plainer_one_has_none(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), tracks=(a_track(1), a_track(2)))
    files = [ResultFile(track=track, path=Path("a.mp3")) for track in job.tracks]

    first, *plainer = cards.plainer(cards.result_card(job, files, say, is_shared=True))

    assert labels(first.rows)[1] == ["Take 1 · 0", "Take 2 · 0"]
    assert not any(card.rows for card in plainer)
