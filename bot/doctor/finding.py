"""What a check has found."""

from enum import StrEnum

import msgspec


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """The bot works, but not as its operator probably wants."""
    FAILED = "failed"
    """Something needs fixing."""
    SKIPPED = "skipped"
    """It could not be checked, because something else needs fixing first."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried, what came back, and what to do about it (empty: nothing)."""

    status: Status
    tried: str
    came_back: str
    remedy: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The same with the name of its check: one object of `encore doctor --json`."""

    name: str
    status: Status
    tried: str
    came_back: str
    remedy: str


def ok(tried: str, came_back: str) -> Found:
    return Found(status=Status.OK, tried=tried, came_back=came_back)


def warning(tried: str, came_back: str, remedy: str) -> Found:
    return Found(status=Status.WARNING, tried=tried, came_back=came_back, remedy=remedy)


def failed(tried: str, came_back: str, remedy: str) -> Found:
    return Found(status=Status.FAILED, tried=tried, came_back=came_back, remedy=remedy)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One of several things that a check may find; `is_fault`: it needs fixing."""

    what: str
    remedy: str
    is_fault: bool = True


def summed_up(tried: str, problems: list[Problem], otherwise: str) -> Found:
    """The worst of `problems` decides, and all are named; `otherwise` if there are none."""
    if not problems:
        return ok(tried, otherwise)
    is_failed = any(problem.is_fault for problem in problems)
    return Found(
        status=Status.FAILED if is_failed else Status.WARNING,
        tried=tried,
        came_back="; ".join(problem.what for problem in problems),
        remedy="; ".join(filter(None, dict.fromkeys(problem.remedy for problem in problems))),
    )
