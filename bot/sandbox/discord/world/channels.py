"""Channels of a server, their threads, and direct conversations; their messages and permissions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bot.sandbox.discord.world import permissions as allowed
from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.discord.world.ground import Ground
from bot.sandbox.discord.world.people import Person, User, Why
from bot.sandbox.discord.world.permissions import NONE, Overwrite, Permission, named
from bot.sandbox.discord.world.posts import (
    COMPONENTS_V2,
    LOADING,
    SUPPRESS_NOTIFICATIONS,
    Attachment,
    Snapshot,
    Version,
    words_in,
)
from bot.sandbox.discord.world.roster import Roster
from bot.sandbox.discord.world.shapes import Happened, Json, News, Origin
from bot.sandbox.discord.world.sizes import UPLOAD_BYTES_BY_TIER
from bot.sandbox.patience import PATIENCE_SECONDS

TEXT, DM, VOICE, PUBLIC_THREAD, PRIVATE_THREAD, FORUM = 0, 1, 2, 11, 12, 15
"""Channel types. A forum holds no messages but threads, its posts (docs, topics/threads)."""
Who = User | Literal["everyone"] | None


class Channel:
    """A channel of `guild`, or a direct conversation of `recipient` with the bot."""

    def __init__(
        self,
        world: Ground,
        name: str,
        *,
        guild: Roster | None = None,
        kind: int = TEXT,
        recipient: Person | None = None,
        position: int = 0,
    ) -> None:
        self.world = world
        self.id = world.snowflakes.new()
        self.name = name
        self.guild = guild
        self.kind = kind
        self.recipient = recipient
        self.position = position
        self.topic = ""
        self.overwrites: dict[int, Overwrite] = {}
        self.deleted = False
        self.changes = Changes()
        self.all_messages: list[Message] = []

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def messages(self) -> "list[Message]":
        """What everybody here sees, oldest first, including answers that are still "thinking"."""
        return [message for message in self.all_messages if not message.deleted and message.visible_to is None]

    def seen_by(self, user: User) -> "list[Message]":
        """The same, plus what only `user` sees."""
        return [message for message in self.all_messages if message.is_seen_by(user)]

    async def wait_for(
        self, wanted: "Callable[[Message], object]", *, timeout: float = PATIENCE_SECONDS, seen_by: User | None = None
    ) -> "Message":
        """The first message that is `wanted`, now or once one is posted or edited to match.

        Raises:
            NeverHappened: lists the channel's messages instead.
        """

        def visible() -> "list[Message]":
            return self.messages if seen_by is None else self.seen_by(seen_by)

        return await self.changes.until(
            lambda: next((message for message in visible() if wanted(message)), None),
            timeout=timeout,
            wanted=f"a message in #{self.name}",
            seen=lambda: "; ".join(map(repr, visible())),
        )

    async def wait_until(self, wanted: "Callable[[Channel], object]", *, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until `wanted` holds for the channel. Raises `NeverHappened`."""
        await self.changes.until(
            lambda: bool(wanted(self)),
            timeout=timeout,
            wanted=f"a state of #{self.name}",
            seen=lambda: "; ".join(map(repr, self.messages)),
        )

    def deny(self, *permissions: str, who: Who = None) -> None:
        """Take `permissions` (Discord's names) in this channel from `who`: the bot (None), "everyone", or a member."""
        self._overwrite(who).change(deny=named(permissions))
        self.tell(Happened.CHANGED)

    def allow(self, *permissions: str, who: Who = None) -> None:
        """Give `permissions` in this channel to `who`, as `deny` takes them."""
        self._overwrite(who).change(allow=named(permissions))
        self.tell(Happened.CHANGED)

    def thread(self, name: str, *, private: bool = False, members: Iterable[User] = ()) -> "Thread":
        """Open a thread here. Only `members`, and those who may manage threads, see a private one."""
        thread = Thread(self, name, private=private, members=members)
        thread.tell(Happened.NEW)
        return thread

    def delete(self) -> None:
        """Delete the channel with all its messages."""
        self.deleted = True
        self.tell(Happened.GONE)

    def tell(self, happened: Happened) -> None:
        self.world.tell(ChannelNews(happened, self))

    def granted_to(self, user: User) -> Permission:
        """What roles and overwrites grant `user` here. `permissions_of` may be less."""
        if self.guild is None:
            return allowed.DIRECT if user in (self.recipient, self.world.bot) else NONE
        return self.guild.granted(user, self.overwrites, in_thread=isinstance(self, Thread))

    def permissions_of(self, user: User) -> Permission:
        """What `user` can do here: nothing in a voice channel without CONNECT (docs, "Implicit Permissions")."""
        granted = self.granted_to(user)
        return NONE if self.kind == VOICE and Permission.CONNECT not in granted else granted

    @property
    def needed_to_write(self) -> Permission:
        return Permission.SEND_MESSAGES

    @property
    def bot_permissions(self) -> Permission:
        """The permissions that the application is shown as its own (`app_permissions`; Discord's "Interactions").

        They come from roles and overwrites alone: a locked thread, or a private one without the bot, looks open.
        """
        if self.guild is None:
            return (
                Permission.ATTACH_FILES
                | Permission.EMBED_LINKS
                | Permission.MENTION_EVERYONE
                | Permission.USE_EXTERNAL_EMOJIS
            )
        if self.guild.has_bot:
            return self.granted_to(self.world.bot)
        return self.guild.everyone.permissions & allowed.REPLY_SHARE

    @property
    def commands(self) -> list[Json]:
        """What a client offers here."""
        return self.world.commands_in(self.guild.id if self.guild else None)

    @property
    def upload_limit_bytes(self) -> int:
        if self.guild is not None:
            return self.guild.upload_limit_bytes
        return self.world.options.upload_limit_bytes or UPLOAD_BYTES_BY_TIER[0]

    def _overwrite(self, who: Who) -> Overwrite:
        assert self.guild is not None, "a direct conversation has no permissions to change"  # noqa: S101  # misuse
        subject = {"everyone": self.guild.id, None: self.world.bot.id}
        return self.overwrites.setdefault(who.id if isinstance(who, User) else subject[who], Overwrite())

    def __repr__(self) -> str:
        return f"<#{self.name}>"


