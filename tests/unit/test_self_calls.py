"""The tokens of the bot's own calls, and what their answers mean."""

import re

import pytest

from bot.domain.public_address import FRESH_SECONDS, NONCE_BYTES, Came, Outcome, SelfCalls, explain
from bot.web.receive import PATH

OURS = SelfCalls("invented-token-of-a-bot")
NOW = 1_800_000_000.0
NONCE = bytes(range(NONCE_BYTES))


def test_a_call_looks_like_a_callback_and_is_recognised_by_every_process_of_the_bot() -> None:
    token = OURS.token(now=NOW, nonce=NONCE)

    assert re.fullmatch(PATH.partition(":")[2].removesuffix("}"), token)
    assert SelfCalls("invented-token-of-a-bot").recognises(token, now=NOW)


def test_nobody_else_can_make_a_call() -> None:
    stranger = SelfCalls("the token of another bot").token(now=NOW, nonce=NONCE)
    changed = OURS.token(now=NOW, nonce=NONCE)
    changed = changed[:8] + ("A" if changed[8] != "A" else "B") + changed[9:]

    for token in (stranger, changed, "k" * 43, "", "é" * 43):
        assert not OURS.recognises(token, now=NOW)


@pytest.mark.parametrize("seconds", [-FRESH_SECONDS - 1, FRESH_SECONDS + 1])
def test_an_old_call_is_not_recognised(seconds: float) -> None:
    assert not OURS.recognises(OURS.token(now=NOW, nonce=NONCE), now=NOW + seconds)


def test_each_call_has_its_own_answer_and_each_place_too() -> None:
    first, second = (OURS.token(now=NOW, nonce=bytes([number]) * NONCE_BYTES) for number in (1, 2))

    answers = {OURS.answer(first), OURS.answer(second), OURS.answer_elsewhere(first), OURS.answer_elsewhere(second)}

    assert len(answers) == 4


def test_an_interaction_that_the_bot_posts_is_recognised_and_nobody_else_can_make_one() -> None:
    def signed(calls: SelfCalls, *, at: float = NOW) -> tuple[bytes, bytes]:
        body = calls.body(calls.token(now=at, nonce=NONCE))
        return body, calls.signature(b"123" + body)

    def token_in(body: bytes, signature: bytes, *, timestamp: str = "123") -> str | None:
        return OURS.token_in(body, timestamp=timestamp, signature=signature, now=NOW)

    body, signature = signed(OURS)
    strangers, theirs = signed(SelfCalls("the token of another bot"))

    assert token_in(body, signature) == OURS.token(now=NOW, nonce=NONCE)
    assert len(signature) == 64
    assert token_in(body, signature, timestamp="124") is None
    assert token_in(body, theirs) is None
    assert token_in(strangers, theirs) is None
    assert token_in(strangers, OURS.signature(b"123" + strangers)) is None
    assert token_in(body + b" ", OURS.signature(b"123" + body + b" ")) is None
    assert token_in(b"", OURS.signature(b"123")) is None
    assert token_in(*signed(OURS, at=NOW - FRESH_SECONDS - 1)) is None


@pytest.mark.parametrize("came", Came)
def test_whatever_comes_back_has_its_meaning_and_remedy(came: Came) -> None:
    outcome = Outcome(came=came, status=418, detail="https://x.example")

    found = explain(outcome, "https://encore.example/base", own_port="port 8080")

    assert found.came_back
    assert "{" not in found.came_back + found.remedy
    assert bool(found.remedy) is (came is not Came.ANSWER)


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "refuses strangers"), (403, "refuses strangers"), (405, "POST"), (502, "proxy"), (404, "something else")],
)
def test_what_another_program_answers_is_told_apart_by_its_status(status: int, words: str) -> None:
    found = explain(Outcome(came=Came.STRANGER, status=status), "https://encore.example", own_port="port 8080")

    assert words in found.came_back
    assert str(status) in found.came_back


def test_silence_proves_nothing_because_the_router_may_be_to_blame() -> None:
    found = explain(Outcome(came=Came.NO_ANSWER), "https://encore.example", own_port="port 8080")

    assert not found.is_certain
    assert "proves nothing" in found.remedy
