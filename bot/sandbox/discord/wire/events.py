"""What the gateway sends about news of the world, and to which sessions."""

from dataclasses import dataclass

from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.world.channels import Channel, ChannelNews, Message, MessageNews, Thread
from bot.sandbox.discord.world.guilds import Guild, GuildNews, MemberNews, RoleNews
from bot.sandbox.discord.world.interactions import Interaction, InteractionNews
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.shapes import Happened, Json, News
from bot.sandbox.discord.world.state import World

GUILDS = 1 << 0
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12
MESSAGE_CONTENT = 1 << 15
"""Intents."""

ENDINGS = {Happened.NEW: "CREATE", Happened.CHANGED: "UPDATE", Happened.GONE: "DELETE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What the gateway sends to sessions with one of `intents` (0: all) and this server's shard.

    `bare_data` is for sessions that may not read members' messages.
    """

    name: str
    data: Json
    intents: int = 0
    guild_id: int | None = None
    bare_data: Json | None = None


def event_of(news: News, world: World) -> Event | None:  # noqa: PLR0911  # one for each kind of news
    """The event about `news`; None if the bot does not see it happen."""
    match news:
        case GuildNews(happened, guild):
            return _about_guild(guild, f"GUILD_{ENDINGS[happened]}", _guild(guild, happened, world), world)
        case RoleNews(happened, guild, role):
            data = {"guild_id": str(guild.id), "role": payloads.role(role)}
            return _about_guild(guild, f"GUILD_ROLE_{ENDINGS[happened]}", data, world)
        case MemberNews():
            return _about_member(news, world)
        case ChannelNews(happened, channel):
            return _about_channel(channel, ENDINGS[happened], world)
        case MessageNews(happened, message):
            return _about_message(message, happened, world)
        case InteractionNews(_, interaction):
            if world.interactions_url and not world.options.interactions_both_ways:
                return None
            return _about_interaction(interaction)
    return None


def _guild(guild: Guild, happened: Happened, world: World) -> Json:
    if happened is Happened.GONE:
        return {"id": str(guild.id)}
    data = payloads.guild_create(guild, world)
    del data["unavailable"]  # with it, the library would take a new server for one back from an outage
    return data


def _about_guild(guild: Guild, name: str, data: Json, world: World) -> Event | None:
    if not guild.has_bot or guild.id not in world.guilds:
        return None
    return Event(name=name, data=data, intents=GUILDS, guild_id=guild.id)


def _about_member(news: MemberNews, world: World) -> Event | None:
    """Only of the bot itself, as without the members intent (docs, "Gateway Intents")."""
    if news.membership.user is not world.bot:
        return None
    data = {"guild_id": str(news.guild.id), **payloads.member(news.membership)}
    return _about_guild(news.guild, "GUILD_MEMBER_UPDATE", data, world)


def _about_channel(channel: Channel, ending: str, world: World) -> Event | None:
    """Threads that the bot cannot see are left out (docs, threads)."""
    if channel.guild is None or not channel.guild.has_bot or channel.guild.id not in world.guilds:
        return None
    is_thread = isinstance(channel, Thread)
    if is_thread and not channel.permissions_of(world.bot):
        return None
    name = f"{'THREAD' if is_thread else 'CHANNEL'}_{ending}"
    return Event(name=name, data=payloads.channel(channel), intents=GUILDS, guild_id=channel.guild.id)


def _about_message(message: Message, happened: Happened, world: World) -> Event | None:
    """Ephemeral messages are left out, and those in channels that the bot does not see."""
    guild = message.channel.guild
    if message.visible_to is not None or Permission.VIEW_CHANNEL not in message.channel.permissions_of(world.bot):
        return None
    is_gone = happened is Happened.GONE
    data = payloads.deleted_message(message) if is_gone else payloads.message_event(message)
    is_private = guild is not None and message.author is not world.bot and world.bot not in message.mentions
    return Event(
        name=f"MESSAGE_{ENDINGS[happened]}",
        data=data,
        intents=DIRECT_MESSAGES if guild is None else GUILD_MESSAGES,
        guild_id=guild.id if guild else None,
        bare_data=payloads.bare(data) if is_private and not is_gone else None,
    )


def _about_interaction(interaction: Interaction) -> Event:
    """For every session of the bot; the first to answer wins (docs/discord.md 5.4)."""
    guild = interaction.channel.guild
    data = payloads.interaction(interaction)
    return Event(name="INTERACTION_CREATE", data=data, guild_id=guild.id if guild else None)
