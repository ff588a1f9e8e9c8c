"""From a request's body to what the message then shows, refusing what Discord refuses."""

from typing import Any

from bot.sandbox.discord.refuse import content, fields, limits
from bot.sandbox.discord.refuse.components import ComponentCheck
from bot.sandbox.discord.refuse.limits import Payload, Problems, Refused
from bot.sandbox.discord.wire import shown, uploads
from bot.sandbox.discord.wire.calls import Body
from bot.sandbox.discord.world.channels import Channel
from bot.sandbox.discord.world.posts import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    VOICE_MESSAGE,
    Version,
)

NOT_PLAYED_KEYS = ("poll", "sticker_ids", "shared_client_theme")
SETTABLE = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2 | EPHEMERAL
EDITABLE = SUPPRESS_EMBEDS | COMPONENTS_V2


def check(body: Body, data: Payload, *, before: Version | None, limit_bytes: int, may_embed: bool = True) -> None:
    """Raises `Refused`: 40005 for size, 50035 with every wrong field, 50006 if nothing would be left.

    Without permission to embed, embeds do not count; a new message of nothing else is refused as 50013, an edit to
    nothing else as empty (discord-api-docs#2601, #5648).
    """
    for key in NOT_PLAYED_KEYS:
        if data.get(key):
            raise Refused(limits.NOT_PLAYED, because=key)
    problems = Problems()
    flags = int(fields.number(data, "flags", problems, least=0, most=limits.INTEGER_MAX) or 0)
    if flags & VOICE_MESSAGE:
        raise Refused(limits.NOT_PLAYED, because="voice messages")
    uploads.check_attachments(body, problems, kept=before.attachments if before else (), limit_bytes=limit_bytes)
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


def _check_legacy(data: Payload, problems: Problems, before: Version | None) -> None:
    for key in ("content", "embeds"):
        had = getattr(before, key) if before is not None else None
        if data.get(key) or (had and key not in data):
            problems.add(
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
                key,
            )


def _is_empty(body: Body, data: Payload, before: Version | None) -> bool:
    words = _chosen(data, "content", before.content if before else "") or ""
    embeds = _chosen(data, "embeds", before.embeds if before else []) or []
    components = _chosen(data, "components", before.components if before else []) or []
    staying = uploads.staying(body, before.attachments if before else ())
    says = words.strip() or components or any(map(content.embed_says_something, embeds))
    return not (says or staying or body.files)


def _chosen(data: Payload, key: str, before: Any) -> Any:  # noqa: ANN401  # a value of JSON
    return data.get(key, before)


def compose(
    body: Body, data: Payload, channel: Channel, *, before: Version | None, may_embed: bool = True, flags: int = 0
) -> Version:
    """What the message shows now. `flags` are added to those of the body. Once V2, a message stays V2."""
    attachments = uploads.attachments_after(body, channel, kept=before.attachments if before else ())
    if may_embed and (before is None or "embeds" in data):
        embeds, embedded_ids = shown.embeds_shown(data.get("embeds") or [], attachments)
    else:
        embeds = before.embeds if before else []
        embedded_ids = before.embedded_ids if before else frozenset()
    if before is None or "components" in data:
        components, shown_ids = shown.components_shown(
            data.get("components") or [], attachments, channel.world.snowflakes
        )
    else:
        components, shown_ids = before.components, before.shown_ids
    return Version(
        content=_chosen(data, "content", before.content if before else "") or "",
        embeds=embeds,
        components=components,
        attachments=attachments,
        flags=_flags(data, before) | flags,
        at=channel.world.clock(),
        embedded_ids=embedded_ids,
        shown_ids=shown_ids,
    )


def _flags(data: Payload, before: Version | None) -> int:
    asked = data.get("flags")
    if before is None:
        return (asked or 0) & SETTABLE
    lasting = before.flags & ~SUPPRESS_EMBEDS & ~LOADING
    return lasting | ((before.flags if asked is None else asked) & EDITABLE)


def thinking(channel: Channel, *, flags: int) -> Version:
    """What a deferred answer shows."""
    return Version(
        content="", embeds=[], components=[], attachments=(), flags=flags | LOADING, at=channel.world.clock()
    )
