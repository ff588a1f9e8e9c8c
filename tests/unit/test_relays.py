"""Relays: where one stands, who may take the next turn, and which take goes on."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.domain.relays import (
    AGAIN_AFTER,
    TURNS_MAX,
    Opening,
    Position,
    Relay,
    Ruling,
    Stand,
    Turn,
    Verdict,
    job_ids,
    made_turns,
    people_of,
    position_of,
    ruling_on,
    take_that_goes_on,
)
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.votes import Vote
from tests.support.storage_samples import NOW, a_delivered, a_job, a_track, after

MIA, NOA, LEO = 1, 2, 3
VOTING = timedelta(minutes=2)
PIECE = SourceChoice(kind=SourceKind.URL, name="tide.mp3", locator="https://files.invalid/tide.mp3")


def made_by(member_id: int, *, takes: int = 2) -> Job:
    """Delivered at `NOW`."""
    return a_delivered(a_job(member_id=member_id), *(a_track(number) for number in range(1, takes + 1)))


def a_relay(first: Job | None = None) -> Relay:
    """It begins with Mia's piece, or a result."""
    source = None if first else PIECE
    opening = Opening(member_id=MIA, title="Tide", model="V5", job_id=first.id if first else None, source=source)
    return Relay(id="r", guild_id=200, channel_id=300, starter_id=MIA, locale="en-GB", opening=opening, started_at=NOW)


def a_turn(number: int, member_id: int, job: Job | None = None, *, until: float = 900) -> Turn:
    return Turn(number=number, member_id=member_id, until=after(until), job_id=job.id if job else None)


def position(relay: Relay, *turns: Turn, stored: tuple[Job, ...] = ()) -> Position:
    return position_of(relay, turns, {job.id: job for job in stored})


def test_the_first_turn_continues_what_the_relay_began_with() -> None:
    first = made_by(NOA)

    assert position(a_relay()) == Position(number=1, stand=Stand.FREE)
    assert position(a_relay(first), stored=(first,)) == Position(number=1, stand=Stand.FREE, base=first)


def test_a_delivered_turn_makes_room_for_the_next() -> None:
    done = made_by(MIA)

    assert position(a_relay(), a_turn(1, MIA, done), stored=(done,)) == Position(number=2, stand=Stand.FREE, base=done)


@pytest.mark.parametrize(
    ("state", "stand"),
    [
        (JobState.ACCEPTED, Stand.MAKING),
        (JobState.OVERDUE, Stand.MAKING),
        (JobState.UNCOLLECTED, Stand.MAKING),
        (JobState.ON_HOLD, Stand.MAKING),
        (JobState.FAILED, Stand.FAILED),
        (JobState.CANCELLED, Stand.FAILED),
    ],
)
def test_a_turn_stands_as_its_job_does(state: JobState, stand: Stand) -> None:
    done, job = made_by(MIA), a_job(member_id=NOA, state=state)
    turns = (a_turn(1, MIA, done), a_turn(2, NOA, job))

    assert position(a_relay(), *turns, stored=(done, job)) == Position(number=2, stand=stand, turn=turns[1], base=done)


def test_a_relay_cannot_go_on_without_what_it_would_continue() -> None:
    first, done = made_by(NOA), made_by(MIA)

    assert position(a_relay(first)).stand is Stand.GONE
    assert position(a_relay(), a_turn(1, MIA, done)).stand is Stand.GONE
    assert position(a_relay(), a_turn(1, MIA, done), a_turn(2, NOA)).stand is Stand.GONE
    assert position(a_relay(), a_turn(1, MIA, done), stored=(replace(done, tracks=()),)).stand is Stand.GONE


def test_a_finished_relay_keeps_its_last_result() -> None:
    done = made_by(MIA)
    relay = replace(a_relay(), finished_at=after(60))

    assert position(relay, a_turn(1, MIA, done), stored=(done,)) == Position(number=2, stand=Stand.FINISHED, base=done)


def test_no_more_than_the_last_two_jobs_are_looked_at() -> None:
    jobs = [made_by(MIA) for _ in range(4)]
    turns = [a_turn(number, MIA, job) for number, job in enumerate(jobs[1:], 1)]

    assert job_ids(a_relay(jobs[0]), turns) == [jobs[2].id, jobs[3].id]
    assert job_ids(a_relay(jobs[0]), turns[:1]) == [jobs[0].id, jobs[1].id]
    assert job_ids(a_relay(), [a_turn(1, MIA)]) == []


