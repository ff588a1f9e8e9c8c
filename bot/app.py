"""The composition root: chooses the parts, puts them together and runs them until a signal."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from bot import announce, roles, under_way
from bot.client import EncoreClient
from bot.endpoint import say_where_interactions_go
from bot.gateway import keep_connected, keep_logging_in, stay_logged_in
from bot.parts.ground import Ground, open_ground
from bot.parts.lyrics import lyrics_part
from bot.parts.members import members_part
from bot.parts.part import Part
from bot.parts.pipeline import Pipeline, pipeline_part
from bot.parts.results import result_workers
from bot.parts.upkeep import clock_part, upkeep_part
from bot.parts.whole_songs import whole_song_workers
from bot.roles import Role
from bot.services.common.clock import Clock
from bot.services.common.worker import Worker
from bot.settings import Settings
from storage.storage import SqlStorage

if TYPE_CHECKING:
    from bot.parts.metrics import Metrics
    from bot.service_manager import ServiceManager
    from bot.shard_keeper import ShardKeeper

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.0
"""How long open submissions may take when the bot is stopped; service managers usually wait ten seconds."""
INTERACTION_SECONDS = 2.0
"""The same for commands and clicks that Discord has delivered; most take a fraction of a second."""
RELEASE_SECONDS = 2.0
GREETING_SECONDS = 2.0
"""How long everything else waits for Discord's gateway at the start."""


class App(msgspec.Struct, frozen=True, kw_only=True):
    """Everything built, nothing started."""

    ground: Ground
    parts: tuple[Part, ...]
    roles: frozenset[Role] = roles.ALL
    listening: asyncio.Event = msgspec.field(default_factory=asyncio.Event)
    shards: "ShardKeeper | None" = None
    metrics: "Metrics | None" = None

    @property
    def answers_members(self) -> bool:
        return _answers_members(self.settings, self.roles)

    @property
    def settings(self) -> Settings:
        return self.ground.settings

    @property
    def client(self) -> EncoreClient:
        return self.ground.client

    @property
    def storage(self) -> SqlStorage:
        return self.ground.storage


@asynccontextmanager
async def build(
    settings: Settings, *, clock: Clock | None = None, only: frozenset[Role] = roles.ALL
) -> AsyncIterator[App]:
    """Build the parts that these roles need; on leaving, close them in reverse."""
    # Like one without a gateway, a process with some of the shards doesn't know all servers.
    knows_servers = Role.GATEWAY in only and settings.shards is None
    async with open_ground(settings, clock=clock, has_gateway=knows_servers) as ground:
        pipeline = pipeline_part(ground)
        parts = tuple(_parts(ground, pipeline, only))
        for cog in chain.from_iterable(part.cogs for part in parts):
            await ground.client.add_cog(cog)
        yield App(
            ground=ground,
            parts=parts,
            roles=only,
            shards=_shards(ground, only),
            metrics=_metrics(ground, pipeline, only),
        )


def _answers_members(settings: Settings, only: frozenset[Role]) -> bool:
    return roles.answers_members(only, over_http=bool(settings.interactions_public_key))


def _parts(ground: Ground, pipeline: Pipeline, only: frozenset[Role]) -> Iterator[Part]:
    if _answers_members(ground.settings, only):
        yield members_part(ground, pipeline)
    if Role.WORKERS in only:
        yield pipeline.part
        yield result_workers(ground)
        yield whole_song_workers(ground)
        yield lyrics_part(ground)
        yield upkeep_part(ground)
    yield clock_part(ground)


def _shards(ground: Ground, only: frozenset[Role]) -> "ShardKeeper | None":
    if Role.GATEWAY not in only or ground.settings.shards is None:
        return None
    from bot.parts.shards import shard_keeper  # noqa: PLC0415  # most bots have none

    return shard_keeper(ground)


def _metrics(ground: Ground, pipeline: Pipeline, only: frozenset[Role]) -> "Metrics | None":
    if ground.settings.metrics_addr is None:
        return None
    try:
        from bot.parts.metrics import metrics_part  # noqa: PLC0415  # prometheus-client is optional
    except ModuleNotFoundError as error:
        raise MetricsMissing("METRICS_ADDR needs prometheus-client: pip install 'encore-bot[metrics]'") from error
    from bot.standing import reaches_discord  # noqa: PLC0415  # as above

    return metrics_part(
        ground,
        pipeline,
        roles=roles.in_words(only),
        reaches_discord=lambda: reaches_discord(ground, only),
        asks_for_credits=Role.WORKERS in only,
    )


class MetricsMissing(Exception):
    """A library is missing; the text says how to install it."""


class _Stopped(Exception):
    """A signal asked the process to end."""


async def run(
    settings: Settings, *, only: frozenset[Role] = roles.ALL, manager: "ServiceManager | None" = None
) -> None:
    """Run the parts of these roles until a signal; the first part that dies stops the others and says why."""
    log.info("roles of this process: %s", roles.in_words(only))
    async with AsyncExitStack() as stack:
        if manager is not None:
            await stack.enter_async_context(manager.informed())
        app = await stack.enter_async_context(build(settings, only=only))
        await app.storage.check_writable()  # report a read-only file now, not at the first command
        if manager is None:
            await run_parts(app, _until_signal)
            return
        from bot.standing import standing_of  # noqa: PLC0415  # most processes have no manager

        manager.watch(standing_of(app.ground, only, is_listening=app.listening.is_set))
        await run_parts(app, partial(_until_signal, manager.stopping))


