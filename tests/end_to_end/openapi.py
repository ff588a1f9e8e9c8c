"""Check requests against Discord's own description of its HTTP API, so that our stand-in is not the only judge.

The document is not part of the project. It is sought at `DISCORD_OPENAPI`, then next to the checkout; without it,
`load_openapi` returns None and tests that need it are skipped.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

Json: TypeAlias = Any  # whatever JSON can say
Keyword: TypeAlias = Callable[[Validator, Json, Json, Mapping[str, Json]], Iterator[ValidationError]]
"""Checks one keyword of a schema: the validator, the keyword's value, the instance, the schema."""

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "reference" / "discord-openapi.json"
BODY_TYPES = ("application/json", "multipart/form-data", "application/x-www-form-urlencoded")
SHOWN_MAX = 200


@cache
def load_openapi() -> "OpenApi | None":
    """Discord's document, read once; None if there is none.

    Raises:
        FileNotFoundError: `DISCORD_OPENAPI` names a missing file; a requested check must not be skipped silently.
    """
    named = os.environ.get("DISCORD_OPENAPI")
    path = Path(named) if named else BESIDE_THE_CHECKOUT
    if not named and not path.is_file():
        return None
    return OpenApi(msgspec.json.decode(path.read_bytes()))


@dataclass(frozen=True, slots=True)
class _Operation:
    """Pointers lead to schemas in the document. `body` None: no body is described."""

    path: Mapping[str, str]  # the path's parameters
    parameters: tuple[tuple[str, Mapping[str, Json]], ...]
    body: str | None
    body_required: bool


