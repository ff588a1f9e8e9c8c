"""The gateway: the bot's sessions, their events, and troubles (docs/discord.md 6 and 7)."""

import asyncio
import contextlib
import json
import math
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from bot.sandbox.discord.options import DiscordOptions, SecondSession
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.wire.events import GUILDS, MESSAGE_CONTENT, Event, event_of
from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.discord.world.shapes import Json, News
from bot.sandbox.discord.world.state import World
from bot.sandbox.patience import PATIENCE_SECONDS

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT, REQUEST_MEMBERS = 0, 1, 2, 3, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED = 4002, 4003, 4004, 4005
INVALID_SHARD, SHARDING_REQUIRED, DISALLOWED_INTENTS = 4010, 4011, 4014
PRIVILEGED = (1 << 1) | (1 << 8) | MESSAGE_CONTENT
REPLAYED_MAX = 1000
RESUMABLE_MAX = 5
ACK_SECONDS = 0.02
"""A network's delay: discord.py takes an ACK that overtakes the end of its sending for one to the heartbeat before."""
IGNORED = (PRESENCE, REQUEST_MEMBERS)


@dataclass(eq=False)
class Connection:
    """One websocket. Frames leave in order through `outbox`; None closes it with `close_code`."""

    socket: web.WebSocketResponse
    outbox: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    close_code: int = WSCloseCode.OK
    session: "Session | None" = None

    def send(self, op: int, data: Any = None) -> None:  # noqa: ANN401  # any JSON
        self.outbox.put_nowait(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def close(self, code: int) -> None:
        self.close_code = code
        self.outbox.put_nowait(None)


@dataclass(eq=False)
class Session:
    """Outlives its connection, so that a RESUME can catch up on what it missed."""

    id: str
    intents: int
    shard: tuple[int, int]
    connection: Connection | None
    sequence: int = 0
    sent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=REPLAYED_MAX))
    repeat: int = 0
    is_ready: bool = False

    def wants(self, event: Event) -> bool:
        return self.serves(event.guild_id) and (not event.intents or bool(event.intents & self.intents))

    def serves(self, guild_id: int | None) -> bool:
        """Direct messages go to shard 0 (docs/discord.md 6)."""
        number, count = self.shard
        return number == ((guild_id or 0) >> 22) % count

    def dispatch(self, name: str, data: Json) -> None:
        self.sequence += 1
        frame = json.dumps({"op": DISPATCH, "t": name, "s": self.sequence, "d": data})
        self.sent.append((self.sequence, frame))
        if self.connection is not None:
            self.connection.outbox.put_nowait(frame)


