"""What the audio process gives up before it reads a file: code that takes over the decoder then finds nothing to take.

docs/design.md says what each layer is for, and which systems have it.
"""

import ctypes
import os
import resource
from collections.abc import Callable, Mapping
from types import MappingProxyType

from bot import kernel
from bot.audio.landlock import give_up_files
from bot.audio.seccomp import filter_system_calls

_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x2008_0522  # <linux/capability.h>: a set has two words of 32 bits

DESCRIPTORS_MAX = 16  # three streams, the output file, and FFmpeg's duplicates


def _no_new_privileges() -> None:
    kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _drop_capabilities() -> None:
    """Without them root obeys file permissions, and cannot look into a process that keeps its memory private."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none_at_all = (ctypes.c_uint32 * 6)()
    kernel.call("capset", ctypes.addressof(header), ctypes.addressof(none_at_all))


LAYERS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        "no_new_privs": _no_new_privileges,  # first: the kernel asks it of an ordinary user for the others
        "dropped capabilities": _drop_capabilities,
        "Landlock": give_up_files,
        "seccomp": filter_system_calls,  # last: it refuses the calls that the others need
    }
)


def bound(*, memory_bytes: int, cpu_seconds: int, file_bytes: int) -> list[str]:
    """Limit this process for good, and return the limits that this system could not set.

    It also gets no core dump, few descriptors and no child processes; root may still have those (RLIMIT_NPROC).
    """
    limits = {
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_CPU": cpu_seconds,
        "RLIMIT_FSIZE": file_bytes,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": DESCRIPTORS_MAX,
        "RLIMIT_NPROC": 0,
    }
    missing = []
    for name, wanted in limits.items():
        try:
            kind = getattr(resource, name)
            most = _at_most(wanted, resource.getrlimit(kind)[1])
            resource.setrlimit(kind, (most, most))
        except (AttributeError, ValueError, OSError):
            missing.append(name)
    return missing


def _at_most(wanted: int, hard_limit: int) -> int:
    """A lower limit, set from outside, stays."""
    return wanted if hard_limit == resource.RLIM_INFINITY else min(wanted, hard_limit)


def confine(layers: Mapping[str, Callable[[], None]] = LAYERS) -> list[str]:
    """Put up every layer for good, and return the names of those that this system lacks.

    Everything needed later must be open and imported by now. Error output is discarded from here on: it is the bot's
    own, perhaps a terminal.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    missing = []
    for name, put_up in layers.items():
        try:
            put_up()
        except OSError:
            missing.append(name)
    return missing