class OpenApi:
    """An OpenAPI 3.1 document. Paths are given without `/api/v10`, bodies as decoded JSON.

    The body of a multipart request is its `payload_json`; its files are not checked. Schemas are prepared when first
    needed and kept, as is what was found about each body: every bot announces the same commands. What fits which
    schema is kept for the parts of a body, too, since most messages differ in little: without that, checking requests
    would take a third of the end-to-end tests' time.
    """

    def __init__(self, document: Mapping[str, Json]) -> None:
        self._document = document
        self._kind: type[Validator] = extend(  # type: ignore[no-untyped-call]  # its stubs lack types
            Draft202012Validator,
            {
                "type": _typed,
                "$ref": self._referred,
                "oneOf": self._alternatives("oneOf", most=1),
                "anyOf": self._alternatives("anyOf", most=None),
            },
        )
        patterns = {template: _pattern(template) for template in document["paths"]}
        # `@original` and `@me` are matched before parameters that would also accept them.
        self._patterns = sorted(patterns.items(), key=lambda entry: entry[1].groups)
        self._validators: dict[int, Validator] = {}
        self._fitting: dict[tuple[int, bytes], bool] = {}
        self._broken: dict[tuple[str, bytes], list[str]] = {}
        self._unnamed: dict[tuple[str, bytes], list[str]] = {}

    def violations(self, method: str, path: str, query: Mapping[str, str], body: Json) -> list[str]:
        """Everything that the document does not allow, one sentence each; `body` None means none was sent.

        Keys that no schema names are not violations: see `unknown_keys`.
        """
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path} is not described"]
        return [
            *self._broken_parameters(operation, "path", operation.path),
            *self._broken_parameters(operation, "query", query),
            *self._broken_body(operation, body),
        ]

    def unknown_keys(self, method: str, path: str, body: Json) -> list[str]:
        """The body's keys that no schema of the operation names, such as `body.embeds.0.colour`."""
        operation = self._operation(method, path)
        if operation is None or operation.body is None:
            return []
        key = (operation.body, msgspec.json.encode(body))
        if key not in self._unnamed:
            self._unnamed[key] = list(dict.fromkeys(self._unknown(body, [operation.body], "body")))
        return self._unnamed[key]

    def _operation(self, method: str, path: str) -> _Operation | None:
        for template, pattern in self._patterns:
            described = self._document["paths"][template]
            if (match := pattern.fullmatch(path)) and method.lower() in described:
                return self._described(f"#/paths/{_escaped(template)}", method.lower(), match.groupdict())
        return None

    def _described(self, pointer: str, method: str, path: Mapping[str, str]) -> _Operation:
        request_body = self._at(f"{pointer}/{method}").get("requestBody", {})
        content = request_body.get("content", {})
        kind = next((kind for kind in BODY_TYPES if kind in content), None)
        return _Operation(
            path=path,
            parameters=tuple(
                (f"{at}/parameters/{number}/schema", parameter)
                for at in (pointer, f"{pointer}/{method}")
                for number, parameter in enumerate(self._at(at).get("parameters", ()))
            ),
            body=kind and f"{pointer}/{method}/requestBody/content/{_escaped(kind)}/schema",
            body_required=bool(request_body.get("required")),
        )

    def _broken_parameters(self, operation: _Operation, place: str, given: Mapping[str, str]) -> Iterator[str]:
        names = set()
        for pointer, parameter in operation.parameters:
            if parameter["in"] != place:
                continue
            names.add(name := parameter["name"])
            if name not in given:
                if parameter.get("required"):
                    yield f"{place}.{name} is missing"
            elif not any(self._fits(meant, self._at(pointer)) for meant in _meanings(given[name])):
                yield f"{place}.{name}: {given[name]!r} does not fit {parameter['schema']}"
        yield from (f"{place}.{name} is not described" for name in given if name not in names)

    def _broken_body(self, operation: _Operation, body: Json) -> Iterator[str]:
        if operation.body is None:
            if body is not None:
                yield "body: none is described"
        elif body is None:
            if operation.body_required:
                yield "body is missing"
        else:
            key = (operation.body, msgspec.json.encode(body))
            if key not in self._broken:
                errors = self._validator(self._at(operation.body)).iter_errors(body)
                self._broken[key] = list(
                    dict.fromkeys(_sentence(cause) for error in errors for cause in _causes(error))
                )
            yield from self._broken[key]

    def _validator(self, schema: Json) -> Validator:
        """`schema` is a part of the document, which lives as long as this object, so its address identifies it."""
        if id(schema) not in self._validators:
            self._validators[id(schema)] = self._kind(schema, format_checker=_FORMATS)
        return self._validators[id(schema)]

    def _fits(self, instance: Json, schema: Json) -> bool:
        key = (id(schema), msgspec.json.encode(instance))
        if key not in self._fitting:
            self._fitting[key] = self._validator(schema).is_valid(instance)
        return self._fitting[key]

    def _referred(self, _: Validator, ref: str, instance: Json, __: Json) -> Iterator[ValidationError]:
        """`$ref`; all of them lead to places in the document."""
        schema = self._at(ref)
        if not self._fits(instance, schema):
            yield from self._validator(schema).iter_errors(instance)

    def _alternatives(self, name: str, *, most: int | None) -> Keyword:
        """`oneOf` and `anyOf`, which look for the faults of all alternatives only if there is one to report."""
        original: Keyword = Draft202012Validator.VALIDATORS[name]

        def checked(validator: Validator, branches: Json, instance: Json, schema: Json) -> Iterator[ValidationError]:
            fitting = sum(self._fits(instance, branch) for branch in branches)
            if not fitting or (most is not None and fitting > most):
                yield from original(validator, branches, instance, schema)

        return checked

    def _at(self, pointer: str) -> Json:
        found: Json = self._document
        for part in pointer.removeprefix("#/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) else found[name]
        return found

    def _unknown(self, instance: Json, pointers: list[str], at: str) -> Iterator[str]:
        """`pointers` lead to all the schemas that apply to `instance`."""
        if not isinstance(instance, list | dict):
            return
        schemas = [(inner, self._at(inner)) for pointer in pointers for inner in self._parts(pointer, instance)]
        if isinstance(instance, list):
            items = [f"{pointer}/items" for pointer, schema in schemas if "items" in schema]
            for number, item in enumerate(instance):
                yield from self._unknown(item, items, f"{at}.{number}")
        else:
            described = [pair for pair in schemas if {"properties", "additionalProperties"} & set(pair[1])]
            for key, value in instance.items() if described else ():
                inner = [f"{p}/properties/{_escaped(key)}" for p, s in described if key in s.get("properties", {})]
                inner = inner or [f"{p}/additionalProperties" for p, s in described if s.get("additionalProperties")]
                if inner:
                    yield from self._unknown(value, inner, f"{at}.{key}")
                else:
                    yield f"{at}.{key}"

    def _parts(self, pointer: str, instance: Json) -> Iterator[str]:
        """The schema at `pointer`, taken apart; of alternatives, those that `instance` fits, or all if it fits none."""
        schema = self._at(pointer)
        if not isinstance(schema, Mapping):
            return
        yield pointer
        if "$ref" in schema:
            yield from self._parts(schema["$ref"], instance)
        for number, _ in enumerate(schema.get("allOf", ())):
            yield from self._parts(f"{pointer}/allOf/{number}", instance)
        for kind in ("oneOf", "anyOf"):
            branches = {f"{pointer}/{kind}/{number}": inner for number, inner in enumerate(schema.get(kind, ()))}
            fitting = [branch for branch, inner in branches.items() if self._fits(instance, inner)]
            for branch in fitting or branches:
                yield from self._parts(branch, instance)


def _pattern(template: str) -> re.Pattern[str]:
    """Each `{name}` fills one segment of the path."""
    literals = [re.escape(part) for part in re.split(r"\{\w+\}", template)]
    groups = [f"(?P<{name}>[^/]+)" for name in re.findall(r"\{(\w+)\}", template)]
    return re.compile("".join(part for pair in zip(literals, [*groups, ""], strict=True) for part in pair))


def _escaped(name: str) -> str:
    """A name as a step in a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _meanings(raw: str) -> Iterator[Json]:
    """What a word in a query may mean."""
    yield raw
    yield [raw]
    if re.fullmatch(r"-?\d+", raw):
        yield int(raw)
    if raw.lower() in {"true", "false", "1", "0"}:
        yield raw.lower() in {"true", "1"}


def _causes(error: ValidationError) -> Iterator[ValidationError]:
    """The real faults: of several alternatives, those of the one that was meant."""
    branches: defaultdict[Json, list[ValidationError]] = defaultdict(list)
    for inner in error.context or ():
        branches[inner.schema_path[0]].append(inner)
    meant = [
        [cause for inner in errors for cause in _causes(inner)]
        for errors in branches.values()
        if not any(map(_is_of_another_kind, errors))
    ]
    yield from min(meant, key=len, default=[error])


def _is_of_another_kind(error: ValidationError) -> bool:
    """Whether the fault shows that this alternative was not meant: null for an object, another of Discord's `type`s."""
    is_tag = list(error.path) == ["type"] and error.validator in {"enum", "const", "oneOf", "type"}
    return is_tag or (not error.path and error.validator in {"type", "const"})


def _sentence(error: ValidationError) -> str:
    where = ".".join(["body", *map(str, error.absolute_path)])
    message = error.message
    if len(message) > SHOWN_MAX:
        message = f"{message[: SHOWN_MAX // 2]}…{message[-SHOWN_MAX // 2 :]}"
    return f"{where}: {message}"


def _typed(validator: Validator, types: Json, instance: Json, schema: Mapping[str, Json]) -> Iterator[ValidationError]:
    """As specified, but ids may be numbers: Discord takes them, and libraries send them."""
    if schema.get("format") == "snowflake" and type(instance) is int and instance >= 0:
        return
    yield from Draft202012Validator.VALIDATORS["type"](validator, types, instance, schema)


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@_FORMATS.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@_FORMATS.checks("snowflake")
def _is_snowflake(value: object) -> bool:
    return not re.fullmatch(r"\d+", str(value)) or int(str(value)) < 2**64  # the pattern says what else it must be


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:\S+$", value) is not None
