"""How many requests a second the whole bot may make: pure rules, with times in seconds.

Documented (topics/rate-limits, docs/discord.md 5.1): 50 requests a second for each bot, of any kind except answers to
interactions.
"""

from collections.abc import Sequence
from enum import IntEnum

import msgspec
from msgspec.structs import replace

LIMIT = 45
WINDOW_SECONDS = 1.2
"""Fewer requests in a longer window than Discord allows: they don't all take equally long to arrive, and processes on
different machines agree on the time only within milliseconds."""

HEAD_START_SECONDS = 0.3
"""Once there is room again, posts that waited for it come before edits."""


class Urgency(IntEnum):
    """What goes first when requests get scarce. Anything that is neither a post nor an edit counts as a message."""

    RESULT = 0
    MESSAGE = 1
    EDIT = 2


MAY_USE = {Urgency.RESULT: LIMIT, Urgency.MESSAGE: LIMIT - 5, Urgency.EDIT: LIMIT - 15}
"""How much of a window each may use, so that some of it is left for more urgent requests."""


class GlobalBudget(msgspec.Struct, frozen=True):
    """`sent_at`: the times of the requests that count, oldest first. `closed_until`: Discord refused one until then.

    `posts_until`: how long posts may be waiting; until then, no edit is sent.
    """

    sent_at: tuple[float, ...] = ()
    closed_until: float = 0.0
    posts_until: float = 0.0

    def free_at(self, urgency: Urgency, now: float) -> float:
        """When one more request may go: `now`, or later."""
        free_at = max(now, self.closed_until)
        if urgency is Urgency.EDIT:
            free_at = max(free_at, self.posts_until)
        sent_at = self._counted(now)
        excess = len(sent_at) - MAY_USE[urgency]
        return free_at if excess < 0 else max(free_at, sent_at[excess] + WINDOW_SECONDS)

    def taken(self, wanted: Sequence[Urgency], now: float) -> "tuple[GlobalBudget, int]":
        """After as many of these requests as may go now, the most urgent first; and their number."""
        after, granted = replace(self, sent_at=self._counted(now)), 0
        for urgency in sorted(wanted):
            if after.free_at(urgency, now) > now:
                break
            after, granted = replace(after, sent_at=(*after.sent_at, now)), granted + 1
        return after, granted

    def waited_for(self, free_at: float) -> "GlobalBudget":
        """With a post that waits until then: edits wait for it."""
        if free_at <= self.posts_until:
            return self
        return replace(self, posts_until=free_at + HEAD_START_SECONDS)

    def refused(self, now: float, *, retry_after: float) -> "GlobalBudget":
        """After a 429 for the whole bot: something else uses its token, too."""
        return replace(self, closed_until=max(self.closed_until, now + retry_after))

    def _counted(self, now: float) -> tuple[float, ...]:
        return tuple(at for at in self.sent_at if at > now - WINDOW_SECONDS)
