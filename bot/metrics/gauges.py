"""From what the database says to gauges. They are the same in every process on it."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.jobs import JobState
from bot.domain.models import CREDITS_PER_JOB
from bot.domain.pace import SlidingWindow
from bot.metrics.definitions import LEASES, METRICS, PAUSES, SET_ASIDE, STATES
from bot.metrics.meters import Meters
from bot.services.operator.balance import KNOWN, Balance
from bot.services.operator.pause import PAUSE, parse_pause
from bot.services.pipeline.rate import SENT, attempts_in
from storage.gauges import Snapshot

MEMOS = (SENT, PAUSE, KNOWN)

_STATES_OF: Mapping[str, Sequence[JobState]] = {
    "submissions": (JobState.ACCEPTED,),
    "polls": (JobState.SUBMITTING, JobState.RUNNING, JobState.OVERDUE),
    "posts": (JobState.FINISHED, JobState.UNCOLLECTED, JobState.FAILED),
}


def show(meters: Meters, snapshot: Snapshot, *, balance: Balance, window: SlidingWindow, now: datetime) -> None:
    for state in STATES:
        meters.set("encore_jobs", snapshot.jobs.get(state, 0), state)
    meters.set("encore_oldest_waiting_job_seconds", _age(snapshot.oldest_waiting, now))
    for work, states in _STATES_OF.items():
        meters.set("encore_work_due", sum(snapshot.due.get(state, 0) for state in states), work)
    for work in ("commands", "progress"):
        meters.set("encore_work_due", snapshot.due.get(work, 0), work)
    meters.set("encore_open_commands", snapshot.commands)
    meters.set("encore_pending_callbacks", snapshot.callbacks)
    meters.set("encore_oldest_pending_callback_seconds", _age(snapshot.oldest_callback, now))
    for kind in SET_ASIDE:
        meters.set("encore_set_aside", snapshot.set_aside.get(kind, 0), kind)
    for kind in LEASES:
        meters.set("encore_leases", snapshot.leases.get(kind, 0), kind)
    meters.set("encore_credits_spent_today", snapshot.submissions * CREDITS_PER_JOB)
    _show_account(meters, snapshot.memos, balance=balance, window=window, now=now)


def _show_account(
    meters: Meters, memos: Mapping[str, str], *, balance: Balance, window: SlidingWindow, now: datetime
) -> None:
    pause = parse_pause(memos.get(PAUSE, ""))
    for reason in PAUSES:
        meters.set("encore_submissions_paused", pause is not None and pause.closed_for == reason, reason)
    used = sum(window.counts(at, now=now) for at in attempts_in(memos.get(SENT, "")).values())
    meters.set("encore_submission_window_used", min(used, window.limit))
    meters.set("encore_submission_window_limit", window.limit)
    checked = balance.parse(memos.get(KNOWN, ""))
    meters.set("encore_credits", math.nan if checked is None else checked.credits_left)
    meters.set("encore_credits_check_timestamp_seconds", 0.0 if checked is None else checked.at.timestamp())


def forget(meters: Meters) -> None:
    """The database does not answer: better no value than an old one."""
    for metric in METRICS:
        if metric.is_shared:
            meters.forget(metric)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
