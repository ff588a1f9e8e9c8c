"""What a post shows: words, embeds, components and files; and the numbers of its types and flags."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.sandbox.discord.world.links import Links
from bot.sandbox.discord.world.shapes import Json

SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_NOTIFICATIONS = 1 << 12
VOICE_MESSAGE = 1 << 13
HAS_SNAPSHOT = 1 << 14
COMPONENTS_V2 = 1 << 15

WORDS = ("title", "description", "name", "value", "text", "label", "content", "placeholder")
FORWARD = 1
"""A type of message reference."""
DEFAULT, REPLY, CHAT_INPUT_COMMAND, CONTEXT_MENU_COMMAND = 0, 19, 20, 23
"""Message types."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attachment:
    """A file as Discord keeps it.

    `title` is the name it had when characters of it were replaced, `description` its alt text.
    """

    id: int
    filename: str
    size_bytes: int
    sha256: str
    content_type: str | None
    kept: bytes | None = field(repr=False)
    channel_id: int
    links: Links = field(repr=False)
    title: str | None = None
    description: str | None = None
    ephemeral: bool = False

    @property
    def url(self) -> str:
        """A fresh link, valid for `DiscordOptions.link_seconds`."""
        return self.links.url(self.path)

    @property
    def path(self) -> str:
        folder = "ephemeral-attachments" if self.ephemeral else "attachments"
        return f"/{folder}/{self.channel_id}/{self.id}/{self.filename}"

    @property
    def data(self) -> bytes:
        if self.kept is None:
            raise LookupError(f"{self.filename}: only size and digest were kept (keep_attachment_bytes=False)")
        return self.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A message as it was when somebody forwarded it (docs, resources/message, "Message Snapshot Object")."""

    message_id: int
    channel_id: int
    guild_id: int | None
    kind: int
    version: "Version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a message showed from `at` on.

    Files in `embedded_ids` show inside an embed and not beside it, those in `shown_ids` by a component.
    """

    content: str
    embeds: list[Json]
    components: list[Json]
    attachments: tuple[Attachment, ...]
    flags: int
    at: datetime
    embedded_ids: frozenset[int] = frozenset()
    shown_ids: frozenset[int] = frozenset()


def words_in(node: Json) -> list[str]:
    """Depth first, in the order of the wire, without ids and addresses."""
    found: list[str] = []
    found += [word for key in WORDS if isinstance(word := node.get(key), str)]
    for child in node.values():
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, dict):
                found += words_in(each)
    return found
