"""The files of finished tracks (audio, covers, live streams) at addresses that cannot be guessed."""

import asyncio
import base64
import binascii
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from bot.sandbox.suno.answers import hang_up
from bot.sandbox.suno.envelopes import MadeTrack
from bot.sandbox.suno.material import cover
from bot.sandbox.suno.tasks import Task
from bot.sandbox.suno.troubles import FileKind, FileTrouble

AUDIO_TYPE = "audio/mpeg"
CHUNK_BYTES = 1 << 16
SLOW_PIECES = 20


class Results:
    def __init__(self) -> None:
        self._places: dict[str, tuple[Task, MadeTrack]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/r/{place}.mp3", self._audio),
            web.get("/o/{place}.mp3", self._audio),
            web.get("/r/{place}.png", self._cover),
            web.get("/o/image_{place}.png", self._cover),
            web.get("/s/{stream}", self._stream),
            web.get("/pipe", self._pipe),
        ]

    def add(self, task: Task) -> None:
        for track in task.tracks:
            self._places[track.key] = self._places[track.id] = task, track

    def remove(self, task: Task) -> Iterable[str]:
        """Forget the task's files; yields the keys their names begin with."""
        for track in task.tracks:
            del self._places[track.key], self._places[track.id]
            yield track.key

    def _find(self, place: str) -> tuple[Task, MadeTrack]:
        try:
            return self._places[place]
        except KeyError:
            raise web.HTTPNotFound from None

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        task, track = self._find(request.match_info["place"])
        if not track.finished or track.path is None:
            raise web.HTTPNotFound
        track.fetches += 1
        trouble = task.scenario.file_trouble
        if trouble is None or (trouble.times is not None and track.fetches > trouble.times):
            return web.FileResponse(track.path, headers={"Content-Type": AUDIO_TYPE})
        return await _serve_badly(request, track.path, trouble)

    async def _cover(self, request: web.Request) -> web.Response:
        task, track = self._find(request.match_info["place"])
        if task.stage is None:
            raise web.HTTPNotFound
        return web.Response(body=await asyncio.to_thread(cover, track.seed), content_type="image/png")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["stream"]
        try:
            place = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        except (binascii.Error, ValueError):
            raise web.HTTPNotFound from None
        return await self._live(request, place)

    async def _pipe(self, request: web.Request) -> web.StreamResponse:
        return await self._live(request, request.query.get("item_id", ""))

    async def _live(self, request: web.Request, place: str) -> web.StreamResponse:
        """The stream exists from the text stage on, and has no length (docs/provider.md 2)."""
        task, track = self._find(place)
        if task.stage is None:
            raise web.HTTPNotFound
        await track.made.wait()
        if track.path is None:
            raise web.HTTPNotFound
        answer = web.StreamResponse(headers={"Content-Type": AUDIO_TYPE})
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        data = await asyncio.to_thread(track.path.read_bytes)
        for start in range(0, len(data), CHUNK_BYTES):
            await answer.write(data[start : start + CHUNK_BYTES])
        await answer.write_eof()
        return answer


async def _serve_badly(request: web.Request, path: Path, trouble: FileTrouble) -> web.StreamResponse:
    if trouble.kind is FileKind.STATUS:
        return web.Response(status=trouble.status, text="the sandbox was asked for this")
    data = await asyncio.to_thread(path.read_bytes)
    answer = web.StreamResponse(headers={"Content-Type": AUDIO_TYPE, "Content-Length": str(len(data))})
    await answer.prepare(request)
    if trouble.kind is FileKind.CUT:
        await answer.write(data[: len(data) // 2])
        hang_up(request)
        return answer
    piece = -(-len(data) // SLOW_PIECES)
    for start in range(0, len(data), piece):
        await answer.write(data[start : start + piece])
        await asyncio.sleep(trouble.seconds / SLOW_PIECES)
    await answer.write_eof()
    return answer
