"""What the services need from each aggregate of the storage, one protocol each; `ports.Work` has them all."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from bot.domain.inbox_entry import NEWEST, CallbackEntry
from bot.domain.jobs import ClaimedIntake, Intake, Job, JobState, OwnedTrack
from bot.domain.progress import OutdatedProgress, QueuedJob
from bot.domain.quota import QuotaBalance
from bot.domain.text import Text


class Jobs(Protocol):
    async def insert(self, job: Job) -> None:
        """Add an accepted job and give it its turn: members take turns, each new job one turn after their last."""

    async def get(self, job_id: str) -> Job | None: ...

    async def by_interaction(self, interaction_id: int) -> Job | None: ...

    async def by_prefix(self, member_id: int, prefix: str) -> Job | None:
        """The member's newest job whose id begins so."""

    async def save(self, job: Job) -> None:
        """Write all of the job's changeable fields and its tracks. Only inside the transaction that read it."""

    async def claim(self, job_id: str, state: JobState, *, now: datetime, until: datetime, owner: str) -> Job | None:
        """Claim a job that waits in `state`, due or not; None where somebody is at work on it, or it is elsewhere."""

    async def renew(self, job_id: str, *, owner: str, until: datetime) -> bool:
        """Keep the claim on a job until then; False where it is no longer this owner's."""

    async def release(self, job_id: str, *, owner: str) -> bool:
        """End the claim, in the transaction that writes what came of it; False where it is no longer this owner's."""

    async def put_off(self, job_id: str, state: JobState, *, until: datetime) -> None:
        """Look at the job again then, unless it has left `state`."""

    async def set_aside(self, job_id: str, state: JobState, *, at: datetime) -> None:
        """No worker looks at the job until `take_up_again` or some other change, unless it has left `state` already."""

    async def all_set_aside(self, *, limit: int) -> list[str]:
        """Their ids, the longest set aside first."""

    async def take_up_again(self, *, at: datetime) -> int:
        """Make every job that was set aside due again; how many there were."""

    async def task_is_taken(self, task_id: str, *, by_other_than: str) -> bool:
        """Whether another job already has this task of the provider's."""

    async def hasten_uncollected(self, guild_id: int, *, at: datetime) -> bool:
        """A channel of this server may be open again; whether anything waited for that."""

    async def forget_tracks(self, job_id: str) -> None:
        """Before others are saved that are to take their place."""

    async def oldest_waiting(self) -> Job | None:
        """The accepted job that has waited longest."""

    async def claim_turn(self, *, now: datetime, until: datetime) -> Job | None:
        """The accepted job that is due and whose turn it is, now `submitting`, not sent, with `due_at` = `until`."""

    async def claim_due(
        self, states: Sequence[JobState], *, now: datetime, until: datetime, limit: int, owner: str | None = None
    ) -> list[Job]:
        """Jobs in `states` with `due_at` <= `now`, oldest first, now claimed: their `due_at` is `until`.

        They are `owner`'s until released; None for a look that nobody has to finish.
        """

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more. What is claimed stays its owner's."""

    async def next_due(self, states: Sequence[JobState]) -> datetime | None:
        """When the next of them is due."""

    async def queue_position(self, job_id: str) -> int | None:
        """1 for the job that is submitted next; None when it is not waiting."""

    async def live(self) -> list[Job]:
        """All jobs that have not ended, oldest first."""

    async def of_member(self, member_id: int, *, limit: int) -> list[Job]:
        """Newest first."""

    async def cancellable(self, member_id: int, *, limit: int) -> list[Job]: ...

    async def tracks_of(self, member_id: int, *, search: str, limit: int) -> list[OwnedTrack]:
        """The member's delivered tracks, newest first; `search` is a part of title or tags, in any case."""

    async def tracks_titled(self, member_id: int, title: str, *, whole: bool, limit: int) -> list[OwnedTrack]:
        """As `tracks_of`, with this title, or with this in the title if it need not be the `whole` one."""

    async def track(self, member_id: int, track_id: str) -> OwnedTrack | None: ...

    async def usual_seconds(self) -> float | None:
        """Median seconds from submission to the finished tracks, over the latest jobs; None before the first."""


class Ledger(Protocol):
    """Units of quota: held at acceptance, then spent or returned, once. The balance is counted from rows."""

    async def hold(
        self, *, job_id: str, member_id: int, guild_id: int | None, day: date, limit: int, at: datetime
    ) -> bool:
        """Hold one unit; False when `limit` units of that day are held or spent."""

    async def spend(self, job_id: str, *, at: datetime) -> bool:
        """Settle the held unit as spent; False when it was settled before."""

    async def give_back(self, job_id: str, *, at: datetime) -> bool:
        """Settle the held unit as returned; False when it was settled before."""

    async def refund(self, job_id: str, *, at: datetime) -> bool:
        """Return the unit although it was spent; False when it was returned before."""

    async def balance(self, member_id: int, *, day: date, limit: int) -> QuotaBalance: ...


