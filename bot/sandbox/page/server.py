"""The page's own server on 127.0.0.1: its files, and the WebSocket. Nobody gets in without the token in the address."""

import asyncio
import contextlib
import hmac
import secrets
import socket
from functools import partial
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import WSMsgType, web

from bot.sandbox.discord.world.changes import NeverHappened
from bot.sandbox.discord.world.shapes import News
from bot.sandbox.page import assets
from bot.sandbox.page.levers import Levers
from bot.sandbox.page.outbox import Outbox
from bot.sandbox.page.scene import Scene
from bot.sandbox.page.session import Session
from bot.sandbox.runner import Runner

HOST = "127.0.0.1"
FRAME_MAX_BYTES = 2 * 1024 * 1024
"""The page sends files in parts of 1 MiB."""
UNREAD_MAX_BYTES = 64 * 1024 * 1024
"""A browser reads nothing while it keeps a tab in the background frozen. The page connects again when it wakes up."""
LONG_SECONDS = 3600.0


class PageServer:
    """`async with PageServer(scene) as page:` serves at `page.url`. `port` 0 takes any free one.

    Leaving it raises an ExceptionGroup if the page itself broke.
    """

    def __init__(self, scene: Scene, *, port: int = 0, unread_max_bytes: int = UNREAD_MAX_BYTES) -> None:
        self._scene = scene
        self._unread_max_bytes = unread_max_bytes
        self._port = port
        self._token = secrets.token_urlsafe(24)
        self._host = ""
        self._sessions: set[Session] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._levers = Levers(scene)
        self._crashes: list[Exception] = []

    @property
    def url(self) -> str:
        return f"http://{self._host}/{self._token}/"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{token}/", self._index)
        app.router.add_get("/{token}/socket", self._connect)
        app.router.add_get("/{token}/{name:.+}", self._asset)
        self._runner = Runner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        listener = socket.create_server((HOST, self._port))
        self._host = f"{HOST}:{listener.getsockname()[1]}"
        await self._runner.listen(listener)
        self._scene.discord.world.listeners.append(self._hear)
        self._announcing = asyncio.create_task(self._watch_commands(), name="announced commands")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scene.discord.world.listeners.remove(self._hear)
        self._announcing.cancel()
        for session in [*self._sessions]:
            session.outbox.end()
        for connected in [*self._sockets]:
            await connected.close()
        await asyncio.gather(self._announcing, self._levers.close(), return_exceptions=True)
        await self._runner.cleanup()
        if self._crashes and error is None:
            raise ExceptionGroup("the page itself failed", self._crashes)

    def _hear(self, news: News) -> None:
        for session in self._sessions:
            session.take(news)

    async def _watch_commands(self) -> None:
        """Tell all windows when the bot has announced other commands."""
        known = self._announced()
        while True:
            with contextlib.suppress(NeverHappened):
                await self._scene.discord.world.changes.until(
                    lambda before=known: self._announced() != before,  # type: ignore[misc]
                    timeout=LONG_SECONDS,
                    wanted="other commands",
                    seen=str,
                )
            known = self._announced()
            for session in self._sessions:
                session.commands_changed()

    def _announced(self) -> list[str]:
        world = self._scene.discord.world
        everywhere = [world.global_commands, *world.guild_commands.values()]
        return [f"{command['id']} {command['version']}" for commands in everywhere for command in commands]

    def _check(self, request: web.Request) -> None:
        """Refuse other hosts: a stranger's page could reach this one by a name of its own (DNS rebinding)."""
        token = request.match_info["token"]
        if request.headers.get("Host") != self._host or not hmac.compare_digest(token.encode(), self._token.encode()):
            raise web.HTTPNotFound

    @property
    def _headers(self) -> dict[str, str]:
        files = f"http://{self._scene.discord.host_port} http://{self._scene.suno.host_port}"
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": f"'self' data: {files}",
            "media-src": files,
            "connect-src": f"ws://{self._host}",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        return {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "Referrer-Policy": "no-referrer",  # the address holds the token
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-store",
        }

    async def _index(self, request: web.Request) -> web.Response:
        return self._file(request, "index.html")

    async def _asset(self, request: web.Request) -> web.Response:
        return self._file(request, request.match_info["name"])

    def _file(self, request: web.Request, name: str) -> web.Response:
        self._check(request)
        found = assets.read(name)
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found.body, content_type=found.content_type, charset="utf-8", headers=self._headers)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        if request.headers.get("Origin") != f"http://{self._host}":
            raise web.HTTPForbidden
        connected = web.WebSocketResponse(max_msg_size=FRAME_MAX_BYTES, heartbeat=30.0, compress=False)
        await connected.prepare(request)
        asked = request.query.get("as", "").lower()
        first = self._scene.identities[0].member
        member = next((each.member for each in self._scene.identities if each.member.name.lower() == asked), first)
        outbox = Outbox(partial(_cut, request), most_bytes=self._unread_max_bytes)
        session = Session(self._scene, self._levers, member, outbox)
        self._sessions.add(session)
        self._sockets.add(connected)
        writer = asyncio.create_task(_write(connected, session), name="page writer")
        session.welcome()
        try:
            async for message in connected:
                if message.type is WSMsgType.TEXT:
                    session.hear(message.data)
                elif message.type is WSMsgType.BINARY:
                    session.hear_bytes(message.data)
        except msgspec.DecodeError:
            await connected.close(code=1003)
        finally:
            self._sessions.discard(session)
            self._sockets.discard(connected)
            await session.close()
            self._crashes += session.crashes
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return connected


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _write(connected: web.WebSocketResponse, session: Session) -> None:
    with contextlib.suppress(ConnectionError):
        while (frame := await session.outbox.next()) is not None:
            await connected.send_str(frame.decode())
        await connected.close()
