"""What was spent at the provider on one UTC day, counted in what was asked for."""

import msgspec

from bot.domain.models import CREDITS_PER_JOB

_TENTHS_PER_LYRICS = 4
_TENTHS_PER_TIMING = 5


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """How much may have cost credits: extensions that were submitted, orders of lyrics, and takes that were timed."""

    submissions: int = 0
    lyrics: int = 0
    timed_lyrics: int = 0

    @property
    def tenths(self) -> int:
        """The credits in tenths, so that sums are exact (docs/provider.md 5, 9 and 10)."""
        of_jobs = self.submissions * 10 * CREDITS_PER_JOB
        return of_jobs + self.lyrics * _TENTHS_PER_LYRICS + self.timed_lyrics * _TENTHS_PER_TIMING

    @property
    def credits(self) -> float:
        return self.tenths / 10

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            submissions=self.submissions + other.submissions,
            lyrics=self.lyrics + other.lyrics,
            timed_lyrics=self.timed_lyrics + other.timed_lyrics,
        )


A_JOB = Spent(submissions=1)
AN_ORDER = Spent(lyrics=1)
"""One order of lyrics."""
A_TIMING = Spent(timed_lyrics=1)
"""The times of one take's lyrics."""
