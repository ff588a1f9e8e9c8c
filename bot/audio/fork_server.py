"""The fork server: `python -m bot.audio.fork_server WORKER`, a socket from the bot on standard input.

To start an interpreter and load FFmpeg takes longer than to read a short file. This process does both once, and each
audio process is a fork of it. It reads no file itself, and knows no more of the bot than they do.
"""

import contextlib
import fcntl
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from bot import kernel
from bot.audio.confinement import NICENESS
from bot.audio.questions import ENDED, FIRST_FILE, FORK

IDLE_SECONDS = 60.0
"""Without a question for so long, the server ends and gives its memory back; the next question starts another."""
DESCRIPTORS_MAX = 128
_CONTROL = 0
_PR_SET_PDEATHSIG = 1
_AUTOGROUP = Path("/proc/self/autogroup")
_REAP_EVERY_SECONDS = 0.005


class Server:
    """Forks a process for each question, and ends it with whatever it has started once the bot lets go of its leash.

    A child is not reaped before, so its id still means its own process group.
    """

    def __init__(self, control: socket.socket, answer: Callable[[bytes], None]) -> None:
        self._control = control
        self._answer = answer
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._children: dict[int, int] = {}  # process ids by leash, here and in the next
        self._ending: dict[int, int] = {}
        self._is_wanted = True

    def serve(self) -> None:
        """Until the bot is gone and so are all children, or nothing was asked for `IDLE_SECONDS`."""
        asked_at = time.monotonic()
        while self._is_wanted or self._children or self._ending:
            for key, _ in self._selector.select(_REAP_EVERY_SECONDS if self._ending else IDLE_SECONDS):
                if key.fileobj is self._control:
                    self._take_question()
                    asked_at = time.monotonic()
                else:
                    self._end(key.fd)
            self._ending = {leash: pid for leash, pid in self._ending.items() if not self._has_ended(leash, pid)}
            if not (self._children or self._ending) and time.monotonic() - asked_at >= IDLE_SECONDS:
                return

    def _take_question(self) -> None:
        told, descriptors, _, _ = socket.recv_fds(self._control, len(FORK), DESCRIPTORS_MAX)
        if not told:
            self._selector.unregister(self._control)
            self._is_wanted = False
            return
        leash, *others = descriptors
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # no memory, or too many processes: the bot sees leash and pipe close
            os.close(leash)
        else:
            if not pid:
                self._become_audio_process(server, others)
            self._children[leash] = pid
            self._selector.register(leash, selectors.EVENT_READ)
        for descriptor in others:
            os.close(descriptor)

    def _become_audio_process(self, server: int, descriptors: Sequence[int]) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)
            _die_with(server)
            answer, asked, source, *files = descriptors
            question = _read(asked)
            hold_only([source, answer, *files])
            self._answer(question)
            code = 0
        except BaseException:  # noqa: BLE001  # nothing of a child may go on as the server
            traceback.print_exc()
        finally:
            os._exit(code)

    def _end(self, leash: int) -> None:
        self._selector.unregister(leash)
        pid = self._ending[leash] = self._children.pop(leash)
        for kill in (os.killpg, os.kill):  # the second in case it has no group of its own yet
            with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter on macOS, once all have ended
                kill(pid, signal.SIGKILL)

    def _has_ended(self, leash: int, pid: int) -> bool:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if not ended:
            return False
        with contextlib.suppress(BrokenPipeError):  # the bot is gone
            os.write(leash, ENDED.pack(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime))
        os.close(leash)
        return True


def hold_only(descriptors: Sequence[int]) -> None:
    """Make them 0, 1, 3, 4 and so on, and close every other one but 2."""
    beyond = FIRST_FILE + len(descriptors) - 2
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, beyond) for descriptor in descriptors]
    for descriptor, number in zip(moved, (0, 1, *range(FIRST_FILE, beyond)), strict=True):
        os.dup2(descriptor, number)
    os.closerange(beyond, os.sysconf("SC_OPEN_MAX"))


def _read(asked: int) -> bytes:
    with os.fdopen(asked, "rb") as question:
        return question.read()


def _yield_to_the_bot() -> None:
    """Linux may share the processors out among sessions, and a process's niceness then counts only within its own.

    See sched(7), "The autogroup feature". The server's processes are all in its session, which the bot is not in. The
    kernel takes one such change in a tenth of a second, of all ordinary users' processes.
    """
    for _ in range(5):
        try:
            _AUTOGROUP.write_text(str(NICENESS))
        except BlockingIOError:
            time.sleep(0.1)
        except OSError:
            return
        else:
            return


def _die_with(server: int) -> None:
    """On Linux the audio process ends with the server, whatever ends that."""
    if sys.platform == "linux":
        kernel.call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server:
        raise SystemExit("the fork server has ended")


def main() -> None:
    # A service manager that stops the bot may tell all its processes, but the bot still has questions to finish.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # what a program ignores, those that it starts ignore, too
    _yield_to_the_bot()  # before the next line, after which this file in /proc is root's
    kernel.keep_memory_private()  # a fork that broke out, on a system without the layers, could read it otherwise
    worker = importlib.import_module(sys.argv[1])
    gc.collect()
    gc.freeze()  # so that a child that looks for garbage need not copy what it shares with the server
    with socket.socket(fileno=os.dup(_CONTROL)) as control:
        Server(control, worker.main).serve()


if __name__ == "__main__":
    main()
