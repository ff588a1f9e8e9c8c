"""What must never appear in a log line or a message, by its shape or its value."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bot.sandbox.stand_ins import API_KEY, TOKEN

OWN = ("bot", "cogs", "storage")

SHAPES = (
    re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),  # a callback's token
    re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{100,}(?![A-Za-z0-9_-])"),  # an interaction's
    re.compile(r"[?&](?:ex|is|hm|sig|signature|token|expires)=", re.IGNORECASE),  # a signed link
    re.compile(r"/callbacks/[A-Za-z0-9]"),
    re.compile(r"Bearer \S|Authorization: Bot", re.IGNORECASE),
)
SHORTEST = 6  # as in `bot.logs`
VALUES = frozenset({API_KEY, TOKEN, "invented-interaction-token"})


def secrets_in(lines: Iterable[str], *, more: Iterable[str] = ()) -> list[str]:
    """The lines that contain one of the shapes, the values, or `more` values."""
    values = VALUES | {value for value in more if len(value) >= SHORTEST}
    return [
        line for line in lines if any(shape.search(line) for shape in SHAPES) or any(value in line for value in values)
    ]


class Overheard(logging.Handler):
    """What the bot's code logs, before `bot.logs` cleans it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("bot.sandbox"):
            self.lines.append(logging.Formatter().format(record))


@contextmanager
def overhearing() -> Iterator[Overheard]:
    """Record everything logged, including what only `LOG_LEVEL=debug` shows."""
    overheard = Overheard()
    loggers = [logging.getLogger(name) for name in OWN]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(overheard)
        logger.setLevel(logging.DEBUG)
    try:
        yield overheard
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(overheard)
            logger.setLevel(level)
