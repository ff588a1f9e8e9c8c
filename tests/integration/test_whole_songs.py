"""Orders for whole songs on a real database: each is carried out once, whatever dies or is busy."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, Parent, Place
from bot.domain.joins import JoinFormat
from bot.domain.votes import Vote
from bot.domain.whole_songs import WholeSongOrder
from bot.errors import Refused, TakenElsewhere
from bot.fault_points import hold
from bot.services.common.messenger import NONCE_LASTS, Posted, RouteClosed, RouteTooSmall, RouteUnavailable
from bot.services.common.song_posts import WholeSong
from bot.services.pipeline.source_again import SourceAgain
from bot.services.pipeline.take_again import TakeAgain
from bot.services.songs.whole_song import TRIES, WholeSongs, WholeSongTimes
from storage.held_back import hold_back
from tests.support.fakes import FakeMessageFiles, FakeStudio
from tests.support.pipeline import Pipeline, a_pipeline, another_process
from tests.support.shared_tasks import wakes_another_worker
from tests.support.storage_samples import a_delivered, a_job, a_place, a_track, insert

LEASE = 30.0
NOWHERE_ELSE: Mapping[str, int | None] = {}
_numbers = count(9000)


@dataclass
class FakePosts:
    """The next posts raise `errors`. `limit_bytes`: what fits."""

    limit_bytes: int = 1000
    errors: list[Exception] = field(default_factory=list)
    songs: list[WholeSong] = field(default_factory=list)

    async def upload_limit_bytes(self, place: Place) -> int:  # noqa: ARG002  # the protocol's
        return self.limit_bytes

    async def post(self, order: WholeSongOrder, song: WholeSong) -> Posted:
        if self.errors:
            raise self.errors.pop(0)
        self.songs.append(song)
        return Posted(order.place.channel_id, 800, guild_id=order.place.guild_id)


@dataclass
class Joiner:
    songs: WholeSongs
    posts: FakePosts
    studio: FakeStudio


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def joiner(pipeline: Pipeline, folder: Path) -> Joiner:
    posts, studio, files = FakePosts(), FakeStudio(), FakeMessageFiles()
    songs = WholeSongs(
        pipeline.storage,
        pipeline.messenger,
        posts,
        studio,
        pipeline.audio,
        sources=SourceAgain(pipeline.fetcher, pipeline.fetcher, files, pipeline.kept, max_bytes=1000),
        takes=TakeAgain(pipeline.provider, pipeline.fetcher, files, pipeline.kept),
        fetcher=pipeline.fetcher,
        folder=folder,
        times=WholeSongTimes(lease=LEASE),
        bells=pipeline.bells,
        clock=pipeline.clock,
    )
    return Joiner(songs, posts, studio)


async def a_result(
    pipeline: Pipeline, parent: Parent | None = None, where: Mapping[str, int | None] = NOWHERE_ELSE
) -> Job:
    """`where`: what is different about its place."""
    job = a_delivered(a_job(parent=parent), a_track(next(_numbers)), a_track(next(_numbers)))
    job = replace(job, place=replace(job.place, **where))
    await insert(pipeline.storage, job)
    return job


def an_order(
    job: Job,
    pipeline: Pipeline,
    *,
    member_id: int = 1,
    message_id: int = 700,
    audio_format: JoinFormat = JoinFormat.MP3,
) -> WholeSongOrder:
    place = replace(a_place(member_id=member_id), interaction_id=next(_numbers), received_at=pipeline.clock())
    return WholeSongOrder(place=place, job_id=job.id, message_id=message_id, audio_format=audio_format)


def answers(pipeline: Pipeline) -> list[str]:
    return [sentence.message for sentences in pipeline.messenger.answers for sentence in sentences]


async def test_a_song_is_joined_posted_and_linked_to(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)

    await here.songs.order(an_order(job, pipeline))
    assert await here.songs.step()

    (song,) = here.posts.songs
    assert (song.job.id, song.takes, song.audio_format) == (job.id, 1, JoinFormat.MP3)
    ((original, take),) = here.studio.joined
    assert (original.until_seconds, take.until_seconds) == (job.sent_continue_at, None)
    assert await here.songs.next_due() is None
    assert list(tmp_path.glob("whole-*")) == []


async def test_a_second_worker_is_woken_once_the_first_has_claimed_a_song(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))

    await wakes_another_worker(here.songs, pipeline.bells.whole_songs, before="while a whole song is joined")


async def test_a_chain_has_each_take_up_to_the_next_seam(pipeline: Pipeline, tmp_path: Path) -> None:
    first = await a_result(pipeline)
    parent = Parent(job_id=first.id, song_id=first.id, track_id=first.tracks[1].id)
    second, here = await a_result(pipeline, parent), joiner(pipeline, tmp_path)

    await here.songs.order(an_order(second, pipeline))
    await here.songs.step()

    (parts,) = here.studio.joined
    seams = [first.sent_continue_at, second.sent_continue_at, None]
    assert [part.until_seconds for part in parts] == seams
    assert pipeline.fetcher.fetched[1:3] == [first.tracks[1].audio_url, second.tracks[0].audio_url]


@pytest.mark.parametrize("where", [{"private": True}, {"guild_id": 999}, {"guild_id": None}])
async def test_what_its_member_made_elsewhere_is_not_joined_for_others(
    pipeline: Pipeline, tmp_path: Path, where: Mapping[str, int | None]
) -> None:
    first = await a_result(pipeline, where=where)
    second = await a_result(pipeline, Parent(job_id=first.id, song_id=first.id, track_id=first.tracks[1].id))
    here = joiner(pipeline, tmp_path)

    for number, member_id in enumerate((2, first.place.member_id)):
        await here.songs.order(an_order(second, pipeline, member_id=member_id, message_id=700 + number))
        await here.songs.step()

    for_another, for_its_member = here.studio.joined
    assert [part.until_seconds for part in for_another] == [second.sent_continue_at, None]
    assert len(for_its_member) == 3


async def test_the_take_with_the_most_votes_is_joined(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    vote = Vote(message_id=700, member_id=5, job_id=job.id, take=2, at=pipeline.clock())
    await pipeline.storage.write(lambda work: work.votes.put(vote))

    await here.songs.order(an_order(job, pipeline))
    await here.songs.step()

    assert job.tracks[1].audio_url in pipeline.fetcher.fetched


async def test_a_click_that_another_process_has_is_left_to_it(pipeline: Pipeline, tmp_path: Path) -> None:
    job = await a_result(pipeline)
    order = an_order(job, pipeline)
    await joiner(pipeline, tmp_path).songs.order(order)

    async with another_process(tmp_path, pipeline) as other:
        with pytest.raises(TakenElsewhere):
            await joiner(other, tmp_path).songs.order(order)


async def test_a_double_click_joins_once_however_fast_that_is(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))
    await here.songs.step()

    with pytest.raises(Refused, match="looked like a double click"):
        await here.songs.order(an_order(job, pipeline))


async def test_one_song_at_a_time_for_each_member(pipeline: Pipeline, tmp_path: Path) -> None:
    first, second, here = await a_result(pipeline), await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(first, pipeline))

    with pytest.raises(Refused, match="I'm already joining it"):
        await here.songs.order(an_order(first, pipeline, member_id=2))
    with pytest.raises(Refused, match="another song for you"):
        await here.songs.order(an_order(second, pipeline, message_id=701))


async def test_the_song_of_a_dead_process_is_joined_by_another(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))
    now = pipeline.clock()
    await pipeline.storage.write(lambda work: work.whole_songs.claim_due(now=now, until=now, owner="dead"))

    pipeline.clock.turn(LEASE)
    await here.songs.step()

    assert len(here.posts.songs) == 1


async def test_a_song_that_may_be_posted_already_is_not_posted_twice(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    order = an_order(job, pipeline)
    await here.songs.order(order)
    now, interaction_id = pipeline.clock(), order.place.interaction_id
    await pipeline.storage.write(lambda work: work.whole_songs.claim_due(now=now, until=now, owner="dead"))
    await pipeline.storage.write(lambda work: work.whole_songs.tried(interaction_id, owner="dead", at=now))

    pipeline.clock.turn(NONCE_LASTS.total_seconds())
    await here.songs.step()

    assert here.posts.songs == []
    assert answers(pipeline)[-1].startswith("I was interrupted while posting")
    assert await here.songs.next_due() is None


async def test_a_post_without_a_clear_answer_is_tried_again(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))
    here.posts.errors = [RouteUnavailable()]

    await here.songs.step()
    pipeline.clock.turn(60)
    await here.songs.step()

    assert len(here.posts.songs) == 1


async def test_an_order_that_kills_its_processes_ends_with_a_sentence(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))
    now = pipeline.clock()
    for _ in range(TRIES):
        await pipeline.storage.write(lambda work: work.whole_songs.claim_due(now=now, until=now, owner="dead"))

    await here.songs.step()

    assert here.posts.songs == []
    assert answers(pipeline)[-1].startswith("I couldn't join the whole song")
    assert await here.songs.next_due() is None


async def test_a_song_that_is_too_large_gets_a_smaller_bit_rate(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    here.posts.limit_bytes = 3
    await here.songs.order(an_order(job, pipeline))

    await here.songs.step()

    (song,) = here.posts.songs
    assert song.path.name == "smaller.mp3"


@pytest.mark.parametrize("audio_format", [JoinFormat.WAV, JoinFormat.FLAC])
async def test_a_lossless_song_that_is_too_large_is_refused(
    pipeline: Pipeline, tmp_path: Path, audio_format: JoinFormat
) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    here.posts.limit_bytes = 3
    await here.songs.order(an_order(job, pipeline, audio_format=audio_format))

    await here.songs.step()

    assert here.posts.songs == []
    assert "too large to post here" in answers(pipeline)[-1]


async def test_a_song_that_fits_nowhere_is_said_to_be_too_long(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    here.posts.errors = [RouteTooSmall(), RouteTooSmall()]
    await here.songs.order(an_order(job, pipeline))

    await here.songs.step()

    assert "too long to post here" in answers(pipeline)[-1]


async def test_a_member_learns_that_every_way_is_closed(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    here.posts.errors = [RouteClosed("archived")]
    await here.songs.order(an_order(job, pipeline))

    await here.songs.step()

    assert answers(pipeline)[-1] == "Discord doesn't let me post here."


async def test_what_is_not_finished_has_no_whole_song(pipeline: Pipeline, tmp_path: Path) -> None:
    job = a_job()
    await insert(pipeline.storage, job)

    with pytest.raises(Refused, match="nothing to join yet"):
        await joiner(pipeline, tmp_path).songs.order(an_order(job, pipeline))


async def died_while_posting(pipeline: Pipeline, order: WholeSongOrder) -> None:
    """As of now, the song may be in the channel without our knowing."""
    now, interaction_id = pipeline.clock(), order.place.interaction_id
    await pipeline.storage.write(lambda work: work.whole_songs.claim_due(now=now, until=now, owner="dead"))
    await pipeline.storage.write(lambda work: work.whole_songs.tried(interaction_id, owner="dead", at=now))


async def test_a_song_that_takes_long_to_join_is_not_posted_twice(pipeline: Pipeline, tmp_path: Path) -> None:
    """Discord would still know the first post when the second join begins, and no longer when it ends."""
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    order = an_order(job, pipeline)
    await here.songs.order(order)
    await died_while_posting(pipeline, order)

    pipeline.clock.turn(LEASE)
    async with hold("while a whole song is joined") as held:
        joining = asyncio.create_task(here.songs.step())
        await held.reached()
        pipeline.clock.turn(NONCE_LASTS.total_seconds() - 1)
        held.release()
        await joining

    assert here.posts.songs == []
    assert answers(pipeline)[-1].startswith("I was interrupted while posting")
    assert await here.songs.next_due() is None


async def test_a_clock_that_was_set_back_posts_no_song_twice(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    order = an_order(job, pipeline)
    await here.songs.order(order)
    await died_while_posting(pipeline, order)

    pipeline.clock.jump(-3600)
    await pipeline.storage.write(lambda work: work.whole_songs.hasten(until=pipeline.clock()))
    await here.songs.step()

    assert here.posts.songs == []
    assert answers(pipeline)[-1].startswith("I was interrupted while posting")


async def test_restarts_do_not_use_up_the_tries_of_a_song(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))
    now, until = pipeline.clock(), pipeline.clock() + timedelta(seconds=LEASE)
    for _ in range(TRIES):
        await pipeline.storage.write(lambda work: work.whole_songs.claim_due(now=now, until=until, owner="stopped"))
        await pipeline.storage.write(lambda work: work.whole_songs.release_all("stopped", at=now))

    await here.songs.step()

    assert len(here.posts.songs) == 1


async def test_a_song_whose_post_never_had_a_clear_answer_may_be_there(pipeline: Pipeline, tmp_path: Path) -> None:
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))
    here.posts.errors = [RouteUnavailable()] * TRIES

    while (due := await here.songs.next_due()) is not None:
        pipeline.clock.turn(max(0.0, (due - pipeline.clock()).total_seconds()))
        await here.songs.step()

    assert answers(pipeline)[-1].startswith("I was interrupted while posting")


async def test_a_song_in_a_restored_backup_is_not_posted_again(pipeline: Pipeline, tmp_path: Path) -> None:
    """It may have been posted since the copy was made."""
    job, here = await a_result(pipeline), joiner(pipeline, tmp_path)
    await here.songs.order(an_order(job, pipeline))
    async with pipeline.storage.transaction() as work:
        await hold_back(work.whole_songs._connection, pipeline.clock())  # as a restore does

    await here.songs.step()

    assert here.posts.songs == []
    assert answers(pipeline)[-1].startswith("I was interrupted while posting")
