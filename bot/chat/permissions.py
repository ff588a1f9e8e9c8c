"""The permissions that the bot needs in a channel, and the link that invites it with exactly those."""

import discord

from bot.domain.text import Text, text

# Replying to a message, and finding one after a restart, both need the history (docs/discord.md 3.3).
NEEDED = {
    "view_channel": text("View Channel"),
    "send_messages": text("Send Messages"),
    "send_messages_in_threads": text("Send Messages in Threads"),
    "embed_links": text("Embed Links"),
    "attach_files": text("Attach Files"),
    "read_message_history": text("Read Message History"),
}


LOCKED_THREAD = text("This thread is locked, so I can't post here.")
NOT_YOURS_TO_WRITE_IN = text("You can't write in this channel, so I won't post here for you.")


def missing(allowed: discord.Permissions, *, in_thread: bool) -> list[Text]:
    """The missing permissions, named as in Discord's own settings."""
    not_here = "send_messages" if in_thread else "send_messages_in_threads"
    return [name for flag, name in NEEDED.items() if flag != not_here and not getattr(allowed, flag)]


def cannot_post(lacking: list[Text]) -> Text:
    """Before anything is spent, and when Discord refuses a message anyway."""
    return text(
        "I can't post in this channel: I'm missing {permissions}. Ask someone who manages the server, or use another"
        " channel.",
        permissions=lacking,
    )


def posting_refusal(channel: object, allowed: discord.Permissions) -> Text | None:
    """Why nothing can be posted in the channel, if so. `allowed`: what the bot may do there."""
    lacking = missing(allowed, in_thread=isinstance(channel, discord.Thread))
    return cannot_post(lacking) if lacking else None


def locked_out(channel: object, allowed: discord.Permissions) -> Text | None:
    """Why Discord will refuse a message in a locked thread, if it is one; the permissions don't show that."""
    is_locked = isinstance(channel, discord.Thread) and channel.locked and not allowed.manage_threads
    return LOCKED_THREAD if is_locked else None


def may_write(channel: object, allowed: discord.Permissions) -> bool:
    """Whether the member with these permissions could write in the channel themselves.

    Discord asks this of commands, but lets everyone who sees a message press its buttons (docs/discord.md 2.3).
    """
    if isinstance(channel, discord.Thread):
        return allowed.send_messages_in_threads and locked_out(channel, allowed) is None
    return allowed.send_messages


def invite_link(application_id: int) -> str:
    return discord.utils.oauth_url(
        application_id,
        permissions=discord.Permissions(**dict.fromkeys(NEEDED, True)),
        scopes=("bot", "applications.commands"),
    )
