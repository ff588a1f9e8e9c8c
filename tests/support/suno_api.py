"""A caller of the stand-in for the Suno API and a receiver of its callbacks, both plain aiohttp."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from aiohttp import web

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.suno import FakeSuno, SunoOptions
from bot.sandbox.suno.material import write_silence

Json = dict[str, Any]

KEY = {"Authorization": "Bearer sandbox-suno-key"}
QUICK = SunoOptions(time_scale=0.001, audio=False, audio_bytes=20_000, rate_limit=0)
BY_HAND = SunoOptions(manual=True, audio=False, audio_bytes=20_000)
SUBMIT = "/api/v1/generate/upload-extend"


@dataclass
class Receiver:
    """Takes callbacks; hangs for the first `hangs`, answers `statuses` in turn, then 200."""

    url: str = ""
    bodies: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    hangs: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    @property
    def types(self) -> list[str]:
        return [body["data"]["callbackType"] for body in self.bodies]

    def tracks(self, callback_type: str) -> list[Json] | None:
        """The tracks in the first callback of that type."""
        told: list[Json] | None = self.bodies[self.types.index(callback_type)]["data"]["data"]
        return told


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/callback/{token}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}/callback/t1"
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class Caller:
    suno: FakeSuno
    session: aiohttp.ClientSession
    receiver: Receiver
    folder: Path
    source_url: str = ""

    def body(self, **changes: object) -> Json:
        return {
            "uploadUrl": self.source_url,
            "defaultParamFlag": True,
            "instrumental": True,
            "style": "ambient",
            "title": "Boats",
            "continueAt": 2,
            "model": "V5",
            "callBackUrl": self.receiver.url,
            **changes,
        }

    async def call(
        self, method: str, path: str, *, json: object = None, data: object = None, params: dict[str, str] | None = None
    ) -> Json:
        url = self.suno.api_url + path
        async with self.session.request(method, url, headers=KEY, json=json, data=data, params=params) as answer:
            body: Json = await answer.json()
            return body

    async def submit(self, **changes: object) -> Json:
        return await self.call("POST", SUBMIT, json=self.body(**changes))

    async def begin(self, **changes: object) -> str:
        """Submit a valid request and return the task's id."""
        answer = await self.submit(**changes)
        assert answer["code"] in {200, "200"}, answer
        task_id: str = answer["data"]["taskId"]
        return task_id

    async def play(self, *words: str, callbacks: int, **changes: object) -> str:
        """Begin a task with these markers in its title and wait for this many callbacks."""
        title = " ".join(["Boats", *(f"[[{entry}]]" for entry in words)])
        task_id = await self.begin(**{"title": title, **changes})
        await self.told(callbacks)
        return task_id

    async def record(self, task_id: str) -> Json:
        answer = await self.call("GET", "/api/v1/generate/record-info", params={"taskId": task_id})
        data: Json = answer["data"]
        return data

    async def status(self, task_id: str) -> str:
        status: str = (await self.record(task_id))["status"]
        return status

    async def credits(self) -> object:
        return (await self.call("GET", "/api/v1/generate/credit"))["data"]

    async def upload(self, path: Path, name: str | None = "loop.mp3") -> Json:
        with path.open("rb") as file:
            form = aiohttp.FormData()
            form.add_field("uploadPath", "discord")
            if name is not None:
                form.add_field("fileName", name)
            form.add_field("file", file, filename="x.mp3", content_type="audio/mpeg")
            return await self.call("POST", "/api/file-stream-upload", data=form)

    async def told(self, callbacks: int) -> None:
        await self.suno.wait_until(lambda: len(self.suno.callbacks_sent) >= callbacks)


@asynccontextmanager
async def a_caller(options: SunoOptions = QUICK) -> AsyncIterator[Caller]:
    """A stand-in with 10.5 seconds of silence uploaded to it, and its caller."""
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        receiving() as receiver,
        FakeSuno(options) as suno,
        aiohttp.ClientSession() as session,
    ):
        with TemporaryDirectory() as folder:
            caller = Caller(suno, session, receiver, Path(folder))
            source = Path(folder) / "silence.mp3"
            write_silence(source, 420_000)
            caller.source_url = (await caller.upload(source))["data"]["downloadUrl"]
            yield caller
