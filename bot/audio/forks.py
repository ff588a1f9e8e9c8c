"""The bot's side of the fork server: start it when needed, ask for audio processes, let go of them."""

import asyncio
import atexit
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, Popen
from tempfile import TemporaryFile
from threading import Thread
from typing import BinaryIO

from bot.audio.questions import ENDED, FORK
from bot.cancellation import to_its_end

LINE_MAX_BYTES = 1 << 14
FORKS_MAX = 100
"""How many a server makes. Their memory is laid out alike: what one gives away about it helps to attack the next."""
END_SECONDS = 10.0
"""How long the server may take to end a fork; one that takes longer hangs."""

_ROOT = Path(__file__).parents[2]  # `bot` can be imported from here
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}  # the bot's own environment holds its secrets


class Fork:
    """An audio process. `exit_code` and `cpu_seconds` are known once it is gone, unless the server went first."""

    def __init__(self, leash: socket.socket, output: asyncio.StreamReader) -> None:
        self._leash = leash
        self._output = output
        self.exit_code: int | None = None
        self.cpu_seconds = 0.0

    @property
    def crashed(self) -> bool:
        """Whether it, or its server, ended as nobody asked it to."""
        return self.exit_code is None or (self.exit_code < 0 and self.exit_code != -signal.SIGKILL)

    async def line(self) -> bytes:
        """The next line of its answer, without an end if there will be no more.

        Raises:
            ValueError: it is longer than `LINE_MAX_BYTES`.
        """
        return await self._output.readline()

    async def end(self) -> None:
        """End it with its whole process group.

        Raises:
            TimeoutError: the server does not do it.
        """
        with self._leash:
            with suppress(OSError):  # macOS: the server has ended
                self._leash.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(END_SECONDS):
                told = await asyncio.get_running_loop().sock_recv(self._leash, ENDED.size)
        if told:
            self.exit_code, self.cpu_seconds = ENDED.unpack(told)


class _Server:
    """A running `bot.audio.fork_server`. After `let_go`, it ends on its own once its forks have ended."""

    def __init__(self, worker: str) -> None:
        self._control, its_end = socket.socketpair()
        self._control.setblocking(False)
        self._forks = 0
        with its_end, ExitStack() as if_it_fails:
            if_it_fails.callback(self._control.close)
            self._process = Popen(  # noqa: S603  # our own arguments
                [sys.executable, "-m", "bot.audio.fork_server", worker],
                stdin=its_end.fileno(),
                stdout=DEVNULL,
                cwd=_ROOT,
                env=_ENVIRONMENT,
                # Standard error stays the bot's until a fork is confined, so that a broken installation shows.
                start_new_session=True,  # Ctrl-C does not reach it
            )
            if_it_fails.pop_all()
        with suppress(RuntimeError):  # if no thread can be started, the next `Popen` reaps the server instead
            # So that it leaves no zombie, whenever it ends.
            Thread(target=self._process.wait, name="end of the fork server", daemon=True).start()

    @property
    def has_forked_enough(self) -> bool:
        return self._forks >= FORKS_MAX

    def ask(self, descriptors: Sequence[int]) -> None:
        """Ask for a fork, which the server makes when it is ready. Raises OSError: it has ended, or hangs."""
        socket.send_fds(self._control, [FORK], descriptors)
        self._forks += 1

    def let_go(self) -> None:
        self._control.close()

    def kill(self) -> None:
        """End it at once; on Linux its forks end with it."""
        self._process.kill()


class ForkServer:
    """What audio processes are forked from: a process that runs while there are questions and for a while after.

    If it has ended, for whatever reason, the next question starts another.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._server: _Server | None = None

    @asynccontextmanager
    async def fork(self, question: bytes, source: BinaryIO, files: Sequence[BinaryIO]) -> AsyncIterator[Fork]:
        """An audio process with `source` on standard input and `files` from `FIRST_FILE` on.

        When this is left, it is gone with whatever it has started, even if the caller is cancelled. If the server was
        killed, the process itself ends a moment later, on Linux. At most two buffers of `LINE_MAX_BYTES` are read
        ahead, whatever it sends.

        Raises:
            OSError: no server can be started.
        """
        server, leash, output = self._asked(question, source, files)
        reader = asyncio.StreamReader(limit=LINE_MAX_BYTES)
        fork = Fork(leash, reader)
        try:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), output)
            try:
                yield fork
            finally:
                transport.close()
        finally:
            await to_its_end(self._end(fork, server))

    def let_go(self) -> None:
        """Its last questions are answered; the next one starts another server, whose memory is laid out differently."""
        if self._server is not None:
            self._server.let_go()
            self._server = None

    async def _end(self, fork: Fork, server: _Server) -> None:
        try:
            await fork.end()
        except TimeoutError:
            server.kill()
        if fork.crashed and self._server is server:
            self.let_go()  # a crash may give away how memory is laid out

    def _asked(
        self, question: bytes, source: BinaryIO, files: Sequence[BinaryIO]
    ) -> tuple[_Server, socket.socket, BinaryIO]:
        """The server, and the bot's ends of the leash and of the pipe with the answer."""
        with ExitStack() as stack:
            if_not_sent = stack.enter_context(ExitStack())
            leash, its_leash = socket.socketpair()
            stack.callback(its_leash.close)
            if_not_sent.callback(leash.close)
            leash.setblocking(False)
            read_end, write_end = os.pipe()
            stack.callback(os.close, write_end)
            output = os.fdopen(read_end, "rb", buffering=0)
            if_not_sent.callback(output.close)
            asked = stack.enter_context(_nameless_file(question))
            handed = [asked, source, *files]
            descriptors = [its_leash.fileno(), write_end, *(file.fileno() for file in handed)]
            server = self._sent_to(descriptors)
            if_not_sent.pop_all()
        return server, leash, output

    def _sent_to(self, descriptors: Sequence[int]) -> _Server:
        server = self._running()
        try:
            server.ask(descriptors)
        except OSError:  # it has ended
            self.let_go()
            server = self._running()
            server.ask(descriptors)
        return server

    def _running(self) -> _Server:
        if self._server is not None and self._server.has_forked_enough:
            self.let_go()
        if self._server is None:
            self._server = _Server(self._worker)
        return self._server


@cache
def fork_server(worker: str) -> ForkServer:
    """The one that all of this process shares."""
    server = ForkServer(worker)
    atexit.register(server.let_go)
    return server


def _nameless_file(content: bytes) -> BinaryIO:
    """An open file without a name."""
    file = os.fdopen(os.memfd_create("question"), "w+b") if sys.platform == "linux" else TemporaryFile()  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return file
