"""Count what arrives on the wire, as the bytes leave the kernel.

aiohttp bounds a line and a head, but nothing else: interim responses, chunk extensions and one-byte chunks may never
end, and none of them is part of the file. So the sockets count. asyncio's selector loop reads a socket through `recv`
(plain) or `recv_into` (TLS), and an error raised there closes the connection.
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import aiohttp

from bot.fetch.limits import FetchLimits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_READ_BYTES = 4 << 10
BODY_READ_BYTES = 32 << 10
"""The most that is parsed in one go, so that other tasks get their turn: 4 kB of interim responses take 1 ms, 32 kB of
one-byte chunks 3 ms. asyncio's default of 256 kB would take 50 to 120 ms."""
LEAST_READ_BYTES = 256
"""A read counts as at least this much, because even a single byte costs the event loop about the same."""


class TooMuchAround(OSError):
    """The server sent more around the file than an honest one needs. An OSError, so that the loop closes quietly."""

    def __init__(self) -> None:
        super().__init__("too many bytes around the file")


class WireClosed(OSError):
    """We are done with this connection and read no more."""

    def __init__(self) -> None:
        super().__init__("done with this connection")


class Wire:
    """How much the sockets of one request may still receive.

    There can be several, as aiohttp tries a host's addresses side by side. `failure` is why reading ended early.
    """

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._left_bytes: float = limits.head_bytes
        self._read_bytes = HEAD_READ_BYTES
        self._sockets: list[MeteredSocket] = []
        self._is_counted = False
        self._is_closed = False
        self.failure: OSError | None = None

    def socket(self, info: aiohttp.AddrInfoType) -> "MeteredSocket":
        """A socket that counts here; `info` is as `socket.getaddrinfo` gives it."""
        family, kind, protocol, _, _ = info
        made = MeteredSocket(family, kind, protocol, self)
        self._sockets.append(made)
        return made

    def head_arrived(self) -> None:
        """From now on the file is read.

        Raises:
            RuntimeError: this event loop reads sockets without asking them (uvloop does), so nothing was counted.
        """
        if not self._is_counted:
            raise RuntimeError("fetching needs asyncio's own event loop: this one bypasses the byte count")
        self._left_bytes = self._limits.overhead_bytes
        self._read_bytes = BODY_READ_BYTES

    def file_bytes_arrived(self, count: int) -> None:
        """Exempt these bytes from the budget and add their share of overhead to it."""
        self._left_bytes += count * (1 + self._limits.overhead_share)

    def close(self) -> None:
        """Make the loop close what is still open, without waiting for the other side."""
        self._is_closed = True
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RD)  # readable now, and the next read raises
        self._sockets.clear()

    def most_bytes(self) -> int:
        """The most that the next read may bring; raises if nothing is allowed."""
        if self._is_closed:
            raise WireClosed
        if self._left_bytes <= 0:
            raise TooMuchAround
        return self._read_bytes

    def count(self, received_bytes: int) -> None:
        self._is_counted = True
        if received_bytes:
            self._left_bytes -= max(received_bytes, LEAST_READ_BYTES)

    @contextlib.contextmanager
    def noting_failures(self) -> Iterator[None]:
        try:
            yield
        except (BlockingIOError, InterruptedError):
            raise  # nothing to read yet
        except OSError as error:
            self.failure = self.failure or error
            raise


class MeteredSocket(socket.socket):
    """Reads what its wire allows and reports what came."""

    def __init__(self, family: int, kind: int, protocol: int, wire: Wire) -> None:
        super().__init__(family, kind, protocol)
        self._wire = wire

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        with self._wire.noting_failures():
            data = super().recv(min(bufsize, self._wire.most_bytes()), flags)
        self._wire.count(len(data))
        return data

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        size = nbytes or memoryview(buffer).nbytes
        with self._wire.noting_failures():
            received = super().recv_into(buffer, min(size, self._wire.most_bytes()), flags)
        self._wire.count(received)
        return received
