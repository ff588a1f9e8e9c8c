"""Answers to an interaction, which may always carry files and embeds (docs/discord.md 2.2)."""

from bot.sandbox.discord.refuse import limits, messages
from bot.sandbox.discord.refuse.body import Body
from bot.sandbox.discord.refuse.limits import Refused
from bot.sandbox.discord.wire import compose
from bot.sandbox.discord.world import posting
from bot.sandbox.discord.world.channels import Message, Thread
from bot.sandbox.discord.world.interactions import Interaction
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.posts import (
    CHAT_INPUT_COMMAND,
    CONTEXT_MENU_COMMAND,
    DEFAULT,
    EPHEMERAL,
    REPLY,
    Version,
)
from bot.sandbox.discord.world.shapes import Json, Kind

SLASH = 1


def check_open(interaction: Interaction, *, hidden: bool) -> None:
    """Raises `Refused` if the thread has been locked since. Hidden answers pass (discord-api-docs#6884, #7707)."""
    channel, bot = interaction.channel, interaction.channel.world.bot
    if not isinstance(channel, Thread) or hidden:
        return
    if channel.is_locked_for(bot):
        in_guild = channel.guild is not None and channel.guild.has_bot
        raise Refused(limits.ANSWER_IN_LOCKED_THREAD if in_guild else limits.MISSING_ACCESS)


def forced_flags(interaction: Interaction) -> int:
    """EPHEMERAL if only the user installed the app and may not show its answers to others."""
    guild = interaction.channel.guild
    if guild is None or not interaction.is_user_installed_only:
        return 0
    permissions = interaction.channel.permissions_of(interaction.member)
    return 0 if Permission.USE_EXTERNAL_APPS in permissions else EPHEMERAL


def first(interaction: Interaction, version: Version, data: Json) -> Message:
    """The first answer. A placeholder mentions nobody."""
    if interaction.kind is Kind.COMMAND:
        kind = CHAT_INPUT_COMMAND if interaction.data["type"] == SLASH else CONTEXT_MENU_COMMAND
    else:
        kind = REPLY if interaction.source is not None else DEFAULT
    return _post(interaction, version, data, kind=kind, replies_to=interaction.source)


def followup(interaction: Interaction, body: Body, data: Json) -> Message:
    check_open(interaction, hidden=bool((data.get("flags") or 0) & EPHEMERAL))
    messages.check(body, data, before=None, limit_bytes=interaction.upload_limit_bytes)
    version = compose.compose(body, data, interaction.channel, before=None, flags=forced_flags(interaction))
    return _post(interaction, version, data, kind=REPLY, replies_to=interaction.original)


def change(interaction: Interaction, message: Message, body: Body, data: Json) -> None:
    """Edit `message`; a placeholder becomes the answer."""
    check_open(interaction, hidden=message.is_ephemeral)
    messages.check(body, data, before=message.now, limit_bytes=interaction.upload_limit_bytes)
    version = compose.compose(body, data, message.channel, before=message.now)
    posting.edit(message, version, data.get("allowed_mentions"))


def _post(interaction: Interaction, version: Version, data: Json, *, kind: int, replies_to: Message | None) -> Message:
    return posting.post(
        posting.Draft(
            channel=interaction.channel,
            author=interaction.channel.world.bot,
            version=version,
            allowed_mentions=data.get("allowed_mentions"),
            kind=kind,
            replies_to=replies_to,
            interaction=interaction,
            rings=not version.flags & EPHEMERAL,
        )
    )
