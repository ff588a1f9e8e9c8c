"""Keep a service manager such as systemd informed (sd_notify(3)), and let it restart a process whose loop hangs."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

log = logging.getLogger(__name__)

BEATS = 3
"""How often the event loop is heard from within the watchdog's time."""
LOOK_SECONDS = 1.0
"""How often a starting process is asked whether it is ready."""
UNWATCHED_SECONDS = 20.0
"""The pace of status lines without a watchdog."""


class Standing(msgspec.Struct, frozen=True):
    """How the process is doing: whether it does its work, and one line for `systemctl status`."""

    is_ready: bool
    status: str


class ServiceManager:
    """Made by `service_manager`. Informing it never disturbs the bot."""

    def __init__(self, address: str, *, watchdog_seconds: float | None) -> None:
        """`address`: a path, or a name that begins with @. `watchdog_seconds`: a longer silence means a hung loop."""
        self.is_watching = watchdog_seconds is not None
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_seconds = watchdog_seconds
        self._standing: Callable[[], Standing] = lambda: Standing(is_ready=False, status="Opening the database")
        self._is_ready = False
        self._status = ""
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def informed(self) -> AsyncIterator[None]:
        """Meanwhile, a task of this loop reports. It also grants the start more time while the loop is alive."""
        beating = asyncio.create_task(self._beat(), name="service manager")
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})

    def watch(self, standing: Callable[[], Standing]) -> None:
        """Report what this returns from now on."""
        self._standing = standing
        self._changed.set()

    def stopping(self) -> None:
        self._standing = lambda: Standing(is_ready=self._is_ready, status="Finishing open submissions and commands")
        self._report("STOPPING=1")

    async def _beat(self) -> None:
        while True:
            self._report(*self._alive())
            pause = UNWATCHED_SECONDS if self._watchdog_seconds is None else self._watchdog_seconds / BEATS
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause if self._is_ready else min(pause, LOOK_SECONDS)):
                    await self._changed.wait()

    def _alive(self) -> tuple[str, ...]:
        if self._watchdog_seconds is None:
            return ()
        # Before READY, the manager counts the time of the start instead of the watchdog's.
        more = () if self._is_ready else (f"EXTEND_TIMEOUT_USEC={round(self._watchdog_seconds * 1_000_000)}",)
        return ("WATCHDOG=1", *more)

    def _report(self, *assignments: str) -> None:
        """Send these and what is new. What was not sent is still new the next time."""
        standing = self._standing()
        is_news = standing.is_ready and not self._is_ready
        news = [*assignments, *(["READY=1"] if is_news else [])]
        if standing.status != self._status:
            news.append(f"STATUS={standing.status}")
        if news and self._send("\n".join(news)):
            self._is_ready = self._is_ready or is_news
            self._status = standing.status

    def _send(self, datagram: str) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
                speaker.setblocking(False)  # the loop waits for nobody
                speaker.sendto(datagram.encode(), self._address)
        except OSError as error:
            log.debug("the service manager was not reached (%s)", error)
            return False
        return True


def service_manager(environ: Mapping[str, str], *, pid: int) -> ServiceManager | None:
    """The one that these variables of systemd's name, for the process `pid`; None: nobody wants to hear anything."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    usec = environ.get("WATCHDOG_USEC", "")
    is_watched = usec.isdecimal() and int(usec) > 0 and environ.get("WATCHDOG_PID", str(pid)) == str(pid)
    return ServiceManager(address, watchdog_seconds=int(usec) / 1_000_000 if is_watched else None)
