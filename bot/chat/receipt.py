"""What a receipt looks like: pure, from values to words and a button."""

from collections.abc import Callable

from bot.chat.result.rows import Button, Rows
from bot.domain.actions import JobAction
from bot.domain.receipt import Receipt, receipt_sentences
from bot.domain.text import Text, text

Say = Callable[[Text], str]


def with_receipt(content: str, receipt: Receipt, say: Say, *, waits: bool = True) -> str:
    """`content`, then a line with what it costs and, as long as it `waits`, how long it will take."""
    cost, usually = map(say, receipt_sentences(receipt))
    return f"{content}\n{cost} {usually}" if waits else f"{content}\n{cost}"


def receipt_rows(receipt: Receipt, say: Say) -> Rows:
    """`Cancel`, which `cogs/jobs.py` answers. Once the job is submitted, it says that it is too late."""
    return ((Button(custom_id=f"encore:{JobAction.CANCEL}:{receipt.job_id}", label=say(text("Cancel"))),),)
