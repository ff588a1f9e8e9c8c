"""Update each job's progress message, only when it changed and no more often than the pace allows.

Outdated messages have their own queue in the database (`work.progress`): a pass costs what changed, not what waits.
An edit needs a claim there, so two processes never edit the same message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.jobs import Job, JobState
from bot.domain.pace import backoff_seconds
from bot.domain.progress import BANDS_END_AT, OutdatedProgress, ProgressStep, QueuedJob, progress_step, queue_band
from bot.domain.quota import quota_day
from bot.domain.receipt import Receipt
from bot.domain.text import text
from bot.errors import Outage
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock, is_due
from bot.services.common.lease import an_owner
from bot.services.common.messenger import Messenger, RouteBusy, RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage, Work
from bot.services.operator.notices import Operator

log = logging.getLogger(__name__)

AT_ONCE = 8
"""How many messages one worker edits at the same time."""
QUEUE_LOOKED_AT = BANDS_END_AT + 19
"""How far into the queue a pass looks: a little further than the last band that messages name."""
SHOW_SECONDS = 12.0
"""How long one edit may take: one that hangs is tried again later, after the others."""
TRIES = 6
"""After this many unexpected failures a message is left as it is."""
UNAVAILABLE_TRIES = 100
"""The same while Discord does not answer clearly: about eight hours."""
UNREADABLE_SECONDS = 3600.0
"""How long until a job that this version cannot read is tried again."""

_WITH_RECEIPT = frozenset({JobState.ACCEPTED, JobState.SUBMITTING, JobState.RUNNING})

Record: TypeAlias = Callable[[Work], Awaitable[bool]]
"""Stores the outcome for one message; False if another owner has it now."""


class ProgressTimes(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds. `every`: the pace of one message; `lease`: when a dead worker's message is taken over.

    An edit begins in the first half of its lease, which with the usual one is longer than an edit may take.
    """

    every: float
    lease: float = 30
    backoff_base: float = 2


class _Pass(msgspec.Struct, frozen=True):
    """What all messages of one pass share; `bands` covers the head of the queue."""

    bands: Mapping[str, int]
    usual_seconds: float | None


