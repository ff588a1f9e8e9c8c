"""Look up the names of strangers' servers, in dedicated threads."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 16
WAITING = 48
TIMEOUT_SECONDS = 8.0
"""More than the 5 s after which the system asks its second name server, less than the 10 s of a whole connection."""

Info = tuple[int, int, int, str, tuple[Any, ...]]
NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class LookupsBusy(OSError):
    """Too many look-ups are waiting."""

    def __init__(self) -> None:
        super().__init__("too many names are being looked up")


class LookupTooSlow(OSError):
    """The name servers did not answer in time."""

    def __init__(self) -> None:
        super().__init__("name not found in time")


class Lookups(AbstractResolver):
    """The system's resolver, with at most `threads` look-ups running and `waiting` more in line.

    A look-up cannot be interrupted: it holds its thread for as long as the name servers take. In asyncio's own pool,
    six names from a slow name server would hold up everything else. The threads are daemons, because the interpreter
    waits for all others when it exits.
    """

    def __init__(
        self,
        *,
        threads: int = THREADS,
        waiting: int = WAITING,
        timeout_seconds: float = TIMEOUT_SECONDS,
        getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo,
    ) -> None:
        self._free = asyncio.Semaphore(threads)
        self._waiting = 0
        self._most_waiting = waiting
        self._timeout_seconds = timeout_seconds
        self._getaddrinfo = getaddrinfo

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of `host`.

        Raises:
            LookupsBusy: the line is full.
            LookupTooSlow: no answer within the time limit, which includes the wait in line.
            OSError: the name does not exist.
            ValueError: it cannot be a name.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._wait_for_place()
                infos = await self._look_up(host, port, family)
        except TimeoutError:
            raise LookupTooSlow from None
        return [
            ResolveResult(hostname=host, host=_address(info), port=port, family=info[0], proto=info[2], flags=NUMERIC)
            for info in infos
        ]

    async def _wait_for_place(self) -> None:
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise LookupsBusy
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    def _look_up(self, host: str, port: int, family: int) -> asyncio.Future[list[Info]]:
        """Start the look-up in a thread, which frees its place when it is done."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Info]] = loop.create_future()

        def look() -> None:
            try:
                infos = self._getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
            except Exception as error:  # noqa: BLE001  # whatever happens, the place must be freed
                end = partial(self._end, answer, error)
            else:
                end = partial(self._end, answer, infos)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is waiting
                loop.call_soon_threadsafe(end)

        try:
            threading.Thread(target=look, name="look-up", daemon=True).start()
        except RuntimeError:  # the system has no threads left
            self._free.release()
            raise LookupsBusy from None
        return answer

    def _end(self, answer: asyncio.Future[list[Info]], found: list[Info] | Exception) -> None:
        self._free.release()
        if answer.done():  # the caller gave up
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    async def close(self) -> None:
        """Threads still waiting for a name server end on their own."""


def _address(info: Info) -> str:
    """The address in `info`, with its zone if it is link-local."""
    host, *rest = info[4]
    zone = rest[2] if info[0] == socket.AF_INET6 else 0
    return f"{host}%{zone}" if zone else str(host)
