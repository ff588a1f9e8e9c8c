"""`python -m tests.faults.turned_clock run`: `python -m bot run` on a clock that the test process turns while it runs.

The file named by ENCORE_CLOCK says by how many seconds this clock is ahead of the machine's.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.services.common import clock

VARIABLE = "ENCORE_CLOCK"


def turn(path: Path, seconds: float) -> None:
    """From now on, the bot that reads `path` is ahead by `seconds`, or behind if they are negative."""
    part = path.with_suffix(".part")
    part.write_text(str(seconds))
    part.replace(path)  # in one step: the bot may be reading it


def main() -> int:
    path = Path(os.environ[VARIABLE])

    def turned() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(path.read_text()))

    clock.utc_now = turned  # before anything imports it
    from bot.__main__ import main as run  # noqa: PLC0415  # see above

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
