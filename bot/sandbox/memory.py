"""A folder in memory, for files that nobody needs tomorrow."""

import os
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # what is made in it has a name of its own
ROOM_BYTES = 2 << 30


def folder_in_memory() -> Path | None:
    """One with two gigabytes free from which programs may run; None: this machine has none.

    The suite makes thousands of databases, and a database is hundreds of files: making one on a disk takes the kernel
    three times as long.
    """
    try:
        memory = os.statvfs(SHARED_MEMORY)
    except OSError:  # not Linux
        return None
    has_room = memory.f_bavail * memory.f_frsize >= ROOM_BYTES
    may_run = not memory.f_flag & os.ST_NOEXEC
    return SHARED_MEMORY if has_room and may_run and os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else None
