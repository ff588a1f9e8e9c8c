"""Relays: members extend one song in turns. Where a relay stands, whose turn it can be, and which take it continues."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import FINAL_STATES, Job, JobState
from bot.domain.source import SourceChoice
from bot.domain.takes import takes_of
from bot.domain.votes import Vote, counts

CLAIM = timedelta(minutes=15)
"""How long a turn is a member's before the form is sent, and again from then on until there is a job."""
AGAIN_AFTER = timedelta(hours=6)
"""Who had the last turn can take the next one too if nobody else has done so by then."""
TURNS_MAX = 60
"""As many as are joined into one song."""


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What a relay begins with: a result, or a piece that its first turn continues. `member_id`: who brought it."""

    member_id: int
    title: str
    model: str
    job_id: str | None = None
    source: SourceChoice | None = None


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """One song in one thread. `locale`: the starter's, in which everybody reads about it."""

    id: str
    guild_id: int
    channel_id: int
    starter_id: int
    locale: str
    opening: Opening
    started_at: datetime
    finished_at: datetime | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: how long it is the member's without a job."""

    number: int
    member_id: int
    until: datetime
    job_id: str | None = None


class Stand(Enum):
    """What has become of the present turn."""

    FREE = auto()  # nobody has taken it
    CLAIMED = auto()  # somebody is filling in the form, or did not send it in time
    MAKING = auto()  # its job is under way
    FAILED = auto()  # its job came to nothing; somebody else can take it
    GONE = auto()  # what it would continue is no longer stored
    FINISHED = auto()  # the relay is over


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a relay stands. `number`: the present turn's. `turn`: who has it or tried last, None: nobody yet.

    `base` is the job whose take is continued; None: the first turn continues the relay's opening.
    """

    number: int
    stand: Stand
    turn: Turn | None = None
    base: Job | None = None


def new_relay_id() -> str:
    return secrets.token_hex(8)


def job_ids(relay: Relay, turns: Sequence[Turn]) -> list[str]:
    """The jobs that `position_of` needs: those of the last two turns, or what the relay began with."""
    ids = [relay.opening.job_id, *(turn.job_id for turn in turns)]
    return [job_id for job_id in ids[-2:] if job_id is not None]


def position_of(relay: Relay, turns: Sequence[Turn], jobs: Mapping[str, Job]) -> Position:
    """`turns` in their order; `jobs` by id, without those that are no longer stored."""
    last = turns[-1] if turns else None
    job = jobs.get(last.job_id or "") if last is not None else None
    if last is not None and last.job_id is not None and (job is None or job.state is JobState.DELIVERED):
        free = Position(number=last.number + 1, stand=Stand.FREE, base=job)
    else:
        before = turns[-2].job_id if len(turns) > 1 else relay.opening.job_id
        number = 1 if last is None else last.number
        free = Position(number=number, stand=_stand(last, job), turn=last, base=jobs.get(before or ""))
    if relay.finished_at is not None:
        return replace(free, stand=Stand.FINISHED)
    is_opening = free.number == 1 and relay.opening.source is not None
    if free.stand is not Stand.MAKING and not is_opening and (free.base is None or not takes_of(free.base)):
        return replace(free, stand=Stand.GONE)
    return free


def _stand(turn: Turn | None, job: Job | None) -> Stand:
    if turn is None:
        return Stand.FREE
    if job is None:
        return Stand.CLAIMED
    return Stand.FAILED if job.state in FINAL_STATES else Stand.MAKING


class Verdict(Enum):
    MAY = auto()
    HELD = auto()  # by somebody else, until a time
    MAKING = auto()  # somebody's take is under way
    VOTING = auto()  # until a time
    HAD_THE_LAST = auto()  # and cannot take this one before a time
    GONE = auto()
    FULL = auto()  # it has as many turns as there can be
    FINISHED = auto()


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """`member_id`: who has the turn. `until`: when it may be different."""

    verdict: Verdict
    member_id: int | None = None
    until: datetime | None = None


def ruling_on(position: Position, member_id: int, *, at: datetime, voting: timedelta) -> Ruling:
    """Whether this member can take the present turn. `voting`: how long people can vote before anybody can."""
    turn = position.turn
    if (verdict := _SETTLED.get(position.stand)) is not None:
        return Ruling(verdict=verdict, member_id=turn.member_id if turn else None)
    if position.number > TURNS_MAX:
        return Ruling(verdict=Verdict.FULL)
    if turn is not None and position.stand is Stand.CLAIMED and at < turn.until:
        is_theirs = turn.member_id == member_id  # and they get the form again
        verdict = Verdict.MAY if is_theirs else Verdict.HELD
        return Ruling(verdict=verdict, member_id=turn.member_id, until=turn.until)
    return _ruling_after(position.base, member_id, at=at, voting=voting)


_SETTLED = {Stand.FINISHED: Verdict.FINISHED, Stand.GONE: Verdict.GONE, Stand.MAKING: Verdict.MAKING}


def _ruling_after(base: Job | None, member_id: int, *, at: datetime, voting: timedelta) -> Ruling:
    """Of a turn that nobody has. `base`: what it continues; None: the piece that the relay began with."""
    if base is None:
        return Ruling(verdict=Verdict.MAY)
    there_since = base.ended_at or base.accepted_at
    if base.place.member_id == member_id and at < there_since + AGAIN_AFTER:
        return Ruling(verdict=Verdict.HAD_THE_LAST, until=there_since + AGAIN_AFTER)
    if len(takes_of(base)) > 1 and at < there_since + voting:
        return Ruling(verdict=Verdict.VOTING, until=there_since + voting)
    return Ruling(verdict=Verdict.MAY)


def take_that_goes_on(job: Job, votes: Sequence[Vote]) -> int:
    """The take with the most votes. Among equals, and without any votes, the first."""
    given, takes = counts(votes), takes_of(job)
    return min(takes, key=lambda take: (-given.get(take, 0), take))


def made_turns(turns: Sequence[Turn], position: Position) -> Sequence[Turn]:
    """Those that became part of the song."""
    return turns if position.turn is None else turns[:-1]


def people_of(relay: Relay, made: Sequence[Turn]) -> tuple[int, ...]:
    """Everybody with a part in the song, in order."""
    return tuple(dict.fromkeys([relay.opening.member_id, *(turn.member_id for turn in made)]))
