"""A Discord client that knows whether it is connected to the gateway, and can disconnect."""

import asyncio
import contextlib
from typing import Any

import discord
from discord.gateway import DiscordWebSocket

from bot.chat.discord_errors import TROUBLES

HANG_UP_SECONDS = 5.0


def lean() -> dict[str, Any]:
    """What every connection asks of Discord and keeps in memory: as little as works."""
    return {
        # Neither is privileged. `guilds`: permissions and upload limits; `dm_messages`: who may be reached again.
        "intents": discord.Intents(guilds=True, dm_messages=True),
        "allowed_mentions": discord.AllowedMentions.none(),
        "max_messages": None,
        "member_cache_flags": discord.MemberCacheFlags.none(),
        "chunk_guilds_at_startup": False,
    }


class ConnectedClient(discord.Client):
    """Closes every socket; discord.py forgets one whose handshake ends early, and leaves its thread of heartbeats."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # discord.py's own
        super().__init__(**options)
        self._sockets: list[DiscordWebSocket] = []
        state: Any = self._connection
        state._update_references = self._note_socket  # noqa: SLF001  # called with every new socket
        self.connected = asyncio.Event()  # set while the gateway is connected
        self.disconnected = asyncio.Event()

    @property
    def serves(self) -> bool:
        """Whether events arrive. `is_ready` alone stays true while a session could still be resumed."""
        return self.is_ready() and self.connected.is_set()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # an event's own
        """Nothing begins once it is closing: discord.py would fail, having no loop any more."""
        if not self.is_closed():
            super().dispatch(event, *args, **kwargs)

    async def prepare(self) -> None:
        """Get ready for a new connection."""

    async def close(self) -> None:
        await self.stop_waiting()
        await self._close_sockets()
        await super().close()

    async def stop_waiting(self) -> None:
        """End discord.py's wait for the last server, which would otherwise fail on the closed client."""
        waiting: asyncio.Task[None] | None = getattr(self._connection, "_ready_task", None)
        while waiting is not None and not waiting.done():
            waiting.cancel()  # again, because Python 3.11 loses a cancellation that coincides with the next server
            await asyncio.wait({waiting}, timeout=0.1)

    async def hang_up(self) -> None:
        """Drop the gateway connection, which discord.py leaves open after an event it cannot read."""
        await self.on_disconnect()
        await self._close_sockets()

    async def _close_sockets(self) -> None:
        while self._sockets:
            socket = self._sockets.pop()
            with contextlib.suppress(*TROUBLES):
                async with asyncio.timeout(HANG_UP_SECONDS):
                    await socket.close(code=1000)

    def _note_socket(self, socket: DiscordWebSocket) -> None:
        self._sockets = [each for each in self._sockets if each.open] + [socket]

    async def on_connect(self) -> None:
        self.connected.set()
        self.disconnected.clear()

    async def on_resumed(self) -> None:
        await self.on_connect()

    async def on_disconnect(self) -> None:
        self.connected.clear()
        self.disconnected.set()
