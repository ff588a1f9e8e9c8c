"""Everything that exists: servers, channels, messages and interactions."""

from collections import defaultdict

from bot.sandbox.discord.options import DiscordOptions
from bot.sandbox.discord.world.channels import DM, Channel, ChannelNews, Message, MessageNews, Ping
from bot.sandbox.discord.world.clock import Clock
from bot.sandbox.discord.world.ground import Ground
from bot.sandbox.discord.world.guilds import Guild
from bot.sandbox.discord.world.interactions import Interaction, InteractionNews
from bot.sandbox.discord.world.people import Person
from bot.sandbox.discord.world.shapes import Happened, News


class World(Ground):
    """The state of one application's Discord, by ids. Its news keeps these tables up to date."""

    def __init__(self, options: DiscordOptions, clock: Clock) -> None:
        super().__init__(options, clock)
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.interactions: dict[int, Interaction] = {}
        self.by_token: dict[str, Interaction] = {}
        self.pings: defaultdict[int, list[Ping]] = defaultdict(list)
        self._conversations: dict[int, Channel] = {}

    def dm_with(self, person: Person) -> Channel:
        """The direct conversation of `person` and the bot."""
        if person.id not in self._conversations:
            channel = Channel(self, f"dm-{person.name}", kind=DM, recipient=person)
            self._conversations[person.id] = self.channels[channel.id] = channel
        return self._conversations[person.id]

    def share_a_guild(self, person: Person) -> bool:
        return any(person.id in guild.members and guild.has_bot for guild in self.guilds.values())

    def tell(self, news: News) -> None:
        match news:
            case ChannelNews(happened, channel):
                if happened is Happened.GONE:
                    self.channels.pop(channel.id, None)
                elif not channel.deleted:
                    self.channels[channel.id] = channel
            case MessageNews(happened, message):
                if happened is Happened.NEW:
                    self._take_in(message)
                message.channel.changes.tell()
                if message.origin is not None:
                    self.interactions[message.origin.id].changes.tell()
            case InteractionNews(_, interaction):
                self.interactions[interaction.id] = interaction
                self.by_token[interaction.token] = interaction
        super().tell(news)

    def _take_in(self, message: Message) -> None:
        """Keep a new message, and ring the clients of those it is meant for."""
        self.messages[message.id] = message
        message.channel.all_messages.append(message)
        for person, why in message.rung.items():
            self.pings[person.id].append(Ping(message, why, message.is_silent))
            person.changes.tell()
