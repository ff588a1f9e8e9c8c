"""The request checker, on a small description of our own, and on Discord's if available."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import discord
import pytest
from discord.http import handle_message_parameters

from tests.end_to_end import openapi
from tests.end_to_end.openapi import OpenApi, load_openapi

ID = "1423456789012345678"
MESSAGES = f"/channels/{ID}/messages"
CALLBACK = f"/interactions/{ID}/token/callback"
LABEL = {"type": 18, "label": "Prompt", "component": {"type": 4, "custom_id": "prompt", "style": 2}}

SMALL: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/things/{thing_id}": {
            "parameters": [
                {"name": "thing_id", "in": "path", "required": True, "schema": {"$ref": "#/components/schemas/Id"}}
            ],
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 9}},
                    {"name": "loud", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "after", "in": "query", "schema": {"$ref": "#/components/schemas/Id"}},
                    {"name": "need", "in": "query", "required": True, "schema": {"type": "string"}},
                ]
            },
            "put": {
                "requestBody": {
                    "required": True,
                    "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                }
            },
            "patch": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
            },
        },
        "/things/@mine": {"get": {}},
    },
    "components": {
        "schemas": {
            "Id": {"type": "string", "pattern": "^[0-9]+$", "format": "snowflake"},
            "Kind": {"type": "integer", "oneOf": [{"const": 1}, {"const": 2}], "format": "int32"},
            "Leaf": {
                "type": "object",
                "properties": {"type": {"type": "integer", "enum": [1]}, "word": {"type": "string", "maxLength": 3}},
                "required": ["type", "word"],
            },
            "Branch": {
                "type": "object",
                "properties": {
                    "type": {"type": "integer", "enum": [2]},
                    "inner": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}, "maxItems": 2},
                },
                "required": ["type"],
            },
            "Node": {"oneOf": [{"$ref": "#/components/schemas/Leaf"}, {"$ref": "#/components/schemas/Branch"}]},
            "Thing": {
                "allOf": [
                    {
                        "type": "object",
                        "properties": {
                            "id": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Id"}]},
                            "kind": {"$ref": "#/components/schemas/Kind"},
                            "flags": {"type": "integer", "format": "int32"},
                            "at": {"type": ["string", "null"], "format": "date-time"},
                            "link": {"type": "string", "format": "uri"},
                            "node": {"$ref": "#/components/schemas/Node"},
                            "names": {"type": "object", "additionalProperties": {"type": "string"}},
                            "anything": {"type": "object"},
                        },
                    },
                    {"type": "object", "properties": {"files[0]": {"type": "string"}}},
                ]
            },
        }
    },
}


@pytest.fixture(scope="module")
def small() -> OpenApi:
    return OpenApi(SMALL)


@pytest.fixture(scope="module")
def real() -> OpenApi:
    document = load_openapi()
    if document is None:
        pytest.skip("Discord's document is not on this machine")
    return document


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": ID, "kind": 2, "flags": 64},
        {"id": int(ID)},
        {"id": None, "at": None},
        {"at": "2026-11-22T12:00:00+00:00", "link": "attachment://a.png"},
        {"node": {"type": 1, "word": "abc"}},
        {"node": {"type": 2, "inner": [{"type": 1, "word": "abc"}, {"type": 2}]}},
        {"names": {"de": "Ding"}, "anything": {"at": {"all": 1}}},
    ],
)
def test_a_valid_body_passes(small: OpenApi, body: dict[str, Any]) -> None:
    assert small.violations("PATCH", f"/things/{ID}", {}, body) == []
    assert small.unknown_keys("PATCH", f"/things/{ID}", body) == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"id": "abc"}, "body.id:"),
        ({"id": 1.5}, "body.id:"),
        ({"id": True}, "body.id:"),
        ({"id": str(2**64)}, "body.id:"),
        ({"kind": 3}, "body.kind:"),
        ({"kind": "1"}, "body.kind:"),
        ({"flags": 2**31}, "body.flags:"),
        ({"flags": True}, "body.flags:"),
        ({"at": "yesterday"}, "body.at:"),
        ({"at": "2026-11-22T12:00:00"}, "body.at:"),
        ({"link": "no link"}, "body.link:"),
        ({"node": {"type": 1, "word": "abcd"}}, "body.node.word: 'abcd' is too long"),
        ({"node": {"type": 1}}, "body.node: 'word' is a required property"),
        ({"node": {"type": 9}}, "body.node:"),
        ({"node": {"type": 2, "inner": [{"type": 1, "word": "abcd"}]}}, "body.node.inner.0.word: 'abcd' is too long"),
        ({"names": {"de": 1}}, "body.names.de:"),
        ([], "body:"),
    ],
)
def test_a_violation_says_where_and_what(small: OpenApi, body: object, where: str) -> None:
    violations = small.violations("PATCH", f"/things/{ID}", {}, body)

    assert violations
    assert all(violation.startswith(where) for violation in violations)


def test_a_long_value_is_not_repeated_whole(small: OpenApi) -> None:
    (violation,) = small.violations("PATCH", f"/things/{ID}", {}, {"node": {"type": 1, "word": "x" * 5000}})

    assert len(violation) < 300
    assert violation.endswith("is too long")


def test_all_violations_are_reported_at_once(small: OpenApi) -> None:
    assert len(small.violations("PUT", "/things/x", {"what": "1"}, {"id": "x", "kind": 3})) == 4


def test_unknown_keys_are_reported_but_are_no_violation(small: OpenApi) -> None:
    body = {"more": 1, "node": {"type": 2, "inner": [{"type": 1, "word": "a", "extra": 1}]}, "names": {"de": "x"}}

    assert small.violations("PATCH", f"/things/{ID}", {}, body) == []
    assert sorted(small.unknown_keys("PATCH", f"/things/{ID}", body)) == ["body.more", "body.node.inner.0.extra"]


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ({"need": "x"}, 0),
        ({"need": "x", "limit": "9", "loud": "true", "after": ID}, 0),
        ({"need": "x", "loud": "1"}, 0),
        ({}, 1),
        ({"need": "x", "limit": "10"}, 1),
        ({"need": "x", "limit": "many"}, 1),
        ({"need": "x", "loud": "yes"}, 1),
        ({"need": "x", "after": "abc"}, 1),
        ({"need": "x", "other": "1"}, 1),
    ],
)
def test_queries_are_checked_by_name_and_type(small: OpenApi, query: dict[str, str], faults: int) -> None:
    assert len(small.violations("GET", f"/things/{ID}", query, None)) == faults


def test_paths_are_matched_literally_first(small: OpenApi) -> None:
    assert small.violations("GET", "/things/@mine", {}, None) == []
    assert small.violations("GET", "/things/mine", {"need": "x"}, None) != []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("DELETE", f"/things/{ID}"), ("GET", f"/things/{ID}/x")]
)
def test_anything_not_described_is_a_violation(small: OpenApi, method: str, path: str) -> None:
    assert small.violations(method, path, {}, None) == [f"{method} {path} is not described"]
    assert small.unknown_keys(method, path, {"a": 1}) == []


def test_a_body_is_present_if_required_and_absent_unless_allowed(small: OpenApi) -> None:
    assert small.violations("PUT", f"/things/{ID}", {}, None) == ["body is missing"]
    assert small.violations("PATCH", f"/things/{ID}", {}, None) == []
    assert small.violations("GET", "/things/@mine", {}, {}) == ["body: none is described"]


@pytest.fixture
def unread() -> Iterator[None]:
    load_openapi.cache_clear()
    yield
    load_openapi.cache_clear()


@pytest.mark.usefixtures("unread")
def test_the_document_is_found_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small.json").write_text(json.dumps(SMALL), encoding="utf-8")
    monkeypatch.setenv("DISCORD_OPENAPI", str(tmp_path / "small.json"))

    document = load_openapi()

    assert document is not None
    assert document.violations("GET", "/things/@mine", {}, None) == []
    assert load_openapi() is document


@pytest.mark.usefixtures("unread")
def test_a_variable_that_names_no_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_OPENAPI", str(tmp_path / "none.json"))

    with pytest.raises(FileNotFoundError):
        load_openapi()


@pytest.mark.usefixtures("unread")
def test_without_a_document_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_OPENAPI", raising=False)
    monkeypatch.setattr(openapi, "BESIDE_THE_CHECKOUT", tmp_path / "none.json")

    assert load_openapi() is None


def test_discord_takes_the_messages_that_the_library_sends(real: OpenApi) -> None:
    embed = discord.Embed(title="Tide", colour=1, timestamp=discord.utils.utcnow()).set_footer(text="Encore")
    embed.add_field(name="Style", value="folk").set_thumbnail(url="https://images.invalid/1.jpeg")
    file = discord.File(io.BytesIO(b"sound"), "tide.mp3")
    with handle_message_parameters("Done", embed=embed, file=file, nonce="n" * 25) as parameters:
        assert parameters.multipart is not None
        body = json.loads(parameters.multipart[0]["value"])

    assert real.violations("POST", MESSAGES, {}, body) == []
    # discord.py puts this one into every embed; Discord does not document it.
    assert real.unknown_keys("POST", MESSAGES, body) == ["body.embeds.0.flags"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"content": "x" * 4001}, "body.content:"),
        ({"content": 5}, "body.content:"),
        ({"embeds": [{"title": "x" * 257}]}, "body.embeds.0.title:"),
        ({"embeds": [{}] * 11}, "body.embeds:"),
        ({"nonce": "n" * 26}, "body.nonce:"),
        ({"components": [{"type": 99}]}, "body.components.0:"),
        (
            {"components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "x" * 81, "custom_id": "x"}]}]},
            "body.components.0.components.0.label:",
        ),
        ({"allowed_mentions": {"parse": ["all"]}}, "body.allowed_mentions.parse.0:"),
        ({"message_reference": {}}, "body.message_reference:"),
        ({"attachments": [{"filename": "a.mp3"}]}, "body.attachments.0:"),
    ],
)
def test_discord_refuses_such_a_message(real: OpenApi, body: dict[str, Any], where: str) -> None:
    (violation,) = real.violations("POST", MESSAGES, {}, body)

    assert violation.startswith(where)


@pytest.mark.parametrize(
    "body",
    [
        {"type": 5, "data": {"flags": 64}},
        {"type": 5},
        {"type": 6},
        {"type": 4, "data": {"content": "Hello", "flags": 64}},
        {"type": 8, "data": {"choices": [{"name": "V5", "value": "V5"}]}},
        {"type": 9, "data": {"custom_id": "x", "title": "x", "components": [LABEL]}},
    ],
)
def test_discord_takes_such_an_answer_to_an_interaction(real: OpenApi, body: dict[str, Any]) -> None:
    assert real.violations("POST", CALLBACK, {"with_response": "1"}, body) == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"type": 77}, "body:"),
        ({"type": 4, "data": {"content": "x" * 2001}}, "body.data.content:"),
        ({"type": 8, "data": {"choices": [{"name": "x" * 101, "value": "x"}]}}, "body.data.choices.0.name:"),
        ({"type": 8, "data": {"choices": [{"name": "x", "value": "x"}] * 26}}, "body.data.choices:"),
    ],
)
def test_discord_refuses_such_an_answer(real: OpenApi, body: dict[str, Any], where: str) -> None:
    (violation,) = real.violations("POST", CALLBACK, {}, body)

    assert violation.startswith(where)


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/users/@me", {}, None),
        ("GET", "/applications/@me", {}, None),
        ("GET", "/oauth2/applications/@me", {}, None),
        ("GET", "/gateway/bot", {}, None),
        ("GET", MESSAGES, {"limit": "50", "after": ID}, None),
        ("POST", "/users/@me/channels", {}, {"recipient_id": int(ID)}),
        ("PATCH", f"{MESSAGES}/{ID}", {}, {"content": "x", "attachments": []}),
        ("PATCH", f"/webhooks/{ID}/token/messages/@original", {}, {"content": "x"}),
        ("DELETE", f"/webhooks/{ID}/token/messages/@original", {}, None),
        ("PATCH", f"/webhooks/{ID}/token/messages/{ID}", {}, {"content": "x"}),
        ("POST", f"/webhooks/{ID}/token", {"wait": "true"}, {"content": "x", "flags": 64}),
        ("PUT", f"/applications/{ID}/commands", {}, [{"name": "quota", "description": "x", "type": 1, "options": []}]),
    ],
)
def test_discord_describes_every_route_that_the_bot_uses(
    real: OpenApi, method: str, path: str, query: dict[str, str], body: object
) -> None:
    assert real.violations(method, path, query, body) == []
