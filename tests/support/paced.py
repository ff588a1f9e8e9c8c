"""Several processes of one bot that post and edit in the stand-in for Discord, each with its own pacer and client."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import discord

from bot.chat.global_budget import Urgency
from bot.chat.pacing import Pacer
from bot.chat.shared_state import Shared
from bot.sandbox.discord import FakeDiscord
from bot.services.common.messenger import RouteBusy
from storage.engines.postgres_budgets import DiscordBudgets
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.discord_api import TOKEN, led_to


@dataclass
class Process:
    """`waits`: the seconds from wanting to post to Discord's answer."""

    pacer: Pacer
    client: discord.Client
    waits: list[float] = field(default_factory=list)

    async def post(self, channel_id: int, content: str, urgency: Urgency = Urgency.RESULT) -> int:
        began = time.monotonic()
        async with self.pacer.post(channel_id, urgency):
            message = await self.client.get_partial_messageable(channel_id).send(content)
        self.waits.append(time.monotonic() - began)
        return message.id

    async def edit(self, channel_id: int, message_id: int, content: str) -> None:
        """Like the progress workers: if busy, try again when told to."""
        message = self.client.get_partial_messageable(channel_id).get_partial_message(message_id)
        while True:
            try:
                async with self.pacer.edit(channel_id):
                    await message.edit(content=content)
            except RouteBusy as busy:
                await asyncio.sleep(busy.seconds)
            else:
                return


@asynccontextmanager
async def pacers(database: Path, number: int) -> AsyncIterator[list[Pacer]]:
    """Pacers that share the limits, each with connections of its own."""
    async with AsyncExitStack() as stack:
        storages = [await stack.enter_async_context(open_storage(database)) for _ in range(number)]
        yield [Pacer(shared=shared(storage)) for storage in storages]


def shared(storage: SqlStorage) -> Shared:
    clock = storage.clock
    assert clock is not None
    return Shared(DiscordBudgets(storage.statements), lambda: clock().timestamp())


@asynccontextmanager
async def processes(fake: FakeDiscord, pacers: Sequence[Pacer]) -> AsyncIterator[list[Process]]:
    """Logged in, but not connected, like workers."""
    async with AsyncExitStack() as stack:
        stack.enter_context(led_to(fake))
        made = []
        for pacer in pacers:
            client = discord.Client(intents=discord.Intents.none(), http_trace=pacer.trace())
            await stack.enter_async_context(client)
            await client.login(TOKEN)
            made.append(Process(pacer, client))
        yield made
