"""Where the time comes from; passed to every service, so that tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def is_due(due: datetime | None, now: datetime) -> bool:
    """Whether something may be due, by the `next_due` of its aggregate.

    Asked before a transaction is begun: a bell wakes workers in every process, and all but the first find nothing.
    """
    return due is not None and due <= now
