"""Linux system calls that Python has no functions for."""

import ctypes
import errno
import os
import sys

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """Hide this process's memory and environment, with its secrets, from the same user's other processes.

    It leaves no core dump, no debugger or profiler can attach, and its files in `/proc` belong to root
    (PR_SET_DUMPABLE(2const), ptrace(2)). This does not stop root with all its capabilities. Programs that this process
    starts are unaffected. On systems other than Linux nothing happens.
    """
    if sys.platform == "linux":
        call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def call(name: str, *arguments: int) -> int:
    """Call a C library function that wraps a system call, or `syscall` itself; returns its result.

    Raises:
        OSError: the kernel refuses or does not know the call. Always on systems other than Linux.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    # As wide as a register: most of these functions are variadic, and an int would leave the upper half undefined.
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*map(ctypes.c_ulong, arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
