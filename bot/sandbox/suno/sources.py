"""Fetching files, as the provider does with `uploadUrl` and `fileUrl`, and checking a source."""

import asyncio
from collections.abc import AsyncIterable
from pathlib import Path
from typing import BinaryIO

import aiohttp

from bot.sandbox.suno.envelopes import Status
from bot.sandbox.suno.troubles import TASK_ERRORS, TaskFailure

# docs/provider.md 2: 400 is "bad parameter, format not supported, content violation", 451 "could not be
# downloaded"; 8.: a `continueAt` beyond the end makes a failed task. The texts of the last three are inferred.
NOT_FETCHED = TASK_ERRORS["451"]
NO_AUDIO = TaskFailure(status=Status.CREATE_TASK_FAILED, code=400, message="Audio format not supported")
TOO_LONG = TaskFailure(
    status=Status.CREATE_TASK_FAILED, code=400, message="The uploaded audio exceeds the maximum length"
)
BEYOND_THE_END = TaskFailure(
    status=Status.CREATE_TASK_FAILED, code=400, message="continueAt must be less than the audio duration"
)


class TooManyBytes(Exception):
    """More than the limit arrived."""


async def save(chunks: AsyncIterable[bytes], to: Path, *, limit_bytes: int) -> int:
    """Write the chunks to the file `to` and return its size. Raises `TooManyBytes`, leaving the file."""
    size_bytes = 0
    with _create(to) as file:
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise TooManyBytes(f"more than {limit_bytes} bytes")
            await asyncio.to_thread(file.write, chunk)
    return size_bytes


def _create(path: Path) -> BinaryIO:
    """Not in a thread: a cancelled `to_thread` would lose the file that it opened."""
    return path.open("wb")


async def fetch(
    session: aiohttp.ClientSession, url: str, to: Path, *, limit_bytes: int, timeout_seconds: float
) -> str | None:
    """Download `url` into the file `to`. Returns None, or why it failed."""
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with session.get(url, timeout=timeout) as answer:
            if answer.status != 200:
                return f"HTTP {answer.status}"
            size_bytes = await save(answer.content.iter_chunked(1 << 18), to, limit_bytes=limit_bytes)
    except (aiohttp.ClientError, TimeoutError, TooManyBytes, OSError, ValueError) as error:
        return type(error).__name__
    return None if size_bytes else "empty"


def judge(length_seconds: float | None, *, continue_at: float, limit_seconds: float) -> TaskFailure | None:
    """What is wrong with a source of that length (None: no audio); None if nothing is."""
    if length_seconds is None:
        return NO_AUDIO
    if length_seconds > limit_seconds:
        return TOO_LONG
    return BEYOND_THE_END if continue_at >= length_seconds else None
