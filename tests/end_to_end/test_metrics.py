"""`GET /metrics`: what an operator's Prometheus reads while the bot works."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import __version__
from bot.metrics.definitions import BY_NAME, METRICS, Kind
from bot.roles import Role
from bot.sandbox.discord import Upload
from tests.end_to_end.town import Town, eventually
from tests.support.process import ROOT, bot_process, environ_of, said

METRICS_ADDR = ("127.0.0.1", 0)

Labels = Mapping[str, str]


class Scrape:
    """One page, as Prometheus understands it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the series with these labels; 0 if there is none."""
        found = [each for each in self.samples if each.name == name and labels.items() <= each.labels.items()]
        return float(sum(each.value for each in found))

    def series(self, name: str) -> list[tuple[Labels, float]]:
        return [(sample.labels, sample.value) for sample in self.samples if sample.name == name]

    def values(self, name: str, label: str) -> dict[str, float]:
        return {sample.labels[label]: sample.value for sample in self.samples if sample.name == name}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def address(logged: str) -> str:
    """Where a process says its metrics are."""
    return str(re.findall(r"http://\S+/metrics", logged)[-1])


async def started(town: Town, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level("INFO")
    await town.start(metrics_addr=METRICS_ADDR)

    async def is_listening() -> bool:
        return "/metrics" in caplog.text

    await eventually(is_listening)
    return address(caplog.text)


async def scraped(http: aiohttp.ClientSession, url: str) -> Scrape:
    async with http.get(url) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return Scrape(await answer.text())


async def test_one_extension_is_seen_from_its_command_to_its_post(
    town: Town, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    url = await started(town, caplog)
    await town.extend()
    await town.result()

    async def is_settled() -> bool:
        page = await scraped(http, url)
        is_posted = page.value("encore_callback_to_post_seconds_count") == 1
        is_over = not any(page.values("encore_jobs", "state").values())
        return is_posted and is_over and page.value("encore_discord_connected") == 1

    await eventually(is_settled)
    page = await scraped(http, url)

    assert page.value("encore_build_info", version=__version__, roles="gateway, web, workers") == 1
    assert page.value("encore_database_up") == 1
    assert page.value("encore_acknowledge_seconds_count", kind="application_command") == 1
    assert page.value("encore_provider_requests_total", request="extend", code="200") == 1
    assert page.value("encore_provider_requests_total", request="upload", code="200") == 1
    assert page.value("encore_provider_request_seconds_count", request="extend") == 1
    assert page.value("encore_callbacks_total", status="200") == 3
    assert page.value("encore_posts_total", kind="result", route="channel", outcome="posted") == 1
    assert (
        page.value("encore_discord_requests_total", request="acknowledge", status="200")
        + page.value("encore_discord_requests_total", request="acknowledge", status="204")
        == 1
    )
    assert page.value("encore_discord_request_seconds_count", request="post") >= 2
    assert page.value("encore_database_wait_seconds_count", operation="write") > 10
    assert page.value("encore_credits_spent_today") == 12
    assert page.value("encore_submission_window_used") == 1
    assert page.value("encore_submission_window_limit") == 20
    assert page.value("process_resident_memory_bytes") > 10_000_000


async def test_what_waits_shows_in_the_gauges(
    slow_town: Town, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    town = slow_town
    url = await started(town, caplog)
    await town.extend()
    await town.suno.wait_for_submit()

    async def is_running() -> bool:
        return (await scraped(http, url)).value("encore_jobs", state="running") == 1

    await eventually(is_running)
    town.suno.script("error 429 1")
    await town.extend()
    await town.songs.wait_for(lambda message: "run out of credits" in message.content)

    page = await scraped(http, url)

    jobs = page.values("encore_jobs", "state")
    assert {state: number for state, number in jobs.items() if number} == {"running": 1, "accepted": 1}
    assert page.values("encore_submissions_paused", "reason") == {"no_credits": 1, "key_refused": 0}
    assert page.value("encore_oldest_waiting_job_seconds") > 0
    assert page.value("encore_provider_requests_total", request="extend", code="429") == 1


async def test_refusals_are_counted_by_every_broken_rule(
    town: Town, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    url = await started(town, caplog)

    both = await town.extend(vocal_gender="soprano", continue_at="9:99")
    await both.wait_until(lambda message: "soprano" in message.content)
    broken = await town.extend(audio=Upload("notes.mp3", b"Dear diary, " * 100))
    await broken.wait_until(lambda message: "as audio" in message.content)
    town.songs.deny("EMBED_LINKS")
    await (await town.extend()).response()

    counted = (await scraped(http, url)).values("encore_refusals_total", "rule")
    assert counted == {"vocal_gender_unknown": 1, "continue_at_unreadable": 1, "not_audio": 1, "permissions": 1}


async def test_the_credits_are_asked_for_and_shown_with_their_time(
    town: Town, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    town.suno.credits = 777
    url = await started(town, caplog)

    async def are_known() -> bool:
        return (await scraped(http, url)).value("encore_credits") == 777

    await eventually(are_known)
    assert (await scraped(http, url)).value("encore_credits_check_timestamp_seconds") > 1_000_000_000


async def test_every_series_is_one_of_the_documented_ones_and_none_names_anybody(
    town: Town, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    url = await started(town, caplog)
    await town.extend()
    await town.result()
    await town.extend(vocal_gender="soprano")
    await (await town.mia.command(town.songs, "jobs")).response()
    await town.mia.autocomplete(town.songs, "extend", focused="model", value="V")

    page = await scraped(http, url)

    for sample in page.samples:
        if sample.name.startswith(("process_", "python_")):
            continue
        metric = next(each for each in METRICS if sample.name in each.series)
        labels = sample.labels.keys() - ({"le"} if metric.kind is Kind.HISTOGRAM else set())
        assert labels == metric.labels.keys(), sample
        for label in labels:
            assert not metric.labels[label] or sample.labels[label] in metric.labels[label], sample
    always = {name for name, metric in BY_NAME.items() if metric.kind is Kind.GAUGE}
    assert always <= {sample.name for sample in page.samples}
    job = await town.job()
    private = (town.guild.id, town.songs.id, town.mia.id, job.id, job.short_id, job.task_id, job.callback_token)
    assert not [each for each in private if str(each) in page.text]
    secrets = (town.settings.discord_token, town.settings.suno_api_key)
    assert not [each for each in secrets if each in page.text]


async def test_there_is_nothing_else_on_its_listener(
    town: Town, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    url = await started(town, caplog)
    base = url.removesuffix("/metrics")

    assert base.startswith("http://127.0.0.1:")
    for path in ("/", "/healthz", "/readyz", "/callbacks/x"):
        async with http.get(base + path) as answer:
            assert answer.status == 404
    async with http.post(url) as answer:
        assert answer.status == 405
    async with http.get(f"{town.app.settings.public_url}/metrics") as answer:
        assert answer.status == 404


def test_without_the_setting_nothing_of_it_is_imported() -> None:
    code = "import sys, bot.app; print([name for name in sys.modules if 'prometheus' in name or 'metrics' in name])"

    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


async def test_without_prometheus_client_one_line_says_what_to_install(town: Town, tmp_path: Path) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ModuleNotFoundError('prometheus_client')\n")
    environ = environ_of(town.settings, METRICS_ADDR="0")
    environ["PYTHONPATH"] = f"{tmp_path}:{environ['PYTHONPATH']}"

    async with bot_process(environ, "run", folder=tmp_path) as bot:
        assert await bot.exit_status() == 1

    assert bot.said[-1] == "encore: stopped: METRICS_ADDR needs prometheus-client: pip install 'encore-bot[metrics]'"


@pytest.mark.postgres
async def test_all_processes_show_the_same_state_of_the_bot(
    town: Town, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    environ = environ_of(town.settings) | {"METRICS_ADDR": "0"}
    async with AsyncExitStack() as stack:
        bots = [
            await stack.enter_async_context(bot_process(environ, "run", "--only", role, folder=tmp_path))
            for role in Role
        ]
        for bot in bots:
            await said(bot, "metrics: http://")
        urls = [address("\n".join(bot.said)) for bot in bots]
        await said(bots[0], "ready as")
        await town.discord.wait_for_commands("extend")
        await town.extend()
        await town.result()

        async def are_settled() -> bool:
            pages = [await scraped(http, url) for url in urls]
            connected = all(page.value("encore_discord_connected") == 1 for page in pages)
            return connected and not any(any(page.values("encore_jobs", "state").values()) for page in pages)

        await eventually(are_settled)
        gateway, web, workers = [await scraped(http, url) for url in urls]

    shared = [metric.name for metric in METRICS if metric.is_shared and "seconds" not in metric.name]
    for name in shared:
        assert gateway.series(name) == web.series(name) == workers.series(name), name
    assert gateway.value("encore_credits_spent_today") == 12
    assert gateway.value("encore_acknowledge_seconds_count") == 1
    assert web.value("encore_callbacks_total", status="200") == 3
    assert workers.value("encore_posts_total", outcome="posted") == 1
    assert web.value("encore_posts_total") == gateway.value("encore_posts_total") == 0
