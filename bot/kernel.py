"""The Linux kernel, as far as Python has no functions for it."""

import ctypes
import errno
import os
import sys

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """Close this process's memory and environment, which hold its secrets, to other processes of the same user.

    There is no core dump of it any longer, no debugger or profiler can attach, and its files in `/proc` belong to root
    (PR_SET_DUMPABLE(2const), ptrace(2)). Root with all its capabilities is not held back. Programs that this process
    starts begin as usual. On systems other than Linux nothing happens.
    """
    if sys.platform == "linux":
        call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def call(name: str, *arguments: int) -> int:
    """Call a function of the C library that wraps a system call, `syscall` itself included; its result.

    Raises:
        OSError: the kernel refuses, or does not know the call. Always on systems other than Linux.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    # As wide as a register: most of these functions are variadic, and an int would leave the upper half to chance.
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*map(ctypes.c_ulong, arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