DONE = made_by(MIA)
FREE = Position(number=2, stand=Stand.FREE, base=DONE)
CLAIMED = Position(number=2, stand=Stand.CLAIMED, base=DONE, turn=a_turn(2, NOA))
A_DAY, A_MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("where", "member_id", "later", "ruling"),
    [
        (Position(number=1, stand=Stand.FREE), MIA, A_MINUTE, Ruling(verdict=Verdict.MAY)),
        (FREE, NOA, VOTING, Ruling(verdict=Verdict.MAY)),
        (FREE, NOA, A_MINUTE, Ruling(verdict=Verdict.VOTING, until=NOW + VOTING)),
        (replace(FREE, base=made_by(MIA, takes=1)), NOA, A_MINUTE, Ruling(verdict=Verdict.MAY)),
        (FREE, MIA, VOTING, Ruling(verdict=Verdict.HAD_THE_LAST, until=NOW + AGAIN_AFTER)),
        (FREE, MIA, AGAIN_AFTER, Ruling(verdict=Verdict.MAY)),
        (CLAIMED, LEO, VOTING, Ruling(verdict=Verdict.HELD, member_id=NOA, until=after(900))),
        (CLAIMED, NOA, VOTING, Ruling(verdict=Verdict.MAY, member_id=NOA, until=after(900))),
        (CLAIMED, LEO, timedelta(seconds=900), Ruling(verdict=Verdict.MAY)),
        (CLAIMED, MIA, timedelta(seconds=900), Ruling(verdict=Verdict.HAD_THE_LAST, until=NOW + AGAIN_AFTER)),
        (replace(CLAIMED, stand=Stand.MAKING), LEO, A_DAY, Ruling(verdict=Verdict.MAKING, member_id=NOA)),
        (replace(CLAIMED, stand=Stand.MAKING), NOA, A_DAY, Ruling(verdict=Verdict.MAKING, member_id=NOA)),
        (replace(CLAIMED, stand=Stand.FAILED), LEO, VOTING, Ruling(verdict=Verdict.MAY)),
        (replace(CLAIMED, stand=Stand.FAILED), NOA, VOTING, Ruling(verdict=Verdict.MAY)),
        (replace(FREE, stand=Stand.GONE), NOA, A_DAY, Ruling(verdict=Verdict.GONE)),
        (replace(FREE, stand=Stand.FINISHED), NOA, A_DAY, Ruling(verdict=Verdict.FINISHED)),
        (replace(FREE, number=TURNS_MAX + 1), NOA, A_DAY, Ruling(verdict=Verdict.FULL)),
    ],
)
def test_who_may_take_the_next_turn(where: Position, member_id: int, later: timedelta, ruling: Ruling) -> None:
    assert ruling_on(where, member_id, at=NOW + later, voting=VOTING) == ruling


def a_vote(member_id: int, take: int) -> Vote:
    return Vote(message_id=9, member_id=member_id, job_id=DONE.id, take=take, at=NOW)


@pytest.mark.parametrize(
    ("takes_voted_for", "take"), [([], 1), ([2], 2), ([2, 1], 1), ([2, 2, 1], 2), ([3, 3, 2, 2], 2), ([9, 9, 2], 2)]
)
def test_the_take_with_the_most_votes_goes_on_and_among_equals_the_first(takes_voted_for: list[int], take: int) -> None:
    votes = [a_vote(member_id, voted) for member_id, voted in enumerate(takes_voted_for)]

    assert take_that_goes_on(made_by(MIA, takes=3), votes) == take


def test_everybody_with_a_part_in_the_song_is_named_once() -> None:
    jobs = [made_by(NOA), made_by(MIA)]
    turns = [a_turn(1, NOA, jobs[0]), a_turn(2, MIA, jobs[1]), a_turn(3, LEO)]
    where = position(a_relay(), *turns, stored=tuple(jobs))

    assert people_of(a_relay(), made_turns(turns, where)) == (MIA, NOA)
