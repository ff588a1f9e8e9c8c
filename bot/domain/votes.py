"""Votes for the takes of a job: one for each person and message, counted once for each person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """`message_id`: the message below which it was given. `take` counts from 1."""

    message_id: int
    member_id: int
    job_id: str
    take: int
    at: datetime


def counts(votes: Sequence[Vote]) -> Mapping[int, int]:
    """How many people prefer each take. Who voted below several messages of a job counts once, with the latest vote."""
    latest: dict[int, Vote] = {}
    for vote in sorted(votes, key=lambda each: (each.at, each.message_id)):
        latest[vote.member_id] = vote
    return Counter(vote.take for vote in latest.values())


def winner(votes: Sequence[Vote]) -> int | None:
    """The take that most people prefer; None without votes, and while two takes are level."""
    return leader(counts(votes))


def leader(counted: Mapping[int, int]) -> int | None:
    """The take with the most votes; None without any, and while two takes are level."""
    best = Counter(counted).most_common(2)
    if not best or (len(best) > 1 and best[0][1] == best[1][1]):
        return None
    return best[0][0]


class OutdatedVotes(msgspec.Struct, frozen=True, kw_only=True):
    """A message that shows other counts than there are. `failures`: how often in a row it could not be edited."""

    message_id: int
    channel_id: int
    job_id: str
    version: int
    failures: int = 0
