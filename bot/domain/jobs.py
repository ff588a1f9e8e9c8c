"""The life of a job: its states, what can happen to it, and the one table of what follows from what."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.domain.request import ExtensionRequest
from bot.domain.secrets import repr_without
from bot.domain.source import AudioProperties, SourceChoice, SourceKind
from bot.domain.text import Text


class JobState(StrEnum):
    ACCEPTED = "accepted"  # quota held, waiting for its turn
    SUBMITTING = "submitting"  # the POST is under way; its outcome may be unknown
    RUNNING = "running"  # the provider works on it
    OVERDUE = "overdue"  # no news for long; still held, still polled
    FINISHED = "finished"  # the tracks are known, the post is owed, the unit is spent
    UNCOLLECTED = "uncollected"  # nowhere to post for now: kept until the provider's files expire, and tried again
    ON_HOLD = "on_hold"  # waited in a restored backup, and may have been submitted since: its member decides
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({JobState.DELIVERED, JobState.FAILED, JobState.CANCELLED})
LIVE_STATES = frozenset(JobState) - FINAL_STATES
AT_PROVIDER_STATES = frozenset({JobState.SUBMITTING, JobState.RUNNING, JobState.OVERDUE})
WAITING_STATES = frozenset({JobState.ACCEPTED, JobState.ON_HOLD})  # not submitted, as far as the database knows
MADE_STATES = frozenset({JobState.FINISHED, JobState.UNCOLLECTED, JobState.DELIVERED})  # the tracks exist: paid for


class JobEvent(StrEnum):
    CLAIMED = "claimed"  # its turn has come
    STARTED = "started"  # the provider answered with a task id
    NOT_STARTED = "not_started"  # refused for rate, maintenance or credits: nothing was started, its place is kept
    REFUSED = "refused"  # refused for good: nothing was started
    PROGRESSED = "progressed"  # lyrics or a first track are there
    COMPLETED = "completed"  # all tracks are there
    PROVIDER_FAILED = "provider_failed"  # the provider gave up
    WENT_QUIET = "went_quiet"  # no news for long
    GIVEN_UP = "given_up"  # nothing heard until the deadline
    POSTED = "posted"  # the tracks are in the channel
    NOWHERE_TO_POST = "nowhere_to_post"  # every way to the member is closed for now
    EXPIRED = "expired"  # the tracks can no longer be fetched
    CANCELLED = "cancelled"  # by the member
    HELD_BACK = "held_back"  # the database was restored from a backup
    CONTINUED = "continued"  # by the member, after a restore


_S, _E = JobState, JobEvent

TRANSITIONS: Mapping[tuple[JobState, JobEvent], JobState] = MappingProxyType(
    {
        (_S.ACCEPTED, _E.CLAIMED): _S.SUBMITTING,
        (_S.ACCEPTED, _E.CANCELLED): _S.CANCELLED,
        (_S.ACCEPTED, _E.GIVEN_UP): _S.FAILED,
        (_S.SUBMITTING, _E.STARTED): _S.RUNNING,
        (_S.SUBMITTING, _E.NOT_STARTED): _S.ACCEPTED,
        (_S.SUBMITTING, _E.REFUSED): _S.FAILED,
        # A callback may be faster than the answer to the submission, or the only answer there ever is.
        (_S.SUBMITTING, _E.PROGRESSED): _S.RUNNING,
        (_S.SUBMITTING, _E.COMPLETED): _S.FINISHED,
        (_S.SUBMITTING, _E.PROVIDER_FAILED): _S.FAILED,
        (_S.SUBMITTING, _E.WENT_QUIET): _S.OVERDUE,
        (_S.SUBMITTING, _E.GIVEN_UP): _S.FAILED,
        (_S.RUNNING, _E.STARTED): _S.RUNNING,
        (_S.RUNNING, _E.PROGRESSED): _S.RUNNING,
        (_S.RUNNING, _E.COMPLETED): _S.FINISHED,
        (_S.RUNNING, _E.PROVIDER_FAILED): _S.FAILED,
        (_S.RUNNING, _E.WENT_QUIET): _S.OVERDUE,
        (_S.RUNNING, _E.GIVEN_UP): _S.FAILED,
        # The answer to a submission may come late, or the clock may jump while it is on its way.
        (_S.OVERDUE, _E.STARTED): _S.RUNNING,
        (_S.OVERDUE, _E.NOT_STARTED): _S.ACCEPTED,
        (_S.OVERDUE, _E.REFUSED): _S.FAILED,
        (_S.OVERDUE, _E.PROGRESSED): _S.RUNNING,
        (_S.OVERDUE, _E.COMPLETED): _S.FINISHED,
        (_S.OVERDUE, _E.PROVIDER_FAILED): _S.FAILED,
        (_S.OVERDUE, _E.WENT_QUIET): _S.OVERDUE,
        (_S.OVERDUE, _E.GIVEN_UP): _S.FAILED,
        # What is finished stays finished, whatever is delivered late or twice.
        (_S.FINISHED, _E.STARTED): _S.FINISHED,
        (_S.FINISHED, _E.PROGRESSED): _S.FINISHED,
        (_S.FINISHED, _E.COMPLETED): _S.FINISHED,
        (_S.FINISHED, _E.PROVIDER_FAILED): _S.FINISHED,
        (_S.FINISHED, _E.POSTED): _S.DELIVERED,
        (_S.FINISHED, _E.NOWHERE_TO_POST): _S.UNCOLLECTED,
        (_S.FINISHED, _E.EXPIRED): _S.FAILED,
        (_S.UNCOLLECTED, _E.STARTED): _S.UNCOLLECTED,
        (_S.UNCOLLECTED, _E.PROGRESSED): _S.UNCOLLECTED,
        (_S.UNCOLLECTED, _E.COMPLETED): _S.UNCOLLECTED,
        (_S.UNCOLLECTED, _E.PROVIDER_FAILED): _S.UNCOLLECTED,
        (_S.UNCOLLECTED, _E.NOWHERE_TO_POST): _S.UNCOLLECTED,
        (_S.UNCOLLECTED, _E.POSTED): _S.DELIVERED,
        (_S.UNCOLLECTED, _E.EXPIRED): _S.FAILED,
        # A restored backup cannot tell what was submitted after it was made; a callback can, also when its member has
        # pressed `Continue` by then.
        (_S.ACCEPTED, _E.HELD_BACK): _S.ON_HOLD,
        (_S.ON_HOLD, _E.HELD_BACK): _S.ON_HOLD,
        (_S.ON_HOLD, _E.CONTINUED): _S.ACCEPTED,
        (_S.ON_HOLD, _E.CANCELLED): _S.CANCELLED,
        (_S.ON_HOLD, _E.GIVEN_UP): _S.FAILED,
        **{
            (state, event): after
            for state in (_S.ACCEPTED, _S.ON_HOLD)
            for event, after in (
                (_E.STARTED, _S.RUNNING),
                (_E.PROGRESSED, _S.RUNNING),
                (_E.COMPLETED, _S.FINISHED),
                (_E.PROVIDER_FAILED, _S.FAILED),
            )
        },
        # Repeats after the end change nothing.
        **{
            (state, event): state
            for state in (_S.DELIVERED, _S.FAILED, _S.CANCELLED)
            for event in (_E.STARTED, _E.PROGRESSED, _E.COMPLETED, _E.PROVIDER_FAILED)
        },
        (_S.DELIVERED, _E.POSTED): _S.DELIVERED,
        (_S.CANCELLED, _E.CANCELLED): _S.CANCELLED,
    }
)


class IllegalTransitionError(Exception):
    """No row of the table allows this event in this state: a programming error, never a member's."""


