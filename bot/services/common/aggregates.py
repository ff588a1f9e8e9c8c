"""What the services need from each aggregate in storage, one protocol each; `ports.Work` has them all."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from bot.domain.drafts import Draft
from bot.domain.inbox_entry import NEWEST, CallbackEntry
from bot.domain.jobs import ClaimedIntake, Intake, Job, JobState, OwnedTrack, WaitReason
from bot.domain.progress import OutdatedProgress, QueuedJob
from bot.domain.quota import QuotaBalance
from bot.domain.sending import Sending
from bot.domain.spending import Spent
from bot.domain.text import Text


class Jobs(Protocol):
    async def insert(self, job: Job) -> None:
        """Add an accepted job and give it its turn: members take turns, each new job one turn after their last."""

    async def get(self, job_id: str) -> Job | None: ...

    async def by_interaction(self, interaction_id: int) -> Job | None: ...

    async def by_prefix(self, member_id: int, prefix: str) -> Job | None:
        """The member's newest job whose id begins this way."""

    async def save(self, job: Job) -> None:
        """Write all of the job's changeable fields and its tracks. Only inside the transaction that read it."""

    async def claim(self, job_id: str, state: JobState, *, now: datetime, until: datetime, owner: str) -> Job | None:
        """Claim a job that waits in `state`, due or not; None where somebody is at work on it, or it is elsewhere."""

    async def renew(self, job_id: str, *, owner: str, until: datetime) -> bool:
        """Keep the claim on a job until then; False where it is no longer this owner's."""

    async def release(self, job_id: str, *, owner: str) -> bool:
        """End the claim, in the transaction that writes the outcome; False if it is no longer this owner's."""

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every job due that this owner was about to post, and end its claims; returns their number."""

    async def put_off(self, job_id: str, state: JobState, *, until: datetime, failures: int) -> None:
        """Look at the job again then, after so many failures in a row, unless it has left `state`."""

    async def succeeded(self, job_id: str) -> None:
        """The job's failures no longer count."""

    async def set_aside(self, job_id: str, state: JobState, *, at: datetime) -> None:
        """No worker looks at the job until `take_up_again` or some other change, unless it has left `state` already."""

    async def all_set_aside(self, *, limit: int) -> list[str]:
        """The ids of the jobs set aside, oldest first."""

    async def take_up_again(self, *, at: datetime) -> int:
        """Make every job that was set aside due again; returns their number."""

    async def task_is_taken(self, task_id: str, *, by_other_than: str) -> bool:
        """Whether this task already belongs to another job."""

    async def hasten_uncollected(self, guild_id: int, *, at: datetime, every: timedelta) -> bool:
        """Retry uncollected jobs, since a channel of this server may be open again; False if there were none.

        Each job is made due ahead of its time once in `every`: a further opening makes it due when that is over.
        """

    async def hasten_uncollected_of(self, member_id: int, *, at: datetime, every: timedelta) -> bool:
        """The same for one member's jobs, since their direct messages may be open again."""

    async def has_uncollected(self, member_id: int) -> bool: ...

    async def any_started_since(self, at: datetime) -> bool:
        """Whether the provider has taken a job that was submitted after `at`."""

    async def oldest_waiting(self) -> Job | None:
        """The accepted job that has waited longest."""

    async def claim_turn(self, *, now: datetime, until: datetime) -> Job | None:
        """The due job whose turn it is, now `submitting` but not sent, with `due_at` = `until`."""

    async def claim_due(
        self, states: Sequence[JobState], *, now: datetime, until: datetime, limit: int, owner: str | None = None
    ) -> list[Job]:
        """Jobs in `states` with `due_at` <= `now`, oldest first, now claimed: their `due_at` is `until`.

        They are `owner`'s until released; None for a look that nobody has to finish.
        """

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more. What is claimed stays its owner's."""

    async def next_due(self, states: Sequence[JobState]) -> datetime | None:
        """When the next one is due."""

    async def queue_position(self, job_id: str) -> int | None:
        """1 for the job that is submitted next; None if it is not waiting."""

    async def next_position(self, member_id: int, *, limit: int) -> int:
        """Where in the queue the member's next job would be (1: next in line), at most `limit`."""

    async def first_in_line_wait_for(self, *, limit: int) -> list[WaitReason]:
        """Why the next `limit` jobs wait, as far as it is not simply their turn."""

    async def live(self) -> list[Job]:
        """All jobs that can still change, oldest first."""

    async def of_member(self, member_id: int, *, limit: int) -> list[Job]:
        """The member's jobs, newest first."""

    async def cancellable(self, member_id: int, *, limit: int) -> list[Job]: ...

    async def usual_seconds(self) -> float | None:
        """Median seconds from submission to finished tracks over the latest jobs; None before the first."""


