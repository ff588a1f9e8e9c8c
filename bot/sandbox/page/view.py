"""What a person sees, as the page is told it. Messages and commands keep the shape that they have on Discord's wire."""

from collections.abc import Callable, Iterable

from bot.sandbox.discord.refuse.commands import MESSAGE_MENU, SLASH, USER_MENU
from bot.sandbox.discord.user import client
from bot.sandbox.discord.user.client import ClientRefuses
from bot.sandbox.discord.user.forms import Modal
from bot.sandbox.discord.user.member import Member
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.world.channels import FORUM, Channel, Message, Thread
from bot.sandbox.discord.world.guilds import Guild
from bot.sandbox.discord.world.interactions import Interaction, State
from bot.sandbox.discord.world.people import Person, User
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.shapes import Json, Kind
from bot.sandbox.discord.world.state import World

PAGE_MESSAGES = 25
KINDS = (SLASH, USER_MENU, MESSAGE_MENU)


def person(who: User, *, note: str = "") -> Json:
    return {"id": str(who.id), "name": who.name, "is_bot": who.is_bot, "locale": who.locale, "note": note}


def sees(member: Member, channel: Channel) -> bool:
    return not channel.deleted and Permission.VIEW_CHANNEL in channel.permissions_of(member)


def visible(member: Member, message: Message) -> bool:
    return message.is_seen_by(member) and sees(member, message.channel)


def places(member: Member, world: World, unread: Callable[[Channel], Json]) -> Json:
    """All servers and channels that `member` sees, each with what is new in it."""
    guilds = [_guild(member, guild, world, unread) for guild in world.guilds.values() if member.id in guild.members]
    return {"guilds": guilds, "direct": _channel(member, member.dm, unread)}


def _guild(member: Member, guild: Guild, world: World, unread: Callable[[Channel], Json]) -> Json:
    threads = [each for each in world.channels.values() if isinstance(each, Thread) and each.guild is guild]
    ordered: list[Channel] = []
    for channel in guild.channels:
        ordered += [channel, *(thread for thread in threads if thread.parent is channel)]
    return {
        "id": str(guild.id),
        "name": guild.name,
        "channels": [_channel(member, each, unread) for each in ordered if sees(member, each)],
        "members": [
            {
                **person(each.user),
                "roles": [guild.roles[role_id].name for role_id in sorted(each.role_ids)],
                "is_owner": guild.owner is each.user,
            }
            for each in guild.members.values()
        ],
        "roles": [{"id": str(role.id), "name": role.name} for role in guild.roles.values()],
    }


def _channel(member: Member, channel: Channel, unread: Callable[[Channel], Json]) -> Json:
    permissions = channel.permissions_of(member)
    is_locked = isinstance(channel, Thread) and channel.is_locked_for(member)
    return {
        "id": str(channel.id),
        "guild": str(channel.guild.id) if channel.guild else None,
        "name": channel.name if channel.guild else channel.world.bot.name,
        "kind": channel.kind,
        "parent": str(channel.parent.id) if isinstance(channel, Thread) else None,
        "topic": channel.topic,
        "archived": isinstance(channel, Thread) and channel.archived,
        "may_write": channel.kind != FORUM and channel.needed_to_write in permissions and not is_locked,
        "may_attach": Permission.ATTACH_FILES in permissions,
        **unread(channel),
    }


def commands(member: Member, channel: Channel) -> list[Json]:
    """The commands that this member's client offers here, in their language."""
    return [_localized(each, member.locale) for each in channel.commands if _is_offered(member, channel, each)]


def _is_offered(member: Member, channel: Channel, command: Json) -> bool:
    try:
        client.offered(member, channel, command["name"], command["type"])
    except ClientRefuses:
        return False
    return True


def _localized(node: Json, locale: str) -> Json:
    """`node` with what is shown of it: name, description and choices in `locale`, below that all its options."""
    found = {key: value for key, value in node.items() if not key.endswith("_localizations")}
    for key in ("name", "description"):
        if key in node:
            found[f"shown_{key}"] = (node.get(f"{key}_localizations") or {}).get(locale) or node[key]
    for key in ("options", "choices"):
        if node.get(key):
            found[key] = [_localized(each, locale) for each in node[key]]
    return found


def message(of: Message, member: Member) -> Json:
    """A message on the wire, and besides it what only a client knows."""
    found = payloads.message(of)
    found["attachments"] = [payloads.attachment(each) for each in of.shown_attachments]
    found["ephemeral"] = of.is_ephemeral
    found["thinking"] = of.is_thinking
    found["failed"] = of.is_thinking and _has_failed(of)
    found["rings"] = member in of.rung
    found["silent"] = of.is_silent
    manages = Permission.MANAGE_MESSAGES in of.channel.permissions_of(member)
    found["may_delete"] = not of.is_ephemeral and (of.author is member or manages)
    if of.origin is not None and of.origin.kind is Kind.COMMAND:
        found["used"] = {"person": of.origin.member.name, "name": str(of.origin.data["name"])}
    return found


def _has_failed(of: Message) -> bool:
    """Whether a placeholder has outlived its interaction's token."""
    world = of.channel.world
    return (world.clock() - of.created_at).total_seconds() > world.options.interaction_seconds


def history(channel: Channel, member: Member, *, before: int = 0, after: int = 0, around: int = 0) -> Json:
    """A page of messages, oldest first, and whether there are more on either side. The others are ids, or 0."""
    seen = channel.seen_by(member) if Permission.READ_MESSAGE_HISTORY in channel.permissions_of(member) else []
    if before:
        end = _place(seen, before)
        start = max(0, end - PAGE_MESSAGES)
    elif after:
        start = _place(seen, after + 1)
        end = min(len(seen), start + PAGE_MESSAGES)
    elif around:
        start = max(0, _place(seen, around) - PAGE_MESSAGES // 2)
        end = min(len(seen), start + PAGE_MESSAGES)
    else:
        start, end = max(0, len(seen) - PAGE_MESSAGES), len(seen)
    return {
        "messages": [message(each, member) for each in seen[start:end]],
        "older": start > 0,
        "newer": end < len(seen),
    }


def _place(messages: list[Message], message_id: int) -> int:
    """Where it stands among messages that are sorted by id."""
    low, high = 0, len(messages)
    while low < high:
        middle = (low + high) // 2
        if messages[middle].id < message_id:
            low = middle + 1
        else:
            high = middle
    return low


def interaction(of: Interaction) -> Json:
    return {
        "id": str(of.id),
        "channel": str(of.channel.id),
        "kind": int(of.kind),
        "name": of.what,
        "message": str(of.source.id) if of.source else None,
        "state": of.state.name.lower(),
        "failed": of.state is State.FAILED,
        "modal": modal(Modal(of)) if of.modal is not None else None,
    }


def modal(form: Modal) -> Json:
    """An open form; texts between its fields are among them, without a `custom_id`."""
    fields = [
        {
            "label": field.label,
            "description": field.description,
            "required": field.is_required,
            "component": field.component,
        }
        for field in form.fields
    ]
    return {"title": form.title, "texts": form.texts, "fields": fields}


def people(everyone: Iterable[Person], notes: dict[int, str]) -> list[Json]:
    return [person(each, note=notes.get(each.id, "")) for each in everyone]
