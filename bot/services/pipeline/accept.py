"""From a command to an accepted job: say that it is read, have a job made of it, and tell the member."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.drafts import Draft, problems_of, refused_draft, refused_draft_id
from bot.domain.gates import Gate
from bot.domain.jobs import ClaimedIntake, Intake
from bot.domain.text import Text, text
from bot.errors import (
    Outage,
    QuotaExceeded,
    Refused,
    TakenElsewhere,
    open_commands_refusal,
)
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock, is_due
from bot.services.common.command_mentions import CommandMentions
from bot.services.common.lease import Lease, LeaseLost, an_owner, renewed
from bot.services.common.messenger import Messenger, RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage, Work
from bot.services.common.sentences import NO_ROOM, with_more, without_cost
from bot.services.pipeline import relay_turns
from bot.services.pipeline.new_jobs import Accepted, NewJobs
from bot.services.pipeline.sources import Sources

log = logging.getLogger(__name__)

READING = text("🎧 Reading your file…")
GOT_IT = text("Got it. I'll post here and ping you.")
INTERRUPTED = text("I was interrupted. I'm back on your command now.")
KEPT = text("I can't save anything right now. I've kept your command and will finish it as soon as I can.")
TOO_LATE = text("Your command had to wait too long, so nothing was started. Please try again.")
TOO_LATE_TO_UNDO = text("It's too late to undo this. While the job waits, you can cancel it in `/jobs`.")
WENT_WRONG = text("Something went wrong. Please try again.")
CANNOT_POST = text("Discord doesn't let me post here.")
NO_ANSWER = text("Discord isn't letting me post right now. Please try again in a minute.")

CAN_BE_TRIMMED = text("**Trim it** keeps as much as fits, up to the moment you chose.")

POSTING_TRIES = 3
POSTING_PAUSE_SECONDS = 0.5
AGAIN = timedelta(seconds=0.25)
"""How soon a worker that found nothing to read looks again, unless the bell rings."""


class AcceptLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`takeover`: seconds until another worker takes a command over; `token`: seconds in which it can be answered.

    `further_commands`: how many commands may be read at the same time beyond one of each member.
    """

    quota_per_day: int
    open_commands: int
    further_commands: int
    takeover: float
    token: float