class Gateway:
    def __init__(self, world: World, options: DiscordOptions) -> None:
        self._world = world
        self._options = options
        self.changes = Changes()
        self.url = ""
        self.all_sessions: dict[str, Session] = {}
        self.identified = 0
        self.resumed = 0
        self.too_early: list[tuple[int, int]] = []
        """The shards that identified too soon after another one in their bucket."""
        self._identified_at: dict[int, float] = {}
        self._connections: set[Connection] = set()
        self._refusals = 0
        self._twice = 0
        world.listeners.append(self._pass_on)

    @property
    def sessions(self) -> list[Session]:
        """Those that are connected and ready."""
        return [each for each in self.all_sessions.values() if each.connection is not None and each.is_ready]

    async def wait_ready(self, sessions: int = 1, *, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until this many sessions are connected. Raises `NeverHappened`."""
        await self.changes.until(
            lambda: len(self.sessions) >= sessions,
            timeout=timeout,
            wanted=f"{sessions} sessions of the bot",
            seen=lambda: f"{len(self.sessions)} sessions, {self.identified} IDENTIFYs, {self.resumed} RESUMEs",
        )

    async def wait_resumed(self, times: int = 1, *, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait for this many RESUMEs in total."""
        await self._wait_count(lambda: self.resumed, times, "RESUMEs", timeout)

    async def wait_identified(self, times: int = 1, *, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait for this many IDENTIFYs in total."""
        await self._wait_count(lambda: self.identified, times, "IDENTIFYs", timeout)

    async def _wait_count(self, count: Callable[[], int], times: int, what: str, timeout: float) -> None:
        await self.changes.until(
            lambda: count() >= times, timeout=timeout, wanted=f"{times} {what}", seen=lambda: f"{count()} {what}"
        )

    def reconnect(self, *, replay: int = 0) -> None:
        """Send op 7 to every session. `replay`: how many of the latest events the RESUME repeats, seen or not."""
        for session in self.sessions:
            session.repeat = replay
            self._say(session, RECONNECT)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Send op 9 to every session. Unless `resumable`, they are forgotten and must IDENTIFY again."""
        for session in self.sessions:
            self._invalidate(session, resumable=resumable)

    def _invalidate(self, session: Session, *, resumable: bool = False) -> None:
        self._say(session, INVALID_SESSION, data=resumable)
        if not resumable:
            self.all_sessions.pop(session.id, None)
            if session.connection is not None:
                session.connection.session = None

    def drop(self, *, code: int = WSCloseCode.GOING_AWAY, replay: int = 0) -> None:
        """Close every connection. The sessions can be resumed."""
        for session in self.sessions:
            session.repeat = replay
            if session.connection is not None:
                session.connection.close(code)

    def refuse_connections(self, times: int) -> None:
        """Answer the next `times` attempts to connect with 503."""
        self._refusals = times

    def deliver_twice(self, times: int = 1) -> None:
        """Send the next `times` interactions twice to each session."""
        self._twice = times

    def _say(self, session: Session, op: int, data: Any = None) -> None:  # noqa: ANN401  # any JSON
        if session.connection is not None:
            session.connection.send(op, data)

    def _pass_on(self, news: News) -> None:
        event = event_of(news, self._world)
        if event is not None:
            self.send(event)

    def send(self, event: Event) -> None:
        """Send `event` to every session that wants it."""
        times = 1
        if event.name == "INTERACTION_CREATE" and self._twice:
            self._twice -= 1
            times = 2
        for session in list(self.all_sessions.values()):
            if session.is_ready and session.wants(event):
                is_bare = event.bare_data is not None and not session.intents & MESSAGE_CONTENT
                for _ in range(times):
                    session.dispatch(event.name, (event.bare_data if is_bare else None) or event.data)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One connection from HELLO to its end; frames are plain text, which discord.py takes too."""
        if self._refusals:
            self._refusals -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        connection = Connection(socket)
        self._connections.add(connection)
        writer = asyncio.create_task(_write(connection), name="gateway writer")
        connection.send(HELLO, {"heartbeat_interval": int(self._options.heartbeat_seconds * 1000)})
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._hear(connection, message.data)
        finally:
            self._leave(connection)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return socket

    def _hear(self, connection: Connection, frame: str | bytes) -> None:
        """JSON in a text or a binary frame."""
        try:
            said = json.loads(frame)
            op, data = said["op"], said["d"]
        except (ValueError, KeyError, TypeError):
            connection.close(DECODE_ERROR)
            return
        if op == HEARTBEAT:
            asyncio.get_running_loop().call_later(ACK_SECONDS, connection.send, HEARTBEAT_ACK)
        elif op == IDENTIFY:
            self._identify(connection, data)
        elif op == RESUME:
            self._resume(connection, data)
        elif connection.session is None and op not in IGNORED:
            connection.close(NOT_AUTHENTICATED)

    def _knows(self, token: object) -> bool:
        return bool(token) and self._options.token in (None, token)

    def _identify(self, connection: Connection, data: Json) -> None:
        if connection.session is not None:
            connection.close(ALREADY_AUTHENTICATED)
            return
        if not self._knows(data.get("token")):
            connection.close(AUTHENTICATION_FAILED)
            return
        intents = int(data.get("intents", 0))
        if intents & PRIVILEGED and not self._options.privileged_intents:
            connection.close(DISALLOWED_INTENTS)
            return
        shard = _shard_in(data)
        if shard is None:
            connection.close(INVALID_SHARD)
            return
        session = Session(secrets.token_hex(16), intents, shard, connection)
        if self._count_of(session) >= self._options.session_servers:
            connection.close(SHARDING_REQUIRED)
            return
        if self._is_too_early(shard) or not self._makes_room_for(session):
            connection.send(INVALID_SESSION, data=False)
            return
        self.all_sessions[session.id] = session
        connection.session = session
        self._greet(session, data.get("shard"))
        session.is_ready = True
        self.identified += 1
        self._tell()

    def _count_of(self, session: Session) -> int:
        return sum(guild.has_bot and session.serves(guild.id) for guild in self._world.guilds.values())

    def _is_too_early(self, shard: tuple[int, int]) -> bool:
        """Each bucket counts on its own (docs/discord.md 6). A refused IDENTIFY does not count."""
        now = asyncio.get_running_loop().time()
        bucket = shard[0] % self._options.max_concurrency
        if now < self._identified_at.get(bucket, -math.inf) + self._options.identify_seconds:
            self.too_early.append(shard)
            return True
        self._identified_at[bucket] = now
        return False

    def _makes_room_for(self, session: Session) -> bool:
        """Whether it may begin beside other sessions of the same shard."""
        for other in self.sessions:
            if other.shard == session.shard and session.shard[1] > 1:
                if self._options.second_session is SecondSession.REFUSED:
                    return False
                if self._options.second_session is SecondSession.REPLACES:
                    self._invalidate(other)
        return True

    def _greet(self, session: Session, shard: list[int] | None) -> None:
        guilds = [
            guild
            for guild in self._world.guilds.values()
            if guild.has_bot and session.wants(Event(name="GUILD_CREATE", data={}, guild_id=guild.id))
        ]
        ready: Json = {
            "v": 10,
            "user": payloads.own_user(self._world.bot) | {"bot": True},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "application": {"id": str(self._world.application_id), "flags": 0},
            "private_channels": [],
        }
        if shard:
            ready["shard"] = shard
        session.dispatch("READY", ready)
        if session.intents & GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", payloads.guild_create(guild, self._world))

    def _resume(self, connection: Connection, data: Json) -> None:
        session = self.all_sessions.get(str(data.get("session_id")))
        if session is None or not self._knows(data.get("token")):
            connection.send(INVALID_SESSION, data=False)
            return
        if session.connection is not None:
            session.connection.session = None
        session.connection = connection
        connection.session = session
        seen = int(data.get("seq") or 0) - session.repeat
        session.repeat = 0
        for number, frame in list(session.sent):
            if number > seen:
                connection.outbox.put_nowait(frame)
        session.dispatch("RESUMED", {})
        self.resumed += 1
        self._tell()

    def _leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        session = connection.session
        if session is not None and session.connection is connection:
            session.connection = None
            ended_by_bot = connection.close_code == WSCloseCode.OK
            if ended_by_bot and connection.socket.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY):
                self.all_sessions.pop(session.id, None)
        self._forget_oldest()
        self._tell()

    def _forget_oldest(self) -> None:
        """discord.py closes with 4000, which keeps the session; too many of them would slow down every event."""
        left = [each for each in self.all_sessions.values() if each.connection is None]
        for session in left[:-RESUMABLE_MAX]:
            self.all_sessions.pop(session.id)

    def _tell(self) -> None:
        self.changes.tell()
        self._world.changes.tell()

    async def close(self) -> None:
        """Close all connections, as a server going away does."""
        for connection in list(self._connections):
            connection.close(WSCloseCode.GOING_AWAY)
            with contextlib.suppress(ConnectionError):
                await connection.socket.close(code=WSCloseCode.GOING_AWAY)


def _shard_in(data: Json) -> tuple[int, int] | None:
    """The shard that an IDENTIFY names, 0 of 1 if none; None if there is no such shard."""
    match data.get("shard") or [0, 1]:
        case [int(number), int(count)] if 0 <= number < count:
            return number, count
    return None


async def _write(connection: Connection) -> None:
    with contextlib.suppress(ConnectionError):
        while (frame := await connection.outbox.get()) is not None:
            await connection.socket.send_str(frame)
        await connection.socket.close(code=connection.close_code)