class Tracks(Protocol):
    """The tracks of jobs. They are saved with their job."""

    async def forget(self, job_id: str) -> None:
        """Remove a job's tracks before their replacements are saved."""

    async def of_member(self, member_id: int, *, search: str, limit: int) -> list[OwnedTrack]:
        """The member's delivered tracks, newest first; `search` is a part of title or tags, in any case."""

    async def titled(self, member_id: int, title: str, *, whole: bool, limit: int) -> list[OwnedTrack]:
        """Like `of_member`, with this title, or if not `whole`, with this in the title."""

    async def get(self, member_id: int, track_id: str) -> OwnedTrack | None:
        """This track if it was delivered to the member."""


class Songs(Protocol):
    async def jobs(self, song_id: str, *, limit: int) -> list[Job]:
        """The jobs of a song with their tracks, oldest first, in whatever state they are."""


class Ledger(Protocol):
    """Units of quota: held at acceptance, then spent or returned, once. The balance is counted from rows."""

    async def hold(
        self, *, job_id: str, member_id: int, guild_id: int | None, day: date, limit: int, at: datetime
    ) -> bool:
        """Hold one unit; False if `limit` units of that day are held or spent."""

    async def spend(self, job_id: str, *, at: datetime) -> bool:
        """Settle the held unit as spent; False if it was already settled."""

    async def give_back(self, job_id: str, *, at: datetime) -> bool:
        """Settle the held unit as returned; False if it was already settled."""

    async def refund(self, job_id: str, *, at: datetime) -> bool:
        """Return the unit although it was spent; False if it was already returned."""

    async def balance(self, member_id: int, *, day: date, limit: int) -> QuotaBalance: ...


class Intakes(Protocol):
    """Methods that take an `owner` return False and write nothing if the command now belongs to another."""

    async def claim(self, intake: Intake) -> bool:
        """Write the command down, for its writer to have; False when its interaction was written down before."""

    async def take_once(self, interaction_id: int) -> bool:
        """Note that this interaction is carried out; False if that was noted before."""

    async def open_of(self, member_id: int) -> int:
        """How many of the member's commands have not yet become a job or a refusal."""

    async def hand_over(self, interaction_id: int, *, due_at: datetime) -> bool:
        """Its writer leaves it to the workers; False if one of them took it over before."""

    async def withdraw(self, interaction_id: int) -> bool:
        """Its writer finishes it; False if a worker took it over before."""

    async def undo(self, interaction_id: int, *, member_id: int) -> bool:
        """Finish a member's command that waits for a worker; False if one has it, or it is finished already."""

    async def bring_forward(self, interaction_id: int, *, due_at: datetime) -> bool:
        """Make a command that waits for a worker due earlier; False if it doesn't wait any more, or not for so long."""

    async def is_open(self, interaction_id: int) -> bool:
        """Whether it is still to become a job."""

    async def claim_due(
        self, *, now: datetime, until: datetime, limit: int, owner: str, further: int | None = None
    ) -> list[ClaimedIntake]:
        """Commands that wait, or whose worker is gone, now `owner`'s until `until`.

        `further`: how many commands the owner may have in hand beyond one of each member; None for any number.
        """

    async def renew(self, interaction_id: int, *, owner: str, until: datetime) -> bool:
        """Keep the claim on the command until then."""

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every command due that this owner has claimed; returns their number."""

    async def remember(self, intake: Intake, *, owner: str) -> bool:
        """Write down what is known of the command by now."""

    async def refuse(self, interaction_id: int, sentences: Sequence[Text], *, owner: str) -> bool:
        """From now on it can only be refused, with these words."""

    async def finish(self, interaction_id: int, *, owner: str) -> bool:
        """It became a job or was refused; its secrets are forgotten."""

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more. What is claimed stays its owner's."""

    async def next_due(self) -> datetime | None:
        """When the next one is due."""

    async def all_set_aside(self, *, limit: int) -> list[int]:
        """The interactions of the commands that this release cannot read, the longest set aside first."""

    async def take_up_again(self, *, at: datetime) -> int:
        """Make every command that was set aside due again; how many there were."""


class Inbox(Protocol):
    """Callback ids grow in the order of recording."""

    async def newest_id(self) -> int:
        """The last id given; callbacks recorded from now on get higher ones."""

    async def pending(self, *, after: int = 0, up_to: int = NEWEST, limit: int) -> Sequence[CallbackEntry]:
        """Pending callbacks with `after` < id <= `up_to`, oldest first."""

    async def entry(self, entry_id: int) -> CallbackEntry | None:
        """One pending callback; None once it is applied or set aside."""

    async def has_untouched(self, *, after: int = 0, up_to: int = NEWEST) -> bool:
        """Whether there are callbacks with `after` < id <= `up_to` that nobody has claimed yet."""

    async def claim_untouched(
        self, *, after: int = 0, up_to: int = NEWEST, until: datetime, limit: int, owner: str
    ) -> list[CallbackEntry]:
        """Claim those, oldest first; they are `owner`'s until `until`."""

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[CallbackEntry]:
        """Claim those that were put off until now, or whose owner is gone."""

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every callback due that this owner has claimed, and end its claims; returns their number."""

    async def next_due(self) -> datetime | None:
        """When the next one is due that was put off or is claimed."""

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""

    async def put_off(self, entry_id: int, *, owner: str, until: datetime, failures: int) -> None:
        """End the claim; the callback is due again at `until`. Does nothing once it is another owner's."""

    async def mark_applied(self, entry_id: int) -> None:
        """Forget its body; a repeat is still recognised."""

    async def set_aside(self, entry_id: int, *, at: datetime, reason: str) -> None:
        """Keep it, but do not offer it again until `take_up_again`."""

    async def count_set_aside(self) -> int: ...

    async def take_up_again(self) -> int:
        """Make every callback that was set aside pending again; returns their number."""


