"""What stands in front of the bot at PUBLIC_URL: a reverse proxy that a test sets up well or badly."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

CERTIFICATE = Path(__file__).parents[1] / "fixtures" / "tls" / "self-signed.pem"

PASSED_ON = frozenset({"Content-Type", "X-Signature-Ed25519", "X-Signature-Timestamp"})


@dataclass
class Front:
    """Passes requests on to `behind` (None: nobody is there), below `prefix`, which it removes unless `keeps_prefix`.

    `status`: it answers that itself; `redirect`: it sends everybody to the same path there; it does not know
    `refused_paths`. `drops`: headers that it does not pass on; `rewrites`: it formats JSON in its own way.
    """

    behind: int | None = None
    prefix: str = ""
    keeps_prefix: bool = False
    status: int | None = None
    redirect: str = ""
    drops: frozenset[str] = frozenset()
    rewrites: bool = False
    refused_paths: tuple[str, ...] = ()
    url: str = ""
    statuses: list[int] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = await self._answer(request)
        self.statuses.append(answer.status)
        self.answered.set()
        return answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.redirect:
            return web.Response(status=308, headers={"Location": f"{self.redirect}{request.path_qs}"})
        if self.status is not None:
            return web.Response(status=self.status)
        if not request.path.startswith(self.prefix) or request.path in self.refused_paths:
            return web.Response(status=404)
        path = request.path if self.keeps_prefix else request.path.removeprefix(self.prefix)
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(
                    request.method,
                    f"http://127.0.0.1:{self.behind or 1}{path}",
                    data=(await request.read()).replace(b":", b": ") if self.rewrites else await request.read(),
                    headers={name: value for name, value in request.headers.items() if name in PASSED_ON - self.drops},
                ) as answer,
            ):
                headers = {"Server": answer.headers.get("Server", "")}
                return web.Response(status=answer.status, body=await answer.read(), headers=headers)
        except aiohttp.ClientConnectorError:
            return web.Response(status=502)


@asynccontextmanager
async def standing(front: Front, *, tls: bool = False) -> AsyncIterator[Front]:
    """Let it listen; `url` is its address. `tls`: with a certificate that nobody trusts."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", front.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        front.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}{front.prefix}"
        yield front
    finally:
        await runner.cleanup()
