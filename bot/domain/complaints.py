"""What members report to the operator: a result that should not be there."""

from datetime import datetime

import msgspec


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """One for each person and message. `guild_id` None: in a direct conversation."""

    message_id: int
    member_id: int
    job_id: str
    guild_id: int | None
    channel_id: int
    at: datetime
