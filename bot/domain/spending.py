"""What was spent at the provider on one UTC day, counted in what was asked for."""

import msgspec

from bot.domain.models import CREDITS_PER_JOB

_TENTHS_PER_LYRICS = 4


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """How much may have cost credits: extensions that were submitted, and orders of lyrics."""

    submissions: int = 0
    lyrics: int = 0

    @property
    def tenths(self) -> int:
        """The credits in tenths, so that sums are exact (docs/provider.md 5 and 9)."""
        return self.submissions * 10 * CREDITS_PER_JOB + self.lyrics * _TENTHS_PER_LYRICS

    @property
    def credits(self) -> float:
        return self.tenths / 10

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(submissions=self.submissions + other.submissions, lyrics=self.lyrics + other.lyrics)


A_JOB = Spent(submissions=1)
AN_ORDER = Spent(lyrics=1)
"""One order of lyrics."""
