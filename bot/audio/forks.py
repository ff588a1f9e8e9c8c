"""The bot's side of the fork server: start it when needed, ask for audio processes, let go of them."""

import asyncio
import atexit
import errno
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, Popen
from threading import Thread
from typing import BinaryIO

from bot.audio.questions import ENDED, LENGTH
from bot.cancellation import to_its_end

LINE_MAX_BYTES = 1 << 14

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
        return self.exit_code is not None and self.exit_code < 0 and self.exit_code != -signal.SIGKILL

    async def line(self) -> bytes:
        """The next line of its answer, without an end if there will be no more.

        Raises:
            ValueError: it is longer than `LINE_MAX_BYTES`.
        """
        return await self._output.readline()

    async def end(self) -> None:
        """End it with its whole process group."""
        with self._leash:
            self._leash.shutdown(socket.SHUT_WR)
            told = await asyncio.get_running_loop().sock_recv(self._leash, ENDED.size)
        if told:
            self.exit_code, self.cpu_seconds = ENDED.unpack(told)


class ForkServer:
    """The process that audio processes are forked from (`bot.audio.fork_server`).

    It runs while there are questions and for a while after. If it has ended, for whatever reason, the next question
    starts another.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._control: socket.socket | None = None

    @asynccontextmanager
    async def fork(self, question: bytes, source: BinaryIO, files: Sequence[BinaryIO]) -> AsyncIterator[Fork]:
        """An audio process with `source` on standard input and `files` from `FIRST_FILE` on.

        On leaving it is gone with whatever it has started, even if the caller is cancelled. At most two buffers of
        `LINE_MAX_BYTES` are read ahead, whatever it sends.
        """
        leash, output = self._asked(question, source, files)
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
            await to_its_end(fork.end())
            if fork.crashed:  # that tells how memory is laid out, and it is the same in every fork of this server
                self.let_go()

    def let_go(self) -> None:
        """It ends after its last question."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def _asked(self, question: bytes, source: BinaryIO, files: Sequence[BinaryIO]) -> tuple[socket.socket, BinaryIO]:
        """The bot's ends of the leash and of the pipe with the answer."""
        with ExitStack() as stack:
            leash, its_leash = socket.socketpair()
            stack.callback(its_leash.close)
            leash.setblocking(False)
            read_end, write_end = os.pipe()
            stack.callback(os.close, write_end)
            descriptors = [its_leash.fileno(), write_end, source.fileno(), *(file.fileno() for file in files)]
            message = LENGTH.pack(len(question)) + question
            output = os.fdopen(read_end, "rb", buffering=0)
            with ExitStack() as if_not_sent:
                if_not_sent.callback(leash.close)
                if_not_sent.callback(output.close)
                try:
                    self._send(message, descriptors)
                except OSError:  # it has ended
                    self.let_go()
                    self._send(message, descriptors)
                if_not_sent.pop_all()
        return leash, output

    def _send(self, message: bytes, descriptors: Sequence[int]) -> None:
        """A message waits in the socket's buffer until the server is ready."""
        if socket.send_fds(self._running(), [message], descriptors) < len(message):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _running(self) -> socket.socket:
        if self._control is None:
            self._control, its_end = socket.socketpair()
            self._control.setblocking(False)
            with its_end:
                process = Popen(  # noqa: S603  # our own arguments
                    [sys.executable, "-m", "bot.audio.fork_server", self._worker],
                    stdin=its_end.fileno(),
                    stdout=DEVNULL,
                    cwd=_ROOT,
                    env=_ENVIRONMENT,
                    # Standard error stays the bot's until a fork is confined, so that a broken installation shows.
                    start_new_session=True,  # Ctrl-C does not reach it
                )
            # So that it leaves no zombie, whenever it ends.
            Thread(target=process.wait, name="end of the fork server", daemon=True).start()
        return self._control


@cache
def fork_server(worker: str) -> ForkServer:
    """The one that all of this process shares."""
    server = ForkServer(worker)
    atexit.register(server.let_go)
    return server