async def run_parts(app: App, until: Callable[[], Awaitable[None]]) -> None:
    """Run the parts of `app` until `until` returns."""
    # The workers speak through the client, which must have logged in, and would hold up the greeting.
    logged_in, greeted = asyncio.Event(), asyncio.Event()
    submitting: list[asyncio.Task[None]] = []
    hearing: list[asyncio.Task[None]] = []

    async def stop() -> None:
        await until()
        await _give_shards_back(app)
        raise _Stopped

    async def drained(work: Awaitable[None]) -> None:
        """Any error in a part ends all of them, but only once open submissions and commands have their answers."""
        try:
            await work
        except Exception:
            if greeted.is_set():
                await _drain(submitters, submitting)
            if logged_in.is_set():
                await _answer_interactions(app, hearing)
            raise

    submitters = tuple(chain.from_iterable(part.submitters for part in app.parts))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(drained(stop()), name="stop")
            hearing.append(group.create_task(drained(_reach_discord(app, logged_in)), name="discord"))
            group.create_task(_greet(app, logged_in, greeted), name="greeting")
            if Role.WEB in app.roles:
                web = group.create_task(drained(_listen(app)), name="web")
                if app.settings.interactions_public_key:
                    hearing.append(web)
            group.create_task(drained(_show_metrics(app)), name="metrics")
            submitting.extend(group.create_task(_after(greeted, worker.run), name=worker.name) for worker in submitters)
            for name, work in _once_greeted(app):
                group.create_task(_after(greeted, work), name=name)
    except* _Stopped:
        log.info("stopping")
    finally:
        await _release(app.parts)


def _once_greeted(app: App) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """What begins after the greeting, besides the submitters."""
    if app.answers_members:
        yield "announcing", partial(announce.keep_announced, app.client.tree, app.storage, app.ground.clock)
        yield "endpoint", partial(_say_where_interactions_go, app)
    if Role.WORKERS in app.roles:
        yield "balance", app.ground.balance.say
    for worker in chain.from_iterable(part.workers for part in app.parts):
        yield worker.name, worker.run


async def _give_shards_back(app: App) -> None:
    """Let others connect them while this process finishes its work; if that can't be written, the leases run out."""
    if app.shards is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await app.shards.leave()


async def _reach_discord(app: App, logged_in: asyncio.Event) -> None:
    """As far as the roles need it; `logged_in` is set once messages can be sent."""
    token = app.settings.discord_token
    if app.shards is not None:
        await keep_logging_in(app.client, token)
        logged_in.set()
        await app.shards.run()
    elif Role.GATEWAY in app.roles:
        await keep_connected(app.client, token, logged_in, deaf_seconds=app.settings.deaf_seconds)
    elif Role.WORKERS in app.roles or app.answers_members:
        await stay_logged_in(app.client, token, logged_in)
    else:
        logged_in.set()  # callbacks are only written down
        await asyncio.Event().wait()


async def _say_where_interactions_go(app: App) -> None:
    say_where_interactions_go(
        app.client,
        public_key=app.settings.interactions_public_key,
        public_url=app.settings.public_url,
        has_gateway=Role.GATEWAY in app.roles,
    )


async def _drain(submitters: Sequence[Worker], tasks: Sequence[asyncio.Task[None]]) -> None:
    """Begin no new submission; let those under way get their answers, which would otherwise be lost."""
    for worker in submitters:
        worker.drain()
    if not tasks:
        return
    _, pending = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    if pending:
        log.warning("%d submissions were not answered within %g s; stopping anyway", len(pending), GRACE_SECONDS)


async def _answer_interactions(app: App, hearing: Sequence[asyncio.Task[None]]) -> None:
    """Disconnect from Discord, and finish what it has delivered."""
    if not app.answers_members:
        return
    others = [task for task in hearing if task is not asyncio.current_task()]
    for task in others:
        task.cancel()  # or it would connect again
    await asyncio.gather(*others, return_exceptions=True)
    await app.client.hang_up()
    if left := await under_way.interactions_finished(timeout_seconds=INTERACTION_SECONDS):
        log.warning("commands not answered within %g s: %d; stopping anyway", INTERACTION_SECONDS, left)


async def _release(parts: Sequence[Part]) -> None:
    """Leave interrupted work to other processes. If this can't be stored, the claims run out."""
    releasing = [release() for part in parts for release in part.releases]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RELEASE_SECONDS):
            for outcome in await asyncio.gather(*releasing, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.debug("a claim was not released (%s)", outcome)


async def _greet(app: App, logged_in: asyncio.Event, greeted: asyncio.Event) -> None:
    """Set `greeted` once the workers may begin."""
    await logged_in.wait()
    await _connected_or_late(app)
    greeted.set()


async def _connected_or_late(app: App) -> None:
    """Return once the gateway has been greeted, or stays silent, or is not for this process."""
    if Role.GATEWAY in app.roles:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GREETING_SECONDS):
                await app.client.connected.wait()


async def _show_metrics(app: App) -> None:
    """Begin like the web part, whose imports it shares; without METRICS_ADDR, there is nothing to do."""
    if app.metrics is not None:
        await _connected_or_late(app)
        await app.metrics.run()


async def _listen(app: App) -> None:
    """Begin after greeting Discord, logged in or not: importing the web part would hold up the greeting."""
    has_gateway = Role.GATEWAY in app.roles
    await _connected_or_late(app)
    from bot.parts.web import web_part  # noqa: PLC0415  # see above

    middlewares = () if app.metrics is None else app.metrics.middlewares()
    async with web_part(app.ground, has_gateway=has_gateway, middlewares=middlewares) as port:
        log.info("listening on port %d", port)
        app.listening.set()
        if not app.settings.public_url:
            log.info("PUBLIC_URL is empty: results are polled instead of being called back")
        await asyncio.Event().wait()


async def _after(ready: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    await ready.wait()
    await work()


async def _until_signal(then: Callable[[], None] = lambda: None) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
    then()
