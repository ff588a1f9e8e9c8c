"""The audio files in a message, also in one that was forwarded into it."""

import re
from collections.abc import Iterator

import discord

from bot.domain.source import InMessage, SourceChoice, SourceKind

ENDINGS = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".webm", ".mp4")
KINDS = ("audio/", "video/")
_PREVIEW = re.compile(r"-join(-\d+)?\.mp3")  # as `bot.chat.cards.joins_attached` names them


def audio_in(message: discord.Message) -> list[SourceChoice]:
    """What can be continued, in the order of the message. Whether it really is audio shows when it is read.

    Below a result of ours that is its takes, without the seconds around their joins.
    """
    found = [
        SourceChoice(
            kind=SourceKind.ATTACHMENT,
            name=attachment.title or attachment.filename,
            locator=attachment.url,
            size_bytes=attachment.size,
            message=InMessage(channel_id=message.channel.id, message_id=message.id, attachment_id=attachment.id),
        )
        for attachment in attachments_in(message)
        if _may_be_audio(attachment)
    ]
    whole = [source for source in found if not (message.author.bot and _PREVIEW.search(source.name))]
    return whole or found


def attachments_in(message: discord.Message) -> Iterator[discord.Attachment]:
    yield from message.attachments
    for snapshot in message.message_snapshots:
        yield from snapshot.attachments


def _may_be_audio(attachment: discord.Attachment) -> bool:
    """By its type or its name: the type can be missing or wrong (docs/discord.md 4)."""
    is_of_kind = (attachment.content_type or "").startswith(KINDS)
    return is_of_kind or attachment.filename.casefold().endswith(ENDINGS)
