"""Has lyrics written: each order is sent once, within the provider's rate, then asked about, then shown."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.jobs import Failure, FailureReason, Place, WaitReason
from bot.domain.lyrics import (
    STARTED,
    UNSTARTED,
    LyricsOrder,
    LyricsState,
    denied,
    failed,
    given_up,
    has_news,
    next_news,
    next_poll,
    put_off,
    reported,
    started,
    told,
    without_token,
)
from bot.domain.pace import backoff_seconds
from bot.domain.quota import quota_day
from bot.errors import ProviderBusy, ProviderError, denies_task
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.lease import an_owner
from bot.services.common.lyrics_ports import LyricsMessages, LyricsProvider
from bot.services.common.messenger import RouteUnavailable
from bot.services.common.ports import Storage, Work
from bot.services.common.surely import surely
from bot.services.operator.account import Account, trouble_of
from bot.services.operator.pause import read_pause
from bot.services.pipeline.rate import Rate

log = logging.getLogger(__name__)

SHOWN_TRIES = 5
"""After so many unclear answers from Discord, its member is told directly."""
_UNPAID = {
    WaitReason.NO_CREDITS: FailureReason.NO_CREDITS,
    WaitReason.KEY_REFUSED: FailureReason.OPERATOR,
}


class WritingTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `lease`: longer than any request takes. `pace`: between two questions about a task, at first.

    `token`: how long a click can be answered. `give_up`: how long an order is worked on.
    """

    lease: float
    pace: float
    token: float
    give_up: float
    backoff_base: float = 2


class _Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """`attempt_id`: the order is sent now, at this place in the rate. `is_new`: it waits for another reason by now."""

    order: LyricsOrder
    attempt_id: str | None = None
    is_new: bool = False


