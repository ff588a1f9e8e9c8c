"""Named points at which tests of reliability kill the process. In normal running none is armed, and nothing happens.

`ENCORE_FAULT=name` or `name:3` (the third time it is reached) arms one; `__main__` reads it.
"""

import os
import signal

POINTS = frozenset(
    {
        "after the command is written down",
        "after the defer",
        "after the source upload",
        "inside the accepting transaction",
        "before the submit",
        "after the answer to the submit",
        "after a callback is stored",
        "while a track is fetched",
        "before the post",
        "after the post",
        "inside the settling transaction",
        "inside a migration",
    }
)

_armed: dict[str, int] = {}


def arm(words: str) -> None:
    """Arm the point named by `words`.

    Raises:
        ValueError: there is no such point.
    """
    name, _, times = words.partition(":")
    if name not in POINTS:
        raise ValueError(f"there is no fault point {name!r}; there are: {', '.join(sorted(POINTS))}")
    _armed[name] = int(times or 1)


def reach(name: str) -> None:
    """Die here, without any ado, if this point is armed and it is its time."""
    if not _armed:
        return
    if name in _armed:
        _armed[name] -= 1
        if not _armed[name]:
            os.kill(os.getpid(), signal.SIGKILL)
