"""The composition root: chooses the parts, puts them together and runs them until a signal."""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from bot import announce, garbage, roles, under_way
from bot.client import EncoreClient
from bot.endpoint import say_where_interactions_go
from bot.gateway import keep_connected, keep_logging_in, stay_logged_in
from bot.parts.ground import Ground, open_ground
from bot.parts.part import Part
from bot.roles import Role
from bot.services.common.clock import Clock
from bot.services.common.worker import Worker
from bot.settings import Settings
from storage.storage import SqlStorage

if TYPE_CHECKING:
    from bot.parts.metrics import Metrics
    from bot.parts.pipeline import Pipeline
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


class App(msgspec.Struct, kw_only=True):
    """Everything built, nothing started. The parts are there once it is composed."""

    ground: Ground
    roles: frozenset[Role] = roles.ALL
    parts: tuple[Part, ...] = ()
    shards: "ShardKeeper | None" = None
    metrics: "Metrics | None" = None
    composed: asyncio.Event = msgspec.field(default_factory=asyncio.Event)
    listening: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    @property
    def answers_members(self) -> bool:
        return roles.answers_members(self.roles, over_http=bool(self.settings.interactions_public_key))

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
    """Build what these roles need; on leaving, close it in reverse."""
    # Like one without a gateway, a process with some of the shards doesn't know all servers.
    knows_servers = Role.GATEWAY in only and settings.shards is None
    async with open_ground(settings, clock=clock, has_gateway=knows_servers) as ground:
        app = App(ground=ground, roles=only, shards=_shards(ground, only))
        # Discord's answer to a greeting takes long enough to compose meanwhile; what is measured must be known before.
        if not knows_servers or settings.metrics_addr is not None:
            await compose(app)
        yield app


async def compose(app: App) -> None:
    """Make the parts that its roles need; a second call does nothing."""
    if app.composed.is_set():
        return
    with garbage.none_expected(freezes=gc.get_freeze_count() > 0):  # like the start of the process
        from bot.parts.selection import select  # noqa: PLC0415  # a third of all modules: decision 46

        selection = select(app.ground, app.roles, answers_members=app.answers_members)
        for cog in chain.from_iterable(part.cogs for part in selection.parts):
            await app.client.add_cog(cog)
        app.parts = selection.parts
        app.metrics = _metrics(app.ground, selection.pipeline, app.roles)
    app.composed.set()


def _shards(ground: Ground, only: frozenset[Role]) -> "ShardKeeper | None":
    if Role.GATEWAY not in only or ground.settings.shards is None:
        return None
    from bot.parts.shards import shard_keeper  # noqa: PLC0415  # most bots have none

    return shard_keeper(ground)


def _metrics(ground: Ground, pipeline: "Pipeline", only: frozenset[Role]) -> "Metrics | None":
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
    logged_in, met = asyncio.Event(), asyncio.Event()
    submitters: list[Worker] = []
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
            await _drain(submitters, submitting)
            if logged_in.is_set():
                await _answer_interactions(app, hearing)
            raise

    async def begin() -> None:
        await _meet(app)
        met.set()
        await logged_in.wait()
        submitters.extend(chain.from_iterable(part.submitters for part in app.parts))
        submitting.extend(group.create_task(worker.run(), name=worker.name) for worker in submitters)
        for name, work in _once_greeted(app):
            group.create_task(work(), name=name)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(drained(stop()), name="stop")
            hearing.append(group.create_task(drained(_reach_discord(app, logged_in)), name="discord"))
            group.create_task(begin(), name="greeting")
            if Role.WEB in app.roles:
                web = group.create_task(drained(_listen(app, met)), name="web")
                if app.settings.interactions_public_key:
                    hearing.append(web)
            group.create_task(drained(_show_metrics(app, met)), name="metrics")
    except* _Stopped:
        log.info("stopping")
    finally:
        await _release(app.parts)


async def _meet(app: App) -> None:
    """Compose while Discord answers the greeting. Return once it has, or stays silent, or none is for this process."""
    if Role.GATEWAY not in app.roles:
        await compose(app)
        return
    silent_at = asyncio.get_running_loop().time() + GREETING_SECONDS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(silent_at):
            await app.client.greeting.wait()
    await compose(app)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(silent_at):
            await app.client.connected.wait()


def _once_greeted(app: App) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
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


async def _show_metrics(app: App, met: asyncio.Event) -> None:
    """Begin like the web part, whose imports it shares; without METRICS_ADDR, there is nothing to do."""
    if app.metrics is not None:
        await met.wait()
        await app.metrics.run()


async def _listen(app: App, met: asyncio.Event) -> None:
    """Begin after meeting Discord, logged in or not: importing the web part would hold up the greeting."""
    has_gateway = Role.GATEWAY in app.roles
    await met.wait()
    from bot.parts.web import web_part  # noqa: PLC0415  # see above

    middlewares = () if app.metrics is None else app.metrics.middlewares()
    async with web_part(app.ground, has_gateway=has_gateway, middlewares=middlewares) as port:
        log.info("listening on port %d", port)
        app.listening.set()
        if not app.settings.public_url:
            log.info("PUBLIC_URL is empty: results are polled instead of being called back")
        await asyncio.Event().wait()


async def _until_signal(then: Callable[[], None] = lambda: None) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
    then()
