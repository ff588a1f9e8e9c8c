"""What a member reads when a job is accepted: what it costs, what that leaves, and how long it usually takes."""

import msgspec

from bot.domain.progress import USUAL_SECONDS
from bot.domain.quota import QuotaBalance
from bot.domain.text import Text, counted, text

MINUTE_SECONDS = 60.0


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """`balance`: the member's, with this job's unit already held. `usual_seconds`: of the latest jobs, if any.

    The job can be cancelled until it is submitted.
    """

    job_id: str
    balance: QuotaBalance
    usual_seconds: float | None = None


def receipt_sentences(receipt: Receipt) -> tuple[Text, Text]:
    """What it costs, and how long it usually takes once it has been submitted."""
    balance = receipt.balance
    cost = text(
        "This uses one extension, which leaves you {left} of {limit} for today.",
        left=balance.left,
        limit=balance.limit,
    )
    return cost, _usually(receipt.usual_seconds or USUAL_SECONDS)


def _usually(seconds: float) -> Text:
    if seconds < MINUTE_SECONDS / 2:
        return text("Once it starts, it usually takes less than a minute.")
    return counted(
        "Once it starts, it usually takes about a minute.",
        "Once it starts, it usually takes about {count} minutes.",
        count=max(1, round(seconds / MINUTE_SECONDS)),
    )
