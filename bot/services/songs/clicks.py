"""Clicks are carried out once: in one process, and a double click is one."""

from datetime import datetime

from bot.domain.clicks import REST, Click, Standing
from bot.errors import TakenElsewhere
from bot.services.common.ports import Work


async def is_first(work: Work, click: Click, action: str, *, at: datetime) -> bool:
    """Whether this is a click of its own.

    Raises:
        TakenElsewhere: another process has this click.
    """
    standing = await work.clicks.begin(click, action, at=at, since=at - REST)
    if standing is Standing.ELSEWHERE:
        raise TakenElsewhere
    return standing is Standing.FIRST


async def taken(work: Work, interaction_id: int) -> None:
    """In the transaction that carries the click out: a failure leaves it to others.

    Raises:
        TakenElsewhere: another process has it.
    """
    if not await work.intakes.take_once(interaction_id):
        raise TakenElsewhere
