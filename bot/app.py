"""The composition root: the only place that builds the parts and puts them together."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from bot import announce
from bot.audio.process import AudioProcess
from bot.chat.messenger import DiscordMessenger
from bot.chat.pacing import Pacer
from bot.chat.translator import DescriptionTranslator
from bot.client import EncoreClient
from bot.domain.pace import SlidingWindow
from bot.fetch.fetcher import SafeFetcher
from bot.gateway import discord_at, keep_connected
from bot.scratch import scratch_folder
from bot.servers import Servers
from bot.services.common.bells import Bell, Bells
from bot.services.common.clock import Clock, utc_now
from bot.services.common.clock_watch import ClockWatch
from bot.services.common.patience import Patience
from bot.services.common.ports import Provider
from bot.services.common.worker import Worker
from bot.services.members.members import Members
from bot.services.operator.account import Account
from bot.services.operator.housekeeping import Housekeeping, HousekeepingTimes
from bot.services.operator.isolation import Isolation
from bot.services.operator.notices import Operator
from bot.services.pipeline.accept import Acceptance, AcceptLimits
from bot.services.pipeline.apply_callbacks import Callbacks
from bot.services.pipeline.callback_queue import CallbackQueue
from bot.services.pipeline.caps import Caps
from bot.services.pipeline.deliver import Delivery, DeliveryTimes
from bot.services.pipeline.kept import KeptTracks
from bot.services.pipeline.posting import Posting
from bot.services.pipeline.progress import Progress, ProgressTimes
from bot.services.pipeline.rate import Rate
from bot.services.pipeline.resend import Resend
from bot.services.pipeline.submit import Submission, SubmitTimes
from bot.services.pipeline.tracks import TrackFiles
from bot.services.pipeline.waiting import Waiting
from bot.services.pipeline.watch import Watch, WatchTimes
from bot.settings import Settings
from bot.suno.client import SunoClient, open_session
from bot.suno.messages import MalformedCallback, callback_task_id, parse_callback
from bot.suno.signature import signature_is_valid
from bot.text import LOCALES, Catalogue
from cogs.extend import ExtendCog
from cogs.jobs import JobsCog
from cogs.members import MembersCog
from cogs.openings import OpeningsCog
from storage.storage import SqliteStorage, open_storage

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

ACCEPTERS = 12
"""How many sources are fetched, read and handed over at the same time."""
SUBMITTERS = 8
"""How many submissions wait for their answers at the same time."""
WATCHERS = 16
"""How many workers ask after jobs; each asks after a few at the same time."""
DEADLINE_POLLS = 2
"""A deadline counts once tries in vain are as many polls apart."""
GRACE_SECONDS = 8.0
"""How long open submissions may take to end when the bot is stopped; service managers usually wait for ten."""
DELIVERERS = 3
"""How many jobs are fetched and posted at the same time: this bounds memory, disk and Discord's patience."""
RESEND_LEASE_SECONDS = 600.0
"""For so long the delivery leaves a result alone that its member has asked for."""
CREDITS_POLLS = 2
"""An empty account is asked for at half the pace of the jobs."""
CLAIM_LEASES = 3
"""With the usual lease longer than any POST takes; to look earlier would be harmless, but say nothing yet."""
PROGRESS_WORKERS = 2
"""Each edits a few messages at the same time; one that hangs does not hold up the other."""
PROGRESS_PAUSE_SECONDS = 0.2
CLOSING_SECONDS = 5.0
GREETING_SECONDS = 2.0

