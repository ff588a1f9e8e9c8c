"""Sentences for a member, as JSON and back: with their facts, but before they have a language."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from bot.domain.text import Day, Fact, Megabytes, Said, Seconds, Text, Verbatim

Json: TypeAlias = Any


class _Kind(msgspec.Struct, frozen=True):
    """A kind of fact that JSON has no word for: `name` says so beside its value."""

    name: str
    type: type
    stored: Callable[[Any], Json]
    read: Callable[[Json], Fact]


def stored_sentences(sentences: Sequence[Text]) -> str:
    return json.dumps([_stored(sentence) for sentence in sentences])


def sentences_from(stored: str) -> tuple[Text, ...]:
    """What `stored_sentences` wrote.

    Raises:
        LookupError, TypeError, ValueError: this release cannot read it.
    """
    return tuple(_sentence(each) for each in json.loads(stored))


def _stored(sentence: Text) -> Json:
    facts = {name: _stored_fact(fact) for name, fact in sentence.facts.items()}
    return {"message": sentence.message, "plural": sentence.plural, "facts": facts}


def _stored_fact(fact: Fact) -> Json:
    for kind in _KINDS:
        if isinstance(fact, kind.type):
            return {kind.name: kind.stored(fact)}
    return fact


def _sentence(told: Json) -> Text:
    facts = {name: _fact(fact) for name, fact in told["facts"].items()}
    return Text(told["message"], MappingProxyType(facts), told["plural"])


def _fact(told: Json) -> Fact:
    if not isinstance(told, dict):
        plain: Fact = told
        return plain
    ((name, value),) = told.items()
    return {kind.name: kind for kind in _KINDS}[name].read(value)


_KINDS = (
    _Kind("said", Said, str, Said),
    _Kind("verbatim", Verbatim, str, Verbatim),
    _Kind("seconds", Seconds, lambda fact: fact.seconds, Seconds),
    _Kind("bytes", Megabytes, lambda fact: fact.size_bytes, Megabytes),
    _Kind("day", Day, lambda fact: fact.day.isoformat(), lambda told: Day(date.fromisoformat(told))),
    _Kind("at", datetime, datetime.isoformat, datetime.fromisoformat),
    _Kind("sentence", Text, _stored, _sentence),
    _Kind("sentences", list, lambda fact: [*map(_stored, fact)], lambda told: [*map(_sentence, told)]),
)
"""Plain words and numbers are stored as they are."""
