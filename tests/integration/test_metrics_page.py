"""The page of the metrics when something is wrong, and its parts one by one."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from bot.domain.jobs import JobState
from bot.domain.pace import SlidingWindow
from bot.metrics import gauges
from bot.metrics.database import MeasuredEngine
from bot.metrics.definitions import METRICS
from bot.metrics.discord_calls import DiscordCalls, request_named
from bot.metrics.meters import Meters
from bot.metrics.page import MetricsPage, listening
from bot.metrics.provider_calls import code_named
from bot.services.operator.balance import Balance
from bot.web.server import WebServerError, serve
from storage.errors import StorageUnavailable
from tests.support.database import open_storage
from tests.support.pipeline import a_pipeline


def samples(page: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def works() -> None:
    pass


async def is_away() -> None:
    raise StorageUnavailable("the server is gone")


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_an_address_in_use_is_reported_with_the_setting() -> None:
    page = MetricsPage(Meters(), works, lambda: None)

    async with listening(page, "127.0.0.1", 0) as port:
        with pytest.raises(WebServerError, match=f"METRICS_ADDR: cannot listen on 127.0.0.1, port {port} "):
            async with listening(page, "127.0.0.1", port):
                pass


async def test_while_the_database_is_away_the_counters_remain_and_no_old_gauge_does(
    http: aiohttp.ClientSession,
) -> None:
    meters = Meters()
    meters.set("encore_jobs", 7, "running")
    meters.set("encore_credits", 700)
    meters.count("encore_refusals_total", "quota")

    async with (
        listening(MetricsPage(meters, is_away, lambda: None), "127.0.0.1", 0) as port,
        http.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        found = samples(await answer.text())

    assert answer.status == 200
    assert found["encore_database_up", ()] == 0
    assert found["encore_refusals_total", ("quota",)] == 1
    shared = {metric.name for metric in METRICS if metric.is_shared}
    assert [value for (name, _), value in found.items() if name in shared and not math.isnan(value)] == []


async def test_those_who_ask_at_the_same_time_get_the_same_page(http: aiohttp.ClientSession) -> None:
    """A database that hangs holds up each of them for two seconds, and not the eighth for sixteen."""
    looks, asked, may_answer = [], asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        looks.append("look")
        asked.set()
        await may_answer.wait()

    async def page(port: int) -> int:
        async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
            await answer.read()
            return answer.status

    meters = Meters()
    async with listening(MetricsPage(meters, hangs, lambda: None), "127.0.0.1", 0) as port:
        asking = [asyncio.create_task(page(port)) for _ in range(8)]
        await asked.wait()
        asking[0].cancel()  # which leaves the others their page
        await asyncio.gather(*asking[:1], return_exceptions=True)
        assert await asyncio.gather(*asking[1:]) == [200] * 7

    assert looks == ["look"]


async def test_a_fault_of_our_own_is_logged_and_answered_as_one(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise KeyError("a column that is not there")

    async with (
        listening(MetricsPage(Meters(), fails, lambda: None), "127.0.0.1", 0) as port,
        http.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert answer.status == 500

    assert "a column that is not there" in caplog.text


async def test_credits_that_nobody_has_checked_are_not_shown_as_none_left(tmp_path: Path) -> None:
    meters = Meters()
    async with a_pipeline(tmp_path) as pipeline:
        now = pipeline.clock()
        balance = Balance(pipeline.storage, pipeline.provider, account="ours", lasts_seconds=60, clock=pipeline.clock)

        async def credits_and_time() -> tuple[float, float]:
            snapshot = await pipeline.storage.read(
                lambda work: work.gauges.snapshot(now=now, leases_until=now, day=now.date(), memos=gauges.MEMOS)
            )
            gauges.show(meters, snapshot, balance=balance, window=SlidingWindow(), now=now)
            found = samples(meters.page().decode())
            return found["encore_credits", ()], found["encore_credits_check_timestamp_seconds", ()]

        unknown, never = await credits_and_time()
        assert math.isnan(unknown)
        assert never == 0
        left = await balance.checked()
        assert await credits_and_time() == (left, now.timestamp())


async def test_waiting_and_working_time_of_the_database_are_told_apart(tmp_path: Path) -> None:
    meters = Meters()
    async with open_storage(tmp_path / "encore.db") as storage:
        storage.watch(lambda engine: MeasuredEngine(engine, meters))
        await storage.write(lambda work: work.memos.put("a", "b"))
        await storage.read(lambda work: work.memos.get("a"))
        await storage.reading.memos.get("a")
        async with storage.transaction() as work:
            await work.memos.put("a", "c")

    found = samples(meters.page().decode())

    counts = {kind: found["encore_database_seconds_count", (kind,)] for kind in ("write", "read", "query")}
    assert counts == {"write": 2, "read": 1, "query": 1}
    assert found["encore_database_wait_seconds_count", ("write",)] == 2
    assert found["encore_database_wait_seconds_count", ("read",)] == 1
    waits, all_of_it = (found[f"encore_database_{name}", ("write",)] for name in ("wait_seconds_sum", "seconds_sum"))
    assert 0 <= waits <= all_of_it


async def test_a_failed_write_counts_as_the_databases_failure(tmp_path: Path) -> None:
    meters = Meters()
    async with open_storage(tmp_path / "encore.db") as storage:
        storage.watch(lambda engine: MeasuredEngine(engine, meters))

        with pytest.raises(StorageUnavailable):
            await storage.write(lambda _: is_away())

    assert samples(meters.page().decode())["encore_database_failures_total", ("write",)] == 1


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/api/v10/interactions/123/aW50ZXJhY3Rpb24/callback", "acknowledge"),
        ("PATCH", "/api/v10/webhooks/123/aW50ZXJhY3Rpb24/messages/@original", "answer"),
        ("POST", "/api/v10/webhooks/123/aW50ZXJhY3Rpb24", "answer"),
        ("POST", "/api/v10/channels/123/messages", "post"),
        ("PATCH", "/api/v10/channels/123/messages/456", "edit"),
        ("GET", "/api/v10/channels/123/messages", "search"),
        ("DELETE", "/api/v10/channels/123/messages/456", "delete"),
        ("POST", "/api/v10/users/@me/channels", "open_direct"),
        ("PUT", "/api/v10/applications/123/commands", "announce"),
        ("GET", "/api/v10/guilds/123", "other"),
    ],
)
def test_a_request_to_discord_goes_by_one_of_a_few_names(method: str, path: str, name: str) -> None:
    assert request_named(method, path) == name


@dataclass
class KindOf:
    name: str


@dataclass
class Arriving:
    id: int
    type: KindOf


async def test_a_kind_of_interaction_that_discord_invents_gets_no_series() -> None:
    meters = Meters()
    calls = DiscordCalls(meters)
    trace = aiohttp.TraceConfig()
    calls.join(trace)

    async def callback(_: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/interactions/{id}/token/callback", callback)
    async with serve(app, "127.0.0.1", 0) as port, aiohttp.ClientSession(trace_configs=[trace]) as session:
        for number, kind in enumerate(("component", "unknown_77")):
            await calls.arrived(Arriving(number, KindOf(kind)))
            async with session.post(f"http://127.0.0.1:{port}/interactions/{number}/token/callback") as answer:
                assert answer.status == 204

    counted = [labels for name, labels in samples(meters.page().decode()) if name == "encore_acknowledge_seconds_count"]
    assert counted == [("component",)]


def test_codes_that_the_music_service_invents_share_one_series() -> None:
    assert [code_named(code) for code in (200, 455, None, 299, -1, 10**12)] == [
        *("200", "455", "none", "other", "other", "other")
    ]


async def test_the_snapshot_counts_what_waits_and_what_is_due(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        first = await pipeline.accepted()
        await pipeline.accepted()
        assert await pipeline.submission.step()
        now = pipeline.clock()

        snapshot = await pipeline.storage.read(
            lambda work: work.gauges.snapshot(now=now, leases_until=now, day=now.date(), memos=("x", "y", "z"))
        )

    assert snapshot.jobs == {"accepted": 1, "running": 1}
    assert snapshot.due == {"accepted": 1, "running": 0, "commands": 0, "progress": 2}
    assert snapshot.submissions == 1
    assert snapshot.oldest_waiting == first.accepted_at
    assert (snapshot.memos, snapshot.callbacks, snapshot.commands) == ({}, 0, 0)


async def test_a_held_claim_counts_as_a_lease_until_it_runs_out(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.finished()
        now = pipeline.clock()
        until = now + timedelta(seconds=30)
        await pipeline.storage.write(
            lambda work: work.jobs.claim_due([JobState.FINISHED], now=now, until=until, limit=1, owner="delivering x")
        )

        async def leases(at: datetime) -> int:
            snapshot = await pipeline.storage.read(
                lambda work: work.gauges.snapshot(
                    now=at, leases_until=at + timedelta(seconds=90), day=now.date(), memos=("x", "y", "z")
                )
            )
            return snapshot.leases["posts"]

        assert await leases(now) == 1
        assert await leases(until) == 0


async def test_the_last_callback_before_the_end_is_found(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.running()
        await pipeline.call_back(job, "complete")
        arrived = pipeline.clock()
        pipeline.clock.turn(30)

        async def last(job_id: str, before: datetime) -> datetime | None:
            return await pipeline.storage.read(lambda work: work.gauges.last_callback(job_id, before=before))

        assert await last(job.id, pipeline.clock()) == arrived
        assert await last(job.id, arrived - timedelta(seconds=1)) is None
        assert await last("0" * 32, pipeline.clock()) is None
