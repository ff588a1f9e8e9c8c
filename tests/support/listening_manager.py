"""A service manager's socket, as systemd opens it; what arrives is kept."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bot.sandbox.patience import PATIENCE_SECONDS


class ListeningManager:
    def __init__(self, address: str) -> None:
        """`address`: a path, or a name that begins with @ for an abstract socket."""
        self.address = address
        self.heard: list[str] = []
        """Each assignment, such as `READY=1`, in the order of its arrival."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.setblocking(False)

    async def hear(self, assignment: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it arrives; what arrived before counts."""
        try:
            async with asyncio.timeout(seconds):
                while assignment not in self.heard:
                    datagram = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
                    self.heard += datagram.decode().split("\n")
        except TimeoutError as error:
            error.add_note(f"heard {self.heard}")
            raise

    def waiting(self) -> int:
        """Read whatever has arrived by now; returns how many datagrams that were."""
        count = 0
        while True:
            try:
                datagram = self._socket.recv(65536)
            except BlockingIOError:
                return count
            self.heard += datagram.decode().split("\n")
            count += 1

    def close(self) -> None:
        self._socket.close()


@contextmanager
def listening_manager(folder: Path, address: str = "") -> Iterator[ListeningManager]:
    with closing(ListeningManager(address or str(folder / "notify"))) as manager:
        yield manager