class Memos(Protocol):
    """Single values stored under a name, such as the digest of the announced commands."""

    async def get(self, name: str) -> str | None: ...

    async def put(self, name: str, value: str) -> None: ...


class ProgressMessages(Protocol):
    """A queue of the progress messages that are behind their jobs, so that a pass looks only at changes.

    An edit needs a claim. Methods that end a claim return False and write nothing if another owner has it.
    """

    async def add(self, job_id: str, *, at: datetime) -> None: ...

    async def touch(self, job_id: str, *, at: datetime) -> None:
        """Note a change that the member can see. Does nothing once the message is final."""

    async def touch_at_provider(self, *, at: datetime) -> None:
        """Refresh the messages of all jobs at the provider."""

    async def rank(self, bands: Mapping[str, int], *, at: datetime) -> None:
        """Refresh the messages of these waiting jobs, each with its new band."""

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[OutdatedProgress]:
        """Claim messages that are behind their jobs, the longest overdue first; they are `owner`'s until `until`."""

    async def claimed_until(self, job_id: str, *, owner: str) -> datetime | None:
        """When the owner's claim on the message runs out; None if it is no longer this owner's."""

    async def shown(
        self,
        outdated: OutdatedProgress,
        *,
        owner: str,
        queue_band: int | None,
        again_at: datetime | None,
        next_edit_at: datetime,
    ) -> bool:
        """Note that the message shows the job as of `outdated.version`, and end the claim.

        It is due again at `again_at` (None: at the next change), but not before `next_edit_at`.
        """

    async def put_off(self, outdated: OutdatedProgress, *, owner: str, until: datetime) -> bool:
        """Try again at `until`, whatever changes before; `outdated.failures` is stored."""

    async def remove(self, job_id: str, *, owner: str) -> bool:
        """Note that the message is final."""

    async def show_again(self, job_id: str, *, at: datetime) -> None:
        """Make the message due, even if it was final."""

    async def take(self, job_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        """Claim one message, due or not; False while somebody else has it. A final one is free."""

    async def give_back(self, job_id: str, *, owner: str, at: datetime) -> None:
        """End the claim that `take` made; the message is due at once."""

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every message due that this owner was editing, and end its claims; returns their number."""

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""

    async def next_due(self) -> datetime | None: ...

    async def queue_head(self, *, limit: int) -> Sequence[QueuedJob]:
        """The next `limit` jobs by turn, each with the band that its message names."""


class Spending(Protocol):
    """What may have cost credits, by UTC day and server; `guild_id` None: direct messages."""

    async def add(
        self, guild_id: int | None, *, day: date, submissions: int = 0, lyrics: int = 0, timed_lyrics: int = 0
    ) -> None:
        """Add so many to that day; -1 takes back one that turned out to have started nothing."""

    async def of_day(self, day: date) -> Spent: ...

    async def of_guild(self, guild_id: int | None, *, day: date) -> Spent: ...


class Sendings(Protocol):
    """Jobs that `Send again` is sending or has just sent."""

    async def forget(self, *, until: datetime) -> None:
        """Remove those whose claim or rest has ended by then."""

    async def of_member(self, member_id: int) -> Sequence[Sending]: ...

    async def begin(self, job_id: str, *, member_id: int, owner: str, until: datetime) -> None: ...

    async def renew(self, job_id: str, *, owner: str, until: datetime) -> bool:
        """Keep the claim until then; False if it is no longer this owner's."""

    async def sent(self, sending: Sending) -> None:
        """Note where the message is, even if somebody else has the claim by now."""

    async def end(self, job_id: str, *, owner: str) -> None:
        """End the claim: nothing was sent."""


class Drafts(Protocol):
    """What forms are opened with."""

    async def put(self, draft: Draft) -> None:
        """Keep it, in place of another one with its id."""

    async def get(self, draft_id: str) -> Draft | None: ...

    async def forget(self, *, made_before: datetime, limit: int) -> int:
        """Remove old ones, at most `limit`; returns their number."""


class Housekeeping(Protocol):
    """Each method handles at most `limit` rows and returns how many it found."""

    async def erase_tokens(self, *, received_before: datetime, limit: int) -> int: ...

    async def forget_commands(self, *, before_interaction: int, limit: int) -> int: ...

    async def erase_links(self, *, ended_after: datetime, ended_before: datetime, limit: int) -> datetime | None:
        """Erase the links of jobs that ended in between, oldest first; returns when the last of these ended."""

    async def remove_jobs(self, *, ended_before: datetime, limit: int) -> int:
        """Remove jobs with all that belongs to them; their units of quota are added to the sums."""
