"""How often a member may still have lyrics written or timed today: their own number, and the operator's credits."""

from datetime import datetime

from bot.domain.gates import Gate
from bot.domain.jobs import Place, WaitReason
from bot.domain.quota import next_day, quota_day
from bot.domain.spending import Spent
from bot.domain.text import Text, counted, text
from bot.errors import Refused
from bot.services.common.clock import Clock
from bot.services.common.ports import Work
from bot.services.operator.caps import Caps


class LyricsAllowance:
    """`per_day`: how many times a member may have lyrics written or timed on one UTC day; 0: not at all."""

    def __init__(self, *, per_day: int, caps: Caps, clock: Clock) -> None:
        self.per_day = per_day
        self._caps = caps
        self._clock = clock

    @property
    def is_switched_off(self) -> bool:
        return not self.per_day

    async def left(self, work: Work, place: Place, *, more: Spent) -> int:
        """How many times the member has left today, at least one; `more` is what the next one costs.

        Raises:
            Refused: none, or no credits for it.
        """
        if self.is_switched_off:
            raise Refused([text("Lyrics are switched off.")], rules=["lyrics_off"])
        now = self._clock()
        day = quota_day(now)
        used = await work.lyrics.count(place.member_id, day=day) + await work.timed_lyrics.count(
            place.member_id, day=day
        )
        if used >= self.per_day:
            used_up = counted(
                "You've had lyrics written or timed {count} time today, the most for one day. You can ask again"
                " {renews_at}.",
                "You've had lyrics written or timed {count} times today, the most for one day. You can ask again"
                " {renews_at}.",
                count=self.per_day,
                renews_at=next_day(now),
            )
            raise Refused([used_up], rules=["lyrics_per_day"])
        reached = await self._caps.reached(work, place.guild_id, now=now, more=more)
        if reached is not None:
            raise Refused([_credits_used_up(reached, next_day(now))], rules=[Gate.CAPS])
        return self.per_day - used


def _credits_used_up(cap: WaitReason, resumes: datetime) -> Text:
    if cap is WaitReason.SERVER_CAP:
        return text("This server's credits for today are used up. Try again {resumes}.", resumes=resumes)
    return text("Today's credits are used up. Try again {resumes}.", resumes=resumes)
