"""From a request's body, once checked, to what the message shows."""

from bot.sandbox.discord.refuse.body import Body
from bot.sandbox.discord.wire import shown, uploads
from bot.sandbox.discord.world.channels import Channel
from bot.sandbox.discord.world.posts import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    Version,
)
from bot.sandbox.discord.world.shapes import Json

SETTABLE = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2 | EPHEMERAL
EDITABLE = SUPPRESS_EMBEDS | COMPONENTS_V2


def compose(
    body: Body, data: Json, channel: Channel, *, before: Version | None, may_embed: bool = True, flags: int = 0
) -> Version:
    """What the message shows now. `flags` are added to those of the body. A V2 message stays V2."""
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
        content=data.get("content", before.content if before else "") or "",
        embeds=embeds,
        components=components,
        attachments=attachments,
        flags=_flags(data, before) | flags,
        at=channel.world.clock(),
        embedded_ids=embedded_ids,
        shown_ids=shown_ids,
    )


def _flags(data: Json, before: Version | None) -> int:
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