NOWHERE = "https://encore.invalid/callbacks/"
"""The provider insists on an address; where it cannot reach us, results are polled (docs/provider.md 1.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything built and nothing started."""

    settings: Settings
    client: EncoreClient
    storage: SqliteStorage
    folder: Path  # where sources and tracks are while they are needed
    web: Callable[[], "web.Application"]
    submitters: tuple[Worker, ...]  # finish what they have begun before the rest is stopped
    workers: tuple[Worker, ...]
    listening: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What the services are made from."""

    settings: Settings
    storage: SqliteStorage
    provider: Provider
    audio: AudioProcess
    sources: SafeFetcher  # what members name
    tracks: SafeFetcher  # what the provider names: apart, so that members' slow links never hold up a delivery
    messenger: DiscordMessenger
    operator: Operator
    account: Account
    isolation: Isolation
    kept: KeptTracks
    folder: Path
    bells: Bells
    clock: Clock


@asynccontextmanager
async def build(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[App]:
    """Build all parts; on leaving, close them in reverse."""
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(settings.database_path))
        folder = stack.enter_context(scratch_folder())
        session: aiohttp.ClientSession = await stack.enter_async_context(open_session())
        sources, tracks = [
            await stack.enter_async_context(SafeFetcher(private_hosts=settings.private_hosts)) for _ in range(2)
        ]
        stack.enter_context(discord_at(settings.discord_api_url, settings.discord_gateway_url))
        catalogue = Catalogue.load(settings.locales_path or LOCALES)
        pacer = Pacer()
        servers = Servers(settings.allowed_servers)
        client = EncoreClient(catalogue=catalogue, servers=servers, http_trace=pacer.trace())
        stack.push_async_callback(_close, client)
        provider = _provider(session, settings)
        messenger = DiscordMessenger(
            client,
            catalogue,
            pacer,
            answer_seconds=settings.interaction_seconds,
            watched_seconds=settings.watched_seconds,
            clock=clock,
        )
        operator = Operator(storage, messenger, clock)
        parts = _Parts(
            settings=settings,
            storage=storage,
            provider=provider,
            audio=AudioProcess(),
            sources=sources,
            tracks=tracks,
            messenger=messenger,
            operator=operator,
            account=_account(settings, provider, operator, clock),
            isolation=Isolation(storage, operator, backoff_base_seconds=settings.retry_base_seconds, clock=clock),
            kept=KeptTracks(settings.database_path.parent / "tracks", days=settings.keep_tracks_days, clock=clock),
            folder=folder,
            bells=Bells(),
            clock=clock,
        )
        acceptance = _acceptance(parts)
        members = Members(storage, quota_per_day=settings.quota_per_day, bells=parts.bells, clock=clock)
        extend = ExtendCog(acceptance, members, offer=settings.offer, max_source_bytes=settings.max_source_bytes)
        posting = Posting(storage, provider, TrackFiles(tracks, parts.audio, parts.kept, folder))
        jobs = JobsCog(client, members, _resend(parts, posting))
        for cog in (extend, MembersCog(members), jobs, OpeningsCog(members)):
            await client.add_cog(cog)
        await client.tree.set_translator(DescriptionTranslator(catalogue))
        yield App(
            settings=settings,
            client=client,
            storage=storage,
            folder=folder,
            web=partial(_web, parts, client),
            submitters=_submitters(parts),
            workers=_workers(parts, acceptance, posting),
        )


def _provider(session: aiohttp.ClientSession, settings: Settings) -> SunoClient:
    return SunoClient(
        session,
        api_url=settings.suno_api_url,
        upload_url=settings.suno_upload_url,
        api_key=settings.suno_api_key,
    )


def _account(settings: Settings, provider: Provider, operator: Operator, clock: Clock) -> Account:
    return Account(
        provider,
        operator,
        every_seconds=CREDITS_POLLS * settings.poll_every_seconds,
        patience=Patience(spread_seconds=settings.overdue_after_seconds),
        clock=clock,
    )


async def _close(client: EncoreClient) -> None:
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await client.close()
    except TimeoutError:
        log.warning("Discord did not let go in time; leaving anyway")


def _acceptance(parts: _Parts) -> Acceptance:
    settings = parts.settings
    return Acceptance(
        parts.storage,
        parts.provider,
        parts.audio,
        parts.sources,
        parts.messenger,
        parts.account,
        folder=parts.folder,
        limits=AcceptLimits(
            quota_per_day=settings.quota_per_day,
            open_commands=settings.open_commands_per_member,
            max_source_bytes=settings.max_source_bytes,
            offer=settings.offer,
            takeover=settings.lease_seconds,
            token=settings.interaction_seconds,
        ),
        bells=parts.bells,
        clock=parts.clock,
    )


def _resend(parts: _Parts, posting: Posting) -> Resend:
    return Resend(
        parts.storage,
        parts.messenger,
        posting,
        lease_seconds=RESEND_LEASE_SECONDS,
        bells=parts.bells,
        clock=parts.clock,
    )


def _web(parts: _Parts, client: EncoreClient) -> "web.Application":
    from bot.web.application import build_web  # noqa: PLC0415  # see `_listen`

    def readiness() -> Mapping[str, bool]:
        # `is_ready` alone stays true while the gateway is away and its session can still be resumed.
        gateway = client.is_ready() and client.connected.is_set()
        return {"gateway": gateway, "database": parts.storage.is_writable}

    return build_web(
        is_token=parts.storage.is_callback_token,
        record=parts.storage.record_callback,
        task_id_of=callback_task_id,
        malformed=MalformedCallback,
        wake=parts.bells.callbacks.ring,
        readiness=readiness,
        webhook_key=parts.settings.suno_webhook_key,
        verify_signature=signature_is_valid,
    )


def _submitters(parts: _Parts) -> tuple[Worker, ...]:
    settings, bells, clock = parts.settings, parts.bells, parts.clock
    first_poll = settings.poll_after_seconds if settings.public_url else settings.poll_every_seconds
    submission = Submission(
        parts.storage,
        parts.provider,
        parts.isolation,
        account=parts.account,
        rate=Rate(SlidingWindow()),
        caps=Caps(per_day=settings.credits_per_day, per_server_per_day=settings.credits_per_server_per_day),
        callback_url=lambda token: f"{settings.public_url}/callbacks/{token}" if settings.public_url else NOWHERE,
        times=SubmitTimes(
            turn=settings.lease_seconds,
            claim=CLAIM_LEASES * settings.lease_seconds,
            first_poll=first_poll,
            overdue=settings.overdue_after_seconds,
            backoff_base=settings.retry_base_seconds,
        ),
        bells=bells,
        clock=clock,
    )
    return tuple(Worker(f"submitting {number}", submission, bells.submit, clock) for number in range(1, SUBMITTERS + 1))


def _delivery(parts: _Parts, posting: Posting) -> Delivery:
    settings = parts.settings
    return Delivery(
        parts.storage,
        parts.messenger,
        posting,
        parts.kept,
        parts.isolation,
        patience=_deadline_patience(settings),
        times=DeliveryTimes(
            lease=settings.lease_seconds,
            give_up=settings.give_up_after_seconds,
            backoff_base=settings.retry_base_seconds,
        ),
        bells=parts.bells,
        clock=parts.clock,
    )


def _progress(parts: _Parts) -> Progress:
    settings = parts.settings
    return Progress(
        parts.storage,
        parts.messenger,
        times=ProgressTimes(
            every=settings.progress_every_seconds,
            lease=settings.lease_seconds,
            backoff_base=settings.retry_base_seconds,
        ),
        clock=parts.clock,
    )


def _watch(parts: _Parts) -> Watch:
    settings = parts.settings
    return Watch(
        parts.storage,
        parts.provider,
        parts.isolation,
        patience=_deadline_patience(settings),
        times=WatchTimes(
            poll_every=settings.poll_every_seconds,
            overdue=settings.overdue_after_seconds,
            give_up=settings.give_up_after_seconds,
        ),
        bells=parts.bells,
        clock=parts.clock,
    )


def _deadline_patience(settings: Settings) -> Patience:
    return Patience(spread_seconds=DEADLINE_POLLS * settings.poll_every_seconds)


def _housekeeping(parts: _Parts) -> Housekeeping:
    settings = parts.settings
    times = HousekeepingTimes(
        answer_seconds=settings.interaction_seconds,
        keep_jobs_days=settings.keep_jobs_days,
        keep_tracks_days=settings.keep_tracks_days,
    )
    return Housekeeping(parts.storage, times=times, clock=parts.clock)


def _callback_queue(parts: _Parts) -> CallbackQueue:
    return CallbackQueue(
        parts.storage,
        parse_callback,
        Callbacks(parts.storage, parts.provider, parts.bells, parts.clock).apply,
        parts.operator,
        parts.bells.callbacks,
        parts.clock,
        backoff_base_seconds=parts.settings.retry_base_seconds,
    )


def _workers(parts: _Parts, acceptance: Acceptance, posting: Posting) -> tuple[Worker, ...]:
    settings, storage, bells, clock = parts.settings, parts.storage, parts.bells, parts.clock
    waiting = Waiting(storage, parts.account, give_up_seconds=settings.give_up_after_seconds, bells=bells, clock=clock)
    clock_watch = ClockWatch(storage, grace_seconds=settings.lease_seconds, bells=bells, clock=clock)
    watch, delivery, progress = _watch(parts), _delivery(parts, posting), _progress(parts)
    return (
        *(Worker(f"commands {number}", acceptance, bells.intake, clock) for number in range(1, ACCEPTERS + 1)),
        Worker("callbacks", _callback_queue(parts), bells.callbacks, clock),
        *(Worker(f"watching {number}", watch, bells.watch, clock) for number in range(1, WATCHERS + 1)),
        Worker("waiting", waiting, Bell(), clock),
        Worker("isolation", parts.isolation, Bell(), clock),
        Worker("kept tracks", parts.kept, Bell(), clock),
        Worker("housekeeping", _housekeeping(parts), Bell(), clock),
        *(Worker(f"delivering {number}", delivery, bells.deliver, clock) for number in range(1, DELIVERERS + 1)),
        *(
            Worker(f"progress {number}", progress, bells.progress, clock, pause_seconds=PROGRESS_PAUSE_SECONDS)
            for number in range(1, PROGRESS_WORKERS + 1)
        ),
        Worker("the clock", clock_watch, Bell(), clock),
    )


class _Stopped(Exception):
    """A signal asked the process to end."""


async def run(settings: Settings) -> None:
    """Run all parts until a signal; the first part that dies stops the others and says why."""
    async with build(settings) as app:
        await app.storage.check_writable()  # one that can only be read is told now, and not at the first command
        await run_parts(app, _until_signal)


async def run_parts(app: App, until: Callable[[], Awaitable[None]]) -> None:
    """Run the parts of `app` until `until` returns."""
    # The workers speak through the client, which can do so once it has logged in.
    logged_in = asyncio.Event()
    submitting: list[asyncio.Task[None]] = []

    async def stop() -> None:
        await until()
        if logged_in.is_set():
            await _drain(app.submitters, submitting)
        raise _Stopped

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(stop(), name="stop")
            gateway = keep_connected(
                app.client, app.settings.discord_token, logged_in, deaf_seconds=app.settings.deaf_seconds
            )
            group.create_task(gateway, name="gateway")
            group.create_task(_listen(app), name="web")
            submitting.extend(
                group.create_task(_after(logged_in, worker.run), name=worker.name) for worker in app.submitters
            )
            announcing = partial(announce.keep_announced, app.client.tree, app.storage)
            group.create_task(_after(logged_in, announcing), name="announcing")
            for worker in app.workers:
                group.create_task(_after(logged_in, worker.run), name=worker.name)
    except* _Stopped:
        log.info("stopping")


async def _drain(submitters: Sequence[Worker], tasks: Sequence[asyncio.Task[None]]) -> None:
    """Begin no new submission, and let those under way be answered and written down: nobody else knows the answers."""
    for worker in submitters:
        worker.drain()
    _, pending = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    if pending:
        log.warning("%d submissions were not answered within %g s; stopping anyway", len(pending), GRACE_SECONDS)


async def _listen(app: App) -> None:
    """Begins once Discord has been greeted, or does not answer: reading the web part would hold up the greeting."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GREETING_SECONDS):
            await app.client.connected.wait()
    from bot.web.server import serve  # noqa: PLC0415  # see above

    async with serve(app.web(), app.settings.web_host, app.settings.web_port) as port:
        log.info("listening on port %d", port)
        app.listening.set()
        if not app.settings.public_url:
            log.info("PUBLIC_URL is empty: results are polled instead of being called back")
        await asyncio.Event().wait()


async def _after(ready: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    await ready.wait()
    await work()


async def _until_signal() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
