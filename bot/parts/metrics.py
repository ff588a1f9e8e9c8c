"""Metrics: hooks into everything that is measured, and the page. Imported only with METRICS_ADDR."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from bot import __version__
from bot.domain.jobs import Job
from bot.domain.pace import SlidingWindow
from bot.domain.quota import quota_day
from bot.errors import Outage, ProviderError
from bot.metrics import gauges, loop_lag
from bot.metrics.database import MeasuredEngine
from bot.metrics.discord_calls import DiscordCalls
from bot.metrics.meters import Meters
from bot.metrics.posts import MeasuredPosts
from bot.metrics.provider_calls import counting_answers
from bot.parts.ground import Ground, a_balance
from bot.parts.pipeline import CLAIM_LEASES, Pipeline
from bot.services.operator.balance import Balance
from bot.services.pipeline.apply_callbacks import ASK_SECONDS

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

log = logging.getLogger(__name__)

CREDITS_EVERY_SECONDS = 300.0
"""How often one process asks for the credits. Asking is free (docs/provider.md 5)."""


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """`middlewares` are for the web port, where callbacks arrive. Both import aiohttp's server when called."""

    middlewares: Callable[[], Sequence["Middleware"]]
    run: Callable[[], Awaitable[None]]


def metrics_part(
    ground: Ground, pipeline: Pipeline, *, roles: str, reaches_discord: Callable[[], bool], asks_for_credits: bool
) -> Metrics:
    """Measure from now on. `reaches_discord`: as far as its roles need it; `asks_for_credits`: now and then."""
    meters = Meters()
    meters.set("encore_build_info", 1, __version__, roles)
    reading = _Reading(ground, meters)
    ground.storage.watch(lambda engine: MeasuredEngine(engine, meters))
    ground.provider.on_answer = counting_answers(meters)
    ground.messenger.measured = MeasuredPosts(meters, reading.last_callback, ground.clock).route
    ground.client.on_refused = pipeline.acceptance.on_refused = _counting_refusals(meters)
    calls = DiscordCalls(meters)
    ground.client.add_listener(calls.arrived, "on_interaction")
    if ground.client.http.http_trace is not None:
        calls.join(ground.client.http.http_trace)
    host, port = ground.settings.metrics_addr or ("", 0)

    def middlewares() -> Sequence["Middleware"]:
        from bot.metrics.callbacks import counting_callbacks  # noqa: PLC0415  # see `Metrics`

        return [counting_callbacks(meters)]

    async def run() -> None:
        from bot.metrics.page import MetricsPage, listening  # noqa: PLC0415  # see `Metrics`

        page = MetricsPage(meters, reading.look, lambda: meters.set("encore_discord_connected", reaches_discord()))
        async with listening(page, host, port) as listening_port:
            log.info("metrics: http://%s:%d/metrics", f"[{host}]" if ":" in host else host, listening_port)
            async with asyncio.TaskGroup() as group:
                group.create_task(loop_lag.keep_measuring(meters), name="loop lag")
                if asks_for_credits:
                    group.create_task(_keep_asking(reading.balance), name="credits")

    return Metrics(middlewares=middlewares, run=run)


class _Reading:
    """What the page reads from the database."""

    def __init__(self, ground: Ground, meters: Meters) -> None:
        self._ground = ground
        self._meters = meters
        self._leases_end = timedelta(seconds=ASK_SECONDS + CLAIM_LEASES * ground.settings.lease_seconds)
        self.balance = a_balance(ground, lasts_seconds=CREDITS_EVERY_SECONDS)

    async def look(self) -> None:
        now = self._ground.clock()
        snapshot = await self._ground.storage.read(
            lambda work: work.gauges.snapshot(
                now=now, leases_until=now + self._leases_end, day=quota_day(now), memos=gauges.MEMOS
            )
        )
        gauges.show(self._meters, snapshot, balance=self.balance, window=SlidingWindow(), now=now)

    async def last_callback(self, job: Job) -> datetime | None:
        finished_at = job.finished_at
        if finished_at is None:
            return None
        try:
            return await self._ground.storage.read(lambda work: work.gauges.last_callback(job.id, before=finished_at))
        except Outage:
            return None


def _counting_refusals(meters: Meters) -> Callable[[Sequence[str]], None]:
    def count(rules: Sequence[str]) -> None:
        for rule in rules:
            meters.count("encore_refusals_total", rule)

    return count


async def _keep_asking(balance: Balance) -> None:
    while True:
        try:
            await balance.checked()
        except (ProviderError, Outage) as error:
            log.debug("the credits are not known (%s)", error)
        except Exception:
            log.exception("the credits are not known")
        await asyncio.sleep(CREDITS_EVERY_SECONDS)
