"""Who belongs to a server, and what their roles allow."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.sandbox.discord.world import permissions as allowed
from bot.sandbox.discord.world.ground import Ground
from bot.sandbox.discord.world.people import User
from bot.sandbox.discord.world.permissions import NONE, Overwrite, Permission
from bot.sandbox.discord.world.sizes import UPLOAD_BYTES_BY_TIER


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


class Roster:
    """A server without its channels, which is all that a channel knows of it.

    As at Discord, the @everyone role has the server's id.
    """

    def __init__(self, world: Ground, name: str, *, premium_tier: int, locale: str) -> None:
        self.world = world
        self.id = world.snowflakes.new()
        self.name = name
        self.premium_tier = premium_tier
        self.locale = locale
        self.owner: User = world.owner
        self.roles: dict[int, Role] = {self.id: Role(self.id, "@everyone", allowed.EVERYONE)}
        self.members: dict[int, Membership] = {}

    @property
    def everyone(self) -> Role:
        return self.roles[self.id]

    @property
    def has_bot(self) -> bool:
        return self.world.bot.id in self.members

    @property
    def upload_limit_bytes(self) -> int:
        return self.world.options.upload_limit_bytes or UPLOAD_BYTES_BY_TIER[self.premium_tier]

    def granted(self, user: User, overwrites: dict[int, Overwrite], *, in_thread: bool) -> Permission:
        """What roles and a channel's `overwrites` grant `user`; nothing to strangers."""
        membership = self.members.get(user.id)
        if membership is None:
            return NONE
        roles = {role_id: self.roles[role_id].permissions for role_id in membership.role_ids}
        roles[self.id] = self.everyone.permissions
        return allowed.in_channel(
            everyone_id=self.id,
            member_id=user.id,
            is_owner=self.owner is user,
            roles=roles,
            overwrites=overwrites,
            in_thread=in_thread,
        )
