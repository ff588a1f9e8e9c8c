"""Lyrics that the provider writes from an idea: an order, from its offer to the versions that come of it.

An order costs credits, so it is sent at most once. Nothing here makes music: a version only fills in a form.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import FILES_KEPT, Failure, FailureReason, Place, WaitReason
from bot.domain.secrets import repr_without
from bot.domain.source import SourceChoice

IDEA_MAX = 200
"""Characters. One client counts words instead; the smaller reading is right under both (docs/provider.md 9)."""
VERSIONS_MAX = 5
"""As many as have a button in one row; the provider writes two."""
TEXT_MAX = 20_000
TITLE_MAX = 200
LYRICS_KEPT = FILES_KEPT
SLOWER = 10
"""A task that has taken this many times as long as the pace of polling is asked about less often."""
NAMES_MAX = 8
"""Tasks that callbacks have named and that wait to be asked about."""
NEWS_PACE = timedelta(seconds=3)
"""Between two questions that callbacks bring about, at first; later as between polls. That makes 130 in two weeks at
most, however often anybody posts to an address that leaked."""


class LyricsState(StrEnum):
    OFFERED = "offered"  # its member has read what it costs, and has not agreed yet
    WAITING = "waiting"  # agreed, and not sent
    SENT = "sent"  # the POST is under way; its outcome may be unknown
    RUNNING = "running"  # the provider works on it
    READY = "ready"
    FAILED = "failed"


STARTED = frozenset({LyricsState.SENT, LyricsState.RUNNING})
UNHEARD = frozenset({FailureReason.SILENCE, FailureReason.NO_RESULT})
"""Failures that late news can still turn into lyrics, which were paid for."""
UNSTARTED = frozenset(
    {FailureReason.REFUSED, FailureReason.NEVER_STARTED, FailureReason.OPERATOR, FailureReason.NO_CREDITS}
)
"""Failures that cost nothing: no task was ever started."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One of the lyrics of an order."""

    text: str
    title: str = ""


class LyricsOrder(msgspec.Struct, frozen=True, kw_only=True):
    """`place` is the click that agreed to the cost: the answer goes there. Times are aware, UTC.

    `day` is the UTC day on which it counts for its member; None: it doesn't count. `source` is the piece that was given
    with the idea, for the form.
    """

    id: str
    member_id: int
    idea: str
    made_at: datetime
    state: LyricsState = LyricsState.OFFERED
    source: SourceChoice | None = None
    place: Place | None = None
    day: date | None = None
    callback_token: str | None = None
    task_id: str | None = None
    named_task_id: str | None = None  # named by a callback before the answer; not confirmed yet
    named_later: tuple[str, ...] = ()  # further ones, to be asked about once that one is denied
    hastened_at: datetime | None = None  # when the latest question is asked that a callback brought about
    ordered_at: datetime | None = None
    sent_at: datetime | None = None
    waits_for: WaitReason | None = None
    outcome_unknown: bool = False  # the POST was sent and never answered
    attempts: int = 0  # how often in a row the present step did not succeed
    versions: tuple[Version, ...] = ()
    failure: Failure | None = None
    told_at: datetime | None = None
    due_at: datetime | None = None  # when a worker should look at it next

    def __repr__(self) -> str:
        return repr_without(self, frozenset({"callback_token"}))


class LyricsEnd(StrEnum):
    """How far a task is, as far as it matters."""

    WAITING = "waiting"
    COMPLETE = "complete"
    FAILED = "failed"


class LyricsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider's record says about a task."""

    task_id: str | None
    end: LyricsEnd
    versions: tuple[Version, ...] = ()
    is_sensitive: bool = False  # a word was refused
    code: int | None = None
    message: str = ""


def agreed(order: LyricsOrder, place: Place, *, token: str, day: date, at: datetime, due_at: datetime) -> LyricsOrder:
    """The order once its member has agreed to what it costs."""
    return replace(
        order, state=LyricsState.WAITING, place=place, callback_token=token, day=day, ordered_at=at, due_at=due_at
    )


def put_off(order: LyricsOrder, reason: WaitReason | None, *, until: datetime) -> LyricsOrder:
    """Nothing was started: it is tried again then."""
    return replace(
        order,
        state=LyricsState.WAITING,
        waits_for=reason,
        sent_at=None,
        attempts=order.attempts + 1,
        due_at=until,
    )


def failed(order: LyricsOrder, failure: Failure, *, at: datetime) -> LyricsOrder:
    """Its member reads why. It counts no longer, unless nobody knows whether it was paid for."""
    day = order.day if failure.reason in UNHEARD else None
    return replace(order, state=LyricsState.FAILED, failure=failure, day=day, told_at=None, attempts=0, due_at=at)


def given_up(order: LyricsOrder, reason: FailureReason, *, at: datetime) -> LyricsOrder:
    """Nothing has come of it in time. If it was given up before, and late news came to nothing, its member knows."""
    failure = Failure(reason=reason)
    if order.told_at is not None:
        return replace(order, state=LyricsState.FAILED, failure=failure, due_at=None)
    return failed(order, failure, at=at)


