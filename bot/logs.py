"""Log lines for an operator: one line each, as text or as JSON, and never with a secret in them."""

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

# A callback address, a signed link's query, a token in an interaction's path: none of them may be written down.
_SHAPES = (
    re.compile(r"(?<=/callbacks/)[A-Za-z0-9_-]{20,}"),
    re.compile(r"(?<=/webhooks/)\d+/[A-Za-z0-9._-]+"),
    re.compile(r"(?<=/interactions/)\d+/[A-Za-z0-9._-]+"),
    re.compile(r"(?<=://)(?!discord\.com/oauth2/)[^\s?\"']+\?[^\s\"']+"),  # an invite link is meant to be read
)


class Redaction(logging.Filter):
    """Replaces the given secrets, and whatever is shaped like one, in every line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if len(secret) >= 6]

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.clean(record.getMessage())
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = self.clean(logging.Formatter().formatException(record.exc_info))
        return True

    def clean(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "[secret]")
        for shape in _SHAPES:
            line = shape.sub("[secret]", line)
        return line


class Reconnecting(logging.Filter):
    """discord.py logs it as an exception when a connection is lost; to an operator that is one line, and no fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg.startswith("Attempting a reconnect"):
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


RECONNECTING = Reconnecting()


class JsonLines(logging.Formatter):
    """One object a line: time (ISO 8601, UTC), level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["traceback"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


def set_up(*, level: str, form: str, secrets: Iterable[str]) -> None:
    """Send everything to standard error; discord.py and aiohttp speak up from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    text_lines = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    handler.setFormatter(JsonLines() if form == "json" else text_lines)
    handler.addFilter(Redaction(secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        logging.getLogger("discord.client").addFilter(RECONNECTING)
        for name in ("discord", "aiohttp", "aiosqlite"):
            logging.getLogger(name).setLevel(logging.WARNING)
