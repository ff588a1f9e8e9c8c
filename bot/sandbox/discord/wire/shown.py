"""Embeds and components as they come back: complete, numbered, with the addresses of files (OpenAPI)."""

import copy
from typing import Any

from bot.sandbox.discord.refuse.components import (
    CONTAINER,
    FILE,
    GALLERY,
    SELECTS,
    SEPARATOR,
    THUMBNAIL,
)
from bot.sandbox.discord.world.clock import Snowflakes
from bot.sandbox.discord.world.posts import Attachment
from bot.sandbox.discord.world.shapes import Json

SCHEME = "attachment://"
DEFAULTS: dict[int, Json] = {
    **{kind: {"min_values": 1, "max_values": 1} for kind in SELECTS},
    FILE: {"spoiler": False, "name": None, "size": None},
    SEPARATOR: {"spacing": 1, "divider": True},
    CONTAINER: {"accent_color": None, "spoiler": False},
    THUMBNAIL: {"description": None, "spoiler": False},
}


def embeds_shown(embeds: list[Json], attachments: tuple[Attachment, ...]) -> tuple[list[Json], frozenset[int]]:
    """The embeds as shown, and the files they use, which leave the message's own list (discord-api-docs#1340)."""
    used: set[int] = set()

    def resolved(node: Any) -> Any:  # noqa: ANN401  # any JSON
        if isinstance(node, dict):
            return {key: resolved(value) for key, value in node.items() if value is not None}
        if isinstance(node, list):
            return [resolved(value) for value in node]
        if isinstance(node, str) and (found := _named(node, attachments)):
            used.add(found.id)
            return found.url
        return node

    return [{**resolved(embed), "type": "rich"} for embed in embeds], frozenset(used)


def _named(address: str, attachments: tuple[Attachment, ...]) -> Attachment | None:
    if not address.startswith(SCHEME):
        return None
    return next((each for each in attachments if each.filename == address.removeprefix(SCHEME)), None)


def components_shown(
    components: list[Json], attachments: tuple[Attachment, ...], snowflakes: Snowflakes
) -> tuple[list[Json], frozenset[int]]:
    """The components as shown, numbered in order, and the files they use."""
    return _Completion(attachments, snowflakes).run(components)


class _Completion:
    def __init__(self, attachments: tuple[Attachment, ...], snowflakes: Snowflakes) -> None:
        self._attachments = attachments
        self._snowflakes = snowflakes
        self._used: set[int] = set()
        self._count = 0

    def run(self, components: list[Json]) -> tuple[list[Json], frozenset[int]]:
        return [self._complete(component) for component in components], frozenset(self._used)

    def _complete(self, component: Json) -> Json:
        self._count += 1
        whole: Json = {
            **DEFAULTS.get(component["type"], {}),
            "id": component.get("id") or self._count,
            **{key: copy.deepcopy(value) for key, value in component.items() if value is not None},
        }
        if "components" in whole:
            whole["components"] = [self._complete(child) for child in whole["components"]]
        if "accessory" in whole:
            whole["accessory"] = self._complete(whole["accessory"])
        if whole["type"] == FILE:
            whole["file"], found = self._media(whole["file"])
            if found is not None:
                whole |= {"name": found.filename, "size": found.size_bytes}
        if whole["type"] == THUMBNAIL:
            whole["media"], _ = self._media(whole["media"])
        if whole["type"] == GALLERY:
            whole["items"] = [
                {"description": None, "spoiler": False, **item, "media": self._media(item["media"])[0]}
                for item in whole["items"]
            ]
        return whole

    def _media(self, media: Json) -> tuple[Json, Attachment | None]:
        found = _named(media["url"], self._attachments)
        url = found.url if found else media["url"]
        whole: Json = {"id": str(self._snowflakes.new()), "url": url, "proxy_url": url}
        if found is not None:
            self._used.add(found.id)
            whole |= {"attachment_id": str(found.id), "content_type": found.content_type}
        return whole, found
