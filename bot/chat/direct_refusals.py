"""Whose direct messages are known to be closed: only a post could tell, and that needs the music first."""

from datetime import datetime, timedelta

from bot.services.common.clock import Clock

REFUSED = timedelta(hours=1)
"""Discord does not say when a member opens their direct messages."""
REFUSED_UNHEARD = timedelta(minutes=10)
"""In a process without a gateway, which never hears from members that they may be open again."""


class DirectRefusals:
    def __init__(self, clock: Clock, lasts: timedelta = REFUSED) -> None:
        self._clock = clock
        self._lasts = lasts
        self._refused: dict[int, datetime] = {}

    def note(self, member_id: int) -> None:
        self._forget_old()
        self._refused[member_id] = self._clock()

    def forget(self, member_id: int) -> None:
        self._refused.pop(member_id, None)

    def is_known(self, member_id: int) -> bool:
        """Whether the member refused a direct message not long ago."""
        self._forget_old()
        return member_id in self._refused

    def _forget_old(self) -> None:
        now = self._clock()
        # A negative age says that the clock was set back.
        self._refused = {who: at for who, at in self._refused.items() if timedelta(0) <= now - at < self._lasts}
