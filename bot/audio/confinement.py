"""What the audio process gives up before it reads a file, so that code which takes over the decoder gains nothing.

docs/design.md says what each layer is for and which systems have it.
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
_CAPABILITY_VERSION_3 = 0x2008_0522  # <linux/capability.h>: a set is two 32-bit words

NICENESS = 10
"""Decoding yields to the bot, which has three seconds to acknowledge a command."""
DESCRIPTORS_MAX = 16  # three streams, the output file, and FFmpeg's duplicates


def _no_new_privileges() -> None:
    kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _drop_capabilities() -> None:
    """Without capabilities, even root obeys file permissions and cannot read another process's private memory."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none_at_all = (ctypes.c_uint32 * 6)()
    kernel.call("capset", ctypes.addressof(header), ctypes.addressof(none_at_all))


LAYERS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        "no_new_privs": _no_new_privileges,  # first: an ordinary user needs it for the others
        "dropped capabilities": _drop_capabilities,
        "Landlock": give_up_files,
        "seccomp": filter_system_calls,  # last: it blocks the calls that the others need
    }
)


def bound(*, memory_bytes: int, cpu_seconds: int, file_bytes: int, descriptors: int = DESCRIPTORS_MAX) -> list[str]:
    """Limit this process permanently; return the limits that this system could not set.

    Core dumps and child processes are off too, and descriptors are few. RLIMIT_NPROC does not stop root. The bot and
    everything else on the machine come first.
    """
    os.nice(NICENESS)
    limits = {
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_CPU": cpu_seconds,
        "RLIMIT_FSIZE": file_bytes,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": descriptors,
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
    """Keep a lower limit that was set from outside."""
    return wanted if hard_limit == resource.RLIM_INFINITY else min(wanted, hard_limit)


def confine(layers: Mapping[str, Callable[[], None]] = LAYERS) -> list[str]:
    """Apply every layer permanently; return the names of those that this system lacks.

    Everything needed later must already be open and imported. Error output is discarded from here on, because it is the
    bot's own and may be a terminal.
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
