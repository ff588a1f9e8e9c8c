"""The signature of callbacks, compared with the computed check value."""

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from bot.suno.signature import signature_is_valid
from bot.suno.wire import parse_callback

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
VECTOR: dict[str, Any] = json.loads((FIXTURES / "kie-webhook-signature-vector.json").read_bytes())
SIGNED_AT = int(VECTOR["headers"]["X-Webhook-Timestamp"])
GENUINE: dict[str, Any] = {
    "key": VECTOR["webhookHmacKey"],
    "task_id": VECTOR["task_id"],
    "timestamp": VECTOR["headers"]["X-Webhook-Timestamp"],
    "signature": VECTOR["headers"]["X-Webhook-Signature"],
    "now": float(SIGNED_AT),
}


def valid(**difference: object) -> bool:
    return signature_is_valid(**(GENUINE | difference))


def test_the_check_value_is_valid_for_the_task_of_its_callback() -> None:
    report = parse_callback((FIXTURES / VECTOR["body_file"]).read_bytes())

    assert valid(task_id=report.task_id)


@pytest.mark.parametrize(
    "difference",
    [
        {"key": "another key"},
        {"key": ""},
        {"task_id": "another task"},
        {"timestamp": str(SIGNED_AT + 1)},
        {"timestamp": f"0{SIGNED_AT}"},
        {"timestamp": ""},
        {"timestamp": "soon"},
        {"timestamp": f"-{SIGNED_AT}"},
        {"timestamp": "１７６１２０４３００"},  # noqa: RUF001  # full-width digits are digits to int()
        {"timestamp": "9" * 5000},
        {"signature": ""},
        {"signature": VECTOR["headers"]["X-Webhook-Signature"][:-1]},
        {"signature": "ü" * 44},
        {"signature": "\udcff" * 44},
    ],
)
def test_any_difference_makes_it_invalid(difference: dict[str, str]) -> None:
    assert not valid(**difference)


def test_without_a_key_nothing_is_valid_not_even_a_signature_by_an_empty_key() -> None:
    message = f"{GENUINE['task_id']}.{GENUINE['timestamp']}".encode()
    signature = base64.b64encode(hmac.digest(b"", message, "sha256")).decode()

    assert not valid(key="", signature=signature)


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(0, True), (300, True), (-300, True), (301, False), (-301, False), (86_400, False)]
)
def test_it_is_valid_within_a_window_around_its_time(seconds: int, accepted: bool) -> None:
    assert valid(now=SIGNED_AT + seconds) is accepted


def test_the_window_can_be_chosen() -> None:
    assert not valid(now=SIGNED_AT + 11, window_seconds=10)
    assert valid(now=SIGNED_AT + 9, window_seconds=10)
