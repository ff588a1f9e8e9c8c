"""Who may do what where (Discord's documents, "Permissions": overwrites, implicit permissions)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntFlag


class Permission(IntFlag):
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CONNECT = 1 << 20
    MANAGE_ROLES = 1 << 28
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38
    USE_EXTERNAL_APPS = 1 << 50


NONE = Permission(0)
ALL = Permission((1 << 51) - 1)
EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.CONNECT
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.USE_EXTERNAL_APPS
)
"""What everybody may do in a new server."""
DIRECT = EVERYONE & ~(Permission.CONNECT | Permission.CREATE_PUBLIC_THREADS | Permission.SEND_MESSAGES_IN_THREADS)
REPLY_SHARE = (
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.MENTION_EVERYONE
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.SEND_MESSAGES_IN_THREADS
)
"""What an app without a bot user in the server is shown of @everyone's permissions (docs/discord.md 2.2)."""


@dataclass(slots=True)
class Overwrite:
    """What a channel denies and allows one role or member."""

    allow: Permission = NONE
    deny: Permission = NONE

    def change(self, *, allow: Permission = NONE, deny: Permission = NONE) -> None:
        self.allow = (self.allow | allow) & ~deny
        self.deny = (self.deny | deny) & ~allow


def named(names: Iterable[str]) -> Permission:
    """Permissions by Discord's own names, such as `ATTACH_FILES`."""
    found = NONE
    for name in names:
        found |= Permission[name.upper()]
    return found


def in_channel(
    *,
    everyone_id: int,
    member_id: int,
    is_owner: bool,
    roles: Mapping[int, Permission],
    overwrites: Mapping[int, Overwrite],
    in_thread: bool,
) -> Permission:
    """What a member may do in a channel; `roles` are the member's, with the server's own @everyone among them."""
    granted = NONE
    for permission in roles.values():
        granted |= permission
    if is_owner or Permission.ADMINISTRATOR in granted:
        return ALL
    for_everyone = overwrites.get(everyone_id, Overwrite())
    granted = (granted & ~for_everyone.deny) | for_everyone.allow
    of_roles = [overwrites[role_id] for role_id in roles if role_id != everyone_id and role_id in overwrites]
    for overwrite in of_roles:
        granted &= ~overwrite.deny
    for overwrite in of_roles:
        granted |= overwrite.allow
    own = overwrites.get(member_id, Overwrite())
    return _with_implied((granted & ~own.deny) | own.allow, in_thread=in_thread)


def _with_implied(granted: Permission, *, in_thread: bool) -> Permission:
    """A member who cannot see a channel can do nothing in it; one who cannot write cannot attach files either."""
    if Permission.VIEW_CHANNEL not in granted:
        return NONE
    writing = Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES
    if writing not in granted:
        return granted & ~(Permission.EMBED_LINKS | Permission.ATTACH_FILES | Permission.MENTION_EVERYONE)
    return granted
