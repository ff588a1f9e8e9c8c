"""A callback of the provider as it came: written down first, applied to its job later."""

from datetime import datetime
from enum import StrEnum

import msgspec

NEWEST = 2**63 - 1
"""As an id: later than any callback that there will be."""


class Recorded(StrEnum):
    NEW = "new"
    REPEAT = "repeat"
    UNKNOWN = "unknown"  # no job has this token
    FULL = "full"  # not written down, for there are too many; the provider should send it again


class CallbackEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded callback; `body` is what was posted, byte for byte. Ids grow in the order of recording.

    `failures`: how often in a row it could not be applied, as far as the database knows.
    """

    id: int
    job_id: str
    body: bytes
    received_at: datetime
    failures: int = 0
