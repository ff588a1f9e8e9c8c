"""A request to the API with its whole body, and the table of routes."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import BodyPartReader, web

from bot.sandbox.discord.refuse import limits
from bot.sandbox.discord.refuse.body import Body, UploadedFile
from bot.sandbox.discord.refuse.limits import Refused
from bot.sandbox.discord.world.shapes import Json

CHUNK_BYTES = 1024 * 1024
FILE_FIELD = re.compile(r"files\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`params` are the values of the path's placeholders."""

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Body

    def id(self, name: str) -> int:
        """An id from the path; 0, which is never an id, if it is not a number."""
        value = self.params[name]
        return int(value) if value.isdecimal() else 0

    @property
    def json(self) -> Json:
        """The body, which must be a JSON object."""
        if self.body.malformed:
            raise Refused(limits.INVALID_JSON, because=self.body.malformed)
        if self.body.value is None:
            return {}
        if not isinstance(self.body.value, dict):
            raise Refused(limits.INVALID_JSON)
        return self.body.value


@dataclass(frozen=True, slots=True)
class Created:
    """Answered as 201."""

    body: Json


Answer: TypeAlias = "Json | list[Json] | Created | None"
"""None is answered as 204."""
Handler: TypeAlias = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`template` is the path as Discord's OpenAPI description writes it. `open`: no bot token is needed."""

    method: str
    template: str
    handler: Handler
    open: bool = False

    def match(self, path: str) -> dict[str, str] | None:
        found = _pattern(self.template).fullmatch(path)
        return found.groupdict() if found else None


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(template: str) -> re.Pattern[str]:
    if template not in _patterns:
        _patterns[template] = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
    return _patterns[template]


async def read_body(request: web.Request, *, keep_bytes: bool, limit_bytes: int) -> Body:
    """Raises `Refused` (413) if it is larger than `limit_bytes`."""
    if request.content_type == "multipart/form-data":
        return await _read_multipart(request, keep_bytes=keep_bytes, limit_bytes=limit_bytes)
    raw = bytearray()
    async for chunk in request.content.iter_chunked(CHUNK_BYTES):
        raw += chunk
        if len(raw) > limit_bytes:
            raise Refused(limits.REQUEST_TOO_LARGE)
    if not raw:
        return Body()
    if request.content_type != "application/json":
        return Body(malformed=f"content type {request.content_type}")
    return _parsed(bytes(raw), files=(), is_multipart=False)


async def _read_multipart(request: web.Request, *, keep_bytes: bool, limit_bytes: int) -> Body:
    payload: bytes | None = None
    files: list[UploadedFile] = []
    left = limit_bytes
    try:
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader):
                return Body(malformed="nested multipart", is_multipart=True)
            numbered = FILE_FIELD.fullmatch(part.name or "")
            data, size, digest = await _read_part(part, keep=keep_bytes or not numbered, limit_bytes=left)
            left -= size
            if part.name == "payload_json":
                payload = data
            elif numbered:
                files.append(
                    UploadedFile(
                        number=int(numbered[1]),
                        filename=part.filename or "",
                        size_bytes=size,
                        sha256=digest,
                        data=data,
                    )
                )
            else:
                return Body(malformed=f"unexpected field {part.name}", is_multipart=True)
    except (ValueError, AssertionError, RuntimeError) as error:  # what aiohttp raises for broken boundaries and headers
        return Body(malformed=f"malformed multipart: {error}", is_multipart=True)
    if payload is None:
        return Body(value={}, files=tuple(files), is_multipart=True)
    return _parsed(payload, files=tuple(files), is_multipart=True)


async def _read_part(part: BodyPartReader, *, keep: bool, limit_bytes: int) -> tuple[bytes | None, int, str]:
    digest = hashlib.sha256()
    kept = bytearray()
    size = 0
    while chunk := await part.read_chunk(CHUNK_BYTES):
        size += len(chunk)
        if size > limit_bytes:
            raise Refused(limits.REQUEST_TOO_LARGE)
        digest.update(chunk)
        if keep:
            kept += chunk
    return (bytes(kept) if keep else None), size, digest.hexdigest()


def _parsed(raw: bytes, *, files: tuple[UploadedFile, ...], is_multipart: bool) -> Body:
    try:
        value = json.loads(raw)
    except ValueError as error:
        return Body(files=files, is_multipart=is_multipart, malformed=f"{error}")
    return Body(value=value, files=files, is_multipart=is_multipart)
