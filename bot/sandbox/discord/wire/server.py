"""The HTTP server: it listens, finds the route, strikes with troubles, counts, answers and remembers."""

import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.sandbox.discord.options import DiscordOptions
from bot.sandbox.discord.refuse import limits
from bot.sandbox.discord.refuse.body import Body
from bot.sandbox.discord.refuse.limits import Refused
from bot.sandbox.discord.wire import responses
from bot.sandbox.discord.wire.calls import Call, Route, read_body
from bot.sandbox.discord.wire.cdn import Cdn
from bot.sandbox.discord.wire.endpoint import Endpoint
from bot.sandbox.discord.wire.gateway import Gateway
from bot.sandbox.discord.wire.http.commands import CommandRoutes
from bot.sandbox.discord.wire.http.interactions import InteractionRoutes
from bot.sandbox.discord.wire.http.messages import MessageRoutes
from bot.sandbox.discord.wire.http.users import UserRoutes
from bot.sandbox.discord.wire.http.webhooks import WebhookRoutes
from bot.sandbox.discord.wire.rates import Rates
from bot.sandbox.discord.wire.responses import LOST, TOO_MANY, Recorded
from bot.sandbox.discord.wire.troubles import Trouble, TroubleKind, Troubles
from bot.sandbox.discord.world.clock import Clock, utc_now
from bot.sandbox.discord.world.state import World
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.runner import Runner

HOST = "127.0.0.1"
ROOT = "/api/v10"


