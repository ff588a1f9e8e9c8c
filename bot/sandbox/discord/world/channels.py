"""Channels of a server, their threads, and direct conversations: their messages and permissions."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from bot.sandbox.discord.refuse.limits import UPLOAD_BYTES_BY_TIER
from bot.sandbox.discord.world import permissions as allowed
from bot.sandbox.discord.world.changes import PATIENCE_SECONDS, Changes
from bot.sandbox.discord.world.people import Person, User
from bot.sandbox.discord.world.permissions import NONE, Overwrite, Permission, named

if TYPE_CHECKING:
    from bot.sandbox.discord.world.guilds import Guild
    from bot.sandbox.discord.world.posts import Message
    from bot.sandbox.discord.world.state import World

TEXT, DM, VOICE, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 2, 11, 12
"""Channel types."""
Who = User | Literal["everyone"] | None


class Channel:
    """A channel of `guild`, or a direct conversation of `recipient` with the bot."""

    def __init__(
        self,
        world: "World",
        name: str,
        *,
        guild: "Guild | None" = None,
        kind: int = TEXT,
        recipient: Person | None = None,
    ) -> None:
        self.world = world
        self.id = world.snowflakes.new()
        self.name = name
        self.guild = guild
        self.kind = kind
        self.recipient = recipient
        self.overwrites: dict[int, Overwrite] = {}
        self.deleted = False
        self.changes = Changes()
        self.all_messages: list[Message] = []
        world.channels[self.id] = self

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
        """Wait until the channel is as `wanted` says. Raises `NeverHappened`."""
        await self.changes.until(
            lambda: bool(wanted(self)),
            timeout=timeout,
            wanted=f"a state of #{self.name}",
            seen=lambda: "; ".join(map(repr, self.messages)),
        )

    def deny(self, *permissions: str, who: Who = None) -> None:
        """Take `permissions` (Discord's names) in this channel from `who`: the bot (None), "everyone", or a member."""
        self._overwrite(who).change(deny=named(permissions))
        self.world.told_channel(self, "CHANNEL_UPDATE")

    def allow(self, *permissions: str, who: Who = None) -> None:
        """Give `permissions` in this channel to `who`, as `deny` takes them."""
        self._overwrite(who).change(allow=named(permissions))
        self.world.told_channel(self, "CHANNEL_UPDATE")

    def thread(self, name: str, *, private: bool = False, members: Iterable[User] = ()) -> "Thread":
        """Open a thread here. Only `members`, and those who may manage threads, see a private one."""
        thread = Thread(self, name, private=private, members=members)
        self.world.told_channel(thread, "THREAD_CREATE")
        return thread

    def delete(self) -> None:
        """Delete the channel with all its messages."""
        self.deleted = True
        self.world.channels.pop(self.id, None)
        if self.guild is not None and self in self.guild.channels:
            self.guild.channels.remove(self)
        self.world.told_channel(self, "THREAD_DELETE" if isinstance(self, Thread) else "CHANNEL_DELETE")

    def granted_to(self, user: User) -> Permission:
        """What roles and overwrites grant `user` here. `permissions_of` may be less."""
        if self.guild is None:
            return allowed.DIRECT if user in (self.recipient, self.world.bot) else NONE
        membership = self.guild.members.get(user.id)
        if membership is None:
            return NONE
        roles = {role_id: self.guild.roles[role_id].permissions for role_id in membership.role_ids}
        roles[self.guild.id] = self.guild.everyone.permissions
        return allowed.in_channel(
            everyone_id=self.guild.id,
            member_id=user.id,
            is_owner=self.guild.owner is user,
            roles=roles,
            overwrites=self.overwrites,
            in_thread=isinstance(self, Thread),
        )

    def permissions_of(self, user: User) -> Permission:
        """What `user` can do here: nothing in a voice channel without CONNECT (docs, "Implicit Permissions")."""
        granted = self.granted_to(user)
        return NONE if self.kind == VOICE and Permission.CONNECT not in granted else granted

    @property
    def needed_to_write(self) -> Permission:
        return Permission.SEND_MESSAGES

    @property
    def bot_permissions(self) -> Permission:
        """What the application is told about itself here (`app_permissions`; Discord's documents, "Interactions").

        Made of roles and overwrites alone, it does not show that a thread is locked, or private and without the bot.
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
        """Add `user`. The bot learns of it by THREAD_CREATE."""
        self.member_ids.add(user.id)
        if user is self.world.bot:
            self.world.told_channel(self, "THREAD_CREATE")

    def archive(self) -> None:
        self.archived = True
        self.world.told_channel(self, "THREAD_UPDATE")

    def unarchive(self) -> None:
        self.archived = False
        self.world.told_channel(self, "THREAD_UPDATE")

    def lock(self) -> None:
        self.locked = True
        self.world.told_channel(self, "THREAD_UPDATE")

    def unlock(self) -> None:
        self.locked = False
        self.world.told_channel(self, "THREAD_UPDATE")

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
