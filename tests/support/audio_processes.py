"""Finds this process's fork server and its forks; only Linux shows them."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS

WORKER = "bot.audio.worker"
GONE = (FileNotFoundError, ProcessLookupError)
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds its children in /proc")


def children(parent: int) -> set[int]:
    """The processes that its main thread started and has not reaped."""
    try:
        return {int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
    except GONE:
        return set()


def servers(worker: str = WORKER) -> set[int]:
    """This process's fork servers. One that was let go may still have a last question to answer."""
    name = b"bot.audio.fork_server\0%s\0" % worker.encode()
    return {child for child in children(os.getpid()) if name in _command(child)}


def _command(pid: int) -> bytes:
    """Empty if it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except GONE:
        return b""


def workers(worker: str = WORKER) -> set[int]:
    """The audio processes that there are."""
    return set().union(*map(children, servers(worker)))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # another process cannot set an event here
            await asyncio.sleep(0.002)


async def a_worker(worker: str = WORKER) -> int:
    await until(lambda: workers(worker))
    return workers(worker).pop()


def has_ended(pid: int) -> bool:
    """Whether or not its new parent has reaped it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except GONE:
        return True
