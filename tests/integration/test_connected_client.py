"""A client that leaves nothing behind, whenever its connection ends."""

import asyncio
import threading

from bot.connected_client import ConnectedClient, lean
from bot.sandbox.discord import DiscordOptions, FakeDiscord
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.discord_api import TOKEN, led_to


class Hesitant(ConnectedClient):
    """It has been greeted and never identifies."""

    def __init__(self) -> None:
        super().__init__(**lean())
        self.hesitates = asyncio.Event()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:  # noqa: ARG002
        self.hesitates.set()
        await asyncio.Event().wait()


async def test_a_handshake_that_is_given_up_leaves_no_heartbeat_behind() -> None:
    before = set(threading.enumerate())
    async with FakeDiscord(DiscordOptions(heartbeat_seconds=10 * PATIENCE_SECONDS)) as fake:
        with led_to(fake):
            client = Hesitant()
            connecting = asyncio.create_task(client.start(TOKEN))
            await client.hesitates.wait()
            hearts = [
                each for each in threading.enumerate() if each not in before and each.name.startswith("keep-alive")
            ]

            connecting.cancel()
            await asyncio.wait([connecting])
            await client.close()

    assert len(hearts) == 1
    hearts[0].join(PATIENCE_SECONDS)
    assert not hearts[0].is_alive()


async def test_a_closed_client_takes_no_event_in() -> None:
    async with FakeDiscord() as fake:
        with led_to(fake):
            client = ConnectedClient(**lean())
            await client.login(TOKEN)
            await client.close()

            client.dispatch("connect")

    assert not client.connected.is_set()
