"""Checks of the files of a message: numbers, names, sizes (docs/discord.md 3.1 and 3.4)."""

from bot.sandbox.discord.refuse import fields, limits
from bot.sandbox.discord.refuse.body import Body
from bot.sandbox.discord.refuse.limits import Problems, Refused
from bot.sandbox.discord.world.posts import Attachment
from bot.sandbox.discord.world.shapes import Json


def check_attachments(body: Body, problems: Problems, *, kept: tuple[Attachment, ...], limit_bytes: int) -> None:
    """`kept` are the files that the message has so far. Raises `Refused` with 40005 for a file above `limit_bytes`."""
    if any(file.size_bytes > limit_bytes for file in body.files):
        raise Refused(limits.REQUEST_TOO_LARGE)
    numbers = [file.number for file in body.files]
    if len(set(numbers)) != len(numbers):
        problems.add("ATTACHMENT_ID_DUPLICATED", "A file of this number was sent already", "files")
    for file in body.files:
        if not 1 <= len(file.filename) <= limits.ATTACHMENT_TEXT_MAX:
            problems.add("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 1024 in length.", "files", file.number)
    listed(body, problems, known={*numbers, *(attachment.id for attachment in kept)})
    if len(staying(body, kept)) + len(numbers) > limits.ATTACHMENTS_MAX and not problems:
        problems.add("BASE_TYPE_MAX_LENGTH", f"Must be {limits.ATTACHMENTS_MAX} or fewer in length.", "attachments")


def listed(body: Body, problems: Problems, *, known: set[int]) -> dict[int, Json] | None:
    """The `attachments` of a body by id; None when the key is missing."""
    if not isinstance(body.value, dict) or body.value.get("attachments") is None:
        return None
    found: dict[int, Json] = {}
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
    """If the body has `attachments`, only the files it lists stay; otherwise all do."""
    stay = listed(body, Problems(), known={*(file.number for file in body.files), *(each.id for each in kept)})
    return kept if stay is None else tuple(each for each in kept if each.id in stay)
