"""Servers, their roles and members."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bot.sandbox.discord.refuse.limits import UPLOAD_BYTES_BY_TIER
from bot.sandbox.discord.world import permissions as allowed
from bot.sandbox.discord.world.channels import TEXT, Channel
from bot.sandbox.discord.world.people import User
from bot.sandbox.discord.world.permissions import Permission, named

if TYPE_CHECKING:
    from bot.sandbox.discord.world.state import World


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
    """A server. As at Discord, its @everyone role has the server's id."""

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
        self.system_channel: Channel | None = None

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
        """Take `user` out of the server."""
        self.members.pop(user.id, None)

    def role(self, name: str, *permissions: str, mentionable: bool = False) -> Role:
        """Add a role that grants `permissions` (Discord's names)."""
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

    def channel(self, name: str, *, kind: int = TEXT) -> Channel:
        """Add a channel; `kind=VOICE` for a voice channel with its chat."""
        channel = Channel(self.world, name, guild=self, kind=kind)
        self.channels.append(channel)
        self.world.told_channel(channel, "CHANNEL_CREATE")
        return channel

    def invite_bot(self) -> None:
        self.join(self.world.bot)
        self.world.told_guild(self, "GUILD_CREATE")

    def kick_bot(self) -> None:
        """Take the bot out at once; it learns of it by GUILD_DELETE."""
        self.world.told_guild(self, "GUILD_DELETE")
        self.members.pop(self.world.bot.id, None)

    def upgrade(self, premium_tier: int) -> None:
        """Change the boost level and with it the upload limit; the bot learns of it by GUILD_UPDATE."""
        self.premium_tier = premium_tier
        self.world.told_guild(self, "GUILD_UPDATE")

    def __repr__(self) -> str:
        return f"<server {self.name}>"
