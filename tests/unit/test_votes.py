"""Which take people prefer."""

from datetime import timedelta

from bot.domain.votes import Vote, counts, winner
from tests.support.fakes import BEGINNING


def a_vote(member_id: int, take: int, *, message_id: int = 1, seconds: float = 0) -> Vote:
    at = BEGINNING + timedelta(seconds=seconds)
    return Vote(message_id=message_id, member_id=member_id, job_id="a", take=take, at=at)


def test_the_take_with_the_most_votes_wins() -> None:
    assert winner([a_vote(1, 2), a_vote(2, 2), a_vote(3, 1)]) == 2


def test_nobody_wins_without_votes_or_while_two_are_level() -> None:
    assert winner([]) is None
    assert winner([a_vote(1, 1), a_vote(2, 2)]) is None


def test_a_single_vote_decides() -> None:
    assert winner([a_vote(1, 2)]) == 2


def test_who_voted_below_two_messages_of_a_job_counts_once_with_the_latest_vote() -> None:
    votes = [a_vote(1, 2, message_id=9, seconds=5), a_vote(1, 1, message_id=8), a_vote(2, 1)]

    assert counts(votes) == {1: 1, 2: 1}
