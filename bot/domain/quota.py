"""A member's quota: units held, spent and left in one UTC day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaBalance:
    """Counted from the ledger's rows, never stored."""

    limit: int
    held: int
    spent: int
    day: date

    @property
    def left(self) -> int:
        return max(0, self.limit - self.held - self.spent)

    @property
    def renews_at(self) -> datetime:
        return datetime.combine(self.day + timedelta(days=1), time(), UTC)


def quota_day(at: datetime) -> date:
    """The UTC day that a unit held at `at` belongs to; it is returned to this same day."""
    return at.astimezone(UTC).date()


def bar(balance: QuotaBalance, *, width: int = 10) -> str:
    """Spent, held and left as blocks, `width` characters; a part that is not zero shows at least one block."""
    total = max(balance.limit, balance.held + balance.spent, 1)
    spent = min(width, _blocks(balance.spent, total, width))
    held = min(width - spent, _blocks(balance.held, total, width))
    return "█" * spent + "▒" * held + "░" * (width - spent - held)


def _blocks(part: int, total: int, width: int) -> int:
    return max(1, round(part * width / total)) if part else 0
