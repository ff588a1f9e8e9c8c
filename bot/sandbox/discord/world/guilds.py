"""Servers, and what can be done to them."""

from dataclasses import dataclass

from bot.sandbox.discord.world.channels import TEXT, Channel
from bot.sandbox.discord.world.ground import Ground
from bot.sandbox.discord.world.people import User
from bot.sandbox.discord.world.permissions import named
from bot.sandbox.discord.world.roster import Membership, Role, Roster
from bot.sandbox.discord.world.shapes import Happened, News


class Guild(Roster):
    """A server. The gateway reports what changes in it."""

    def __init__(self, world: Ground, name: str, *, premium_tier: int, locale: str) -> None:
        super().__init__(world, name, premium_tier=premium_tier, locale=locale)
        self.system_channel: Channel | None = None
        self._all_channels: list[Channel] = []

    @property
    def channels(self) -> list[Channel]:
        """Those that are not deleted, oldest first; without threads."""
        return [channel for channel in self._all_channels if not channel.deleted]

    def join(self, user: User, *, roles: tuple[Role, ...] = (), nick: str | None = None) -> None:
        self.members[user.id] = Membership(user, self.world.clock(), {role.id for role in roles}, nick)

    def remove(self, user: User) -> None:
        """Take `user` out of the server."""
        self.members.pop(user.id, None)

    def role(self, name: str, *permissions: str, mentionable: bool = False) -> Role:
        """Add a role that grants `permissions` (Discord's names)."""
        role = Role(self.world.snowflakes.new(), name, named(permissions), mentionable)
        self.roles[role.id] = role
        self.world.tell(RoleNews(Happened.NEW, self, role))
        return role

    def give(self, user: User, role: Role) -> None:
        """Give `user` a role; of members' roles the bot hears only of its own."""
        self.members[user.id].role_ids.add(role.id)
        self.world.tell(MemberNews(Happened.CHANGED, self, self.members[user.id]))

    def allow(self, *permissions: str) -> None:
        """Grant everybody `permissions`, server-wide."""
        self.everyone.permissions |= named(permissions)
        self.world.tell(RoleNews(Happened.CHANGED, self, self.everyone))

    def deny(self, *permissions: str) -> None:
        """Take `permissions` from everybody, server-wide; roles may still grant them."""
        self.everyone.permissions &= ~named(permissions)
        self.world.tell(RoleNews(Happened.CHANGED, self, self.everyone))

    def channel(self, name: str, *, kind: int = TEXT) -> Channel:
        """Add a channel; `kind=VOICE` for a voice channel with its chat."""
        channel = Channel(self.world, name, guild=self, kind=kind, position=len(self._all_channels))
        self._all_channels.append(channel)
        channel.tell(Happened.NEW)
        return channel

    def invite_bot(self) -> None:
        self.join(self.world.bot)
        self.world.tell(GuildNews(Happened.NEW, self))

    def kick_bot(self) -> None:
        """Remove the bot at once; it gets GUILD_DELETE."""
        self.world.tell(GuildNews(Happened.GONE, self))
        self.members.pop(self.world.bot.id, None)

    def upgrade(self, premium_tier: int) -> None:
        """Change the boost level and with it the upload limit; the bot gets GUILD_UPDATE."""
        self.premium_tier = premium_tier
        self.world.tell(GuildNews(Happened.CHANGED, self))

    def __repr__(self) -> str:
        return f"<server {self.name}>"


@dataclass(frozen=True, slots=True)
class GuildNews(News):
    """NEW and GONE: the bot joins or leaves."""

    guild: Guild


@dataclass(frozen=True, slots=True)
class RoleNews(News):
    guild: Guild
    role: Role


@dataclass(frozen=True, slots=True)
class MemberNews(News):
    guild: Guild
    membership: Membership
