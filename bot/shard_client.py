"""One shard of the gateway connection: a light client of its own beside the `EncoreClient`, which does everything else.

All private names of discord.py that this needs are here; `tests/end_to_end/test_shards.py` fails if they change.
"""

import asyncio
import contextlib
import logging
from datetime import datetime
from typing import Any

from bot.client import MANY_SERVERS, EncoreClient
from bot.connected_client import ConnectedClient, lean
from bot.errors import Outage
from bot.services.common.bells import Bell
from bot.services.gateway.shard_leases import LATE, ShardLeases

log = logging.getLogger(__name__)

OWN_EVENTS = frozenset({"connect", "disconnect", "resumed", "ready", "socket_event_type"})
"""Events of a shard's own connection; everything else is for the `EncoreClient`."""
HEAD_START_SECONDS = 1.0
"""How long before its turn it begins to connect. discord.py allows 60 s for the whole handshake, with the wait."""
AGAIN_SECONDS = 1.0
"""The pause before it asks again for a turn that it did not get."""


class ShardClient(ConnectedClient):
    """Shares the `EncoreClient`'s HTTP session, command tree and buttons; has its own socket and its own servers."""

    def __init__(self, main: EncoreClient, number: int, leases: ShardLeases, bell: Bell) -> None:
        """`bell`: rung here when it can serve, and in all processes when it has taken over."""
        super().__init__(shard_id=number, shard_count=leases.agreed.count, **lean())
        self.number = number
        self._main = main
        self._leases = leases
        self._bell = bell
        self._turn: datetime | None = None
        self._is_closed = False
        self.http = self._connection.http = main.http
        state: Any = self._connection
        state._get_client = lambda: main  # noqa: SLF001  # for `interaction.client`
        for name in ("_command_tree", "_translator", "_view_store"):
            setattr(state, name, getattr(main._connection, name))  # noqa: SLF001

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # an event's own
        if event in OWN_EVENTS:
            super().dispatch(event, *args, **kwargs)
        else:
            self._main.dispatch(event, *args, **kwargs)

    async def prepare(self) -> None:
        """Wait until shortly before a turn to identify: a connection that does not identify would not last."""
        self._turn = await self._next_turn()
        await asyncio.sleep(max(0.0, self._leases.seconds_until(self._turn) - HEAD_START_SECONDS))

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:  # noqa: ARG002
        """Wait for the turn. A turn that passed while connecting is lost, and so is one already used (op 9)."""
        if not initial and self._leases.taking == self.number and not self.connected.is_set():
            # Discord has refused the session, and it may be because there is another one (docs/discord.md 6).
            with contextlib.suppress(Outage):
                await self._leases.take_now(self.number)
            self._bell.ring()
        turn, self._turn = self._turn, None
        while turn is None or self._leases.seconds_until(turn) < -LATE.total_seconds():
            turn = await self._next_turn()
            await asyncio.sleep(max(0.0, self._leases.seconds_until(turn)))
        await asyncio.sleep(max(0.0, self._leases.seconds_until(turn)))
        self._main.greeting.set()

    async def _next_turn(self) -> datetime:
        while True:
            with contextlib.suppress(Outage):
                if (turn := await self._leases.take_turn(self.number)) is not None:
                    return turn
            await asyncio.sleep(AGAIN_SECONDS)

    async def on_connect(self) -> None:
        await super().on_connect()
        self._main.connected.set()  # the web port waits for it
        self._bell.ring_here()

    async def on_ready(self) -> None:
        servers = len(self.guilds)
        shard = f"shard {self.number} of {self._leases.agreed.count}"
        log.info("%s is ready in %d server%s", shard, servers, "" if servers == 1 else "s")
        if servers >= MANY_SERVERS:
            log.warning(
                "%s has %d servers: from 2,500 on, Discord refuses it; see docs/operating.md, “Changing the number of"
                " shards”",
                shard,
                servers,
            )
        await self._main.leave_unless_allowed(self.guilds)

    def is_closed(self) -> bool:
        return self._is_closed

    async def close(self) -> None:
        """Close only its own parts: the rest belongs to the `EncoreClient`."""
        self._is_closed = True
        await self.stop_waiting()
        await self.hang_up()
