"""Checks of a whole message, new or edited."""

from bot.sandbox.discord.refuse import content, fields, files, limits
from bot.sandbox.discord.refuse.body import Body
from bot.sandbox.discord.refuse.components import ComponentCheck
from bot.sandbox.discord.refuse.limits import Problems, Refused
from bot.sandbox.discord.world.posts import COMPONENTS_V2, VOICE_MESSAGE, Version
from bot.sandbox.discord.world.shapes import Json

NOT_PLAYED_KEYS = ("poll", "sticker_ids", "shared_client_theme")


def check(body: Body, data: Json, *, before: Version | None, limit_bytes: int, may_embed: bool = True) -> None:
    """Raises `Refused`: 40005 for size, 50035 with every wrong field, 50006 if nothing would be left.

    Without permission to embed, embeds do not count: a new message with nothing else is refused with 50013, and an
    edit that leaves nothing else counts as empty (discord-api-docs#2601, #5648).
    """
    for key in NOT_PLAYED_KEYS:
        if data.get(key):
            raise Refused(limits.NOT_PLAYED, because=key)
    problems = Problems()
    flags = int(fields.number(data, "flags", problems, least=0, most=limits.INTEGER_MAX) or 0)
    if flags & VOICE_MESSAGE:
        raise Refused(limits.NOT_PLAYED, because="voice messages")
    files.check_attachments(body, problems, kept=before.attachments if before else (), limit_bytes=limit_bytes)
    content.check_content(data, problems)
    content.check_embeds(data, problems)
    content.check_nonce(data, problems)
    content.check_allowed_mentions(data, problems)
    is_v2 = bool((flags | (before.flags if before else 0)) & COMPONENTS_V2)
    components = ComponentCheck(problems)
    if is_v2:
        _check_legacy(data, problems, before)
        components.layout(data)
    else:
        components.classic(data)
    problems.refuse()
    if _is_empty(body, data if may_embed else {**data, "embeds": []}, before):
        without_permission = before is None and bool(data.get("embeds")) and not may_embed
        raise Refused(limits.MISSING_PERMISSIONS if without_permission else limits.EMPTY_MESSAGE)


def _check_legacy(data: Json, problems: Problems, before: Version | None) -> None:
    for key in ("content", "embeds"):
        had = getattr(before, key) if before is not None else None
        if data.get(key) or (had and key not in data):
            problems.add(
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
                key,
            )


def _is_empty(body: Body, data: Json, before: Version | None) -> bool:
    words = data.get("content", before.content if before else "") or ""
    embeds = data.get("embeds", before.embeds if before else []) or []
    components = data.get("components", before.components if before else []) or []
    kept = files.staying(body, before.attachments if before else ())
    says = words.strip() or components or any(map(content.embed_says_something, embeds))
    return not (says or kept or body.files)
