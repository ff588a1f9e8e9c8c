"""A member's quota for one UTC day: how many units are held, spent and left."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec


class QuotaBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Always counted from the ledger's rows; a stored balance could drift away from them."""

    limit: int
    held: int
    spent: int
    day: date

    @property
    def left(self) -> int:
        return max(0, self.limit - self.held - self.spent)

    @property
    def renews_at(self) -> datetime:
        return next_day(datetime.combine(self.day, time(), UTC))


def quota_day(at: datetime) -> date:
    """The UTC day that a unit held at `at` counts against, even if it is settled on a later day."""
    return at.astimezone(UTC).date()


def next_day(at: datetime) -> datetime:
    """When the UTC day after `at` begins: what is limited by the day is free again."""
    return datetime.combine(quota_day(at) + timedelta(days=1), time(), UTC)


def bar(balance: QuotaBalance, *, width: int = 10) -> str:
    """Draw spent, held and left units as `width` blocks; a part that is not zero gets at least one."""
    parts = (balance.spent, balance.held, balance.left)
    total = sum(parts) or 1
    blocks = [max(1, round(part * width / total)) if part else 0 for part in parts]
    widest = max(range(3), key=lambda at: (blocks[at], at))
    blocks[widest] += width - sum(blocks)  # the widest part hides a rounding error best
    return "█" * blocks[0] + "▒" * blocks[1] + "░" * blocks[2]