class LyricsWriting:
    """The step of the workers. `callback_url` makes an order's address from its token."""

    def __init__(
        self,
        storage: Storage,
        provider: LyricsProvider,
        messages: LyricsMessages,
        *,
        account: Account,
        rate: Rate,
        callback_url: Callable[[str], str],
        times: WritingTimes,
        bells: Bells,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._provider = provider
        self._messages = messages
        self._account = account
        self._rate = rate
        self._callback_url = callback_url
        self._times = times
        self._bells = bells
        self._clock = clock
        self._owner = an_owner("lyrics")

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.lyrics.next_due()

    async def release(self) -> None:
        """Leave what is claimed to other processes."""
        if await self._storage.write(lambda work: work.lyrics.release_all(self._owner, at=self._clock())):
            self._bells.lyrics.ring()

    async def step(self) -> bool:
        """Do what is due for one order; False where nothing is."""
        may_send = await self._account.is_open()
        claimed = await self._storage.write(partial(self._claim, may_send=may_send))
        if claimed is None:
            return False
        self._bells.lyrics.wake_another()
        order = claimed.order
        if claimed.attempt_id is not None:
            await fault_points.pause_at("before lyrics are ordered")
            await self._send(order, claimed.attempt_id)
        elif order.state is LyricsState.WAITING:
            if claimed.is_new:
                await self._show(order)
        elif order.state in (LyricsState.READY, LyricsState.FAILED):
            await self._tell(order)
        else:
            await self._ask(order)
        return True

    async def _claim(self, work: Work, *, may_send: bool) -> _Claimed | None:
        """One that is due. If it waits, it is marked as sent in the same transaction, or put off."""
        now = self._clock()
        order = await work.lyrics.claim_due(now=now, until=now + self._seconds(self._times.lease), owner=self._owner)
        if order is None:
            return None
        if order.place is not None and now - order.place.received_at > self._seconds(self._times.token):
            order = without_token(order)
        if order.state is not LyricsState.WAITING:
            return _Claimed(order=order)
        if self._is_over(since=order.ordered_at, now=now):
            reason = _UNPAID.get(order.waits_for or WaitReason.BUSY, FailureReason.NEVER_STARTED)
            await self._save(work, failed(order, Failure(reason=reason), at=now), before=order)
            return _Claimed(order=order)
        if await self._account.is_closed(work.memos) or not may_send:
            pause = await read_pause(work.memos)
            waits_for, until = (WaitReason.BUSY, now) if pause is None else (pause.closed_for, pause.ask_at)
            return await self._delayed(work, order, waits_for, max(until, now + self._seconds(self._times.pace)))
        counted = await self._rate.counted(work.memos, now=now)
        if (free_at := self._rate.free_at(counted, now=now)) is not None:
            await work.lyrics.save(replace(order, due_at=free_at))
            return _Claimed(order=order)
        sent = replace(order, state=LyricsState.SENT, sent_at=now, due_at=now + self._seconds(self._times.lease))
        await work.lyrics.save(sent)
        return _Claimed(order=sent, attempt_id=await self._rate.take(work.memos, counted, now=now))

    async def _delayed(self, work: Work, order: LyricsOrder, reason: WaitReason, until: datetime) -> _Claimed:
        after = replace(order, waits_for=reason, due_at=until)
        await work.lyrics.save(after)
        return _Claimed(order=after, is_new=order.waits_for is not reason)

    async def _save(self, work: Work, after: LyricsOrder, *, before: LyricsOrder) -> None:
        """Write it; what turned out to have cost nothing is taken back from the day's credits."""
        await work.lyrics.save(after)
        has_just_failed = after.state is LyricsState.FAILED and before.state is not LyricsState.FAILED
        if has_just_failed and after.failure is not None and after.failure.reason in UNSTARTED:
            guild_id = None if after.place is None else after.place.guild_id
            day = quota_day(after.ordered_at or self._clock())
            await work.spending.add(guild_id, day=day, lyrics=-1)

    async def _send(self, order: LyricsOrder, attempt_id: str) -> None:
        assert order.callback_token is not None  # noqa: S101  # it was agreed to
        try:
            task_id = await self._provider.order_lyrics(
                order.idea, callback_url=self._callback_url(order.callback_token)
            )
            await fault_points.pause_at("after the answer to an order of lyrics")
        except ProviderError as error:
            reason = trouble_of(error)
            if reason is not None:
                self._account.close(reason)
            if isinstance(error, ProviderBusy):
                self._account.took_nothing()
            change = partial(self._after_error, error)
            await self._record(order, attempt_id, change, closes_account=reason is not None)
            await self._account.tell_of(error)
        else:
            log.info("lyrics %s: ordered as task %s", order.id, task_id)
            await self._record(order, attempt_id, partial(self._started, task_id))
            await self._account.works()

    async def _record(
        self,
        order: LyricsOrder,
        attempt_id: str,
        change: Callable[[LyricsOrder, datetime], LyricsOrder],
        *,
        closes_account: bool = False,
    ) -> None:
        """Apply `change` to the order as it is by now."""

        async def recorded(work: Work) -> LyricsOrder | None:
            if closes_account:
                await self._account.share(work.memos)
            at = self._clock()
            await self._rate.answered(work.memos, attempt_id, now=at)
            current = await work.lyrics.get(order.id)
            if current is None or current.sent_at != order.sent_at:
                return None  # it was written down before, though that seemed to fail; it may have been sent again since
            after = change(current, at)
            if after.task_id is not None and await work.lyrics.task_is_taken(after.task_id, by_other_than=order.id):
                log.error("lyrics %s: the answer names the task of another order", order.id)
                after = self._unknown(replace(current, task_id=None), at)
            if after is not current:
                await self._save(work, after, before=current)
            return after

        after = await surely(lambda: self._storage.write(recorded))
        self._bells.lyrics.ring()
        if after is not None and after.outcome_unknown:
            await self._show(after)

    def _started(self, task_id: str, order: LyricsOrder, at: datetime) -> LyricsOrder:
        return started(order, task_id, poll_at=at + self._seconds(self._times.pace))

    def _after_error(self, error: ProviderError, order: LyricsOrder, at: datetime) -> LyricsOrder:
        if order.state is not LyricsState.SENT:
            return order  # a callback told that it was started after all
        if error.may_have_started:
            log.warning("lyrics %s: no clear answer to the order (%s); not repeated", order.id, error)
            return self._unknown(order, at)
        if trouble_of(error) is not None:
            return put_off(order, order.waits_for, until=at)  # whoever finds the account closed says so
        if isinstance(error, ProviderBusy):
            wait_seconds = backoff_seconds(order.attempts, base_seconds=self._times.backoff_base)
            log.info("lyrics %s: put off for %.1f s (%s)", order.id, wait_seconds, error)
            return put_off(order, WaitReason.BUSY, until=at + self._seconds(wait_seconds))
        log.info("lyrics %s: refused (%s)", order.id, error)
        failure = Failure(reason=FailureReason.REFUSED, code=error.code, provider_message=error.provider_message)
        return failed(order, failure, at=at)

    def _unknown(self, order: LyricsOrder, at: datetime) -> LyricsOrder:
        """Only a callback can tell now, until the deadline."""
        if order.named_task_id is not None:
            ask_at = next_news(order, at=at)
            return replace(order, outcome_unknown=True, hastened_at=ask_at, due_at=ask_at)
        deadline = (order.sent_at or at) + self._seconds(self._times.give_up)
        return replace(order, outcome_unknown=True, due_at=deadline)

    async def _ask(self, order: LyricsOrder) -> None:
        """Ask about the task; where none is known, the one that a callback has named."""
        asked = order.task_id or order.named_task_id
        if asked is None:
            return await self._change(order, asked, self._still_unknown)
        try:
            report = await self._provider.lyrics_report(asked)
        except ProviderError as error:
            log.info("lyrics %s: cannot be asked about now (%s)", order.id, error)
            return await self._change(order, asked, partial(self._not_heard, asked, is_denied=denies_task(error)))

        def change(current: LyricsOrder, at: datetime) -> LyricsOrder:
            return reported(current, report, asked=asked, ask_at=self._ask_at(current, at), at=at)

        return await self._change(order, asked, change)

    def _not_heard(self, asked: str, order: LyricsOrder, at: datetime, *, is_denied: bool) -> LyricsOrder:
        if is_denied and order.task_id is None:
            return self._unknown(denied(order, asked), at)
        return replace(order, due_at=self._ask_at(order, at))

    def _still_unknown(self, order: LyricsOrder, at: datetime) -> LyricsOrder:
        return order if order.task_id or order.named_task_id else self._unknown(order, at)

    def _ask_at(self, order: LyricsOrder, at: datetime) -> datetime:
        return next_poll(order, pace=self._seconds(self._times.pace), at=at)

    async def _change(
        self, order: LyricsOrder, asked: str | None, change: Callable[[LyricsOrder, datetime], LyricsOrder]
    ) -> None:
        """Apply `change` to the order as it is by now; one that is still open after its time fails."""

        async def changed(work: Work) -> tuple[LyricsOrder, LyricsOrder] | None:
            current = await work.lyrics.get(order.id)
            if current is None or current.state not in STARTED:
                return None
            at = self._clock()
            after = change(current, at)
            if after.task_id is not None and await work.lyrics.task_is_taken(after.task_id, by_other_than=order.id):
                log.warning("lyrics %s: a callback named the task of another order; ignored", order.id)
                after = self._unknown(denied(current, after.task_id), at)
            if after.state in STARTED:
                is_heard = current.hastened_at != order.hastened_at or has_news(after, at=at)
                if is_heard:  # by a callback, which said when to ask
                    after = replace(after, due_at=min(filter(None, (after.due_at, after.hastened_at)), default=at))
                after = self._in_time(after, at, has_more=is_heard or after.named_task_id not in (None, asked))
            await self._save(work, after, before=current)
            return current, after

        if (both := await self._storage.write(changed)) is None:
            return
        before, after = both
        self._bells.lyrics.ring()
        if after.outcome_unknown and not before.outcome_unknown and after.state in STARTED:
            await self._show(after)

    def _in_time(self, order: LyricsOrder, at: datetime, *, has_more: bool) -> LyricsOrder:
        """The order, given up if its time is over.

        `has_more`: callbacks have left something to ask about. That comes first, unless its member still waits.
        """
        if not self._is_over(since=order.sent_at, now=at) or (has_more and order.told_at is not None):
            return order
        reason = FailureReason.SILENCE if order.task_id is None else FailureReason.NO_RESULT
        is_new = order.told_at is None
        log.log(logging.WARNING if is_new else logging.INFO, "lyrics %s: given up (%s)", order.id, reason)
        return given_up(order, reason, at=at)

    async def _show(self, order: LyricsOrder) -> None:
        """Say how it stands before its end, if that can be said.

        Meanwhile it may have ended, and somebody may have shown that: then it is shown again, lest the end be covered.
        """
        if (place := _answerable(order)) is None:
            return
        try:
            shown, current = None, await self._storage.reading.lyrics.get(order.id)
            while current is not None and current != shown:
                await self._messages.show(place, current)
                shown, current = current, await self._storage.reading.lyrics.get(order.id)
        except RouteUnavailable as error:
            log.info("lyrics %s: its member does not know how it stands (%s)", order.id, error)

    async def _tell(self, order: LyricsOrder) -> None:
        """Show its end, where it was asked for or by direct message. What has no clear answer is tried again."""
        place = order.place
        if place is None or not await self._storage.reading.lyrics.is_owned(order.id, owner=self._owner):
            return None
        try:
            may_be_shown = _answerable(order) is not None and order.attempts < SHOWN_TRIES
            if not may_be_shown or not await self._messages.show(place, order):
                await self._messages.tell_directly(place, order)
        except RouteUnavailable as error:
            if order.attempts < 2 * SHOWN_TRIES:
                return await self._tell_later(order, error)
            log.warning("lyrics %s: its member could not be told (%s)", order.id, error)
        return await self._storage.write(lambda work: self._told(work, order))

    async def _tell_later(self, order: LyricsOrder, error: Exception) -> None:
        wait_seconds = backoff_seconds(order.attempts, base_seconds=self._times.backoff_base)
        log.info("lyrics %s: not shown yet (%s)", order.id, error)
        later_at = self._clock() + self._seconds(wait_seconds)

        async def put_off(work: Work) -> None:
            current = await work.lyrics.get(order.id)
            is_ours = await work.lyrics.is_owned(order.id, owner=self._owner)
            if is_ours and current is not None:  # otherwise there is something newer, or somebody told it
                await work.lyrics.save(replace(current, attempts=order.attempts + 1, due_at=later_at))

        await self._storage.write(put_off)

    async def _told(self, work: Work, order: LyricsOrder) -> None:
        current = await work.lyrics.get(order.id)
        if current is not None and current.state is order.state:
            await work.lyrics.save(told(current, at=self._clock()))

    def _is_over(self, *, since: datetime | None, now: datetime) -> bool:
        return since is not None and now - since >= self._seconds(self._times.give_up)

    def _seconds(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds)


def _answerable(order: LyricsOrder) -> Place | None:
    """Where the answer still can be changed."""
    place = order.place
    return place if place is not None and place.interaction_token else None
