"""The common ground: the parts that face the outside, and everything that all capabilities share."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from bot.audio.process import AudioProcess
from bot.chat.messenger import DiscordMessenger
from bot.chat.pacing import Pacer
from bot.chat.shared_state import Shared
from bot.chat.translator import DescriptionTranslator
from bot.chat.turns import Turns
from bot.client import EncoreClient
from bot.fetch.fetcher import SafeFetcher
from bot.gateway import discord_at
from bot.scratch import scratch_folder
from bot.servers import Servers
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock, utc_now
from bot.services.common.command_mentions import CommandMentions
from bot.services.common.patience import Patience
from bot.services.operator.account import Account
from bot.services.operator.balance import Balance
from bot.services.operator.caps import Caps
from bot.services.operator.isolation import Isolation
from bot.services.operator.notices import Operator
from bot.settings import Settings
from bot.suno.client import SunoClient, open_session
from bot.text import LOCALES, Catalogue
from storage.storage import SqlStorage, open_shared_storage, open_storage

log = logging.getLogger(__name__)

CREDITS_POLLS = 2
"""An empty account is checked at half the pace of the jobs."""
CLOSING_SECONDS = 5.0


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Everything open, nothing started."""

    settings: Settings
    storage: SqlStorage
    client: EncoreClient
    messenger: DiscordMessenger
    provider: SunoClient
    audio: AudioProcess
    sources: SafeFetcher  # for members' addresses
    tracks: SafeFetcher  # for the provider's, kept apart so that members' slow links never hold up a delivery
    operator: Operator
    account: Account
    balance: Balance
    isolation: Isolation
    caps: Caps
    folder: Path  # for sources and tracks while they are needed
    bells: Bells
    clock: Clock


@asynccontextmanager
async def open_ground(
    settings: Settings, *, clock: Clock | None = None, has_gateway: bool = True
) -> AsyncIterator[Ground]:
    """Open the parts; on leaving, close them in reverse.

    Without a `clock`, the database's or this machine's counts. `has_gateway`: whether the client will be connected.
    """
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(_storage(settings))
        clock = clock or storage.clock or utc_now
        folder = stack.enter_context(scratch_folder())
        provider = await stack.enter_async_context(_provider(settings))
        sources, tracks = [
            await stack.enter_async_context(SafeFetcher(private_hosts=settings.private_hosts)) for _ in range(2)
        ]
        client, messenger = await stack.enter_async_context(
            _discord(settings, storage, clock, _pacer(settings, storage), has_gateway=has_gateway)
        )
        operator = Operator(storage, messenger, clock)
        bells = await stack.enter_async_context(_bells(settings, clock))
        yield Ground(
            settings=settings,
            storage=storage,
            client=client,
            messenger=messenger,
            provider=provider,
            audio=AudioProcess(),
            sources=sources,
            tracks=tracks,
            operator=operator,
            account=Account(
                storage,
                provider,
                operator,
                every_seconds=CREDITS_POLLS * settings.poll_every_seconds,
                patience=Patience(spread_seconds=settings.overdue_after_seconds),
                long_patience=Patience(spread_seconds=settings.give_up_after_seconds),
                bells=bells,
                clock=clock,
            ),
            balance=Balance(
                storage,
                provider,
                account=_account(settings),
                lasts_seconds=CREDITS_POLLS * settings.poll_every_seconds,
                clock=clock,
            ),
            isolation=Isolation(
                storage, operator, backoff_base_seconds=settings.retry_base_seconds, bells=bells, clock=clock
            ),
            caps=Caps(per_day=settings.credits_per_day, per_server_per_day=settings.credits_per_server_per_day),
            folder=folder,
            bells=bells,
            clock=clock,
        )


def _storage(settings: Settings) -> AbstractAsyncContextManager[SqlStorage]:
    if settings.postgres_url:
        return open_shared_storage(settings.postgres_url, connections=settings.database_connections)
    return open_storage(settings.database_path)


def a_balance(ground: Ground, *, lasts_seconds: float) -> Balance:
    """Another view of the same account, for which a check counts for so long."""
    account = _account(ground.settings)
    return Balance(ground.storage, ground.provider, account=account, lasts_seconds=lasts_seconds, clock=ground.clock)


def _account(settings: Settings) -> str:
    """Distinguishes accounts without revealing the key."""
    return hashlib.sha256(f"{settings.suno_api_url} {settings.suno_api_key}".encode()).hexdigest()[:16]


def _turns(settings: Settings, storage: SqlStorage, clock: Clock) -> Turns:
    if not storage.is_shared:
        return Turns()
    from bot.chat.shared_turns import SharedTurns  # noqa: PLC0415  # one process does without

    return SharedTurns(storage, lease_seconds=settings.lease_seconds, clock=clock)


@asynccontextmanager
async def _bells(settings: Settings, clock: Clock) -> AsyncIterator[Bells]:
    """On PostgreSQL they ring in the other processes too."""
    if not settings.postgres_url:
        yield Bells(clock=clock)
        return
    from storage.engines.postgres_bells import BellsElsewhere  # noqa: PLC0415  # asyncpg is optional

    elsewhere = BellsElsewhere(settings.postgres_url)
    bells = Bells(elsewhere.ring, clock=clock)
    async with elsewhere.heard(ring=bells.ring_here, ring_all=bells.ring_all_here):
        yield bells


@asynccontextmanager
async def _provider(settings: Settings) -> AsyncIterator[SunoClient]:
    async with open_session() as session:
        yield SunoClient(
            session,
            api_url=settings.suno_api_url,
            upload_url=settings.suno_upload_url,
            api_key=settings.suno_api_key,
        )


def _pacer(settings: Settings, storage: SqlStorage) -> Pacer:
    """On PostgreSQL all processes share Discord's limits."""
    database_clock = storage.clock
    if not settings.postgres_url or database_clock is None:
        return Pacer()
    from storage.engines.postgres_budgets import DiscordBudgets  # noqa: PLC0415  # only needed there

    return Pacer(shared=Shared(DiscordBudgets(storage.statements), lambda: database_clock().timestamp()))


@asynccontextmanager
async def _discord(
    settings: Settings, storage: SqlStorage, clock: Clock, pacer: Pacer, *, has_gateway: bool
) -> AsyncIterator[tuple[EncoreClient, DiscordMessenger]]:
    with discord_at(settings.discord_api_url, settings.discord_gateway_url):
        catalogue = Catalogue.load(settings.locales_path or LOCALES)
        client = EncoreClient(
            catalogue=catalogue,
            servers=Servers(settings.allowed_servers),
            mentions=CommandMentions(storage),
            clock=clock,
            http_trace=pacer.trace(),
        )
        try:
            if catalogue.has_languages:
                await client.tree.set_translator(DescriptionTranslator(catalogue))
            messenger = DiscordMessenger(
                client,
                catalogue,
                pacer,
                answer_seconds=settings.interaction_seconds,
                watched_seconds=settings.watched_seconds,
                clock=clock,
                has_gateway=has_gateway,
                turns=_turns(settings, storage, clock),
            )
            yield client, messenger
        finally:
            await _close(client)


async def _close(client: EncoreClient) -> None:
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await client.close()
    except TimeoutError:
        log.warning("Discord did not let go in time; leaving anyway")
