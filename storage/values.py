"""How values are stored in columns: times as whole milliseconds, small records as JSON."""

from datetime import UTC, datetime, timedelta
from typing import overload

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@overload
def to_ms(at: datetime) -> int: ...
@overload
def to_ms(at: None) -> None: ...
@overload
def to_ms(at: datetime | None) -> int | None: ...
def to_ms(at: datetime | None) -> int | None:
    """Milliseconds since 1970, rounded down. `at` must have a time zone."""
    return None if at is None else (at - _EPOCH) // _MILLISECOND


@overload
def from_ms(ms: int) -> datetime: ...
@overload
def from_ms(ms: None) -> None: ...
@overload
def from_ms(ms: int | None) -> datetime | None: ...
def from_ms(ms: int | None) -> datetime | None:
    """The UTC time that `to_ms` stored, exact to the millisecond."""
    return None if ms is None else _EPOCH + ms * _MILLISECOND


def to_json(record: object) -> str:
    """A record as JSON text."""
    return msgspec.json.encode(record).decode()
