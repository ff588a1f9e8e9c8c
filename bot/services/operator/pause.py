"""The pause while the account is closed: one memo, so that all processes stop, one asks, and all resume."""

from datetime import datetime, timedelta

import msgspec

from bot.domain.jobs import WaitReason
from bot.services.common.aggregates import Memos

PAUSE = "pause of submissions"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """`ask_at`: when a process next asks whether the account is open again. `refusals`: how often it was not."""

    closed_for: WaitReason
    ask_at: datetime
    refusals: int = 0

    def may_ask(self, now: datetime, *, every: timedelta) -> bool:
        """A time further ahead than `every` shows that the clock was set back."""
        return not timedelta(0) < self.ask_at - now <= every


async def read_pause(memos: Memos) -> Pause | None:
    """The present pause; None while the account is open."""
    return parse_pause(await memos.get(PAUSE) or "")


async def write_pause(memos: Memos, pause: Pause | None) -> None:
    words = "" if pause is None else f"{pause.closed_for} {pause.ask_at.isoformat()} {pause.refusals}"
    await memos.put(PAUSE, words)


def parse_pause(words: str) -> Pause | None:
    """The memo's value. None also if only another release can read it: the next refusal writes it again."""
    try:
        closed_for, ask_at, refusals = words.split()
        return Pause(closed_for=WaitReason(closed_for), ask_at=datetime.fromisoformat(ask_at), refusals=int(refusals))
    except ValueError:
        return None
