"""A song as a family tree: which job was made from which take of which other one, as far as a reader may see it."""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto

import msgspec

from bot.domain.follow_ups import same_request
from bot.domain.jobs import FINAL_STATES, Job, JobState
from bot.domain.takes import take_of
from bot.domain.votes import Vote, counts, winner


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to see a song, and where. `channels`: those of the server that the member can see.

    `guild_id` None: in a direct conversation.
    """

    member_id: int
    guild_id: int | None
    channels: frozenset[int] = frozenset()


class Origin(Enum):
    SOURCE = auto()  # a piece that somebody brought along
    TAKE = auto()  # a take of the parent, continued
    SAME = auto()  # what the parent was made from, with the same request
    CHANGED = auto()  # what the parent was made from, with another request
    ERASED = auto()  # the parent is no longer stored
    HIDDEN = auto()  # this reader does not see the parent


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A job in its tree. `number` counts a song's shown jobs by age, from 1; `parent` and `take` say where it is from.

    `depth`: how many generations lie above it. `votes` by take; `preferred` is the take that most people prefer.
    """

    job: Job
    number: int
    depth: int
    origin: Origin
    parent: int | None = None
    take: int | None = None
    votes: Mapping[int, int] = msgspec.field(default_factory=dict)
    preferred: int | None = None


def channel_of(job: Job) -> int:
    """Where its result is, or will be."""
    return job.final_channel_id if job.final_guild_id and job.final_channel_id else job.place.channel_id


def is_seen_by(job: Job, reader: Reader) -> bool:
    """Members see their own jobs everywhere; others' only if they were public, in the server and a channel they see."""
    if job.place.member_id == reader.member_id:
        return True
    is_here = job.place.guild_id is not None and job.place.guild_id == reader.guild_id
    return is_here and not job.place.private and channel_of(job) in reader.channels


def tree_of(jobs: Sequence[Job], reader: Reader, votes: Sequence[Vote] = ()) -> tuple[Node, ...]:
    """The tree that `reader` sees, each job before those made from it, and the oldest first among equals.

    Failed and cancelled jobs are left out, unless something was made from them. Jobs whose parent is missing are roots.
    """
    by_age = sorted(jobs, key=lambda job: (job.accepted_at, job.id))
    seen = _without_dead_ends([job for job in by_age if is_seen_by(job, reader)])
    stored = {job.id for job in jobs}
    numbers = {job.id: number for number, job in enumerate(seen, 1)}
    votes_of: dict[str, list[Vote]] = {}
    for vote in votes:
        votes_of.setdefault(vote.job_id, []).append(vote)
    shown = {job.id: job for job in seen}
    children: dict[str | None, list[Job]] = {}
    for job in seen:
        parent_id = job.parent.job_id if job.parent and job.parent.job_id in shown else None
        children.setdefault(parent_id, []).append(job)
    nodes: list[Node] = []
    waiting = [(job, 0) for job in reversed(children.get(None, []))]
    while waiting:  # a chain may be longer than Python's stack
        job, depth = waiting.pop()
        parent = shown.get(job.parent.job_id) if job.parent else None
        given = votes_of.get(job.id, [])
        nodes.append(
            Node(
                job=job,
                number=numbers[job.id],
                depth=depth,
                origin=_origin(job, parent, stored),
                parent=None if parent is None else numbers[parent.id],
                take=None if parent is None or not job.parent else take_of(parent, job.parent.track_id or ""),
                votes=counts(given),
                preferred=winner(given),
            )
        )
        waiting += [(child, depth + 1) for child in reversed(children.get(job.id, []))]
    return tuple(nodes)


def _without_dead_ends(jobs: Sequence[Job]) -> list[Job]:
    """Without those that came to nothing, and from which nothing else was made."""
    kept: list[Job] = []
    parents: set[str] = set()
    for job in reversed(jobs):  # children before their parents
        came_to_nothing = job.state in FINAL_STATES and job.state is not JobState.DELIVERED
        if not came_to_nothing or job.id in parents:
            kept.append(job)
            if job.parent:
                parents.add(job.parent.job_id)
    return kept[::-1]


def _origin(job: Job, parent: Job | None, stored: Collection[str]) -> Origin:
    if job.parent is None:
        return Origin.SOURCE
    if parent is None:
        return Origin.HIDDEN if job.parent.job_id in stored else Origin.ERASED
    if job.parent.track_id is not None:
        return Origin.TAKE
    return Origin.SAME if same_request(job) == same_request(parent) else Origin.CHANGED
