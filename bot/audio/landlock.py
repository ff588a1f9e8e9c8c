"""Landlock: a process gives up its rights to open files, connect, and signal others (landlock(7))."""

import ctypes
import os

from bot import kernel

# The same numbers on every architecture.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_GIVE_VERSION = 1

# What each version of the interface added, as bits of <linux/landlock.h>.
_FILES = {1: 0x1FFF, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # open, list, make, remove, run; move; truncate; ioctl
_NETWORK = {4: 0b11}  # bind and connect TCP
_SCOPED = {6: 0b11}  # abstract Unix sockets and signals reach only processes in the same domain


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def give_up_files() -> None:
    """From now on this process cannot open a file, nor read, trace or signal a process outside.

    Needs `no_new_privs`. Every version of Landlock covers files and tracing; TCP came with 4, signals with 6.

    Raises:
        OSError: the kernel has no Landlock (before 5.13), or did not enable it at boot.
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
