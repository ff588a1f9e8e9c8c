"""Sentences for people, before they have a language: an English original and the values that go into it.

Code that decides something describes it as a `Text`. `bot.text` translates it when it is shown to somebody.
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import TypeAlias

import msgspec


class Said(str):
    """Words from outside, such as a member's title or the provider's message. Escaped and shortened when shown."""

    __slots__ = ()


class Verbatim(str):
    """Our own markup, such as a mention or a link. Shown as it is, so it must never contain words from outside."""

    __slots__ = ()


class Seconds(msgspec.Struct, frozen=True):
    """A length or position in seconds, shown as `1:05` or `1:02:03`."""

    seconds: float


class Megabytes(msgspec.Struct, frozen=True):
    """A size in bytes, shown in MB of 1,000,000 bytes, rounded up to a tenth: `12.3 MB`, in German `12,3 MB`."""

    size_bytes: int


class Day(msgspec.Struct, frozen=True):
    """A day of the year, rendered as the reader's language writes it: `24 Nov`."""

    day: date


Fact: TypeAlias = "str | Said | Verbatim | int | float | Seconds | Megabytes | Day | datetime | Text | list[Text]"


class Text(msgspec.Struct, frozen=True):
    """`message` is the English sentence, which is also its key in the catalogue; `facts` fill its `{placeholders}`.

    If there is a `plural`, `facts["count"]` decides which of the two is used.
    """

    message: str
    facts: Mapping[str, Fact] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    plural: str | None = None


def text(message: str, /, **facts: Fact) -> Text:
    """A sentence. `message` must be a literal, because `make messages` reads it from the source."""
    return Text(message, MappingProxyType(facts))


def counted(message: str, plural: str, /, *, count: int, **facts: Fact) -> Text:
    """A sentence with a singular and a plural form, both literals."""
    return Text(message, MappingProxyType({"count": count, **facts}), plural)
