"""How a refusal is provoked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.sandbox.discord import DiscordOptions, RateLimit
from bot.sandbox.discord.refuse.limits import Refusal
from tests.support.discord_api import Json, Reply, Stage

SMALL = 1000
OPTIONS = DiscordOptions(
    token="an invented token", upload_limit_bytes=SMALL, commands_created_per_day=30, old_edits=RateLimit(1, 3600)
)
DEFER: Json = {"type": 5}
HELLO: Json = {"content": "hello"}
UNKNOWN = "99"


@dataclass(frozen=True)
class Case:
    name: str
    refusal: Refusal
    ask: Callable[[Stage], Awaitable[Reply]]


CASES: list[Case] = []
"""Complete once the modules beside this one are imported."""


def case(refusal: Refusal) -> Callable[[Callable[[Stage], Awaitable[Reply]]], None]:
    """Add a function that provokes `refusal`; its name says how."""

    def add(ask: Callable[[Stage], Awaitable[Reply]]) -> None:
        CASES.append(Case(ask.__name__.replace("_", " "), refusal, ask))

    return add
