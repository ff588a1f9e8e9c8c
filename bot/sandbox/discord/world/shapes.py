"""Small values that the other files of the world pass around."""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Any, Self, TypeAlias

from bot.sandbox.discord.world.people import Person

Json: TypeAlias = dict[str, Any]
"""A JSON object that is kept as it came: an embed, a component, the definition of a command."""


ID_DIGITS = 20
"""A snowflake has 64 bits."""


def id_in(text: str) -> int:
    """The id in what a client sends; 0, which is none, for anything else."""
    return int(text) if len(text) <= ID_DIGITS and text.isdecimal() else 0


class Happened(Enum):
    NEW = auto()
    CHANGED = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class News:
    """What has just changed in the world. Each kind of thing has a kind of news."""

    happened: Happened


class Kind(IntEnum):
    """Interaction types, as Discord numbers them."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an answer says about the interaction it belongs to.

    `owners` are those who installed the application, `data` what the member sent, `source_id` the message whose
    component was used, `opened_by` what opened the form that was sent.
    """

    id: int
    kind: Kind
    member: Person
    owners: dict[str, str]
    data: Json
    source_id: int | None = None
    opened_by: Self | None = None