class Server:
    """Listens on 127.0.0.1 within `async with`. `now` replaces the clock of snowflakes, tokens and links."""

    def __init__(self, options: DiscordOptions | None = None, *, now: Callable[[], datetime] = utc_now) -> None:
        self.options = options or DiscordOptions()
        self.clock = Clock(now)
        self.world = World(self.options, self.clock)
        self.troubles = Troubles()
        self.gateway = Gateway(self.world, self.options)
        self.endpoint = Endpoint(self.world)
        self.cdn = Cdn(self.world)
        self.requests: deque[Recorded] = deque(maxlen=self.options.keep_requests)
        self.host_port = ""
        self._rates = Rates(self.options)
        self._gateway_url = [""]
        self._routes: list[Route] = [
            *UserRoutes(self.world, self._gateway_url).routes(),
            *CommandRoutes(self.world).routes(),
            *MessageRoutes(self.world).routes(),
            *InteractionRoutes(self.world).routes(),
            *WebhookRoutes(self.world).routes(),
        ]
        self._runner: Runner | None = None
        self._crashes: list[Exception] = []

    @property
    def api_url(self) -> str:
        return f"http://{self.host_port}{ROOT}"

    @property
    def gateway_url(self) -> str:
        return f"ws://{self.host_port}/gateway/"

    @property
    def application_id(self) -> int:
        return self.world.application_id

    @property
    def rate_limited(self) -> list[Recorded]:
        """The requests answered 429, oldest first."""
        return [request for request in self.requests if request.status == TOO_MANY]

    async def wait_ready(self, sessions: int = 1, *, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until this many sessions are identified and connected. Raises `NeverHappened`."""
        await self.gateway.wait_ready(sessions, timeout=timeout)

    async def wait_for_request(
        self, wanted: Callable[[Recorded], object], *, timeout: float = PATIENCE_SECONDS
    ) -> Recorded:
        """The first answered request that is `wanted`."""
        return await self.world.changes.until(
            lambda: next((each for each in self.requests if each.status is not None and wanted(each)), None),
            timeout=timeout,
            wanted="a request",
            seen=lambda: "; ".join(
                f"{each.method} {each.template} {each.status}" for each in list(self.requests)[-50:]
            ),
        )

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=self.options.request_limit_bytes)
        app.router.add_get("/gateway/", self.gateway.connect)
        for folder in ("attachments", "ephemeral-attachments"):
            app.router.add_get(f"/{folder}/{{channel_id:\\d+}}/{{attachment_id:\\d+}}/{{name}}", self._serve_file)
        app.router.add_route("*", f"{ROOT}{{path:/.*}}", self._serve)
        self._runner = Runner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await self._listen(self.options.port)
        self._gateway_url[0] = self.gateway.url = self.gateway_url
        self.world.links.base = f"http://{self.host_port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.troubles.clear()
        await self.endpoint.close()
        await self.gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()
        crashes = [*self._crashes, *self.endpoint.crashes]
        if crashes and error is None:
            raise ExceptionGroup("the stand-in itself failed", crashes)

    async def _listen(self, port: int) -> None:
        assert self._runner is not None  # noqa: S101  # set up by then
        listener = socket.create_server((HOST, port))
        self.host_port = f"{HOST}:{listener.getsockname()[1]}"
        await self._runner.listen(listener)

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[None]:
        """Within the block nobody answers: connections are cut and new ones refused.

        aiohttp then raises `ClientConnectorError`, as it does for a name that does not resolve.
        """
        assert self._runner is not None  # noqa: S101  # misuse before it listens
        await self._runner.stop_listening()
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()
        try:
            yield
        finally:
            await self._listen(int(self.host_port.rpartition(":")[2]))

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        """Downloads are not recorded, but troubles with their path strike them too."""
        trouble = self.troubles.take(request.method, request.path, before=True)
        if trouble is not None and trouble.kind is TroubleKind.HOLD_BEFORE:
            await trouble.wait_released()
        elif trouble is not None:
            unrecorded = Recorded(at=self.clock(), method="GET", template=None, path="", query={}, headers={})
            return responses.struck(trouble, unrecorded) or responses.cut(request)
        return self.cdn.get(request)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        route, params = self._find(request.method, path)
        record = Recorded(
            at=self.clock(),
            method=request.method,
            template=route.template if route else None,
            path=path,
            query=dict(request.query),
            headers={key: value for key, value in request.headers.items() if key.lower() != "authorization"},
        )
        self.requests.append(record)
        response = await self._handle(request, route, params, record)
        record.status = LOST if response is None else response.status
        if response is not None:
            response.headers["Date"] = format_datetime(self.clock(), usegmt=True)
        self.world.changes.tell()
        return responses.cut(request) if response is None else response

    def _find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route in self._routes:
            if route.method == method and (params := route.match(path)) is not None:
                return route, params
        return None, {}

    async def _handle(
        self, request: web.Request, route: Route | None, params: dict[str, str], record: Recorded
    ) -> web.Response | None:
        """The answer, or None to cut the connection."""
        try:
            body = await read_body(
                request, keep_bytes=self.options.keep_attachment_bytes, limit_bytes=self.options.request_limit_bytes
            )
        except Refused as refused:
            return responses.refusal(refused, record)
        record.payload, record.is_multipart = body.value, body.is_multipart
        record.files = [(file.filename, file.size_bytes) for file in body.files]
        if trouble := self.troubles.take(record.method, record.path, before=True):
            if trouble.kind is not TroubleKind.HOLD_BEFORE:
                return self._struck(trouble, route, params, record)
            await trouble.wait_released()
        response = self._answer(request, route, params, body, record)
        if response.status < 300 and (trouble := self.troubles.take(record.method, record.path, before=False)):
            if trouble.kind is not TroubleKind.HOLD_AFTER:
                return responses.struck(trouble, record, route=route)
            await trouble.wait_released()
        return response

    def _struck(
        self, trouble: Trouble, route: Route | None, params: dict[str, str], record: Recorded
    ) -> web.Response | None:
        """A refusal on demand counts and has headers like any other; a server error has none."""
        headers = self._rates.ask(route, params).headers if route and trouble.status < 500 else {}
        return responses.struck(trouble, record, route=route, headers=headers)

    def _answer(
        self, request: web.Request, route: Route | None, params: dict[str, str], body: Body, record: Recorded
    ) -> web.Response:
        if route is None:
            known = any(each.match(record.path) is not None for each in self._routes)
            return responses.refusal(Refused(limits.NOT_ALLOWED if known else limits.NOT_FOUND), record)
        headers: Mapping[str, str] = {}
        try:
            if not route.open:
                self._check_token(request.headers.get("Authorization", ""))
            verdict = self._rates.ask(route, params)
            headers = verdict.headers
            if verdict.retry_after is not None:
                return responses.wait_answer(verdict.retry_after, record, headers, is_global=verdict.is_global)
            call = Call(method=record.method, path=record.path, params=params, query=record.query, body=body)
            return responses.answered(route.handler(call), record, headers)
        except Refused as refused:
            return responses.refusal(refused, record, headers)
        except Exception as error:
            self._crashes.append(error)
            raise

    def _check_token(self, header: str) -> None:
        kind, _, token = header.partition(" ")
        if kind != "Bot" or not token or self.options.token not in (None, token):
            raise Refused(limits.UNAUTHORIZED)
