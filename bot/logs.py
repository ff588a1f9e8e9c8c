"""Log lines for an operator: as text or JSON, without secrets, and harmless to the terminal that shows them."""

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

OWN = ("bot", "cogs", "storage")
"""The loggers that `LOG_LEVEL` is about. Libraries speak up from warnings on, whatever it says: below, the database
driver logs its parameters, discord.py every event and every request with its token, and aiohttp addresses."""

# A callback address, a token: none may be written down, nor inside another address, where its slashes are escaped.
_SLASHES = ("/", "%2f", "%252f")


def _after(folder: str) -> str:
    return "(?i:" + "|".join(f"(?<={folder}{slash})" for slash in _SLASHES) + ")"


SHAPES = (
    re.compile(_after("callbacks") + r"[A-Za-z0-9_-]{20,}"),
    re.compile(_after("lyrics") + r"[A-Za-z0-9_-]{20,}"),
    re.compile(_after("webhooks") + r"\d{1,20}(?i:/|%2f|%252f)[A-Za-z0-9._-]+"),
    re.compile(_after("interactions") + r"\d{1,20}(?i:/|%2f|%252f)[A-Za-z0-9._-]+"),
    re.compile(r"(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-F]{2}))[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),  # a callback's token
    re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{100,}"),  # an interaction's
)
WORD = re.compile(r"[^\s\"']+")
_MEANT_TO_BE_READ = "discord.com/oauth2/"  # an invite link


def _without_signature(word: re.Match[str]) -> str:
    """`word` without the address in it, if that has a query: a signed link. Looks at each character once or twice."""
    found = word[0]
    query = found.rfind("?", 0, -1)
    begins = found.find("://") + 3
    while 3 <= begins < query and found.startswith(_MEANT_TO_BE_READ, begins):
        begins = found.find("://", begins) + 3
    return f"{found[:begins]}[secret]" if 3 <= begins < query else found


# Characters that move the cursor, colour the screen, reset it, begin a line, or turn the reading order around:
# C0, DEL and C1, the line and paragraph separators, the bidirectional controls, and lone surrogates.
_CONTROLS = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str) -> str:
    """`text` on one line, with its control characters spelled out."""
    return text if text.isprintable() else re.sub(_CONTROLS, _spelled, text)  # none of them is printable


def _spelled(found: re.Match[str]) -> str:
    number = ord(found[0])
    return _NAMED.get(found[0]) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")


class Redaction(logging.Filter):
    """Replaces the given secrets, and whatever is shaped like one, in every line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if len(secret) >= 6]

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.clean(record.getMessage())
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.clean(record.exc_text)
        if record.stack_info:
            record.stack_info = self.clean(record.stack_info)
        return True

    def clean(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "[secret]")
        line = WORD.sub(_without_signature, line)
        for shape in SHAPES:
            line = shape.sub("[secret]", line)
        return line


class Reconnecting(logging.Filter):
    """discord.py logs it as an exception when a connection is lost; to an operator that is one line, and no fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg.startswith("Attempting a reconnect"):
            record.msg = "lost the connection to Discord; reconnecting in %.1f s"
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


class WithoutArguments(logging.Filter):
    """asyncio shows what it complains about with all its arguments, rows of the database among them."""

    _TASK = re.compile(r"<Task .*?name='([^']*)'")

    def filter(self, record: logging.LogRecord) -> bool:
        first, *_ = record.getMessage().splitlines() or [""]
        task = self._TASK.search(record.getMessage())
        first = re.sub(r"\(.*\)", "(…)", re.sub(r"<.*>", "something", first))
        record.msg = f"{first} (task {task[1]})" if task else first
        record.args = ()
        return True


RECONNECTING = Reconnecting()
WITHOUT_ARGUMENTS = WithoutArguments()


class TextLines(logging.Formatter):
    """One line for each record; the lines of a traceback stand below it, indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name of `logging`
        return visible(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        first = self.formatMessage(_with_message(self, record))
        return "\n".join([first, *(f"    {visible(line)}" for line in _below(record))])


class JsonLines(logging.Formatter):
    """One object a line: time (ISO 8601, UTC), level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": visible(record.getMessage()),
        }
        if below := _below(record):
            line["traceback"] = "\n".join(map(visible, below))
        return json.dumps(line, ensure_ascii=False)


def _with_message(formatter: logging.Formatter, record: logging.LogRecord) -> logging.LogRecord:
    """What `logging.Formatter.format` prepares before it formats a message."""
    record.message = record.getMessage()
    record.asctime = formatter.formatTime(record, formatter.datefmt)
    return record


def _below(record: logging.LogRecord) -> list[str]:
    """The lines of the traceback and of the stack, as `Redaction` left them."""
    return [line for part in (record.exc_text, record.stack_info) if part for line in part.split("\n")]


def set_up(*, level: str, form: str, secrets: Iterable[str]) -> None:
    """Send everything to standard error: our own lines from `level` on, those of libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    handler.addFilter(Redaction(secrets))
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(own, logging.WARNING), handlers=[handler], force=True)
    for name in OWN:
        logging.getLogger(name).setLevel(own)
    for name, library in (("discord.client", RECONNECTING), ("asyncio", WITHOUT_ARGUMENTS)):
        logging.getLogger(name).addFilter(library)
