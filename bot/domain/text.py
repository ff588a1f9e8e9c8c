"""A sentence for people that has no language yet: a key of the message catalogue with its facts.

Whoever decides something says it as a `Text`; `bot.text` renders it in the reader's language at the edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import TypeAlias


class Said(str):
    """Words from outside (a member's title, a provider's message): escaped and cut when rendered."""

    __slots__ = ()


class Verbatim(str):
    """Words that are ours and carry their own markup, such as a link or a time stamp: rendered as they are."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Seconds:
    """A length in seconds, rendered as `1:05` or `1:02:03`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Megabytes:
    """A size in bytes, rendered in MB (10^6 bytes) or MiB (2^20 bytes) as the reader's locale writes numbers."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the year, rendered as the reader's language writes it: `24 Nov`."""

    day: date


Fact: TypeAlias = "str | Said | Verbatim | int | float | Seconds | Megabytes | Day | datetime | Text | list[Text]"


@dataclass(frozen=True, slots=True)
class Text:
    """`message` is the English sentence and the catalogue's key; `{name}` in it is filled from `facts`.

    With `plural`, `facts["count"]` chooses the form.
    """

    message: str
    facts: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}))
    plural: str | None = None


def text(message: str, /, **facts: Fact) -> Text:
    """A sentence; the literal given here is what the catalogue's extraction finds."""
    return Text(message, MappingProxyType(facts))


def counted(message: str, plural: str, /, *, count: int, **facts: Fact) -> Text:
    """A sentence whose form depends on `count`; both literals go into the catalogue."""
    return Text(message, MappingProxyType({"count": count, **facts}), plural)
