"""What an acceptance says about cost and time, and its button."""

from datetime import date

import pytest

from bot.chat.receipt import receipt_rows, with_receipt
from bot.domain.quota import QuotaBalance
from bot.domain.receipt import Receipt
from bot.text import Catalogue

SAY = Catalogue.load().for_reader("en-US")


def a_receipt(*, usual_seconds: float | None = None, spent: int = 0) -> Receipt:
    balance = QuotaBalance(limit=10, held=1, spent=spent, day=date(2026, 11, 24))
    return Receipt(job_id="0a1b", balance=balance, usual_seconds=usual_seconds)


def test_it_says_what_the_job_costs_and_what_that_leaves() -> None:
    content = with_receipt("Got it.", a_receipt(spent=5), SAY)

    assert content.startswith("Got it.\nThis uses one extension, which leaves you 4 of 10 for today.")


def test_the_last_extension_leaves_none() -> None:
    assert "leaves you 0 of 10 for today" in with_receipt("Got it.", a_receipt(spent=9), SAY)


@pytest.mark.parametrize(
    ("usual_seconds", "words"),
    [
        (None, "about 3 minutes"),
        (4.0, "less than a minute"),
        (29.9, "less than a minute"),
        (30.0, "about a minute"),
        (89.0, "about a minute"),
        (91.0, "about 2 minutes"),
        (600.0, "about 10 minutes"),
    ],
)
def test_it_says_how_long_jobs_usually_take(usual_seconds: float | None, words: str) -> None:
    content = with_receipt("Got it.", a_receipt(usual_seconds=usual_seconds), SAY)

    assert content.endswith(f"Once it starts, it usually takes {words}.")


def test_once_the_job_is_under_way_it_only_says_what_it_costs() -> None:
    content = with_receipt("Composing…", a_receipt(), SAY, waits=False)

    assert content == "Composing…\nThis uses one extension, which leaves you 9 of 10 for today."


def test_its_button_carries_the_job() -> None:
    ((cancel,),) = receipt_rows(a_receipt(), SAY)

    assert (cancel.label, cancel.custom_id) == ("Cancel", "encore:cancel:0a1b")
