"""The file upload API, and the uploaded files.

Source: docs/provider.md 6. Which refusal has which words is documented for `uploadPath` alone, else inferred.
"""

import asyncio
import base64
import binascii
import json
import mimetypes
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp import BodyPartReader, web

from bot.sandbox.suno import envelopes
from bot.sandbox.suno.envelopes import Json
from bot.sandbox.suno.options import SunoOptions
from bot.sandbox.suno.rules import is_web_address
from bot.sandbox.suno.sources import TooManyBytes, fetch, save

BASE64_MAX_BYTES = 10_000_000  # "up to about 10 MB"
FROM_URL_MAX_BYTES = 100_000_000  # "up to about 100 MB"
FROM_URL_SECONDS = 30.0
FORM_FIELD_MAX_BYTES = 4096

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class UploadRefused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _missing(name: str) -> UploadRefused:
    return UploadRefused(400, f"Missing required parameter: {name}")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A stored file: its URL shows `name` under `folder`; the bytes are at `path`."""

    folder: str
    name: str
    path: Path

    @property
    def shown_path(self) -> str:
        return f"{self.folder}/{self.name}".strip("/")


class Uploads:
    def __init__(self, *, options: SunoOptions, base: str, folder: Path, session: aiohttp.ClientSession) -> None:
        self._options = options
        self._base = base
        self._folder = folder
        self._session = session
        self._files: dict[str, Path] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/file-stream-upload", self._answering(self._stream)),
            web.post("/api/file-base64-upload", self._answering(self._base64)),
            web.post("/api/file-url-upload", self._answering(self._from_url)),
            web.get("/f/{path:.+}", self._serve),
        ]

    def _answering(self, take: Callable[[web.Request, Path], Awaitable[web.Response]]) -> Handler:
        """The handler that calls `take` with a file to write to, and answers what it refuses."""

        async def handle(request: web.Request) -> web.Response:
            part = self._folder / f"{uuid.uuid4().hex}.upload"
            try:
                return await take(request, part)
            except UploadRefused as refused:
                return web.json_response(envelopes.upload_envelope(refused.code, refused.message))
            except TooManyBytes:
                return web.json_response(envelopes.upload_envelope(400, "File size exceeds the limit"))
            finally:
                await asyncio.to_thread(part.unlink, missing_ok=True)

        return handle

    async def _stream(self, request: web.Request, part: Path) -> web.Response:
        if request.content_type != "multipart/form-data":
            raise UploadRefused(400, "Current request is not a multipart request")
        fields: dict[str, str] = {}
        sent_name: str | None = None
        async for item in await request.multipart():
            if not isinstance(item, BodyPartReader):
                raise UploadRefused(400, "Nested multipart is not supported")
            if item.name == "file":
                sent_name = item.filename or "file"
                await save(_chunks(item), part, limit_bytes=self._options.upload_limit_bytes)
            else:
                fields[item.name or ""] = (await item.read_chunk(FORM_FIELD_MAX_BYTES)).decode(errors="replace")
        if sent_name is None:
            raise _missing("file")
        return await self._keep(part, fields.get("uploadPath"), fields.get("fileName"), sent_name)

    async def _base64(self, request: web.Request, part: Path) -> web.Response:
        body = await _json(request)
        given = body.get("base64Data")
        if not isinstance(given, str) or not given:
            raise _missing("base64Data")
        try:
            data = base64.b64decode(given.rpartition(",")[2], validate=True)
        except binascii.Error:
            raise UploadRefused(400, "Invalid Base64 data") from None
        if len(data) > BASE64_MAX_BYTES:
            raise TooManyBytes
        kind = given[5:].partition(";")[0] if given.startswith("data:") else ""
        await asyncio.to_thread(part.write_bytes, data)
        sent_name = "file" + (mimetypes.guess_extension(kind) or "")
        return await self._keep(part, body.get("uploadPath"), body.get("fileName"), sent_name)

    async def _from_url(self, request: web.Request, part: Path) -> web.Response:
        body = await _json(request)
        url = body.get("fileUrl")
        if not is_web_address(url):
            raise _missing("fileUrl")
        if not body.get("uploadPath"):
            raise _missing("uploadPath")
        trouble = await fetch(
            self._session, str(url), part, limit_bytes=FROM_URL_MAX_BYTES, timeout_seconds=FROM_URL_SECONDS
        )
        if trouble is not None:
            raise UploadRefused(500, "File fetch failed")
        sent_name = PurePosixPath(urlsplit(str(url)).path).name or "file"
        return await self._keep(part, body.get("uploadPath"), body.get("fileName"), sent_name)

    async def _keep(self, part: Path, upload_path: object, file_name: object, sent_name: str) -> web.Response:
        """Store the bytes. The same name overwrites; without a name it is random (docs/provider.md 6)."""
        if not upload_path or not isinstance(upload_path, str):
            raise _missing("uploadPath")
        folder = "/".join(_safe(upload_path))
        ending = PurePosixPath(sent_name).suffix
        name = (_safe(str(file_name or "")) or [f"{uuid.uuid4().hex}{ending}"])[-1]
        stored = Uploaded(folder=folder, name=name, path=self._folder / f"{uuid.uuid4().hex}{ending[:10]}")
        size_bytes = (await asyncio.to_thread(part.stat)).st_size
        await asyncio.to_thread(part.rename, stored.path)
        replaced = self._files.get(stored.shown_path)
        self._files[stored.shown_path] = stored.path
        if replaced is not None:
            await asyncio.to_thread(replaced.unlink, missing_ok=True)
        data = envelopes.uploaded(
            name=name,
            path=stored.shown_path,
            url=f"{self._base}/f/{quote(stored.shown_path)}",
            size_bytes=size_bytes,
            mime_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
            at=datetime.now(UTC),
        )
        return web.json_response(envelopes.upload_envelope(200, "File uploaded successfully", data))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = self._files.get(request.match_info["path"])
        if path is None:
            raise web.HTTPNotFound
        kind = mimetypes.guess_type(request.match_info["path"])[0] or "application/octet-stream"
        return web.FileResponse(path, headers={"Content-Type": kind})


def _safe(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in {"", ".", ".."}]


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(1 << 18):
        yield chunk


async def _json(request: web.Request) -> Json:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise UploadRefused(400, "Request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise UploadRefused(400, "Request body is not valid JSON")
    return body
