"""Users as data: the bot and people. What people do is in `user`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.sandbox.discord.world.changes import Changes

if TYPE_CHECKING:
    from bot.sandbox.discord.world.channels import Channel
    from bot.sandbox.discord.world.posts import Message
    from bot.sandbox.discord.world.state import World


class User:
    """Anyone with an account; `is_bot` for the application's own."""

    is_bot = True

    def __init__(self, world: "World", name: str) -> None:
        self.id = world.snowflakes.new()
        self.name = name
        self.locale = "en-US"

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Why(StrEnum):
    """What made a member's client ring."""

    MENTION = "mention"
    ROLE = "role"
    EVERYONE = "everyone"
    REPLY = "reply"
    DIRECT = "direct message"


@dataclass(frozen=True, slots=True)
class Ping:
    """A notification. `silent`: shown as a badge, without a sound (flag 4096)."""

    message: "Message"
    why: Why
    silent: bool


class Person(User):
    """`nitro` is Discord's `premium_type`; `installed_app`: this user has installed the application."""

    is_bot = False

    def __init__(self, world: "World", name: str, *, locale: str, nitro: int) -> None:
        super().__init__(world, name)
        self.world = world
        self.locale = locale
        self.nitro = nitro
        self.dms_open = True
        self.installed_app = False
        self.pings: list[Ping] = []
        self.changes = Changes()

    @property
    def dm(self) -> "Channel":
        """The direct conversation with the bot."""
        return self.world.dm_with(self)

    @property
    def dms(self) -> "list[Message]":
        """The messages in it, oldest first."""
        return self.dm.messages

    def ring(self, ping: Ping) -> None:
        self.pings.append(ping)
        self.changes.tell()
