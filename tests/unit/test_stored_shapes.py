"""JSON stored by older releases can still be read: every field added since has a default."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

import storage
from bot.domain.jobs import Failure, Intake, Parent, Place, RelayTurn
from bot.domain.lyrics import Version
from bot.domain.presets import PresetOptions
from bot.domain.relays import Opening
from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioProperties, InMessage, SourceChoice
from bot.domain.timed_lyrics import TimedLine
from bot.domain.whole_songs import WholeSongOrder
from storage.drafts import DraftPayload
from storage.lyrics import LyricsPayload
from storage.relays import RelayPayload
from storage.timed_lyrics import TimedLinesPayload

ALWAYS_THERE: dict[type, frozenset[str]] = {
    ExtensionRequest: frozenset(),
    AudioProperties: frozenset({"format", "codec", "length_seconds", "sample_rate", "channels", "size_bytes"}),
    Failure: frozenset({"reason"}),
    Intake: frozenset({"place", "source", "request", "due_at"}),
    Place: frozenset(
        {
            *("application_id", "interaction_id", "interaction_token", "guild_id", "channel_id", "member_id"),
            *("locale", "private", "received_at"),
        }
    ),
    SourceChoice: frozenset({"kind", "name", "locator"}),
    InMessage: frozenset({"channel_id", "message_id", "attachment_id"}),
    Parent: frozenset({"job_id", "song_id"}),
    DraftPayload: frozenset({"request"}),
    RelayTurn: frozenset({"relay_id", "number"}),
    Opening: frozenset({"member_id", "title", "model"}),
    RelayPayload: frozenset({"locale", "opening"}),
    PresetOptions: frozenset(),
    WholeSongOrder: frozenset({"place", "job_id", "message_id"}),
    LyricsPayload: frozenset({"idea"}),
    Version: frozenset({"text"}),
    TimedLinesPayload: frozenset({"lines"}),
    TimedLine: frozenset({"begins_at", "text"}),
}
"""The fields without a default in the first release that stored the type, so every row has them. Never add to these."""


def types_in(source: str) -> Iterator[str]:
    """The names of the types that a module decodes JSON into, by any of msgspec's functions."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match ast.unparse(node.func).split("."):
            case [*_, "Decoder"]:
                yield ast.unparse(node.args[0])
            case [*_, "convert" | "decode"]:
                yield from (ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "type")
                yield from map(ast.unparse, node.args[1:2])


def stored_types() -> Iterator[type[msgspec.Struct]]:
    for found in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"storage.{found.name}")
        for name in types_in(Path(str(module.__file__)).read_text(encoding="utf-8")):
            yield vars(module)[name]


def decoded(kind: Any) -> Iterator[type[msgspec.Struct]]:  # noqa: ANN401  # any annotation
    """The records that JSON is decoded into, from `kind` through all its fields."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for annotation in get_type_hints(kind).values():
            yield from decoded(annotation)
    for part in get_args(kind):
        yield from decoded(part)


DECODED = sorted({part for kind in stored_types() for part in decoded(kind)}, key=lambda kind: kind.__name__)


def test_every_type_that_storage_reads_as_json_is_found() -> None:
    source = "a = msgspec.json.Decoder(A)\nmsgspec.convert(x, B)\nmsgspec.json.decode(x, type=C)\n_A.decode(row)"

    assert list(types_in(source)) == ["A", "B", "C"]
    assert {ExtensionRequest, Intake, Place} <= set(DECODED)


@pytest.mark.parametrize("kind", DECODED)
def test_a_field_added_after_the_first_release_has_a_default(kind: type[msgspec.Struct]) -> None:
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}

    assert required <= ALWAYS_THERE.get(kind, frozenset()), "rows of older releases do not have it: give it a default"


STORED: dict[type[msgspec.Struct], str] = {
    ExtensionRequest: "{}",
    AudioProperties: (
        '{"format":"mp3","codec":"mp3","length_seconds":60.25,"sample_rate":44100,"channels":2,"size_bytes":1}'
    ),
    Failure: '{"reason":"copyright"}',
    Intake: (
        '{"place":{"application_id":1,"interaction_id":2,"interaction_token":"t","guild_id":null,"channel_id":3,'
        '"member_id":4,"locale":"de","private":false,"received_at":"2026-11-22T12:00:00Z"},'
        '"source":{"kind":"url","name":"tide.mp3","locator":"https://files.invalid/tide.mp3"},'
        '"request":{"model":"V3_5","continue_at_words":"soon"},"due_at":"2026-11-22T12:00:00Z"}'
    ),
    SourceChoice: '{"kind":"url","name":"tide.mp3","locator":"https://files.invalid/tide.mp3"}',
    DraftPayload: '{"request":{}}',
    RelayPayload: '{"locale":"de","opening":{"member_id":4,"title":"Tide","model":"V5","job_id":"a1"}}',
    PresetOptions: "{}",
    WholeSongOrder: (
        '{"place":{"application_id":1,"interaction_id":2,"interaction_token":"t","guild_id":null,"channel_id":3,'
        '"member_id":4,"locale":"de","private":false,"received_at":"2026-11-22T12:00:00Z"},"job_id":"a1","message_id":5}'
    ),
    LyricsPayload: '{"idea":"the tide","versions":[{"text":"The tide comes in"}]}',
    TimedLinesPayload: '{"lines":[{"begins_at":1.5,"text":"The tide comes in"}]}',
}
"""The smallest rows that the first release wrote that stored the type."""


@pytest.mark.parametrize("kind", STORED)
def test_rows_from_the_first_release_are_read(kind: type[msgspec.Struct]) -> None:
    assert isinstance(msgspec.json.decode(STORED[kind], type=kind), kind)


def test_every_decoded_type_has_an_old_row_here() -> None:
    assert set(stored_types()) <= set(STORED)


@pytest.mark.parametrize("kind", STORED)
def test_a_field_from_a_newer_release_does_not_stop_this_one(kind: type[msgspec.Struct]) -> None:
    """After a downgrade."""
    newer = STORED[kind].replace("{", '{"invented_later":1,' if STORED[kind] != "{}" else '{"invented_later":1', 1)

    assert isinstance(msgspec.json.decode(newer, type=kind), kind)