def next_state(state: JobState, event: JobEvent) -> JobState:
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"{event} in {state}") from None


SOURCE_KEPT = timedelta(days=3)
"""How long the provider keeps an uploaded source: without it, no job can be submitted (docs/provider.md 6)."""

FILES_KEPT = timedelta(days=14)
"""How long the provider keeps its files ("Generated files will be retained for 14 days", its extend page)."""


class Stage(StrEnum):
    """How far the provider has got with a running job, by its latest news."""

    QUEUED = "queued"
    TEXT = "text"  # lyrics are written
    FIRST = "first"  # the first of the tracks is ready
    COMPLETE = "complete"

    @property
    def rank(self) -> int:
        return list(Stage).index(self)


class FailureReason(StrEnum):
    """Why a job ended without a track; each has its sentence in `bot.services.common.sentences`."""

    REFUSED = "refused"  # the provider refused the request, when it was sent or later
    PROVIDER = "provider"  # the provider gave up
    COPYRIGHT = "copyright"  # the source matches an existing work
    LYRICS = "lyrics"  # the lyrics were refused, or contain what others own
    SENSITIVE = "sensitive"  # a word was refused
    SOURCE_UNREACHABLE = "source_unreachable"  # the provider could not fetch the source
    OPERATOR = "operator"  # the provider refused the key until the source was gone
    NO_CREDITS = "no_credits"  # the account was empty until the source was gone
    NEVER_STARTED = "never_started"  # the provider took no new work until the deadline
    SILENCE = "silence"  # the submission was never answered, and nothing was heard until the deadline
    NO_RESULT = "no_result"  # the provider took the job and had no result by the deadline
    UNDELIVERABLE = "undeliverable"  # nobody could be reached until the provider's files expired
    TRACKS_GONE = "tracks_gone"  # the provider's files could never be fetched


