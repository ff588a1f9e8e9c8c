"""How many requests a channel allows, as the latest answers say: pure rules, with times in seconds.

Posts and edits name the same bucket, whether or not Discord counts them together (docs/discord.md 5.1), so a request
may be sent only if the known limits of both kinds leave room for it.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec
from msgspec.structs import replace

CALM_SECONDS = 1.0
"""After a result, edits wait: the next one may already be on its way."""
RETRY_SECONDS = 0.25
"""discord.py repeats a request that was refused with 429; the others wait for it."""
SAME_WINDOW_SECONDS = 0.5
RESERVED = 2
"""How many requests of a window edits leave free for results that may come."""
SPACING_SECONDS = 1.0
"""Between two postponed edits, while the channel's limit is unknown."""
ASKING_SECONDS = 10.0
"""How long others wait for the request that will show the limit; its process may have been killed."""


class Kind(StrEnum):
    POST = "post"
    EDIT = "edit"


class Budget(msgspec.Struct, frozen=True):
    """How many requests of one kind are left, from the latest answer; valid until `resets_at`.

    `asking_until`: how long a request may be under way whose answer will show the limit; 0: there is none.
    """

    limit: int = 1
    remaining: int = 0
    resets_at: float = 0.0
    window_seconds: float = 0.0
    asking_until: float = 0.0

    def is_known(self, now: float) -> bool:
        return now < self.resets_at

    def has_left(self, now: float, *, reserved: int) -> bool:
        """Whether the known limits allow one more request."""
        return not self.is_known(now) or self.remaining > min(reserved, self.limit - 1)

    def learned(self, now: float, *, limit: int, remaining: int, reset_after: float, uncounted: int) -> "Budget":
        """After an answer, which may not yet count `uncounted` other requests."""
        resets_at = now + reset_after
        if self.is_known(now) and resets_at < self.resets_at + SAME_WINDOW_SECONDS:
            remaining = min(self.remaining, remaining)  # answers may overtake each other
            resets_at = max(self.resets_at, resets_at)
        else:
            remaining = max(0, remaining - uncounted)
        return Budget(max(1, limit), remaining, resets_at, max(self.window_seconds, reset_after))

    def says_more_than(self, known: "Budget", now: float) -> bool:
        """Whether this is news for the others, who have `known`."""
        lasts_longer = self.resets_at - known.resets_at > SAME_WINDOW_SECONDS / 2
        same = replace(self, resets_at=known.resets_at, window_seconds=known.window_seconds)
        return not known.is_known(now) or lasts_longer or same != known

    def refused(self, now: float, *, retry_after: float) -> "Budget":
        resets_at = max(self.resets_at, now + retry_after + RETRY_SECONDS)
        return replace(self, remaining=0, asking_until=0.0, resets_at=resets_at)

    @property
    def spacing_seconds(self) -> float:
        return self.window_seconds / self.limit if self.window_seconds else SPACING_SECONDS


class ChannelBudget(msgspec.Struct, frozen=True):
    """`calm_at`: when edits may be sent again after results that were posted or are waiting."""

    post: Budget = Budget()
    edit: Budget = Budget()
    calm_at: float = 0.0

    def without_edits(self, until: float) -> "ChannelBudget":
        """After an edit that was refused although the channel has room: its message is old (30046), or edited often."""
        return replace(self.calmed(until), edit=replace(self.edit, asking_until=0.0))

    def of(self, kind: Kind) -> Budget:
        return self.post if kind is Kind.POST else self.edit

    def set(self, kind: Kind, budget: Budget) -> "ChannelBudget":
        return replace(self, post=budget) if kind is Kind.POST else replace(self, edit=budget)

    def is_asking(self, kind: Kind, now: float) -> bool:
        """Whether this kind's limit is unknown and about to be shown: until then, requests go one by one."""
        own = self.of(kind)
        return not own.is_known(now) and now < own.asking_until

    def taken(self, kind: Kind, now: float, *, reserved: int = 0) -> "ChannelBudget | None":
        """After one more request, made now; None if there is no room for it."""
        if self.is_asking(kind, now) or not all(each.has_left(now, reserved=reserved) for each in self._both()):
            return None
        post, edit = (
            replace(each, remaining=each.remaining - 1) if each.is_known(now) else each for each in self._both()
        )
        after = replace(self, post=post, edit=edit)
        own = after.of(kind)
        return after if own.is_known(now) else after.set(kind, replace(own, asking_until=now + ASKING_SECONDS))

    def given_back(self, kind: Kind, taken: "ChannelBudget") -> "ChannelBudget":
        """Without the request that led to `taken`, which was never made."""
        post, edit = (
            replace(each, remaining=each.remaining + 1) if each.resets_at == then.resets_at > 0 else each
            for each, then in ((self.post, taken.post), (self.edit, taken.edit))
        )
        return replace(self, post=post, edit=edit).asked(kind, taken.of(kind).asking_until)

    def asked(self, kind: Kind, asking_until: float) -> "ChannelBudget":
        """After the request that asked until then has ended, with or without an answer."""
        own = self.of(kind)
        return self.set(kind, replace(own, asking_until=0.0)) if own.asking_until == asking_until else self

    def calmed(self, until: float) -> "ChannelBudget":
        """Hold edits back until then."""
        return replace(self, calm_at=max(self.calm_at, until))

    def free_at(self, now: float, *, reserved: int = 0) -> float:
        """When the known limits leave room again."""
        return max((each.resets_at for each in self._both() if not each.has_left(now, reserved=reserved)), default=now)

    def _both(self) -> Iterator[Budget]:
        yield self.post
        yield self.edit
