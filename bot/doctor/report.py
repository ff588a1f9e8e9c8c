"""How findings are printed: for people, or as JSON."""

from collections.abc import Callable

import msgspec

from bot.doctor.finding import Finding, Status
from bot.logs import visible

NAME_WIDTH = 12
STATUS_WIDTH = 8


def as_lines(finding: Finding, clean: Callable[[str], str]) -> list[str]:
    """One line if all is well; otherwise what was tried and what to do are below it. `clean` removes secrets."""
    words = f"{finding.tried}: {finding.came_back}" if finding.status is Status.OK else finding.came_back
    head = f"{finding.status:<{STATUS_WIDTH}} {finding.name:<{NAME_WIDTH}} {clean(visible(words))}"
    if finding.status in {Status.OK, Status.SKIPPED}:
        return [head]
    indent = " " * (STATUS_WIDTH + NAME_WIDTH + 2)
    below = (("tried", finding.tried), ("to do", finding.remedy))
    return [head, *(f"{indent}{what}: {clean(visible(words))}" for what, words in below if words)]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the output; `is_fault`: it says that something needs fixing."""

    text: str
    is_fault: bool = False


def as_json(finding: Finding, clean: Callable[[str], str]) -> str:
    """One object on one line."""
    texts = {name: clean(visible(getattr(finding, name))) for name in ("tried", "came_back", "remedy")}
    return msgspec.json.encode(msgspec.structs.replace(finding, **texts)).decode()


def in_sum(statuses: list[Status]) -> str:
    """The last line for people."""
    counts = {status: statuses.count(status) for status in Status}
    if counts[Status.FAILED]:
        rest = f", {counts[Status.SKIPPED]} could not be checked" if counts[Status.SKIPPED] else ""
        return f"{counts[Status.FAILED]} of {len(statuses)} checks found something that needs fixing{rest}."
    if counts[Status.WARNING]:
        return f"Nothing needs fixing; see the warnings ({counts[Status.WARNING]})."
    return "Everything is fine."
