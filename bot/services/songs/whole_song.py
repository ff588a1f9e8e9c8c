"""Joins a whole chain of extensions into one file and posts it, for whoever clicked.

A click is written down first. A worker does the rest; if a restart interrupts it, another one begins again.
"""

import logging
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.clicks import Click
from bot.domain.jobs import MADE_STATES, Job, Place
from bot.domain.joins import Joined, JoinFormat, JoinPart, Tags
from bot.domain.pace import backoff_seconds
from bot.domain.takes import take_of, takes_of
from bot.domain.text import Text, Verbatim, text
from bot.domain.titles import shown_title
from bot.domain.votes import winner
from bot.domain.whole_songs import LINKS_MAX, ClaimedOrder, Link, WholeSongOrder, continued_track
from bot.errors import BadSource, Outage, Refused
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.lease import Lease, LeaseLost, an_owner, renewed
from bot.services.common.messenger import (
    Messenger,
    Posted,
    RouteClosed,
    RouteTooSmall,
    RouteUnavailable,
    is_nonce_known,
)
from bot.services.common.ports import AudioTools, Fetcher, Storage, Work
from bot.services.common.sentences import NO_ROOM, name_of
from bot.services.common.song_posts import SongPosts, WholeSong
from bot.services.common.studio import Studio
from bot.services.pipeline.chain_parts import heard_until
from bot.services.pipeline.cover import fetch_cover
from bot.services.pipeline.posting import SMALLEST_LIMIT_BYTES
from bot.services.pipeline.source_again import SourceAgain
from bot.services.pipeline.take_again import TakeAgain
from bot.services.pipeline.tracks import FIT_SHARE
from bot.services.songs.clicks import is_first, taken
from bot.services.songs.results import GONE, NO_SUCH_TAKE, VOTES_COUNTED

log = logging.getLogger(__name__)

TRIES = 4
"""After so many tries that were cut off or found Discord away, the member is told."""

BUSY = text("I'm already joining it.")
DOUBLE_CLICK = text("That looked like a double click. Press the button again in a few seconds.")
ONE_AT_A_TIME = text("I'm still joining another song for you. Try again when it's done.")
NOT_READY = text("There's nothing to join yet: this isn't finished.")
BEGUN = text("I'm joining the whole song. It takes a minute or so; I'll post it here and ping you.")
BEGUN_FOR_OTHERS = text("I'm joining the whole song. It takes a minute or so; I'll post it here.")
"""For a moderator who ended a relay without a part in it."""
WENT_WRONG = text("I couldn't join the whole song. Please try again.")
CANNOT_POST = text("Discord doesn't let me post here.")
MAYBE_POSTED = text("I was interrupted while posting the whole song. If it isn't here, press **Whole song** again.")


class WholeSongTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `lease`: after which a dead worker's order is another's."""

    lease: float
    backoff_base: float = 2.0


class WholeSongs:
    """Takes orders, and is the step of the workers that join."""

    def __init__(
        self,
        storage: Storage,
        messenger: Messenger,
        posts: SongPosts,
        studio: Studio,
        audio: AudioTools,
        *,
        sources: SourceAgain,
        takes: TakeAgain,
        fetcher: Fetcher,
        folder: Path,
        times: WholeSongTimes,
        bells: Bells,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._messenger = messenger
        self._posts = posts
        self._studio = studio
        self._audio = audio
        self._sources = sources
        self._takes = takes
        self._fetcher = fetcher
        self._folder = folder
        self._times = times
        self._bells = bells
        self._clock = clock
        self._owner = an_owner("joining")

    async def order(self, order: WholeSongOrder) -> None:
        """Write it down for a worker.

        Raises:
            Refused: no such job or take, not finished, or already under way.
            TakenElsewhere: another process has this click.
        """

        async def ordered(work: Work) -> Refused | None:
            await taken(work, order.place.interaction_id)
            refusal = _refusal(order, await work.jobs.get(order.job_id))
            is_double = not await is_first(work, _click(order), f"whole song as {order.audio_format}", at=self._clock())
            if refusal is None and await _is_under_way(work, order):
                refusal = Refused([BUSY])
            if refusal is None and await work.whole_songs.of_member(order.place.member_id):
                refusal = Refused([ONE_AT_A_TIME])
            if refusal is None and is_double:
                refusal = Refused([DOUBLE_CLICK])
            if refusal is None:
                await work.whole_songs.add(order, at=self._clock())
            return refusal

        if (refusal := await self._storage.write(ordered)) is not None:  # only now: the click stays taken
            raise refusal
        self._bells.whole_songs.ring()

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.whole_songs.next_due()

    async def release(self) -> None:
        """Leave interrupted work to other processes at once, before the claims run out."""
        if await self._storage.write(lambda work: work.whole_songs.release_all(self._owner, at=self._clock())):
            self._bells.whole_songs.ring()

    async def step(self) -> bool:
        claimed = await self._storage.write(
            lambda work: work.whole_songs.claim_due(now=self._clock(), until=self._until(), owner=self._owner)
        )
        if claimed is None:
            return False
        self._bells.whole_songs.wake_another()
        try:
            async with renewed(partial(self._renew, claimed), seconds=self._times.lease) as lease:
                await self._do(claimed, lease)
        except LeaseLost:
            log.warning("somebody else has taken a whole song over")
        return True

    async def _do(self, claimed: ClaimedOrder, lease: Lease) -> None:
        order, place = claimed.order, claimed.order.place
        folder = Path(tempfile.mkdtemp(prefix="whole-", dir=self._folder))
        try:
            self._check_tries(claimed)
            is_for_others = bool(order.people) and place.member_id not in order.people
            await self._messenger.answer(place, [BEGUN_FOR_OTHERS if is_for_others else BEGUN])
            posted = await self._posted(claimed, folder, lease)
        except (LeaseLost, Outage):
            raise
        except RouteUnavailable as error:
            log.warning("a whole song could not be posted at try %d (%s)", claimed.tries, error)
            await self._put_off(claimed)
        except Exception as error:  # noqa: BLE001  # the member is told of each, and `_reasons` logs it
            await self._end(claimed, self._reasons(order, error), lease)
        else:
            await self._storage.write(lambda work: work.whole_songs.end(place.interaction_id, owner=self._owner))
            log.info("job %s: its whole song is posted", order.job_id[:8])
            if not posted.is_answer:
                await self._messenger.answer(place, [text("Here it is: {link}", link=_link(posted))])
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _check_tries(self, claimed: ClaimedOrder) -> None:
        """Raises `Refused` for an order that failed too often, or may have been posted too long ago to do it again."""
        self._check_nonce(claimed)
        if claimed.tries > TRIES:
            raise Refused([WENT_WRONG if claimed.tried_at is None else MAYBE_POSTED])

    def _check_nonce(self, claimed: ClaimedOrder) -> None:
        """Raises `Refused` if another post could be a second one."""
        if claimed.tried_at is not None and not is_nonce_known(claimed.tried_at, at=self._clock()):
            raise Refused([MAYBE_POSTED])

    def _reasons(self, order: WholeSongOrder, error: Exception) -> Sequence[Text]:
        """Why there is no song, for its member and the log."""
        short_id = order.job_id[:8]
        match error:
            case Refused():
                return error.sentences
            case BadSource():
                log.info("job %s: no whole song (%s)", short_id, error)
                return [error.sentence]
            case RouteClosed():
                log.info("job %s: its whole song can be posted nowhere (%s)", short_id, error)
                return [error.why or CANNOT_POST]
            case OSError():
                log.error("cannot join a song in %s (%s)", self._folder, error.strerror or error)
                return [NO_ROOM]
        log.error("job %s: a whole song failed", short_id, exc_info=error)
        return [WENT_WRONG]

    async def _posted(self, claimed: ClaimedOrder, folder: Path, lease: Lease) -> Posted:
        order = claimed.order
        song = await self._joined(order, folder)
        try:
            limit_bytes = await self._posts.upload_limit_bytes(order.place)
            for limit in (limit_bytes, min(limit_bytes, SMALLEST_LIMIT_BYTES)):
                fitting = await self._fitted(song, limit)
                self._check_nonce(claimed)  # once more: joining takes long
                await lease.check()
                if not await self._storage.write(partial(self._note_the_try, order)):
                    raise LeaseLost
                try:
                    posted = await self._posts.post(order, fitting)
                except RouteTooSmall:
                    log.warning("a whole song of up to %d bytes is too large", limit)
                else:
                    await fault_points.pause_at("after a whole song is posted")
                    return posted
        finally:
            song.path.unlink(missing_ok=True)
        raise Refused([_too_large(song)])

    async def _note_the_try(self, order: WholeSongOrder, work: Work) -> bool:
        return await work.whole_songs.tried(order.place.interaction_id, owner=self._owner, at=self._clock())

    async def _joined(self, order: WholeSongOrder, folder: Path) -> WholeSong:
        """Raises `Refused` if there is nothing to join, and `BadSource` for a file that is gone."""
        chain = await self._storage.read(lambda work: _chain(work, order))
        await fault_points.pause_at("while a whole song is joined")
        last = chain[-1]
        paths = [folder / f"{number}" for number in range(len(chain) + 1)]
        await self._sources.fetch(chain[0].job, paths[0])
        for link, path in zip(chain, paths[1:], strict=True):
            await self._takes.fetch(link.job, link.track, path)
        parts = [
            JoinPart(path=source, until_seconds=await heard_until(self._studio, link.job, source, take))
            for link, source, take in zip(chain, paths[:-1], paths[1:], strict=True)
        ]
        parts.append(JoinPart(path=paths[-1]))
        title = shown_title(last.job, last.track)
        tags = Tags(title=title, artist="Encore", cover=await self._cover(last, folder))
        whole = folder / f"whole.{order.audio_format}"
        joined: Joined = await self._studio.join(parts, whole, audio_format=order.audio_format, tags=tags)
        if joined.is_whole_already:
            if not order.people:
                raise Refused([_already(last)])
            whole = paths[-1]
        return WholeSong(
            job=last.job,
            path=whole,
            audio_format=order.audio_format,
            length_seconds=joined.length_seconds,
            title=title,
            takes=len(chain),
        )

    async def _cover(self, link: Link, folder: Path) -> Path | None:
        cover = await fetch_cover(self._fetcher, [link.track], folder)
        return cover if cover is not None and cover.suffix in {".jpg", ".png"} else None

    async def _fitted(self, song: WholeSong, limit_bytes: int) -> WholeSong:
        """With a smaller bit rate if need be. Raises `Refused` if nothing helps."""
        if song.path.stat().st_size <= limit_bytes:
            return song
        if song.audio_format is not JoinFormat.MP3:
            raise Refused([_too_large(song)])
        smaller = song.path.with_name("smaller.mp3")
        if not await self._audio.fit(song.path, smaller, limit_bytes=int(limit_bytes * FIT_SHARE)):
            raise Refused([_too_large(song)])
        return replace(song, path=smaller)

    async def _end(self, claimed: ClaimedOrder, sentences: Sequence[Text], lease: Lease) -> None:
        """Tell the member why there is no song. Raises `LeaseLost`."""
        await lease.check()
        await self._messenger.tell(claimed.order.place, sentences)
        interaction_id = claimed.order.place.interaction_id
        await self._storage.write(lambda work: work.whole_songs.end(interaction_id, owner=self._owner))

    async def _put_off(self, claimed: ClaimedOrder) -> None:
        pause_seconds = backoff_seconds(claimed.tries, base_seconds=self._times.backoff_base)
        until = self._clock() + timedelta(seconds=pause_seconds)
        interaction_id = claimed.order.place.interaction_id
        await self._storage.write(lambda work: work.whole_songs.put_off(interaction_id, owner=self._owner, until=until))

    async def _renew(self, claimed: ClaimedOrder) -> bool:
        interaction_id, until = claimed.order.place.interaction_id, self._until()
        return await self._storage.write(
            lambda work: work.whole_songs.renew(interaction_id, owner=self._owner, until=until)
        )

    def _until(self) -> datetime:
        return self._clock() + timedelta(seconds=self._times.lease)


def _refusal(order: WholeSongOrder, job: Job | None) -> Refused | None:
    if job is None:
        return Refused([GONE])
    if job.state not in MADE_STATES or not takes_of(job):
        return Refused([NOT_READY])
    return Refused([NO_SUCH_TAKE]) if order.take is not None and order.take not in takes_of(job) else None


def _click(order: WholeSongOrder) -> Click:
    return Click(
        interaction_id=order.place.interaction_id,
        member_id=order.place.member_id,
        message_id=order.message_id,
        channel_id=order.place.channel_id,
        guild_id=order.place.guild_id,
    )


async def _is_under_way(work: Work, order: WholeSongOrder) -> bool:
    """Whether somebody has asked for the same below the same message."""
    others = await work.whole_songs.at_message(order.message_id)
    return any((other.take, other.audio_format) == (order.take, order.audio_format) for other in others)


async def _chain(work: Work, order: WholeSongOrder) -> list[Link]:
    """The takes that lead to the one that is wanted, the oldest first.

    It begins where the earlier job was erased, or is not open to the member who asks.

    Raises:
        Refused: the wanted take is gone.
    """
    job = await work.jobs.get(order.job_id)
    if (refusal := _refusal(order, job)) is not None or job is None:
        raise refusal or Refused([GONE])
    preferred = winner(await work.votes.of_job(job.id, limit=VOTES_COUNTED))
    takes = takes_of(job)
    track = takes.get(order.take or preferred or 1) or next(iter(takes.values()))
    chain, seen = [Link(job, track)], {job.id}
    while (former := continued_track(chain[0].job)) is not None and len(chain) < LINKS_MAX:
        former_job = await work.jobs.get(former[0])
        former_track = next((each for each in (former_job.tracks if former_job else ()) if each.id == former[1]), None)
        if former_job is None or former_track is None or former_job.id in seen:
            break
        if not _is_open_to(former_job, order.place):
            break
        chain.insert(0, Link(former_job, former_track))
        seen.add(former_job.id)
    return chain


def _is_open_to(job: Job, place: Place) -> bool:
    """As in a family: what somebody else made in private, or in another server, is not handed out."""
    if job.place.member_id == place.member_id:
        return True
    return not job.place.private and job.place.guild_id is not None and job.place.guild_id == place.guild_id


def _already(last: Link) -> Text:
    return text(
        "Take {take} of “{title}” already contains the whole song from its beginning, so there was nothing to join.",
        take=take_of(last.job, last.track.id) or 1,
        title=name_of(last.job, last.track),
    )


def _too_large(song: WholeSong) -> Text:
    if song.audio_format is JoinFormat.MP3:
        return text("The whole song is too long to post here, even at a low bit rate.")
    return text(
        "The whole song is too large to post here as {format}. Press **Whole song** for an mp3, which may fit.",
        format=song.audio_format.upper(),
    )


def _link(posted: Posted) -> Verbatim:
    return Verbatim(f"https://discord.com/channels/{posted.guild_id or '@me'}/{posted.channel_id}/{posted.message_id}")
