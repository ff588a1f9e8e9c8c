"""Commands that are turns of a relay: only whoever has the turn can send it off, and only once."""

from datetime import datetime

from bot.domain.jobs import Intake, RelayTurn
from bot.domain.relays import CLAIM
from bot.domain.text import text
from bot.errors import Refused
from bot.services.common.ports import Work

NOT_YOURS = text(
    "This turn isn't yours any more: your time ran out, or the relay moved on. `/relay status` shows where it stands."
)
OTHER_AUDIO = text("A turn continues the song itself, so it can't have other audio. Take the turn again.")


async def keep(work: Work, intake: Intake, *, at: datetime) -> None:
    """When the command comes in: its member has the turn for another while, in which its source is read.

    Raises:
        Refused: somebody else has the turn, it was sent off before, or the relay is finished.
    """
    if (turn := intake.relay_turn) is None:
        return
    if intake.parent is None and not await _is_opening(work, turn):
        raise Refused([OTHER_AUDIO], rules=["relay_turn"])
    if not await work.relays.keep_turn(turn, intake.place.member_id, until=at + CLAIM):
        raise Refused([NOT_YOURS], rules=["relay_turn"])


async def begin(work: Work, intake: Intake, job_id: str, *, at: datetime) -> None:
    """In the transaction that accepts the job. Raises as `keep`; then there is no job."""
    if (turn := intake.relay_turn) is not None and not await work.relays.begin_turn(
        turn, intake.place.member_id, job_id=job_id, at=at
    ):
        raise Refused([NOT_YOURS], rules=["relay_turn"])


async def _is_opening(work: Work, turn: RelayTurn) -> bool:
    """Whether it continues a piece that somebody brought along, and not one of our own takes."""
    relay = await work.relays.get(turn.relay_id)
    return relay is not None and turn.number == 1 and relay.opening.source is not None
