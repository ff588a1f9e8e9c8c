"""`Send again` of one job: under way, or done a moment ago."""

from datetime import datetime, timedelta

import msgspec

REST = timedelta(minutes=1)
"""How long a job that was sent again is not sent another time."""


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: when the claim on it, or the rest after it, ends. Once it is sent, the ids say where the message is."""

    job_id: str
    member_id: int
    until: datetime
    sent_at: datetime | None = None
    guild_id: int | None = None
    channel_id: int | None = None
    message_id: int | None = None
    is_answer: bool = False

    def is_under_way(self, at: datetime, *, lease: timedelta) -> bool:
        """A claim that ends later than possible shows that the clock was set back."""
        return self.sent_at is None and at < self.until <= at + lease

    def is_resting(self, at: datetime) -> bool:
        """A negative age shows that the clock was set back."""
        return self.sent_at is not None and timedelta(0) <= at - self.sent_at < REST
