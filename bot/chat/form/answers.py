"""What a form says when it comes back, as Discord sends it (docs/discord.md 2.4). Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Mapping[str, Any]


class HandedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file from the form's upload."""

    name: str
    url: str
    size_bytes: int


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """By the custom_ids of the fields. Fields that were not shown, and uploads that were left empty, are missing."""

    words: Mapping[str, str]
    files: Mapping[str, HandedFile]


def answers_in(data: Json) -> Answers:
    """Read `data` of a submitted form."""
    words: dict[str, str] = {}
    files: dict[str, HandedFile] = {}
    attachments = (data.get("resolved") or {}).get("attachments") or {}
    for component in _components(data.get("components") or []):
        name = str(component["custom_id"])
        if isinstance(component.get("value"), str):
            words[name] = component["value"]
            continue
        for value in component.get("values") or []:
            if (found := attachments.get(value)) is not None:
                files[name] = HandedFile(
                    name=found.get("title") or found["filename"], url=found["url"], size_bytes=int(found["size"])
                )
            else:
                words[name] = str(value)
    return Answers(words=words, files=files)


def _components(rows: list[Json]) -> Iterator[Json]:
    """Those with a custom_id, inside labels and rows."""
    for row in rows:
        inner = [row["component"]] if isinstance(row.get("component"), dict) else row.get("components") or []
        if "custom_id" in row:
            yield row
        yield from _components(inner)
