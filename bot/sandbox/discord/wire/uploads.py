"""The files of a message: kept, new, renamed (docs/discord.md 3.1 and 3.4)."""

import re
from pathlib import PurePath

from bot.sandbox.discord.refuse import fields, limits
from bot.sandbox.discord.refuse.limits import Payload, Problems, Refused
from bot.sandbox.discord.wire.calls import Body, UploadedFile
from bot.sandbox.discord.world.channels import Channel
from bot.sandbox.discord.world.posts import Attachment

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


def check_attachments(body: Body, problems: Problems, *, kept: tuple[Attachment, ...], limit_bytes: int) -> None:
    """`kept`: what the message carries so far. Raises `Refused` with 40005 for a file above `limit_bytes`."""
    if any(file.size_bytes > limit_bytes for file in body.files):
        raise Refused(limits.REQUEST_TOO_LARGE)
    numbers = [file.number for file in body.files]
    if len(set(numbers)) != len(numbers):
        problems.add("ATTACHMENT_ID_DUPLICATED", "A file of this number was sent already", "files")
    for file in body.files:
        if not 1 <= len(file.filename) <= limits.ATTACHMENT_TEXT_MAX:
            problems.add("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 1024 in length.", "files", file.number)
    _listed(body, problems, known={*numbers, *(attachment.id for attachment in kept)})
    if len(staying(body, kept)) + len(numbers) > limits.ATTACHMENTS_MAX and not problems:
        problems.add("BASE_TYPE_MAX_LENGTH", f"Must be {limits.ATTACHMENTS_MAX} or fewer in length.", "attachments")


def _listed(body: Body, problems: Problems, *, known: set[int]) -> dict[int, Payload] | None:
    """The `attachments` of a body by id; None when the key is missing."""
    if not isinstance(body.value, dict) or body.value.get("attachments") is None:
        return None
    found: dict[int, Payload] = {}
    for index, value in enumerate(fields.rows(body.value, "attachments", problems, most=limits.ATTACHMENTS_MAX)):
        with problems.at("attachments", index):
            entry = fields.as_object(value, problems)
            number = fields.snowflake(entry.get("id"))
            if number is None:
                problems.add("NUMBER_TYPE_COERCE", f'Value "{entry.get("id")}" is not snowflake.', "id")
            elif number not in known:
                problems.add("ATTACHMENT_NOT_FOUND", "Unknown attachment", "id")
            elif number in found:
                problems.add("ATTACHMENT_ID_DUPLICATED", "Attachment id is used twice", "id")
            else:
                found[number] = entry
            fields.text(entry, "filename", problems, most=limits.ATTACHMENT_TEXT_MAX, least=1)
            fields.text(entry, "description", problems, most=limits.ATTACHMENT_TEXT_MAX)
            fields.text(entry, "title", problems, most=limits.ATTACHMENT_TEXT_MAX)
    return found


def staying(body: Body, kept: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """With the key `attachments` only listed files stay; without it, all do."""
    listed = _listed(body, Problems(), known={*(file.number for file in body.files), *(each.id for each in kept)})
    return kept if listed is None else tuple(each for each in kept if each.id in listed)


def attachments_after(body: Body, channel: Channel, *, kept: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """The files of the message once the body is applied: those that stay, then the new ones."""
    listed = _listed(body, Problems(), known={file.number for file in body.files}) or {}
    new = [_attach(file, listed.get(file.number, {}), channel) for file in body.files]
    return (*staying(body, kept), *new)


def _attach(file: UploadedFile, entry: Payload, channel: Channel) -> Attachment:
    name = entry.get("filename") or file.filename
    return keep_file(channel, name=name, data=file.data, size=file.size_bytes, sha256=file.sha256, entry=entry)


def keep_file(
    channel: Channel,
    *,
    name: str,
    data: bytes | None,
    size: int,
    sha256: str,
    entry: Payload,
    ephemeral: bool = False,
    content_type: str | None = None,
) -> Attachment:
    """Replace characters that are not plain; the original name stays as `title`."""
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