class Intakes(Protocol):
    """Whoever lost a command to another owner gets False from each method that takes an `owner`, and writes nothing."""

    async def claim(self, intake: Intake) -> bool:
        """Write the command down, for its writer to have; False when its interaction was written down before."""

    async def open_of(self, member_id: int) -> int:
        """How many of the member's commands are still on their way to becoming a job or a refusal."""

    async def hand_over(self, interaction_id: int, *, due_at: datetime) -> bool:
        """Its writer leaves it to the workers; False if one of them took it over before."""

    async def withdraw(self, interaction_id: int) -> bool:
        """Its writer finishes it; False if a worker took it over before."""

    async def is_open(self, interaction_id: int) -> bool:
        """Whether somebody is still to make a job of it."""

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[ClaimedIntake]:
        """Commands that wait, or whose worker is gone, now `owner`'s until `until`."""

    async def renew(self, interaction_id: int, *, owner: str, until: datetime) -> bool:
        """Keep the claim on the command until then."""

    async def remember(self, intake: Intake, *, owner: str) -> bool:
        """Write down what is known of the command by now."""

    async def refuse(self, interaction_id: int, sentences: Sequence[Text], *, owner: str) -> bool:
        """From now on it can only be refused, with these words."""

    async def finish(self, interaction_id: int, *, owner: str) -> bool:
        """It became a job or was refused; its secrets are forgotten."""

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more. What is claimed stays its owner's."""

    async def next_due(self) -> datetime | None:
        """When the next of them is due."""

    async def all_set_aside(self, *, limit: int) -> list[int]:
        """The interactions of the commands that this release cannot read, the longest set aside first."""

    async def take_up_again(self, *, at: datetime) -> int:
        """Make every command that was set aside due again; how many there were."""


class Inbox(Protocol):
    """Callbacks have ids that grow in the order in which they were recorded."""

    async def newest_id(self) -> int:
        """The id given last; callbacks recorded from now on have higher ones."""

    async def pending(self, *, after: int = 0, up_to: int = NEWEST, limit: int) -> Sequence[CallbackEntry]:
        """Callbacks with `after` < id <= `up_to` that are still to be applied, oldest first."""

    async def entry(self, entry_id: int) -> CallbackEntry | None:
        """One callback that is still to be applied; None once it is applied or set aside."""

    async def mark_applied(self, entry_id: int) -> None:
        """Forget its body. A repeat is still recognised."""

    async def set_aside(self, entry_id: int, *, at: datetime, reason: str) -> None:
        """Keep it, but do not offer it again until `take_up_again`."""

    async def count_set_aside(self) -> int: ...

    async def take_up_again(self) -> int:
        """Make every callback that was set aside pending again; how many there were."""


class Memos(Protocol):
    """Small things remembered by name, such as which commands were last announced to Discord."""

    async def get(self, name: str) -> str | None: ...

    async def put(self, name: str, value: str) -> None: ...


class ProgressMessages(Protocol):
    """Which progress messages are behind their jobs: a queue of their own, so that a pass looks at changes alone."""

    async def add(self, job_id: str, *, at: datetime) -> None: ...

    async def touch(self, job_id: str, *, at: datetime) -> None:
        """The job changed in a way that its member can see. Does nothing once the message has reached its end."""

    async def touch_at_provider(self, *, at: datetime) -> None:
        """Show all jobs that the provider works on anew."""

    async def rank(self, bands: Mapping[str, int], *, at: datetime) -> None:
        """The messages of these waiting jobs name another part of the queue from now on."""

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> list[OutdatedProgress]:
        """Messages behind their jobs, the longest first, now claimed until `until`."""

    async def shown(
        self, outdated: OutdatedProgress, *, queue_band: int | None, again_at: datetime | None, next_edit_at: datetime
    ) -> None:
        """The message is as the job was at `outdated.version`.

        It is due again at `again_at` (None: at the next change), but not before `next_edit_at`.
        """

    async def put_off(self, outdated: OutdatedProgress, *, until: datetime) -> None:
        """Try again then, whatever changes before; `outdated.failures` is remembered."""

    async def remove(self, job_id: str) -> None:
        """The message will not change any more."""

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until` that is due later."""

    async def next_due(self) -> datetime | None: ...

    async def queue_head(self, *, limit: int) -> Sequence[QueuedJob]:
        """The next `limit` jobs in the order of their turns, each with the band that its message names."""


class Spending(Protocol):
    """Submissions that may have cost credits, by UTC day and server; `guild_id` None: direct messages."""

    async def add(self, guild_id: int | None, *, day: date, submissions: int) -> None:
        """Count `submissions` more of that day; -1 takes one back that turned out to have started nothing."""

    async def of_day(self, day: date) -> int: ...

    async def of_guild(self, guild_id: int | None, *, day: date) -> int: ...


class Housekeeping(Protocol):
    """Each method does at most `limit` rows and says how many there were."""

    async def erase_tokens(self, *, received_before: datetime, limit: int) -> int: ...

    async def forget_commands(self, *, before_interaction: int, limit: int) -> int: ...

    async def erase_links(self, *, ended_after: datetime, ended_before: datetime, limit: int) -> datetime | None:
        """Those of jobs that ended in between, the longest ago first; when the last of them ended."""

    async def remove_jobs(self, *, ended_before: datetime, limit: int) -> int:
        """With all that belongs to them; their units of quota are added to the sums."""
