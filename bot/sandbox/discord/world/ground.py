"""What everything in the world stands on: time, ids, the application, and what does not point at anything else."""

from collections.abc import Callable

from bot.sandbox.discord.options import DiscordOptions
from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.discord.world.clock import Clock, Snowflakes
from bot.sandbox.discord.world.links import Links
from bot.sandbox.discord.world.people import Person, User
from bot.sandbox.discord.world.posts import Attachment
from bot.sandbox.discord.world.shapes import Json, News


class Ground:
    """One application's Discord, without its servers. `listeners` hear all news."""

    def __init__(self, options: DiscordOptions, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.snowflakes = Snowflakes(clock)
        self.changes = Changes()
        self.links = Links(clock, lifetime_seconds=options.link_seconds)
        self.listeners: list[Callable[[News], None]] = []
        self.application_id = self.snowflakes.new()
        self.bot = User(self.snowflakes.new(), "Encore")
        self.public_key = "0" * 64  # nobody's, until the endpoint makes a key pair
        self.interactions_url = ""
        self.people: dict[int, Person] = {}
        self.attachments: dict[int, Attachment] = {}
        self.global_commands: list[Json] = []
        self.guild_commands: dict[int, list[Json]] = {}

    @property
    def owner(self) -> Person:
        """Who owns the application: the first person who was added."""
        return next(iter(self.people.values()))

    def add_person(self, person: Person) -> None:
        self.people[person.id] = person

    def add_attachment(self, attachment: Attachment) -> Attachment:
        self.attachments[attachment.id] = attachment
        return attachment

    def commands_in(self, guild_id: int | None) -> list[Json]:
        """What a client offers: a server's own commands hide global ones of the same type and name."""
        own = self.guild_commands.get(guild_id, []) if guild_id else []
        taken = {(command["type"], command["name"]) for command in own}
        return [*own, *(each for each in self.global_commands if (each["type"], each["name"]) not in taken)]

    def tell(self, news: News) -> None:
        """Pass `news` on to the listeners, and wake everyone who waits for a change."""
        for listener in self.listeners:
            listener(news)
        self.changes.tell()
