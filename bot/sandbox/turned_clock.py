"""`python -m bot.sandbox.turned_clock FILE run`: `encore run` on a clock that is ahead by the seconds in FILE."""

import runpy
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.services.common import clock


def turn(file: Path, seconds: float) -> None:
    """From now on, the bot that reads `file` is ahead by `seconds`."""
    part = file.with_suffix(".part")
    part.write_text(str(seconds), encoding="utf-8")
    part.replace(file)  # in one step: the bot may be reading it


def main() -> None:
    file = Path(sys.argv[1])

    def turned() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text(encoding="utf-8")))

    clock.utc_now = turned  # before anything imports it
    sys.argv = ["encore", *sys.argv[2:]]
    runpy.run_module("bot", run_name="__main__")


if __name__ == "__main__":
    main()
