"""Every metric: its name after Prometheus' conventions, what it counts, and the few values that its labels can have.

docs/metrics.md, the dashboard and the alerts in `ops` are checked against this.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from bot.domain.gates import Gate
from bot.domain.jobs import FailureReason, JobState
from bot.domain.rules import RULES

Values = tuple[str, ...]


class Kind(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """`labels`: the values that each label can have; none listed if they are numbers or names from a fixed set.

    `is_shared`: read from the database, and so the same in every process.
    """

    name: str
    kind: Kind
    help: str
    labels: Mapping[str, Values] = {}
    buckets: tuple[float, ...] = ()
    is_shared: bool = False

    @property
    def series(self) -> frozenset[str]:
        """The names under which it is found."""
        if self.kind is Kind.HISTOGRAM:
            return frozenset(f"{self.name}_{ending}" for ending in ("bucket", "count", "sum"))
        return frozenset({self.name})


STATES: Values = tuple(state for state in JobState if state not in {JobState.DELIVERED, JobState.CANCELLED})
WORK: Values = ("commands", "submissions", "polls", "posts", "progress")
LEASES: Values = ("commands", "posts", "callbacks", "progress", "shards")
SET_ASIDE: Values = ("jobs", "commands", "callbacks")
PAUSES: Values = ("no_credits", "key_refused")
ROUTES: Values = ("channel", "direct", "answer")
OUTCOMES: Values = ("posted", "closed", "unavailable", "too_small", "error")
POSTS: Values = ("result", "failure", "again")
INTERACTIONS: Values = ("application_command", "component", "modal_submit", "autocomplete")
DISCORD_REQUESTS: Values = (
    *("acknowledge", "answer", "post", "edit", "search", "delete", "open_direct", "announce", "other"),
)
PROVIDER_REQUESTS: Values = ("extend", "upload", "report", "credits", "lyrics", "timed_lyrics")
CODES: Values = (
    *("200", "400", "401", "402", "403", "404", "405", "408", "409", "413", "422", "429", "430", "451", "455"),
    *("500", "501", "502", "503", "504", "531", "none", "other"),
)
DATABASE: Values = ("write", "read", "query")
SOURCE_RULES: Values = (
    *("source_unreachable", "source_gone", "source_too_large", "source_empty", "not_audio", "no_audio_track"),
    *("source_truncated", "source_too_long", "source_too_costly", "decoder_unavailable"),
)
OTHER_RULES: Values = (
    *("model_not_offered", "one_source", "track_unknown", "track_ambiguous", "upload_refused", "no_room"),
    *("preset_unknown", "preset_model"),
    *("draft_gone", "draft_of_another", "no_audio_in_message", "lyrics_by_file", "relay_turn"),
    *("may_not_write", "one_each"),
    *("lyrics_file_too_large", "lyrics_file_unreachable", "lyrics_file_unreadable"),
    *("lyrics_idea", "lyrics_off", "lyrics_per_day", "lyrics_gone", "lyrics_of_another", "no_lyrics"),
    *("too_late", "fault", "other"),
)
REFUSALS: Values = (*Gate, *dict.fromkeys((*(rule.name for rule in RULES), *SOURCE_RULES, *OTHER_RULES)))

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DISCORD_ALLOWS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
"""Discord waits three seconds for an acknowledgement."""
SLOW = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0, 120.0)
LONG = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
WAITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


def _gauge(name: str, words: str, **labels: Values) -> Metric:
    return Metric(name=f"encore_{name}", kind=Kind.GAUGE, help=words, labels=labels)


def _shared(name: str, words: str, **labels: Values) -> Metric:
    return Metric(name=f"encore_{name}", kind=Kind.GAUGE, help=words, labels=labels, is_shared=True)


def _counter(name: str, words: str, **labels: Values) -> Metric:
    return Metric(name=f"encore_{name}_total", kind=Kind.COUNTER, help=words, labels=labels)


def _histogram(name: str, words: str, buckets: tuple[float, ...], **labels: Values) -> Metric:
    return Metric(name=f"encore_{name}_seconds", kind=Kind.HISTOGRAM, help=words, labels=labels, buckets=buckets)


METRICS: tuple[Metric, ...] = (
    _shared("jobs", "Jobs with work left, by state. Failed ones count until their members know.", state=STATES),
    _shared("oldest_waiting_job_seconds", "How long the oldest waiting job has waited; 0 if none waits."),
    _shared("work_due", "Pieces of work that are due now and not yet taken by a worker.", work=WORK),
    _shared("open_commands", "Commands that have not yet become a job or a refusal."),
    _shared("pending_callbacks", "Callbacks that are recorded and not yet applied."),
    _shared("oldest_pending_callback_seconds", "How long ago the oldest pending callback arrived; 0 if none is."),
    _shared("set_aside", "What kept failing and is left alone until the next start.", kind=SET_ASIDE),
    _shared("leases", "Claims that workers hold now, and shards that have an owner.", kind=LEASES),
    _shared("submissions_paused", "1 while nothing is submitted for this reason.", reason=PAUSES),
    _shared("submission_window_used", "Submissions that count against the music service's rate now."),
    _shared("submission_window_limit", "How many submissions the music service's rate allows."),
    _shared("credits", "Credits left in the account at the last check; NaN before the first."),
    _shared("credits_check_timestamp_seconds", "When the credits were last checked, in Unix time; 0 if never."),
    _shared("credits_spent_today", "Credits that today's submissions may have cost, by UTC day."),
    _gauge("build_info", "Always 1; the labels say what runs.", version=(), roles=()),
    _gauge("database_up", "1 if the database answered while this page was made."),
    _gauge("discord_connected", "1 while this process reaches Discord as far as its roles need it."),
    _histogram("acknowledge", "From an interaction's arrival to Discord's answer.", DISCORD_ALLOWS, kind=INTERACTIONS),
    _counter("refusals", "Refused commands, by broken rule; one command can break several.", rule=REFUSALS),
    _counter("discord_requests", "Requests to Discord, by HTTP status.", request=DISCORD_REQUESTS, status=()),
    _histogram("discord_request", "How long Discord took to answer.", QUICK, request=DISCORD_REQUESTS),
    _counter("provider_requests", "Requests to the music service.", request=PROVIDER_REQUESTS, code=CODES),
    _histogram("provider_request", "How long the music service took to answer.", SLOW, request=PROVIDER_REQUESTS),
    _counter("callbacks", "Callbacks from the music service, by the HTTP status they got.", status=()),
    _histogram("callback_to_post", "From a result's last callback to its post; without those found by polling.", LONG),
    _counter("posts", "Tries to post a job's end.", kind=POSTS, route=ROUTES, outcome=OUTCOMES),
    _counter("failed_jobs", "Failures that members were told of.", reason=tuple(FailureReason)),
    _histogram("database_wait", "How long work waited for its turn in the database.", WAITS, operation=DATABASE[:2]),
    _histogram("database", "How long work with the database took, with its wait.", WAITS, operation=DATABASE),
    _counter("database_failures", "Work that failed because the database could not be used.", operation=DATABASE),
    _histogram("event_loop_lag", "How late the event loop wakes up a task that sleeps.", WAITS),
)

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
