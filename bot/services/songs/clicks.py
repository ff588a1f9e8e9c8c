"""One click on a result: who, on which message, and whether it is the second half of a double click."""

from datetime import datetime, timedelta

import msgspec

from bot.services.common.ports import Work

REST = timedelta(seconds=3)
"""A member who does the same thing to the same message again within this time clicked twice."""


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """`message_id`: the result. `guild_id` None: in a direct conversation."""

    interaction_id: int
    member_id: int
    message_id: int
    channel_id: int
    guild_id: int | None


async def is_first(work: Work, click: Click, action: str, *, at: datetime) -> bool:
    """Whether this is a click of its own."""
    return await work.clicks.begin(click.message_id, click.member_id, action, at=at, since=at - REST)
