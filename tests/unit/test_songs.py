"""Which jobs of a song a reader sees, and what each was made from."""

from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Parent
from bot.domain.songs import Node, Origin, Reader, tree_of
from bot.domain.votes import Vote
from tests.support.storage_samples import NOW, a_job, a_track, after

MIA = Reader(member_id=1, guild_id=200, channels=frozenset({300}))
NOA = Reader(member_id=2, guild_id=200, channels=frozenset({300}))


def done(job: Job, **changes: object) -> Job:
    return replace(job, state=JobState.DELIVERED, tracks=(a_track(1), a_track(2)), **changes)


def made_from(job: Job, *, take: int | None = None, seconds: float = 1, member_id: int = 1) -> Job:
    track_id = job.tracks[take - 1].id if take else None
    parent = Parent(job_id=job.id, song_id=job.song_id, track_id=track_id)
    return done(a_job(accepted_at=after(seconds), parent=parent, member_id=member_id))


def private(job: Job) -> Job:
    return replace(job, place=replace(job.place, private=True))


def seen(nodes: tuple[Node, ...]) -> list[tuple[int, int, Origin, int | None, int | None]]:
    return [(node.number, node.depth, node.origin, node.parent, node.take) for node in nodes]


def test_each_job_names_the_take_that_it_continues_and_stands_below_it() -> None:
    first = done(a_job())
    second = made_from(first, take=2, seconds=1)
    third = made_from(first, take=1, seconds=2)
    fourth = made_from(second, take=1, seconds=3)

    assert seen(tree_of([first, second, third, fourth], MIA)) == [
        (1, 0, Origin.SOURCE, None, None),
        (2, 1, Origin.TAKE, 1, 2),
        (4, 2, Origin.TAKE, 2, 1),
        (3, 1, Origin.TAKE, 1, 1),
    ]


def test_the_same_again_is_told_from_a_changed_request() -> None:
    first = done(a_job())
    again = made_from(first, seconds=1)
    measured = replace(again, request=replace(again.request, source_length=99.0))
    changed = made_from(first, seconds=2)
    changed = replace(changed, request=replace(changed.request, style="dub"))

    assert [node.origin for node in tree_of([first, measured, changed], MIA)] == [
        Origin.SOURCE,
        Origin.SAME,
        Origin.CHANGED,
    ]


def test_the_children_of_an_erased_job_are_roots_that_say_so() -> None:
    first = done(a_job())
    children = [made_from(first, take=1, seconds=1), made_from(first, seconds=2)]

    assert seen(tree_of(children, MIA)) == [(1, 0, Origin.ERASED, None, None), (2, 0, Origin.ERASED, None, None)]


def test_a_private_job_is_seen_by_its_member_alone_and_others_do_not_learn_what_it_was() -> None:
    first = private(done(a_job()))
    child = made_from(first, take=1)

    assert [node.origin for node in tree_of([first, child], MIA)] == [Origin.SOURCE, Origin.TAKE]
    assert seen(tree_of([first, child], NOA)) == [(1, 0, Origin.HIDDEN, None, None)]


def test_others_see_nothing_from_another_server_or_a_channel_closed_to_them() -> None:
    job = done(a_job())
    here = replace(NOA, channels=frozenset())
    elsewhere = replace(NOA, guild_id=201)
    alone = replace(NOA, guild_id=None)

    assert [tree_of([job], reader) for reader in (here, elsewhere, alone)] == [(), (), ()]
    assert len(tree_of([job], NOA)) == 1


def test_a_result_counts_where_it_was_sent_again() -> None:
    job = done(a_job(), final_guild_id=200, final_channel_id=301)

    assert tree_of([job], NOA) == ()
    assert len(tree_of([job], replace(NOA, channels=frozenset({301})))) == 1


def test_what_came_to_nothing_is_left_out_unless_something_was_made_from_it() -> None:
    first = done(a_job())
    failed = replace(made_from(first, take=1, seconds=1), state=JobState.FAILED)
    cancelled = replace(made_from(first, take=1, seconds=2), state=JobState.CANCELLED)
    child = made_from(failed, seconds=3)
    running = replace(made_from(first, take=2, seconds=4), state=JobState.RUNNING, tracks=())

    nodes = tree_of([first, failed, cancelled, child, running], MIA)

    assert [node.job.id for node in nodes] == [first.id, failed.id, child.id, running.id]


def test_votes_are_counted_for_each_take_and_the_preferred_one_is_named() -> None:
    job = done(a_job())
    votes = [Vote(message_id=9, member_id=each, job_id=job.id, take=2, at=NOW) for each in (1, 2)]
    votes.append(Vote(message_id=9, member_id=3, job_id=job.id, take=1, at=NOW))

    (node,) = tree_of([job], MIA, votes)

    assert (dict(node.votes), node.preferred) == ({1: 1, 2: 2}, 2)


def test_a_chain_longer_than_the_stack_is_a_tree_too() -> None:
    jobs = [done(a_job())]
    for number in range(1500):
        jobs.append(made_from(jobs[-1], take=1, seconds=number))

    assert tree_of(jobs, MIA)[-1].depth == 1500
