"""Keeping the files of a message, under the names that Discord gives them (docs/discord.md 3.1 and 3.4)."""

import re
from pathlib import PurePath

from bot.sandbox.discord.refuse import files
from bot.sandbox.discord.refuse.body import Body, UploadedFile
from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.world.channels import Channel
from bot.sandbox.discord.world.posts import Attachment
from bot.sandbox.discord.world.shapes import Json

CONTENT_TYPES = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/x-wav",
    ".flac": "audio/x-flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
"""By the name's extension, whatever the request says; None for others."""
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


def attachments_after(body: Body, channel: Channel, *, kept: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """The files of the message once the body is applied: those that stay, then the new ones."""
    listed = files.listed(body, Problems(), known={file.number for file in body.files}) or {}
    new = [_attach(file, listed.get(file.number, {}), channel) for file in body.files]
    return (*files.staying(body, kept), *new)


def _attach(file: UploadedFile, entry: Json, channel: Channel) -> Attachment:
    name = entry.get("filename") or file.filename
    return keep_file(channel, name=name, data=file.data, size=file.size_bytes, sha256=file.sha256, entry=entry)


def keep_file(
    channel: Channel,
    *,
    name: str,
    data: bytes | None,
    size: int,
    sha256: str,
    entry: Json,
    ephemeral: bool = False,
    content_type: str | None = None,
) -> Attachment:
    """Keep a file. Unsafe characters of its name are replaced; the original name stays as `title`."""
    world = channel.world
    filename = UNSAFE.sub("_", name)
    title = entry.get("title") or (PurePath(name).stem if filename != name else None)
    return world.add_attachment(
        Attachment(
            id=world.snowflakes.new(),
            filename=filename,
            size_bytes=size,
            sha256=sha256,
            content_type=content_type or CONTENT_TYPES.get(PurePath(filename).suffix.lower()),
            kept=data,
            channel_id=world.application_id if ephemeral else channel.id,
            links=world.links,
            title=title,
            description=entry.get("description"),
            ephemeral=ephemeral,
        )
    )