class Thread(Channel):
    """A thread of `parent`, with its permissions (docs, topics/threads).

    `archived`: nothing in it can be edited until a new message reopens it. `locked`: only those who may manage threads
    can write or edit.
    """

    def __init__(self, parent: Channel, name: str, *, private: bool, members: Iterable[User]) -> None:
        kind = PRIVATE_THREAD if private else PUBLIC_THREAD
        super().__init__(parent.world, name, guild=parent.guild, kind=kind)
        self.parent = parent
        self.overwrites = parent.overwrites
        self.member_ids = {user.id for user in members}
        self.archived = False
        self.locked = False

    def add(self, user: User) -> None:
        """Add `user`. If that is the bot, it gets THREAD_CREATE."""
        self.member_ids.add(user.id)
        if user is self.world.bot:
            self.tell(Happened.NEW)

    def archive(self) -> None:
        self.archived = True
        self.tell(Happened.CHANGED)

    def unarchive(self) -> None:
        self.archived = False
        self.tell(Happened.CHANGED)

    def lock(self) -> None:
        self.locked = True
        self.tell(Happened.CHANGED)

    def unlock(self) -> None:
        self.locked = False
        self.tell(Happened.CHANGED)

    def is_locked_for(self, user: User) -> bool:
        return self.locked and Permission.MANAGE_THREADS not in self.permissions_of(user)

    def permissions_of(self, user: User) -> Permission:
        granted = self.granted_to(user)
        if self.kind == PUBLIC_THREAD or user.id in self.member_ids or Permission.MANAGE_THREADS in granted:
            return granted
        return NONE

    @property
    def needed_to_write(self) -> Permission:
        return Permission.SEND_MESSAGES_IN_THREADS

    def _overwrite(self, who: Who) -> Overwrite:
        raise NotImplementedError(f"{self!r} has no permissions of its own; change those of {self.parent!r}: {who}")


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """`visible_to`: the one member who sees it (ephemeral); None: everybody in the channel.

    `replies_to` is the message it replies to, `snapshot` the one that it forwards, `origin` the interaction it answers,
    `rung` whose clients rang and why.
    """

    id: int
    channel: "Channel"
    author: User
    kind: int
    versions: list[Version]
    nonce: str | None = None
    replies_to: "Message | None" = None
    snapshot: Snapshot | None = None
    origin: Origin | None = None
    visible_to: Person | None = None
    mentions: list[User] = field(default_factory=list)
    mention_role_ids: list[int] = field(default_factory=list)
    mentions_everyone: bool = False
    rung: dict[Person, Why] = field(default_factory=dict)
    deleted: bool = False

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def content(self) -> str:
        return self.now.content

    @property
    def embeds(self) -> list[Json]:
        return self.now.embeds

    @property
    def components(self) -> list[Json]:
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
    def pinged(self) -> list[Person]:
        """Everyone whose client rang."""
        return list(self.rung)

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
            words += words_in(embed)
        for component in self.components:
            words += words_in(component)
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


@dataclass(frozen=True, slots=True)
class Ping:
    """A notification. `silent`: shown as a badge, without a sound (flag 4096)."""

    message: Message
    why: Why
    silent: bool


@dataclass(frozen=True, slots=True)
class ChannelNews(News):
    """NEW also when the bot is added to a thread that exists."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class MessageNews(News):
    message: Message
