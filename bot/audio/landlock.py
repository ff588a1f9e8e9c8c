"""Landlock: a process gives up its right to open files, to connect, and to signal others (landlock(7))."""

import ctypes
import os

from bot import kernel

# The same numbers on every architecture.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_GIVE_VERSION = 1

# What each version of the interface added, by the bits of <linux/landlock.h>.
_FILES = {1: 0x1FFF, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # open, list, make, remove, run; move; truncate; ioctl
_NETWORK = {4: 0b11}  # bind and connect TCP
_SCOPED = {6: 0b11}  # abstract Unix sockets and signals stay among those confined together


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def give_up_files() -> None:
    """From here on this process opens no file, and neither reads, traces nor signals a process outside.

    Needs `no_new_privs`. Files and tracing are covered by every version of Landlock, TCP from 4 on, signals from 6 on.

    Raises:
        OSError: the kernel has no Landlock (before 5.13), or it was not enabled at boot.
    """
    version = kernel.call("syscall", _CREATE_RULESET, 0, 0, _GIVE_VERSION)
    ruleset = _Ruleset(*(_known(bits, version) for bits in (_FILES, _NETWORK, _SCOPED)))
    descriptor = kernel.call("syscall", _CREATE_RULESET, ctypes.addressof(ruleset), ctypes.sizeof(ruleset), 0)
    try:
        kernel.call("syscall", _RESTRICT_SELF, descriptor, 0)  # a ruleset without rules: no exceptions
    finally:
        os.close(descriptor)


def _known(bits: dict[int, int], version: int) -> int:
    return sum(added for since, added in bits.items() if since <= version)
