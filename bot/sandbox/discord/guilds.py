"""Servers, their roles and channels; threads and direct conversations."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from bot.sandbox.discord import permissions as allowed
from bot.sandbox.discord.changes import PATIENCE_SECONDS, Changes
from bot.sandbox.discord.limits import UPLOAD_BYTES_BY_TIER
from bot.sandbox.discord.people import Person, User
from bot.sandbox.discord.permissions import NONE, Overwrite, Permission, named

if TYPE_CHECKING:
    from bot.sandbox.discord.messages import Message
    from bot.sandbox.discord.state import World

TEXT, DM, VOICE, PUBLIC_THREAD = 0, 1, 2, 11
"""Channel types."""
Who = User | Literal["everyone"] | None


@dataclass(slots=True, eq=False)
class Role:
    id: int
    name: str
    permissions: Permission
    mentionable: bool = False

    @property
    def mention(self) -> str:
        return f"<@&{self.id}>"


@dataclass(slots=True, eq=False)
class Membership:
    user: User
    joined_at: datetime
    role_ids: set[int] = field(default_factory=set)
    nick: str | None = None


class Guild:
    """A server. Its @everyone role has the server's own id, as at Discord."""

    def __init__(self, world: "World", name: str, *, premium_tier: int, locale: str) -> None:
        self.world = world
        self.id = world.snowflakes.new()
        self.name = name
        self.premium_tier = premium_tier
        self.locale = locale
        self.owner: User = world.owner
        self.roles: dict[int, Role] = {self.id: Role(self.id, "@everyone", allowed.EVERYONE)}
        self.members: dict[int, Membership] = {}
        self.channels: list[Channel] = []

    @property
    def everyone(self) -> Role:
        return self.roles[self.id]

    @property
    def has_bot(self) -> bool:
        return self.world.bot.id in self.members

    @property
    def upload_limit_bytes(self) -> int:
        return self.world.options.upload_limit_bytes or UPLOAD_BYTES_BY_TIER[self.premium_tier]

    def join(self, user: User, *, roles: tuple[Role, ...] = (), nick: str | None = None) -> None:
        self.members[user.id] = Membership(user, self.world.clock(), {role.id for role in roles}, nick)

    def remove(self, user: User) -> None:
        """`user` is no longer a member."""
        self.members.pop(user.id, None)

    def role(self, name: str, *permissions: str, mentionable: bool = False) -> Role:
        """A new role that grants `permissions` (Discord's names)."""
        role = Role(self.world.snowflakes.new(), name, named(permissions), mentionable)
        self.roles[role.id] = role
        self.world.told_guild(self, "GUILD_ROLE_CREATE", role=role)
        return role

    def give(self, user: User, role: Role) -> None:
        self.members[user.id].role_ids.add(role.id)

    def allow(self, *permissions: str) -> None:
        """Grant everybody `permissions`, server-wide."""
        self.everyone.permissions |= named(permissions)
        self.world.told_guild(self, "GUILD_ROLE_UPDATE", role=self.everyone)

    def deny(self, *permissions: str) -> None:
        """Take `permissions` from everybody, server-wide; roles may still grant them."""
        self.everyone.permissions &= ~named(permissions)
        self.world.told_guild(self, "GUILD_ROLE_UPDATE", role=self.everyone)

    def channel(self, name: str, *, kind: int = TEXT) -> "Channel":
        channel = Channel(self.world, name, guild=self, kind=kind)
        self.channels.append(channel)
        self.world.told_channel(channel, "CHANNEL_CREATE")
        return channel

    def invite_bot(self) -> None:
        self.join(self.world.bot)
        self.world.told_guild(self, "GUILD_CREATE")

    def kick_bot(self) -> None:
        """The bot loses access at once and is told so by GUILD_DELETE."""
        self.world.told_guild(self, "GUILD_DELETE")
        self.members.pop(self.world.bot.id, None)

    def upgrade(self, premium_tier: int) -> None:
        """Another boost level: other upload limits, told by GUILD_UPDATE."""
        self.premium_tier = premium_tier
        self.world.told_guild(self, "GUILD_UPDATE")

    def __repr__(self) -> str:
        return f"<server {self.name}>"


class Channel:
    """A text channel or thread (`guild`), or a direct conversation of `recipient` with the bot."""

    def __init__(
        self,
        world: "World",
        name: str,
        *,
        guild: Guild | None = None,
        kind: int = TEXT,
        parent: "Channel | None" = None,
        recipient: Person | None = None,
    ) -> None:
        self.world = world
        self.id = world.snowflakes.new()
        self.name = name
        self.guild = guild
        self.kind = kind
        self.parent = parent
        self.recipient = recipient
        self.overwrites: dict[int, Overwrite] = {}
        self.deleted = False
        self.changes = Changes()
        self.all_messages: list[Message] = []
        world.channels[self.id] = self

    @property
    def is_thread(self) -> bool:
        return self.kind == PUBLIC_THREAD

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def messages(self) -> "list[Message]":
        """What everybody here sees, oldest first; an answer that is still "thinking" is among it."""
        return [message for message in self.all_messages if not message.deleted and message.visible_to is None]

    def seen_by(self, user: User) -> "list[Message]":
        """The same with what `user` alone sees."""
        return [message for message in self.all_messages if message.is_seen_by(user)]

    async def wait_for(
        self, wanted: "Callable[[Message], object]", *, timeout: float = PATIENCE_SECONDS, seen_by: User | None = None
    ) -> "Message":
        """The first message that is `wanted`, now or as soon as one is posted or edited so.

        Raises:
            NeverHappened: lists what stands in the channel instead.
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
        """Until the channel is as `wanted` says; raises `NeverHappened`."""
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

    def thread(self, name: str) -> "Channel":
        """A public thread in this channel."""
        thread = Channel(self.world, name, guild=self.guild, kind=PUBLIC_THREAD, parent=self)
        self.world.told_channel(thread, "THREAD_CREATE")
        return thread

    def delete(self) -> None:
        """From now on an unknown channel, with all that stood in it."""
        self.deleted = True
        self.world.channels.pop(self.id, None)
        if self.guild is not None and self in self.guild.channels:
            self.guild.channels.remove(self)
        self.world.told_channel(self, "THREAD_DELETE" if self.is_thread else "CHANNEL_DELETE")

    def permissions_of(self, user: User) -> Permission:
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
            overwrites=(self.parent or self).overwrites,
            in_thread=self.is_thread,
        )

    @property
    def bot_permissions(self) -> Permission:
        """What the application is told about itself here (`app_permissions`; Discord's documents, "Interactions")."""
        if self.guild is None:
            return (
                Permission.ATTACH_FILES
                | Permission.EMBED_LINKS
                | Permission.MENTION_EVERYONE
                | Permission.USE_EXTERNAL_EMOJIS
            )
        if self.guild.has_bot:
            return self.permissions_of(self.world.bot)
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
