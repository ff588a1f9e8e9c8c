"""A click on a result: who, on which message, and what it is beside other clicks."""

from datetime import timedelta
from enum import Enum, auto

import msgspec

REST = timedelta(seconds=3)
"""A member who does the same thing to the same message again within this time clicked twice."""


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """`message_id`: the result. `guild_id` None: in a direct conversation."""

    interaction_id: int
    member_id: int
    message_id: int
    channel_id: int
    guild_id: int | None


class Standing(Enum):
    FIRST = auto()
    DOUBLE = auto()  # the second half of a double click
    ELSEWHERE = auto()  # another process heard of the same click and has it
