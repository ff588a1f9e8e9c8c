"""Tries to post a job's end: where, and what came of them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from bot.domain.jobs import Job, JobState
from bot.metrics.meters import Meters
from bot.services.common.clock import Clock
from bot.services.common.messenger import (
    Posted,
    ResultFile,
    Route,
    RouteClosed,
    RouteTooSmall,
    RouteUnavailable,
)

LastCallback = Callable[[Job], Awaitable[datetime | None]]
"""When the last callback about a job arrived, before it was finished; None: it was found by polling."""

_ROUTES = {"the channel": "channel", "a direct message": "direct", "the private answer": "answer"}


class MeasuredPosts:
    def __init__(self, meters: Meters, last_callback: LastCallback, clock: Clock) -> None:
        self._meters = meters
        self._last_callback = last_callback
        self._clock = clock

    def route(self, route: Route) -> Route:
        return _MeasuredRoute(route, self)

    async def result(self, route: Route, job: Job, files: Sequence[ResultFile]) -> Posted:
        kind = "again" if job.state is JobState.DELIVERED else "result"
        posted = await self._tried(route, kind, route.post_result(job, files))
        if job.state is JobState.FINISHED and (heard_at := await self._last_callback(job)) is not None:
            seconds = (self._clock() - heard_at).total_seconds()
            self._meters.observe("encore_callback_to_post_seconds", max(0.0, seconds))
        return posted

    async def failure(self, route: Route, job: Job) -> Posted:
        posted = await self._tried(route, "failure", route.post_failure(job))
        if job.failure is not None:
            self._meters.count("encore_failed_jobs_total", job.failure.reason)
        return posted

    async def _tried(self, route: Route, kind: str, post: Awaitable[Posted]) -> Posted:
        outcome = "error"
        try:
            posted = await post
            outcome = "posted"
        except RouteClosed:
            outcome = "closed"
            raise
        except RouteUnavailable:
            outcome = "unavailable"
            raise
        except RouteTooSmall:
            outcome = "too_small"
            raise
        finally:
            self._meters.count("encore_posts_total", kind, _ROUTES[route.name], outcome)
        return posted


class _MeasuredRoute:
    """See `bot.services.common.messenger.Route`."""

    def __init__(self, route: Route, posts: MeasuredPosts) -> None:
        self.name = route.name
        self._route = route
        self._posts = posts

    async def upload_limit_bytes(self, job: Job) -> int:
        return await self._route.upload_limit_bytes(job)

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:
        return await self._route.find_end(job, since=since)

    def check_open(self, job: Job) -> None:
        self._route.check_open(job)

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        return await self._posts.result(self._route, job, files)

    async def post_failure(self, job: Job) -> Posted:
        return await self._posts.failure(self._route, job)
