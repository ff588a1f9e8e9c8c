"""`python -m tests.benchmarks.unpaced run`: `python -m bot run` without the provider's rate, counting transactions.

The rate of 20 submissions in ten seconds would hide what a process can do. On exit, the number of writing
transactions is in the file named by ENCORE_COUNTED.
"""

import atexit
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.domain import pace
from bot.domain.inbox_entry import Recorded
from storage import storage
from storage.inbox import CallbackToRecord

VARIABLE = "ENCORE_COUNTED"
ENDLESS = 1_000_000


class _Unpaced(pace.SlidingWindow, frozen=True, kw_only=True):
    limit: int = ENDLESS


class _Counted(storage.SqlStorage):
    transactions = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[storage.SqlWork]:
        _Counted.transactions += 1
        async with super().transaction() as work:
            yield work

    async def _record(self, callbacks: Sequence[CallbackToRecord]) -> list[Recorded]:
        _Counted.transactions += 1
        return await super()._record(callbacks)


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