class Acceptance:
    """Takes commands in, and is the step of the workers that make jobs of them.

    A command is written down and acknowledged as it comes in. A worker does the rest; if a restart interrupts that one,
    another takes over.
    """

    def __init__(
        self,
        storage: Storage,
        sources: Sources,
        messenger: Messenger,
        *,
        limits: AcceptLimits,
        bells: Bells,
        clock: Clock,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._storage = storage
        self._sources = sources
        self._messenger = messenger
        self._limits = limits
        self._bells = bells
        self._clock = clock
        self._new_jobs = NewJobs(
            storage, sources, quota_per_day=limits.quota_per_day, bells=bells, clock=clock, new_id=new_id
        )
        self._owner = an_owner("accepting")
        self._in_hand: set[int] = set()
        self._mentions = CommandMentions(storage)
        self.on_refused: Callable[[Sequence[str]], None] | None = None  # for the metrics; given the broken rules

    async def write_down(self, intake: Intake) -> bool:
        """Before the command is acknowledged; False where its interaction was taken before, here or elsewhere.

        Raises:
            TooManyOpenCommands: the member has as many on their way as one may have; this one was not written down.
            Refused: it was for a turn of a relay that is no longer the member's; as above.
        """

        async def written(work: Work) -> bool:
            is_new = await work.intakes.claim(replace(intake, due_at=self._first_due(intake)))
            if is_new:
                others = await work.intakes.open_of(intake.place.member_id) - 1
                if (refusal := open_commands_refusal(others, limit=self._limits.open_commands)) is not None:
                    raise refusal
                await relay_turns.keep(work, intake, at=self._clock())
            return is_new

        is_new = await self._storage.write(written)
        await fault_points.pause_at("after the command is written down")
        return is_new

    async def begin(self, intake: Intake, *, after: timedelta = timedelta(0)) -> None:
        """Once it is acknowledged: hand it to the workers, who find it a while later where this cannot be written.

        `after`: how long it can still be undone before a worker takes it.

        Raises:
            Refused: a worker took it over before it was acknowledged, and put it away.
        """
        await fault_points.pause_at("after the defer")
        interaction_id = intake.place.interaction_id

        async def handed_over(work: Work) -> None:
            due_at = self._clock() + after
            is_open = await work.intakes.hand_over(interaction_id, due_at=due_at) or await work.intakes.is_open(
                interaction_id
            )
            if not is_open and await work.jobs.by_interaction(interaction_id) is None:
                raise Refused([text("I was too slow, so nothing was started. Please try again.")])

        with contextlib.suppress(Outage):
            await self._storage.write(handed_over)
        self._bells.intake.ring()

    async def begin_earlier(self, intake: Intake, *, after: timedelta) -> None:
        """Let a worker take a command that was begun for later once this time has passed, if it still waits."""
        interaction_id = intake.place.interaction_id

        async def brought_forward(work: Work) -> bool:
            return await work.intakes.bring_forward(interaction_id, due_at=self._clock() + after)

        with contextlib.suppress(Outage):
            await self._storage.write(brought_forward)
        self._bells.intake.ring()

    async def undo(self, interaction_id: int, member_id: int, *, click_id: int) -> None:
        """Withdraw a command that was begun for later, in whichever process that was. `click_id`: the click on `Undo`.

        Raises:
            Refused: a worker has it, or it was undone before.
            TakenElsewhere: another process has the click.
        """

        async def undone(work: Work) -> bool:
            if not await work.intakes.take_once(click_id):
                raise TakenElsewhere
            return await work.intakes.undo(interaction_id, member_id=member_id)

        if not await self._storage.write(undone):
            raise Refused([TOO_LATE_TO_UNDO])

    async def forget(self, intake: Intake) -> bool:
        """It could not be acknowledged: put it away. False if that is not certain, and a worker decides about it."""
        with contextlib.suppress(Outage):
            return await self._storage.write(lambda work: work.intakes.withdraw(intake.place.interaction_id))
        return False

    async def step(self) -> bool:
        """Make a job of one command; one too old to be answered is refused."""
        if not is_due(await self._storage.reading.intakes.next_due(), self._clock()):
            return False
        claimed = await self._storage.write(
            lambda work: work.intakes.claim_due(
                now=self._clock(),
                until=self._takeover_at(),
                limit=1,
                owner=self._owner,
                further=self._limits.further_commands,
            )
        )
        if claimed:
            self._bells.intake.wake_another()
        # After a jump of the clock, a claim may run out while this process is still editing.
        mine = [command for command in claimed if command.intake.place.interaction_id not in self._in_hand]
        for command in mine:
            await self._take(command)
        return bool(claimed)

    async def _take(self, command: ClaimedIntake) -> None:
        """Work on one command for as long as it is ours. After a takeover, only its new owner speaks to the member."""
        place = command.intake.place
        self._in_hand.add(place.interaction_id)
        try:
            async with renewed(partial(self._renew, place.interaction_id), seconds=self._limits.takeover) as lease:
                await self._take_with(command, lease)
        except LeaseLost:
            log.warning("somebody else has taken a command over")
        except Outage:
            if not lease.is_lost:
                await self._messenger.answer(place, [KEPT])
            raise  # the command stays where it is, and is due again when the claim on it ends
        finally:
            self._in_hand.discard(place.interaction_id)

    async def _take_with(self, command: ClaimedIntake, lease: Lease) -> None:
        if command.refusal:
            draft_id = refused_draft_id(command.intake.place.interaction_id)
            draft = await self._storage.reading.drafts.get(draft_id)
            await self._tell_refused(command, command.refusal, draft)
            return
        try:
            if not await self._may_begin(command):
                log.warning("a command that was interrupted had not been acknowledged; nothing was started")
                await lease.check()
                await self._put_away(command)
                return
            await self._new_jobs.check_quota(command.intake)
            command = await self._with_progress_message(command, lease)
            accepted = await self._new_jobs.accept(command.intake, owner=self._owner)
        except (LeaseLost, Outage):
            raise
        except RouteUnavailable as error:
            log.warning("a command that was interrupted waits for Discord to answer (%s)", error)
        except Refused as error:
            log.info("refused: %s", error)
            await self._refuse(command, error)
        except OSError as error:
            log.error(  # noqa: TRY400  # the machine's fault; one line is enough
                "cannot keep a source in %s (%s): make room there, or set TMPDIR to a folder with room",
                self._sources.folder,
                error.strerror or error,
            )
            await self._refuse(command, Refused([NO_ROOM], rules=["no_room"]))
        except Exception:
            await self._refuse(command, Refused([WENT_WRONG], rules=["fault"]))
            raise
        else:
            await self._tell_accepted(accepted)

    async def _may_begin(self, command: ClaimedIntake) -> bool:
        """One that somebody had before was perhaps never acknowledged: its member saw it fail, so nothing may start.

        Raises:
            Refused: it is too old to be answered.
            RouteUnavailable: Discord does not say whether it was acknowledged.
        """
        place = command.intake.place
        if (self._clock() - place.received_at).total_seconds() > self._limits.token:
            raise Refused([TOO_LATE], rules=["too_late"])
        return not command.was_claimed or await self._messenger.answer_if_acknowledged(place, [INTERRUPTED])

    async def release(self) -> None:
        """Leave interrupted commands to other processes at once, before the claims run out."""
        count = await self._storage.write(lambda work: work.intakes.release_all(self._owner, at=self._clock()))
        if count:
            self._bells.intake.ring()

    async def next_due(self) -> datetime | None:
        """Never at once: what is due by now is a further command of some member, which waits for one of them to end."""
        due, now = await self._storage.reading.intakes.next_due(), self._clock()
        return now + AGAIN if is_due(due, now) else due

    def _first_due(self, intake: Intake) -> datetime:
        """When a worker takes over a command that was neither begun nor put away."""
        return intake.place.received_at + timedelta(seconds=self._limits.takeover)

    def _takeover_at(self) -> datetime:
        return self._clock() + timedelta(seconds=self._limits.takeover)

    async def _tell_accepted(self, accepted: Accepted) -> None:
        job, notes = accepted.job, accepted.notes
        log.info("job %s: accepted", job.short_id)
        self._bells.job_changed(job)
        if not job.place.private:
            await self._messenger.answer(job.place, [GOT_IT, *notes], receipt=accepted.receipt)
        elif notes:  # the answer shows the progress, with the receipt
            await self._messenger.add_to_answer(job.place, notes)

    async def _with_progress_message(self, command: ClaimedIntake, lease: Lease) -> ClaimedIntake:
        """Say in the channel that the source is being read, which proves that the result can be posted there.

        The message is written down before anything else is done, so that a restart continues with the same one.

        Raises:
            Refused: nothing can be posted there.
        """
        intake = command.intake
        if intake.place.private:
            await self._messenger.answer(intake.place, [READING])
            return command
        if intake.progress_message_id is not None:
            return command
        await lease.check()
        message_id = await self._post_progress(command)
        await fault_points.pause_at("after the progress message is posted")
        intake = replace(intake, progress_message_id=message_id)
        if not await self._storage.write(lambda work: work.intakes.remember(intake, owner=self._owner)):
            raise LeaseLost
        await fault_points.pause_at("after the progress message is written down")
        return replace(command, intake=intake)

    async def _post_progress(self, command: ClaimedIntake) -> int:
        place, name = command.intake.place, command.intake.source.name
        for attempt in range(1, POSTING_TRIES + 1):
            try:
                return await self._messenger.begin_progress(place, name, is_repeat=command.was_claimed)
            except RouteClosed as error:
                log.info("a command is refused where its result could not be posted (%s)", error)
                raise Refused([error.why or CANNOT_POST], rules=[Gate.PERMISSIONS]) from error
            except RouteUnavailable as error:
                log.info("the progress message was not posted at try %d (%s)", attempt, error)
            await asyncio.sleep(POSTING_PAUSE_SECONDS * attempt)
        raise Refused([NO_ANSWER], rules=[Gate.POSTING])

    async def _worded(self, command: ClaimedIntake, refusal: Refused) -> Sequence[Text]:
        """What the member reads: the reasons, that it cost nothing, and where to read more."""
        is_used_up = isinstance(refusal, QuotaExceeded)
        sentences = refusal.sentences if is_used_up else without_cost(refusal.sentences)
        if not refusal.is_explained:
            return sentences
        return with_more(sentences, await self._mentions.see_why(command.intake.place.application_id))

    async def _refuse(self, command: ClaimedIntake, refusal: Refused) -> None:
        """Decide it, with what its member can fix, so that a new owner can only refuse as well; then tell the member.

        Raises:
            LeaseLost: somebody else decides about it.
        """
        sentences, draft = await self._worded(command, refusal), _fixable(command.intake, refusal)
        if draft is not None and draft.can_be_trimmed:
            sentences = [*sentences, CAN_BE_TRIMMED]

        async def refused(work: Work) -> bool:
            is_ours = await work.intakes.refuse(command.intake.place.interaction_id, sentences, owner=self._owner)
            if is_ours and draft is not None:
                await work.drafts.put(draft)
            return is_ours

        if not await self._storage.write(refused):
            raise LeaseLost
        if self.on_refused is not None:
            self.on_refused(refusal.rules)
        await self._tell_refused(command, sentences, draft)

    async def _tell_refused(self, command: ClaimedIntake, sentences: Sequence[Text], draft: Draft | None) -> None:
        """Tell the member alone. Raises `LeaseLost`."""
        await self._messenger.tell(command.intake.place, sentences, draft=draft)
        await self._put_away(command)

    async def _put_away(self, command: ClaimedIntake) -> None:
        """Leave nothing behind in the channel, and finish it. Raises `LeaseLost`."""
        intake = command.intake
        may_be_there = intake.progress_message_id is not None or command.was_claimed
        if may_be_there and not intake.place.private:
            await self._messenger.withdraw_progress(intake.place, intake.source.name, intake.progress_message_id)
        interaction_id = intake.place.interaction_id
        if not await self._storage.write(lambda work: work.intakes.finish(interaction_id, owner=self._owner)):
            raise LeaseLost

    async def _renew(self, interaction_id: int) -> bool:
        until = self._takeover_at()
        return await self._storage.write(
            lambda work: work.intakes.renew(interaction_id, owner=self._owner, until=until)
        )


def _fixable(intake: Intake, refusal: Refused) -> Draft | None:
    """What its member can fix and send again, if that can help."""
    if not refusal.can_be_fixed:
        return None
    draft = refused_draft(intake, problems_of(refusal.sentences, refusal.options))
    return replace(draft, can_be_trimmed=refusal.can_be_trimmed)