def started(order: LyricsOrder, task_id: str, *, poll_at: datetime) -> LyricsOrder:
    """A callback may have been faster than the answer to the request."""
    if order.state is not LyricsState.SENT:
        return order
    return replace(
        order,
        state=LyricsState.RUNNING,
        task_id=task_id,
        named_task_id=None,
        named_later=(),
        waits_for=None,
        outcome_unknown=False,
        attempts=0,
        due_at=poll_at,
    )


def heard_of(order: LyricsOrder, named: str | None, *, at: datetime) -> LyricsOrder:
    """A callback has come for it: the provider is asked at once, or soon if it was just asked because of another.

    Where the task is unknown, it is asked about those that callbacks name, one after another: nobody can tell yet which
    of them is true, so none takes the place of one before it. Those beyond `NAMES_MAX` are not kept.
    """
    is_late = order.state is LyricsState.FAILED and order.failure is not None and order.failure.reason in UNHEARD
    if order.state not in STARTED and not is_late:
        return order
    if order.task_id is None:
        if named is None:
            return order  # nothing to ask about
        order = _named_too(order, named)
    if not is_late and has_news(order, at=at):
        return order
    if is_late:
        order = replace(order, state=LyricsState.SENT if order.task_id is None else LyricsState.RUNNING)
    ask_at = next_news(order, at=at)
    return replace(order, hastened_at=ask_at, due_at=min(order.due_at or ask_at, ask_at))


def has_news(order: LyricsOrder, *, at: datetime) -> bool:
    """Whether a question that a callback brought about is still to be asked."""
    return order.hastened_at is not None and order.hastened_at > at


def keeps(order: LyricsOrder, named: str | None) -> bool:
    """Whether the provider will be asked about what a callback named, as far as that matters."""
    return order.state not in STARTED or order.task_id is not None or named is None or named in _names(order)


def denied(order: LyricsOrder, named: str) -> LyricsOrder:
    """The provider knows no such task; the next one that was named takes its place."""
    return _named(order, tuple(name for name in _names(order) if name != named))


def _names(order: LyricsOrder) -> tuple[str, ...]:
    return order.named_later if order.named_task_id is None else (order.named_task_id, *order.named_later)


def _named(order: LyricsOrder, names: Sequence[str]) -> LyricsOrder:
    return replace(order, named_task_id=next(iter(names), None), named_later=tuple(names[1:]))


def _named_too(order: LyricsOrder, named: str) -> LyricsOrder:
    names = _names(order)
    return order if named in names or len(names) >= NAMES_MAX else _named(order, (*names, named))


def next_news(order: LyricsOrder, *, at: datetime) -> datetime:
    """When the provider is asked because of a callback: now, unless it just was because of another."""
    if order.hastened_at is None:
        return at
    pause = next_poll(order, pace=NEWS_PACE, at=at) - at
    return max(at, min(order.hastened_at, at) + pause)  # the clock may have been set back


def reported(order: LyricsOrder, report: LyricsReport, *, asked: str, ask_at: datetime, at: datetime) -> LyricsOrder:
    """The order after the provider was asked about its task `asked`; it is asked again at `ask_at` if that is open."""
    if order.state not in STARTED:
        return order
    if order.task_id is None and report.task_id != asked:  # an answer about no task, or another one
        return replace(denied(order, asked), due_at=ask_at)
    order = replace(
        order,
        state=LyricsState.RUNNING,
        task_id=order.task_id or asked,
        named_task_id=None,
        named_later=(),
        outcome_unknown=False,
        attempts=0,
    )
    if report.end is LyricsEnd.COMPLETE:
        return replace(order, state=LyricsState.READY, versions=report.versions, failure=None, told_at=None, due_at=at)
    if report.end is LyricsEnd.FAILED:
        reason = FailureReason.SENSITIVE if report.is_sensitive else FailureReason.PROVIDER
        return failed(order, Failure(reason=reason, code=report.code, provider_message=report.message), at=at)
    return replace(order, due_at=ask_at)


def next_poll(order: LyricsOrder, *, pace: timedelta, at: datetime) -> datetime:
    """Soon while its member waits for it, and ever less often."""
    return at + max(pace, (at - (order.sent_at or at)) / SLOWER)


def told(order: LyricsOrder, *, at: datetime) -> LyricsOrder:
    """Its member has read the end; nothing is owed any more, and the token is of no further use."""
    return replace(without_token(order), told_at=at, due_at=None)


def without_token(order: LyricsOrder) -> LyricsOrder:
    """The order without the secret with which its click was answered."""
    return order if order.place is None else replace(order, place=replace(order.place, interaction_token=""))


def title_for(order: LyricsOrder, version: Version, *, limit: int) -> str:
    """What the form proposes: without a title, lyrics would not be sung word for word."""
    return (version.title or order.idea)[:limit].strip()


def some_versions(versions: Sequence[Version]) -> tuple[Version, ...]:
    """Those that say something, as many as are shown, none too long to keep."""
    kept = [version for version in versions if version.text.strip()][:VERSIONS_MAX]
    return tuple(Version(text=each.text.strip()[:TEXT_MAX], title=each.title.strip()[:TITLE_MAX]) for each in kept)
