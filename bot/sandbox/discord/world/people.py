"""Accounts as data: the bot's and people's. What people do is in `user`."""

from enum import StrEnum

from bot.sandbox.discord.world.changes import Changes


class User:
    """Anyone with an account; `is_bot` for the application's own."""

    is_bot = True

    def __init__(self, user_id: int, name: str) -> None:
        self.id = user_id
        self.name = name
        self.locale = "en-US"

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Person(User):
    """`nitro` is Discord's `premium_type`; `installed_app`: this user has installed the application."""

    is_bot = False

    def __init__(self, user_id: int, name: str, *, locale: str, nitro: int) -> None:
        super().__init__(user_id, name)
        self.locale = locale
        self.nitro = nitro
        self.dms_open = True
        self.installed_app = False
        self.changes = Changes()


class Why(StrEnum):
    """What made a member's client ring."""

    MENTION = "mention"
    ROLE = "role"
    EVERYONE = "everyone"
    REPLY = "reply"
    DIRECT = "direct message"
