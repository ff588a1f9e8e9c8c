"""Checks of what a message says: content, embeds, mentions, nonce (docs/discord.md 3)."""

from datetime import datetime
from typing import Any

from bot.sandbox.discord.refuse import fields, limits
from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.world.shapes import Json

WEB = ("http", "https")
MEDIA = ("http", "https", "attachment")
MENTION_TYPES = {"roles", "users", "everyone"}


def check_content(body: Json, problems: Problems) -> None:
    fields.text(body, "content", problems, most=limits.CONTENT_MAX)


def check_nonce(body: Json, problems: Problems) -> None:
    nonce = body.get("nonce")
    if nonce is not None and (isinstance(nonce, bool) or not isinstance(nonce, str | int)):
        problems.add("NONCE_TYPE_INVALID", "Nonce must be a string or an integer.", "nonce")
    elif nonce is not None and len(str(nonce)) > limits.NONCE_MAX:
        problems.add("NONCE_TYPE_TOO_LONG", f"Must be {limits.NONCE_MAX} or fewer in length.", "nonce")


def check_embeds(body: Json, problems: Problems) -> None:
    total = 0
    for index, value in enumerate(fields.rows(body, "embeds", problems, most=limits.EMBEDS_MAX)):
        with problems.at("embeds", index):
            embed = fields.as_object(value, problems)
            _check_embed(embed, problems)
            total += embed_length(embed)
    if total > limits.EMBEDS_TOTAL_MAX:
        problems.add(
            "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {limits.EMBEDS_TOTAL_MAX}", "embeds"
        )


def _check_embed(embed: Json, problems: Problems) -> None:
    fields.text(embed, "title", problems, most=limits.EMBED_TITLE_MAX)
    fields.text(embed, "description", problems, most=limits.EMBED_DESCRIPTION_MAX)
    fields.url(embed, "url", problems, most=limits.URL_MAX, schemes=WEB)
    fields.number(embed, "color", problems, least=0, most=0xFFFFFF)
    _check_moment(embed, problems)
    for index, value in enumerate(fields.rows(embed, "fields", problems, most=limits.EMBED_FIELDS_MAX)):
        with problems.at("fields", index):
            field = fields.as_object(value, problems)
            fields.text(field, "name", problems, most=limits.FIELD_NAME_MAX, least=1, required=True)
            fields.text(field, "value", problems, most=limits.FIELD_VALUE_MAX, least=1, required=True)
            fields.flag(field, "inline", problems)
    for key, word, most in (("footer", "text", limits.FOOTER_MAX), ("author", "name", limits.AUTHOR_MAX)):
        if embed.get(key) is not None:
            with problems.at(key):
                part = fields.as_object(embed[key], problems)
                fields.text(part, word, problems, most=most, required=True)
                fields.url(part, "icon_url", problems, most=limits.URL_MAX, schemes=MEDIA)
                fields.url(part, "url", problems, most=limits.URL_MAX, schemes=WEB)
    for key in ("image", "thumbnail"):
        if embed.get(key) is not None:
            with problems.at(key):
                picture = fields.as_object(embed[key], problems)
                fields.url(picture, "url", problems, most=limits.URL_MAX, schemes=MEDIA)
                fields.text(picture, "description", problems, most=limits.PICTURE_DESCRIPTION_MAX)


def _check_moment(embed: Json, problems: Problems) -> None:
    moment = embed.get("timestamp")
    if moment is None:
        return
    try:
        datetime.fromisoformat(str(moment))
    except ValueError:
        problems.add("DATE_TIME_TYPE_PARSE", f"Could not parse {moment}. Should be ISO8601.", "timestamp")


def embed_length(embed: Json) -> int:
    """The characters that count towards the 6000 of all embeds."""
    parts: list[Any] = [embed.get("title"), embed.get("description")]
    parts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for field in embed.get("fields") or []:
        if isinstance(field, dict):
            parts += [field.get("name"), field.get("value")]
    return sum(len(part) for part in parts if isinstance(part, str))


def embed_says_something(embed: Json) -> bool:
    return any(embed.get(key) for key in ("title", "description", "fields", "image", "thumbnail", "author", "footer"))


def check_allowed_mentions(body: Json, problems: Problems) -> None:
    """`parse` and a list of the same kind are mutually exclusive (Discord's documents, "Allowed Mentions")."""
    given = body.get("allowed_mentions")
    if given is None:
        return
    with problems.at("allowed_mentions"):
        mentions = fields.as_object(given, problems)
        parse = fields.rows(mentions, "parse", problems, most=len(MENTION_TYPES))
        for index, kind in enumerate(parse):
            if kind not in MENTION_TYPES:
                problems.add("BASE_TYPE_CHOICES", f"Value must be one of {sorted(MENTION_TYPES)}.", "parse", index)
        for key in ("users", "roles"):
            listed = fields.rows(mentions, key, problems, most=limits.MENTIONS_MAX)
            if listed and key in parse:
                problems.add(
                    "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                    f"parse:{key} and {key}: [ids...] are mutually exclusive.",
                )
            for index, value in enumerate(listed):
                if fields.snowflake(value) is None:
                    problems.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.', key, index)
        fields.flag(mentions, "replied_user", problems)
