"""Messages and the files they carry."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bot.sandbox.discord.refuse.limits import Payload
from bot.sandbox.discord.world.links import Links
from bot.sandbox.discord.world.people import Person, User

if TYPE_CHECKING:
    from bot.sandbox.discord.world.channels import Channel
    from bot.sandbox.discord.world.interactions import Interaction

SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_NOTIFICATIONS = 1 << 12
VOICE_MESSAGE = 1 << 13
COMPONENTS_V2 = 1 << 15

WORDS = ("title", "description", "name", "value", "text", "label", "content", "placeholder")
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
        """A fresh link, good for `DiscordOptions.link_seconds`."""
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
class Version:
    """What a message showed from `at` on.

    Files in `embedded_ids` show inside an embed and not beside it, those in `shown_ids` by a component.
    """

    content: str
    embeds: list[Payload]
    components: list[Payload]
    attachments: tuple[Attachment, ...]
    flags: int
    at: datetime
    embedded_ids: frozenset[int] = frozenset()
    shown_ids: frozenset[int] = frozenset()


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """`visible_to`: the one member who sees it (ephemeral); None: everybody in the channel.

    `replies_to` is the message it replies to, `pinged` everyone whose client rang.
    """

    id: int
    channel: "Channel"
    author: User
    kind: int
    versions: list[Version]
    nonce: str | None = None
    replies_to: "Message | None" = None
    interaction: "Interaction | None" = None
    visible_to: Person | None = None
    mentions: list[User] = field(default_factory=list)
    mention_role_ids: list[int] = field(default_factory=list)
    mentions_everyone: bool = False
    pinged: list[Person] = field(default_factory=list)
    deleted: bool = False

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def content(self) -> str:
        return self.now.content

    @property
    def embeds(self) -> list[Payload]:
        return self.now.embeds

    @property
    def components(self) -> list[Payload]:
        return self.now.components

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files beside the message, without those that an embed shows."""
        return tuple(each for each in self.now.attachments if each.id not in self.now.embedded_ids)

    @property
    def shown_attachments(self) -> tuple[Attachment, ...]:
        """Those a member sees: in Components V2 only what a component shows (docs/discord.md 3.2)."""
        if self.flags & COMPONENTS_V2:
            return tuple(each for each in self.attachments if each.id in self.now.shown_ids)
        return self.attachments

    @property
    def flags(self) -> int:
        return self.now.flags

    @property
    def created_at(self) -> datetime:
        return self.versions[0].at

    @property
    def edits(self) -> list[Version]:
        """What it showed after each edit."""
        return self.versions[1:]

    @property
    def is_thinking(self) -> bool:
        return bool(self.flags & LOADING)

    @property
    def is_silent(self) -> bool:
        """Sent without a sound (flag SUPPRESS_NOTIFICATIONS)."""
        return bool(self.flags & SUPPRESS_NOTIFICATIONS)

    @property
    def is_ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def reference(self) -> "Message | None":
        """The message this one replies to."""
        return self.replies_to

    @property
    def text(self) -> str:
        """All its words: content, embeds, texts and labels of components, names of files."""
        words = [self.content]
        for embed in self.embeds:
            words += _words(embed)
        for component in self.components:
            words += _words(component)
        words += [attachment.filename for attachment in self.attachments]
        return "\n".join(word for word in words if word)

    def is_seen_by(self, user: User) -> bool:
        return not self.deleted and (self.visible_to is None or self.visible_to is user)

    def __repr__(self) -> str:
        marks = [
            "thinking" if self.is_thinking else "",
            f"only for {self.visible_to.name}" if self.visible_to else "",
            "deleted" if self.deleted else "",
            f"{len(self.edits)} edits" if self.edits else "",
        ]
        return f"<{self.author.name}: {self.text[:300]!r} {', '.join(mark for mark in marks if mark)}>".replace(
            " >", ">"
        )


def _words(node: Payload) -> list[str]:
    """Depth first, in the order of the wire, without ids and addresses."""
    found: list[str] = []
    found += [word for key in WORDS if isinstance(word := node.get(key), str)]
    for child in node.values():
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, dict):
                found += _words(each)
    return found
