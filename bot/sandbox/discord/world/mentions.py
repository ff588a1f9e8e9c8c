"""Whom a message mentions and whose client rings (Discord's documents, "Allowed Mentions")."""

import re
from dataclasses import dataclass, field

from bot.sandbox.discord.world.channels import Channel, Message
from bot.sandbox.discord.world.people import Person, User, Why
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.posts import EPHEMERAL
from bot.sandbox.discord.world.roster import Roster
from bot.sandbox.discord.world.shapes import Json

USER = re.compile(r"<@!?(\d+)>")
ROLE = re.compile(r"<@&(\d+)>")
EVERYONE = re.compile(r"@(?:everyone|here)\b")


@dataclass(slots=True)
class Mentions:
    users: list[User] = field(default_factory=list)
    role_ids: list[int] = field(default_factory=list)
    everyone: bool = False


def mentions_of(
    content: str, allowed: Json | None, *, author: User, channel: Channel, replies_to: Message | None
) -> Mentions:
    """Without `allowed`, every mention counts, and so does the author of the message replied to."""
    parse = {"users", "roles", "everyone"} if allowed is None else set(allowed.get("parse") or [])
    listed = allowed or {}
    found = Mentions()
    for user_id in map(int, USER.findall(content)):
        named = channel.world.people.get(user_id) or (channel.world.bot if channel.world.bot.id == user_id else None)
        if named and ("users" in parse or user_id in _ids(listed, "users")) and named not in found.users:
            found.users.append(named)
    replied = True if allowed is None else listed.get("replied_user") is True
    if replies_to is not None and replied and replies_to.author not in found.users:
        found.users.append(replies_to.author)
    if channel.guild is not None:
        _name_groups(found, content, parse, listed, author=author, channel=channel, guild=channel.guild)
    return found


def _name_groups(
    found: Mentions, content: str, parse: set[str], listed: Json, *, author: User, channel: Channel, guild: Roster
) -> None:
    may_all = Permission.MENTION_EVERYONE in channel.permissions_of(author)
    for role_id in map(int, ROLE.findall(content)):
        role = guild.roles.get(role_id)
        is_allowed = "roles" in parse or role_id in _ids(listed, "roles")
        if role and is_allowed and (role.mentionable or may_all) and role_id not in found.role_ids:
            found.role_ids.append(role_id)
    found.everyone = bool(EVERYONE.search(content)) and "everyone" in parse and may_all


def _ids(listed: Json, key: str) -> set[int]:
    return {int(value) for value in listed.get(key) or []}


def ring(message: Message) -> None:
    """Decide whose clients ring: of everyone mentioned who sees the channel. Ephemeral messages never ring."""
    if not message.flags & EPHEMERAL:
        message.rung = _reasons(message)


def _reasons(message: Message) -> dict[Person, Why]:
    channel = message.channel
    if channel.recipient is not None:
        return {channel.recipient: Why.DIRECT} if channel.recipient is not message.author else {}
    assert channel.guild is not None  # noqa: S101  # a channel is in a server or a conversation
    reasons: dict[Person, Why] = {}
    for membership in channel.guild.members.values():
        person = membership.user
        if not isinstance(person, Person) or person is message.author:
            continue
        if Permission.VIEW_CHANNEL not in channel.permissions_of(person):
            continue
        is_author = message.replies_to is not None and message.replies_to.author is person
        if person in message.mentions:
            reasons[person] = Why.REPLY if is_author and person.mention not in message.content else Why.MENTION
        elif membership.role_ids & set(message.mention_role_ids):
            reasons[person] = Why.ROLE
        elif message.mentions_everyone:
            reasons[person] = Why.EVERYONE
    return reasons