class Progress:
    """The step of the progress workers."""

    def __init__(
        self,
        storage: Storage,
        messenger: Messenger,
        operator: Operator,
        *,
        quota_per_day: int,
        times: ProgressTimes,
        bells: Bells,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._messenger = messenger
        self._operator = operator
        self._quota_per_day = quota_per_day
        self._times = times
        self._bells = bells
        self._clock = clock
        # With several processes, members notice no restart.
        self._began_at = None if storage.is_shared else clock()
        self._has_begun = storage.is_shared
        self._owner = an_owner("progress")
        self._in_hand: set[str] = set()

    async def release(self) -> None:
        """Leave interrupted edits to other processes at once, before the claims run out."""
        count = await self._storage.write(lambda work: work.progress.release_all(self._owner, at=self._clock()))
        if count:
            self._bells.progress.ring()

    async def next_due(self) -> datetime | None:
        due_at = await self._storage.reading.progress.next_due()
        wait_seconds = self._messenger.edits_wait_seconds
        if due_at is None or not wait_seconds:
            return due_at
        return max(due_at, self._clock() + timedelta(seconds=wait_seconds))

    async def step(self) -> bool:
        """Update a few messages; False if none is behind, or none can be edited now."""
        if not self._has_begun:
            await self._take_over()
        if self._messenger.edits_wait_seconds:
            return False
        may_be_due = await self._look_at_queue()
        await fault_points.pause_at("after the queue is looked at")
        claimed = await self._claim() if may_be_due else []
        if not claimed:
            return False
        self._bells.progress.wake_another()
        try:
            one_pass = await self._storage.read(_one_pass)
            records = await asyncio.gather(*(self._bring_up_to_date(outdated, one_pass) for outdated in claimed))
            await self._write_down(claimed, records)
        finally:
            self._in_hand.difference_update(outdated.job_id for outdated in claimed)
        return True

    async def _write_down(self, claimed: Sequence[OutdatedProgress], records: Sequence[Record]) -> None:
        async def written(work: Work) -> None:
            for outdated, record in zip(claimed, records, strict=True):
                if not await record(work):
                    # Another owner may have shown something newer before our edit arrived.
                    log.warning("job %s: another worker has taken over its progress message", _short(outdated))
                    await work.progress.show_again(outdated.job_id, at=self._clock())

        await self._storage.write(written)

    async def _take_over(self) -> None:
        """After a restart, tell members whose music is being made that nothing was lost."""
        await self._storage.write(lambda work: work.progress.touch_at_provider(at=self._clock()))
        self._has_begun = True

    async def _look_at_queue(self) -> bool:
        """Messages that name another part of the queue than theirs are due; whether any may be due now."""
        head, due_at = await self._storage.read(_looked)
        bands = _bands(head)
        moved = {
            waiting.job_id: bands[waiting.job_id]
            for waiting in head
            if waiting.shown_band not in {None, bands[waiting.job_id]}
        }
        if moved:
            await self._storage.write(lambda work: work.progress.rank(moved, at=self._clock()))
        return bool(moved) or is_due(due_at, self._clock())

    async def _claim(self) -> list[OutdatedProgress]:
        now = self._clock()
        until = now + timedelta(seconds=self._times.lease)
        claimed = await self._storage.write(
            lambda work: work.progress.claim_due(now=now, until=until, limit=AT_ONCE, owner=self._owner)
        )
        # After a jump of the clock, a claim may run out while this process is still editing.
        mine = [outdated for outdated in claimed if outdated.job_id not in self._in_hand]
        self._in_hand.update(outdated.job_id for outdated in mine)
        return mine

    async def _bring_up_to_date(self, outdated: OutdatedProgress, one_pass: _Pass) -> Record:
        """Show one message; returns what to write down afterwards. Never raises, so that the others continue."""
        try:
            async with asyncio.timeout(SHOW_SECONDS):
                return await self._show(outdated, one_pass)
        except RouteBusy as error:
            return self._put_off(outdated, seconds=error.seconds)
        except Outage as error:
            log.debug("job %s: progress not shown (%s)", _short(outdated), error)
            return self._put_off(outdated, seconds=self._times.backoff_base)
        except (RouteUnavailable, TimeoutError) as error:
            return self._later(outdated, error, tries=UNAVAILABLE_TRIES) or self._given_up(outdated, error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the other messages continue
            if (later := self._later(outdated, error, tries=TRIES)) is None:
                await self._tell_operator(outdated)
            return later or self._given_up(outdated, error)

    async def _show(self, outdated: OutdatedProgress, one_pass: _Pass) -> Record:
        await fault_points.pause_at("before a progress message is shown")
        async with self._messenger.alone(outdated.job_id):
            # Read here, while nobody else writes to the member about this job: earlier data may be out of date.
            job, receipt = await self._storage.read(lambda work: self._seen(work, outdated.job_id, one_pass))
            await fault_points.pause_at("after a progress view is read")
            if job is None:
                return self._put_off(outdated, seconds=UNREADABLE_SECONDS)
            step = self._step(job, one_pass)
            if step.view is not None:
                await self._check_claim(outdated)
                try:
                    await self._messenger.show_progress(job, step.view, receipt=receipt)
                except RouteClosed as error:
                    # The next change tries again: there are few, and the channel may have opened.
                    log.info("job %s: its progress cannot be shown (%s)", job.short_id, error)
        return self._shown(outdated, step)

    async def _seen(self, work: Work, job_id: str, one_pass: _Pass) -> tuple[Job | None, Receipt | None]:
        """The job, and its receipt where the answer shows the progress. It says "today", so only on the same day."""
        job = await work.jobs.get(job_id)
        if job is None or not job.place.private or job.state not in _WITH_RECEIPT:
            return job, None
        day = quota_day(job.accepted_at)
        if day != quota_day(self._clock()):
            return job, None
        balance = await work.ledger.balance(job.place.member_id, day=day, limit=self._quota_per_day)
        return job, Receipt(job_id=job.id, balance=balance, usual_seconds=one_pass.usual_seconds)

    async def _check_claim(self, outdated: OutdatedProgress) -> None:
        """Raises `RouteBusy` if another process might claim the message before the edit ends."""
        if not self._storage.is_shared:
            return
        until = await self._storage.reading.progress.claimed_until(outdated.job_id, owner=self._owner)
        if until is None or until - self._clock() < timedelta(seconds=self._times.lease) / 2:
            raise RouteBusy(0)

    def _step(self, job: Job, one_pass: _Pass) -> ProgressStep:
        return progress_step(
            job,
            band=one_pass.bands.get(job.id, BANDS_END_AT),
            usual_seconds=one_pass.usual_seconds,
            began_at=self._began_at,
            at=self._clock(),
        )

    def _shown(self, outdated: OutdatedProgress, step: ProgressStep) -> Record:
        if step.is_last:
            return self._remove(outdated)
        next_edit_at = self._clock() + timedelta(seconds=self._times.every)
        band = None if step.view is None else step.view.queue_band
        return lambda work: work.progress.shown(
            outdated, owner=self._owner, queue_band=band, again_at=step.again_at, next_edit_at=next_edit_at
        )

    def _put_off(self, outdated: OutdatedProgress, *, seconds: float) -> Record:
        until = self._clock() + timedelta(seconds=seconds)
        return lambda work: work.progress.put_off(outdated, owner=self._owner, until=until)

    def _remove(self, outdated: OutdatedProgress) -> Record:
        return lambda work: work.progress.remove(outdated.job_id, owner=self._owner)

    def _later(self, outdated: OutdatedProgress, error: Exception, *, tries: int) -> Record | None:
        """Try again after a pause, longer each time; None after `tries`."""
        failures = outdated.failures + 1
        if failures >= tries:
            return None
        log.debug("job %s: progress not shown at try %d (%r)", _short(outdated), failures, error)
        pause_seconds = backoff_seconds(failures, base_seconds=self._times.backoff_base)
        return self._put_off(replace(outdated, failures=failures), seconds=pause_seconds)

    def _given_up(self, outdated: OutdatedProgress, error: Exception) -> Record:
        """The message stays as it is."""
        log.error("job %s: its progress message cannot be shown; it stays as it is", _short(outdated), exc_info=error)
        return self._remove(outdated)

    async def _tell_operator(self, outdated: OutdatedProgress) -> None:
        with suppress(Outage):  # which is reported elsewhere; the log has the rest
            await self._operator.tell_hourly(
                "progress message",
                f"progress message of {outdated.job_id} given up",
                [
                    text(
                        "I can't update the progress message of job `{job}` for a reason I don't know, so it stays as"
                        " it is. The job itself carries on. The log has the details.",
                        job=_short(outdated),
                    )
                ],
                log_line=f"job {_short(outdated)}: the operator hears that its progress message was given up",
            )


async def _looked(work: Work) -> tuple[Sequence[QueuedJob], datetime | None]:
    return await work.progress.queue_head(limit=QUEUE_LOOKED_AT), await work.progress.next_due()


async def _one_pass(work: Work) -> _Pass:
    """Looked at again: a job that was accepted meanwhile may be among the claimed ones."""
    bands = _bands(await work.progress.queue_head(limit=QUEUE_LOOKED_AT))
    return _Pass(bands, await work.jobs.usual_seconds())


def _bands(head: Sequence[QueuedJob]) -> Mapping[str, int]:
    """The part of the queue that each of the first jobs in it is in."""
    return {waiting.job_id: queue_band(position) for position, waiting in enumerate(head, 1)}


def _short(outdated: OutdatedProgress) -> str:
    return outdated.job_id[:8]
