"""`python -m tests.benchmarks.unpaced run`: `python -m bot run` without the provider's rate, counting transactions.

The rate of 20 submissions in ten seconds would hide what a process can do. On exit, the number of writing
transactions is in the file named by ENCORE_COUNTED.
"""

import atexit
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bot.domain import pace
from storage import storage

T = TypeVar("T")

VARIABLE = "ENCORE_COUNTED"
ENDLESS = 1_000_000


class _Unpaced(pace.SlidingWindow, frozen=True, kw_only=True):
    limit: int = ENDLESS


class _Counted(storage.SqlStorage):
    transactions = 0

    async def write(self, piece: Callable[[storage.SqlWork], Coroutine[Any, Any, T]]) -> T:
        _Counted.transactions += 1
        return await super().write(piece)


def main() -> int:
    # Before anything imports them.
    pace.SlidingWindow = _Unpaced  # type: ignore[misc]
    storage.SqlStorage = _Counted  # type: ignore[misc]
    counted = Path(os.environ[VARIABLE])
    atexit.register(lambda: counted.write_text(str(_Counted.transactions)))
    from bot.__main__ import main as run  # noqa: PLC0415  # see above

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
