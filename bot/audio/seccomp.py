"""A system call filter in the kernel: it allows what decoding needs and refuses everything else (seccomp(2)).

A refused call fails with EPERM and the process lives on: FFmpeg, for example, manages without a second thread. If a
later library needs another call, a test will fail.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bot import kernel

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

# <linux/bpf_common.h>, <linux/seccomp.h>
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE, KILL_PROCESS = 0x7FFF_0000, 0x0005_0000 | errno.EPERM, 0x8000_0000
AT_NUMBER, AT_ARCHITECTURE, AT_SECOND_ARGUMENT = 0, 4, 24  # in struct seccomp_data; the argument's low half

ARCHITECTURES: Mapping[str, int] = MappingProxyType({"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7})
"""By the machine's name: how the kernel names it to the filter (AUDIT_ARCH_*). All are little-endian with 64 bits."""

# Name: the number on x86_64, on aarch64 (asm/unistd_64.h, asm-generic/unistd.h).
ALLOWED: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        # Open files.
        "read": (0, 63),
        "write": (1, 64),
        "close": (3, 57),
        "fstat": (5, 80),
        "newfstatat": (262, 79),  # glibc's fstat; a filter cannot see that it names no path
        "lseek": (8, 62),
        "readv": (19, 65),
        "writev": (20, 66),
        "dup": (32, 23),
        "fcntl": (72, 25),  # some of it, see below
        "ftruncate": (77, 46),
        # Memory and locks.
        "mmap": (9, 222),
        "mprotect": (10, 226),
        "munmap": (11, 215),
        "brk": (12, 214),
        "mremap": (25, 216),
        "madvise": (28, 233),
        "futex": (202, 98),
        # Time.
        "nanosleep": (35, 101),
        "clock_nanosleep": (230, 115),
        "restart_syscall": (219, 128),
        "gettimeofday": (96, 169),
        "clock_gettime": (228, 113),
        "clock_getres": (229, 114),
        "getrusage": (98, 165),
        # The process itself.
        "rt_sigaction": (13, 134),
        "rt_sigprocmask": (14, 135),
        "rt_sigreturn": (15, 139),
        "sched_yield": (24, 124),
        "sched_getaffinity": (204, 123),
        "getpid": (39, 172),
        "gettid": (186, 178),
        "getrandom": (318, 278),
        "exit": (60, 93),
        "exit_group": (231, 94),
    }
)

# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC. Others make the kernel send signals to any process (F_SETOWN).
FCNTL_COMMANDS = (0, 1, 2, 3, 1030)


@dataclass(frozen=True, slots=True)
class Instruction:
    """struct sock_filter; `if_true` and `if_false` are how many instructions to skip."""

    code: int
    operand: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.operand)


def program(machine: str) -> list[Instruction]:
    """The filter for `machine`, one of `ARCHITECTURES`.

    A call from another architecture, such as a 32-bit one on a 64-bit machine, ends the process. Whole numbers are
    compared, so those of x32, which have an extra bit, never match.
    """
    column = list(ARCHITECTURES).index(machine)
    steps = [
        Instruction(LOAD, AT_ARCHITECTURE),
        Instruction(JUMP_IF_EQUAL, ARCHITECTURES[machine], if_true=1),
        Instruction(RETURN, KILL_PROCESS),
        Instruction(LOAD, AT_NUMBER),
    ]
    for name, numbers in ALLOWED.items():
        verdict = _fcntl() if name == "fcntl" else [Instruction(RETURN, ALLOW)]
        steps += [Instruction(JUMP_IF_EQUAL, numbers[column], if_false=len(verdict)), *verdict]
    return [*steps, Instruction(RETURN, REFUSE)]


def _fcntl() -> Sequence[Instruction]:
    steps = [Instruction(LOAD, AT_SECOND_ARGUMENT)]
    for command in FCNTL_COMMANDS:
        steps += [Instruction(JUMP_IF_EQUAL, command, if_false=1), Instruction(RETURN, ALLOW)]
    return [*steps, Instruction(RETURN, REFUSE)]


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_system_calls() -> None:
    """Restrict this process permanently to `ALLOWED`. Needs `no_new_privs`.

    Raises:
        OSError: the kernel has no filters, or the machine is not in `ARCHITECTURES`.
    """
    machine = os.uname().machine
    if machine not in ARCHITECTURES or struct.calcsize("P") != 8:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    steps = program(machine)
    packed = _Program(len(steps), b"".join(step.packed() for step in steps))
    kernel.call("prctl", _PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(packed), 0, 0)
