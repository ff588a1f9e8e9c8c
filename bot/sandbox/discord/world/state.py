"""Everything that exists (servers, channels, people, messages, interactions) and the events about its changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sandbox.discord.options import DiscordOptions
from bot.sandbox.discord.refuse.limits import Payload
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.discord.world.channels import DM, Channel, Thread
from bot.sandbox.discord.world.clock import Clock, Snowflakes
from bot.sandbox.discord.world.guilds import Guild
from bot.sandbox.discord.world.interactions import Callback, Interaction, State
from bot.sandbox.discord.world.links import Links
from bot.sandbox.discord.world.people import Person, User
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.posts import Attachment, Message

GUILDS = 1 << 0
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12
MESSAGE_CONTENT = 1 << 15
"""Intents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What the gateway sends to sessions with one of `intents` (0: all) and this server's shard.

    `bare_data` is for sessions that may not read members' messages.
    """

    name: str
    data: Payload
    intents: int = 0
    guild_id: int | None = None
    bare_data: Payload | None = None


class World:
    """The state of one application's Discord. `listeners` hear every event."""

    def __init__(self, options: DiscordOptions, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.snowflakes = Snowflakes(clock)
        self.changes = Changes()
        self.links = Links(clock, lifetime_seconds=options.link_seconds)
        self.listeners: list[Callable[[Event], None]] = []
        self.application_id = self.snowflakes.new()
        self.bot = User(self, "Encore")
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.people: dict[int, Person] = {}
        self.messages: dict[int, Message] = {}
        self.attachments: dict[int, Attachment] = {}
        self.interactions: dict[int, Interaction] = {}
        self.by_token: dict[str, Interaction] = {}
        self.global_commands: list[Payload] = []
        self.guild_commands: dict[int, list[Payload]] = {}
        self._conversations: dict[int, Channel] = {}
        self.owner = Person(self, "the owner", locale="en-US", nitro=0)
        self.people[self.owner.id] = self.owner

    def dm_with(self, person: Person) -> Channel:
        if person.id not in self._conversations:
            channel = Channel(self, f"dm-{person.name}", kind=DM, recipient=person)
            self._conversations[person.id] = channel
        return self._conversations[person.id]

    def share_a_guild(self, person: Person) -> bool:
        return any(person.id in guild.members and guild.has_bot for guild in self.guilds.values())

    def add_message(self, message: Message) -> None:
        self.messages[message.id] = message
        message.channel.all_messages.append(message)
        self.told_message(message, "MESSAGE_CREATE")

    def add_attachment(self, attachment: Attachment) -> Attachment:
        self.attachments[attachment.id] = attachment
        return attachment

    def add_interaction(self, interaction: Interaction) -> None:
        self.interactions[interaction.id] = interaction
        self.by_token[interaction.token] = interaction

    def age_seconds(self, interaction: Interaction) -> float:
        return (self.clock() - interaction.created_at).total_seconds()

    def state_of(self, interaction: Interaction) -> State:
        """What the member's client shows."""
        if interaction.answered is None:
            is_late = self.age_seconds(interaction) > self.options.acknowledge_seconds
            return State.FAILED if is_late else State.WAITING
        original = interaction.original
        if interaction.answered is Callback.DEFERRED_MESSAGE and original is not None and original.is_thinking:
            is_over = self.age_seconds(interaction) > self.options.interaction_seconds
            return State.FAILED if is_over else State.THINKING
        return State.ANSWERED

    def tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)
        self.changes.tell()

    def told_guild(self, guild: Guild, name: str, **facts: Any) -> None:  # noqa: ANN401  # as the event needs it
        """Dispatch an event about a server, if the bot is in it."""
        if not guild.has_bot or guild.id not in self.guilds:
            return
        if name == "GUILD_DELETE":
            data: Payload = {"id": str(guild.id)}
        elif "role" in facts:
            data = {"guild_id": str(guild.id), "role": payloads.role(facts["role"])}
        else:
            data = payloads.guild_create(guild)
            del data["unavailable"]  # else the library takes a new server for one that is back from an outage
        self.tell(Event(name=name, data=data, intents=GUILDS, guild_id=guild.id))

    def told_channel(self, channel: Channel, name: str) -> None:
        """Send an event about a channel, except for threads the bot cannot see (docs, threads)."""
        if channel.guild is None or not channel.guild.has_bot or channel.guild.id not in self.guilds:
            return
        if isinstance(channel, Thread) and not channel.permissions_of(self.bot):
            return
        self.tell(Event(name=name, data=payloads.channel(channel), intents=GUILDS, guild_id=channel.guild.id))

    def told_message(self, message: Message, name: str) -> None:
        """Wake whoever waits for it, and send the event if the bot sees the message and it is not ephemeral."""
        message.channel.changes.tell()
        if message.interaction is not None:
            message.interaction.changes.tell()
        self.changes.tell()
        guild = message.channel.guild
        if message.visible_to is not None or Permission.VIEW_CHANNEL not in message.channel.permissions_of(self.bot):
            return
        if name == "MESSAGE_DELETE":
            data: Payload = {"id": str(message.id), "channel_id": str(message.channel.id)}
            if guild is not None:
                data["guild_id"] = str(guild.id)
        else:
            data = payloads.message_event(message)
        is_private = guild is not None and message.author is not self.bot and self.bot not in message.mentions
        bare = {"content": "", "embeds": [], "attachments": [], "components": []}
        self.tell(
            Event(
                name=name,
                data=data,
                intents=DIRECT_MESSAGES if guild is None else GUILD_MESSAGES,
                guild_id=guild.id if guild else None,
                bare_data={**data, **bare} if is_private and name != "MESSAGE_DELETE" else None,
            )
        )

    def send_interaction(self, interaction: Interaction) -> None:
        """Send it to every session of the bot; the first to answer wins (docs/discord.md 5.4)."""
        guild = interaction.channel.guild
        data = payloads.interaction(interaction)
        self.tell(Event(name="INTERACTION_CREATE", data=data, guild_id=guild.id if guild else None))

    def commands_in(self, guild: Guild | None) -> list[Payload]:
        """What a client offers: the server's own commands hide global ones of the same name and type."""
        own = self.guild_commands.get(guild.id, []) if guild else []
        taken = {(command["type"], command["name"]) for command in own}
        return [*own, *(each for each in self.global_commands if (each["type"], each["name"]) not in taken)]
