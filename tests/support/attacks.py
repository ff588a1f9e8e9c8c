"""What code would try after taking over the audio process. Each returns if it worked and raises `OSError` if not."""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import resource
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SECRET = b"an invented secret that only the bot knows"

_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17
_CLONE_NEWUSER = 0x1000_0000
_IO_URING_SETUP = 425  # on every architecture
_SMALL_PROGRAM = shutil.which("true") or "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an attacker wants: the bot's process, the address of its secret, its files and two servers."""

    pid: int
    address: int
    database: str
    folder: str
    port: int
    socket_path: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def _call(name: str, *arguments: object) -> int:
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _expect_secret(found: bytes) -> None:
    if SECRET not in found:
        raise AssertionError(found)


def read_environment(target: Target) -> None:
    _expect_secret(Path(f"/proc/{target.pid}/environ").read_bytes())


def read_memory(target: Target) -> None:
    with Path(f"/proc/{target.pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(target.address)
        _expect_secret(memory.read(len(SECRET)))


class _Span(ctypes.Structure):
    _fields_ = (("start", ctypes.c_void_p), ("length", ctypes.c_size_t))


def read_memory_by_system_call(target: Target) -> None:
    mine = ctypes.create_string_buffer(len(SECRET))
    here, there = _Span(ctypes.addressof(mine), len(SECRET)), _Span(target.address, len(SECRET))
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    _call("process_vm_readv", target.pid, ctypes.byref(here), one, ctypes.byref(there), one, none)
    _expect_secret(mine.raw)


def attach(target: Target) -> None:
    zero = ctypes.c_void_p(0)
    _call("ptrace", ctypes.c_long(_PTRACE_ATTACH), target.pid, zero, zero)
    os.waitpid(target.pid, 0)
    _call("ptrace", ctypes.c_long(_PTRACE_DETACH), target.pid, zero, zero)


def signal_the_bot(target: Target) -> None:
    os.kill(target.pid, signal.SIGCONT)


def have_the_kernel_signal_the_bot(target: Target) -> None:
    fcntl.fcntl(1, fcntl.F_SETOWN, target.pid)


def change_the_bots_limits(target: Target) -> None:
    resource.prlimit(target.pid, resource.RLIMIT_CORE, resource.prlimit(target.pid, resource.RLIMIT_CORE))


def read_the_database(target: Target) -> None:
    _expect_secret(Path(target.database).read_bytes())


def write_to_the_database(target: Target) -> None:
    with Path(target.database).open("r+b"):
        pass


def list_files(target: Target) -> None:
    list(Path(target.folder).iterdir())


def write_a_file(target: Target) -> None:
    Path(target.folder, f"left-by-{os.getpid()}").write_bytes(b"")


def remove_a_file(target: Target) -> None:
    Path(target.folder, "left-for-you").unlink()


def connect(target: Target) -> None:
    with socket.socket() as tcp:
        tcp.connect(("127.0.0.1", target.port))


def connect_to_unix_socket(target: Target) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.connect(target.socket_path)


def make_a_socket_pair(_: Target) -> None:
    for end in socket.socketpair():
        end.close()


def fork(_: Target) -> None:
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)


def start_a_program(_: Target) -> None:
    os.waitpid(os.posix_spawn(_SMALL_PROGRAM, ["true"], {}), 0)


def make_a_namespace(_: Target) -> None:
    _call("unshare", _CLONE_NEWUSER)


def use_io_uring(_: Target) -> None:
    parameters = ctypes.create_string_buffer(120)
    os.close(_call("syscall", ctypes.c_long(_IO_URING_SETUP), 1, parameters))


def take_memory(_: Target) -> None:
    with mmap.mmap(-1, 1 << 29):
        pass


def become_another_program(_: Target) -> None:
    """For a program that does not exist; it is enough that the kernel looked for it."""
    with contextlib.suppress(FileNotFoundError):
        os.execv("/does/not/exist", ["it"])  # noqa: S606  # like an attacker


ATTACKS: dict[str, Callable[[Target], None]] = {
    attack.__name__: attack
    for attack in (
        *(read_environment, read_memory, read_memory_by_system_call, attach),
        *(signal_the_bot, have_the_kernel_signal_the_bot, change_the_bots_limits),
        *(read_the_database, write_to_the_database, list_files, write_a_file, remove_a_file),
        *(connect, connect_to_unix_socket, make_a_socket_pair),
        *(fork, start_a_program, become_another_program, make_a_namespace, use_io_uring, take_memory),
    )
}


def outcomes(target: Target) -> Iterator[tuple[str, str]]:
    """Try everything; returns each attack's name with `done` or the reason for its failure."""
    for name, attack in ATTACKS.items():
        try:
            attack(target)
        except OSError as error:
            yield name, error.strerror or str(error)
        else:
            yield name, "done"