class WaitReason(StrEnum):
    """Why an accepted job is not simply waiting for its turn, or a finished one not simply being posted."""

    BUSY = "busy"  # the provider takes nothing now: its rate, maintenance
    NO_CREDITS = "no_credits"  # the account is empty
    KEY_REFUSED = "key_refused"  # the provider refuses the operator's key
    SERVER_CAP = "server_cap"  # CREDITS_PER_SERVER_PER_DAY is used up
    DAY_CAP = "day_cap"  # CREDITS_PER_DAY is used up
    DOWNLOAD = "download"  # it is finished, and its tracks cannot be fetched for now


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """`provider_message` is the provider's own words, without URLs; empty where there are none."""

    reason: FailureReason
    code: int | None = None
    provider_message: str = ""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One result. `id` is the provider's; `audio_url` is empty until it is ready; `length_seconds` may be unknown."""

    id: str
    audio_url: str = ""
    stream_url: str = ""
    image_url: str = ""
    title: str = ""
    tags: str = ""
    lyrics: str = ""
    model_name: str = ""
    length_seconds: float | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job came from and where its answer goes. Ids are Discord's snowflakes; `guild_id` None: a direct message.

    The token serves for 15 minutes after `received_at` and is a secret.
    """

    application_id: int
    interaction_id: int
    interaction_token: str
    guild_id: int | None
    channel_id: int
    member_id: int
    locale: str
    private: bool
    received_at: datetime

    def __repr__(self) -> str:
        return repr_without(self, frozenset({"interaction_token"}))


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The job from whose message another one was made.

    `track_id` is the take that is continued; None: the same source again, with the same request or an edited one.
    """

    job_id: str
    song_id: str
    track_id: str | None = None


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it came, written down before any work, so that it survives a restart and happens once."""

    place: Place
    source: SourceChoice
    request: ExtensionRequest
    due_at: datetime  # when another worker may take it over, because the one that had it is gone
    progress_message_id: int | None = None  # written down before the source is read, so that there is one only
    parent: Parent | None = None


class ClaimedIntake(msgspec.Struct, frozen=True, kw_only=True):
    """A command that a worker has claimed.

    `was_claimed`: somebody had it before and is gone, perhaps before it was acknowledged. `refusal`: what they decided
    to tell the member instead of making a job of it.
    """

    intake: Intake
    was_claimed: bool = False
    refusal: tuple[Text, ...] = ()


class OwnedTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A track that Encore made for a member, as the `track` option and `/jobs` show it.

    `title` is what it is called, never an id. `take` counts its job's tracks from 1, of which there are `takes`.
    """

    job_id: str
    track: Track
    title: str
    take: int
    takes: int
    model: str
    delivered_at: datetime


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One extension from acceptance to its end. Times are aware, UTC."""

    id: str
    place: Place
    state: JobState
    stage: Stage
    request: ExtensionRequest
    sent_continue_at: float  # the second that is sent; `request.continue_at` is what was asked for
    source_kind: SourceKind
    source_name: str
    source_url: str  # where the provider fetches the source: signed, a secret
    source: AudioProperties
    source_choice: SourceChoice | None = None  # as its member named it; None: an earlier release made the job
    parent: Parent | None = None
    callback_token: str
    task_id: str | None = None
    named_task_id: str | None = None  # named by a callback before the submission was answered; not confirmed yet
    waits_for: WaitReason | None = None
    outcome_unknown: bool = False  # the POST was sent and never answered
    failure: Failure | None = None
    tracks: tuple[Track, ...] = ()
    accepted_at: datetime
    continued_at: datetime | None = None  # by its member, after a restore
    submitted_at: datetime | None = None
    heard_at: datetime | None = None  # the provider's last news of it
    finished_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0  # how often in a row the present step did not succeed
    failures: int = 0  # how often in a row it failed unexpectedly; counted by `Jobs.put_off`
    due_at: datetime | None = None  # when a worker should look at it next; None: nothing is owed by time
    progress_message_id: int | None = None
    final_message_id: int | None = None
    final_channel_id: int | None = None  # where the final message is, or may be
    final_guild_id: int | None = None  # None: in a direct conversation
    final_is_answer: bool = False  # the final message is an answer, which one member sees
    notified_at: datetime | None = None  # when the end was told to the member
    post_tried_at: datetime | None = None  # since when a message with its end may be there without our knowing

    def __repr__(self) -> str:
        return repr_without(self, frozenset({"source_url", "callback_token"}))

    @property
    def continues_from(self) -> float:
        """The second of the source where the continuation begins, also if only a part of it was sent."""
        return self.request.source_began_at + self.sent_continue_at

    def after(self, event: JobEvent, **changes: Any) -> "Job":  # noqa: ANN401  # any field of its own
        """The job once `event` has happened, with `changes` to its other fields.

        Raises:
            IllegalTransitionError: no row of the table allows it.
        """
        return replace(self, state=next_state(self.state, event), **changes)

    @property
    def waits_since(self) -> datetime:
        """When its present wait for its turn began: what it waited on hold is over."""
        return self.continued_at or self.accepted_at

    @property
    def song_id(self) -> str:
        """The first job of the song to which this one belongs."""
        return self.parent.song_id if self.parent else self.id

    @property
    def short_id(self) -> str:
        """What members and operators call the job."""
        return self.id[:8]
