"""Every interleaving Hypothesis can think of: callbacks, polls, timeouts, cancels, restarts; the five rules hold."""

import asyncio
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from bot.domain.jobs import FINAL_STATES, MADE_STATES, FailureReason, Job, JobState
from bot.domain.quota import quota_day
from bot.domain.reports import ReportKind, TaskReport
from bot.errors import (
    ProviderBusy,
    ProviderError,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    Refused,
)
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from tests.support.examples import examples
from tests.support.fakes import BEGINNING, FakeRoute
from tests.support.pipeline import LIMIT, TRACKS, Pipeline, a_pipeline

MEMBERS = (1001, 2002)
ANSWERS: dict[str, ProviderError | None] = {
    "started": None,
    "busy": ProviderBusy("later", code=430),
    "no credits": ProviderOutOfCredits("top up", code=429),
    "refused": ProviderRefused("no", code=400),
    "silent": ProviderSilent("timeout"),
}
MAY_HAVE_STARTED = {"started", "silent"}


def is_paid_for(job: Job) -> bool:
    """Its tracks exist, or expired because nobody collected them in time."""
    expired = job.failure is not None and job.failure.reason is FailureReason.UNDELIVERABLE
    return job.state in MADE_STATES or expired


class JobLife(RuleBasedStateMachine):
    jobs: Bundle[Job] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.started: Counter[str] = Counter()
        self.once_finished: set[str] = set()
        self.posts = FakeRoute()
        self.pipeline: Pipeline

    @initialize(target=jobs, member_id=st.sampled_from(MEMBERS))
    def begin_with_a_finished_job(self, member_id: int) -> MultipleResults[Job] | Job:
        """By chance alone, few examples would reach a delivery."""
        self.begin()
        return self.extend_and_finish(member_id)

    def begin(self) -> None:
        self.opened = a_pipeline(self.folder)
        self.pipeline = self.runner.run(self.opened.__aenter__())
        self.pipeline.messenger.ways = [self.posts]

    @rule()
    def restart(self) -> None:
        """A new process on the same database: otherwise only the provider, the channel and the clock remember."""
        provider, clock, count = self.pipeline.provider, self.pipeline.clock, self.pipeline.interactions
        self.runner.run(self.opened.__aexit__(None, None, None))
        self.begin()
        self.pipeline.provider.__dict__.update(provider.__dict__)
        self.pipeline.clock.now, self.pipeline.interactions = clock.now, count

    @rule(target=jobs, member_id=st.sampled_from(MEMBERS))
    def extend(self, member_id: int) -> MultipleResults[Job] | Job:
        job = self.runner.run(self.pipeline.extend(member_id=member_id))
        return multiple() if job is None else job

    @rule(target=jobs, member_id=st.sampled_from(MEMBERS))
    def extend_and_finish(self, member_id: int) -> MultipleResults[Job] | Job:
        """The usual course in one step, so that many steps happen around the delivery."""
        job = self.runner.run(self.pipeline.extend(member_id=member_id))
        if job is None:
            return multiple()
        for _ in range(3):  # others may be ahead of it in the queue
            self.submit("started")
        self.call_back(job, "complete", 2)
        return job

    @rule(answer=st.sampled_from(sorted(ANSWERS)))
    def submit(self, answer: str) -> None:
        before = len(self.pipeline.provider.extended)
        error = ANSWERS[answer]
        self.pipeline.provider.answers = [error] if error is not None else []
        self.runner.run(self.pipeline.submission.step())
        if len(self.pipeline.provider.extended) > before and answer in MAY_HAVE_STARTED:
            self.started[self.pipeline.provider.extended[-1]] += 1
        self.pipeline.provider.answers = []

    @rule(job=jobs, kind=st.sampled_from(["text", "first", "complete"]), tracks=st.integers(0, 2))
    def call_back(self, job: Job, kind: str, tracks: int) -> None:
        """Call back about a submitted job."""
        if any(job.callback_token in url for url in self.started):
            self.runner.run(self._call_back(job, kind, 200, tracks))

    @rule(job=jobs, code=st.sampled_from([400, 413, 500, 531]))
    def call_back_an_error(self, job: Job, code: int) -> None:
        if any(job.callback_token in url for url in self.started):
            self.runner.run(self._call_back(job, "error", code, 0))

    async def _call_back(self, job: Job, kind: str, code: int, tracks: int) -> None:
        await self.pipeline.call_back(await self.pipeline.job(job), kind, code=code, tracks=tracks)

    @rule(job=jobs, kind=st.sampled_from(["complete", "error"]))
    def invent_an_end(self, job: Job, kind: str) -> None:
        """Somebody who knows the address; the provider's record says nothing of the kind, or there is none."""
        self.pipeline.provider.reports = {"task-told": ProviderRefused("no such task", code=404)}
        before = self.runner.run(self.pipeline.job(job))
        self.runner.run(self.pipeline.call_back(before, kind, code=500, confirmed=False))
        after = self.runner.run(self.pipeline.job(job))
        assert (after.state, after.tracks, after.failure) == (before.state, before.tracks, before.failure)

    @rule(seconds=st.sampled_from([1, 31, 200, 901, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.pipeline.clock.turn(seconds)

    @rule(seconds=st.sampled_from([3_600, 90_000]))
    def the_clock_is_set_back(self, seconds: int) -> None:
        self.pipeline.clock.turn(-seconds)

    @rule(kind=st.sampled_from(list(ReportKind)))
    def watch(self, kind: ReportKind) -> None:
        tracks = TRACKS if kind is ReportKind.COMPLETE else ()
        number = len(self.pipeline.provider.extended)
        self.pipeline.provider.reports = {
            f"task-{n}": TaskReport(task_id=f"task-{n}", kind=kind, tracks=tracks, code=500) for n in range(number + 1)
        }
        self.runner.run(self.pipeline.watch.step())

    @rule(trouble=st.sampled_from(["none", "before", "after", "closed"]), tries=st.integers(1, 3))
    def deliver(self, trouble: str, tries: int) -> None:
        troubles: dict[str, list[Exception]] = {"before": [RouteUnavailable("503")], "closed": [RouteClosed("gone")]}
        self.posts.errors = troubles.get(trouble, [])
        self.posts.after_effect = [RouteUnavailable("lost")] if trouble == "after" else []
        for _ in range(tries):
            self.runner.run(self.pipeline.delivery.step())
            self.pipeline.clock.turn(60)  # everything postponed is due again
        self.posts.errors, self.posts.after_effect = [], []

    @rule(job=consumes(jobs))
    def cancel(self, job: Job) -> None:
        try:
            self.runner.run(self.pipeline.members.cancel(job.place.member_id, job.id))
        except Refused:
            return

    @invariant()
    def the_five_rules_hold(self) -> None:
        if hasattr(self, "pipeline"):
            self.runner.run(self._check())

    async def _check(self) -> None:
        reading = self.pipeline.storage.reading
        posts = Counter(job_id for job_id, _ in self.posts.posted)
        for url, times in self.started.items():
            assert times == 1, f"submitted {times} times: {url}"
        for member in MEMBERS:
            jobs = await reading.jobs.of_member(member, limit=1000)
            for day in {quota_day(job.accepted_at) for job in jobs} | {quota_day(BEGINNING)}:
                todays = [job for job in jobs if quota_day(job.accepted_at) == day]
                balance = await reading.ledger.balance(member, day=day, limit=LIMIT)
                assert balance.held == sum(job.state not in FINAL_STATES | MADE_STATES for job in todays)
                assert balance.spent == sum(is_paid_for(job) for job in todays)
                assert balance.held + balance.spent <= LIMIT
            for job in jobs:
                assert posts[job.id] <= 1, "posted twice"
                if job.state is JobState.DELIVERED:
                    assert posts[job.id] == 1, "delivered without a post"
                self._check_order(job)

    def _check_order(self, job: Job) -> None:
        """A finished job ends delivered, or failed only because no route to the member was left."""
        if job.state in MADE_STATES:
            self.once_finished.add(job.id)
        elif job.id in self.once_finished:
            assert job.state is JobState.FAILED
            assert job.failure is not None
            assert job.failure.reason in {"undeliverable", "tracks_gone"}

    def teardown(self) -> None:
        if hasattr(self, "pipeline"):
            self.runner.run(self.opened.__aexit__(None, None, None))
        self.runner.run(self.stack.aclose())
        self.runner.close()


TestJobLife = pytest.mark.slow(JobLife.TestCase)
TestJobLife.settings = settings(
    max_examples=examples(20),
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
