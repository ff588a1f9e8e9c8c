"""What `/why` shows: every gate, with the verdict of the rule that refuses or delays a command."""

from datetime import UTC, datetime
from typing import Any

import discord
import pytest

from bot.chat.why import permissions_finding, place_finding, posting_finding, why_content
from bot.domain.gates import Finding, Gate, Verdict, verdict_of
from bot.domain.jobs import WaitReason
from bot.domain.quota import QuotaBalance
from bot.domain.text import Text
from bot.errors import QuotaExceeded, Refused, TooManyOpenCommands, open_commands_refusal, quota_refusal
from bot.services.common.command_mentions import mention
from bot.services.members.standing import Facts, findings_of
from bot.text import Catalogue

NOW = datetime(2026, 11, 29, 16, tzinfo=UTC)
ALL = discord.Permissions.all()


def balance(*, limit: int = 10, held: int = 0, spent: int = 0) -> QuotaBalance:
    return QuotaBalance(limit=limit, held=held, spent=spent, day=NOW.date())


def found(**changes: Any) -> dict[Gate, Finding]:  # noqa: ANN401  # facts of any type
    facts: dict[str, Any] = {"balance": balance(), "open_commands": 0, "open_limit": 3, "cap_ends_at": NOW, **changes}
    return {each.gate: each for each in findings_of(Facts(**facts))}


def test_every_gate_is_shown_once() -> None:
    shown = [place_finding(1, None), permissions_finding(None, ALL), posting_finding(0), *found().values()]

    assert [each.gate for each in shown] == list(Gate)
    assert verdict_of(shown) is Verdict.OPEN


@pytest.mark.parametrize(
    ("changes", "gate", "verdict"),
    [
        ({"balance": balance(held=4, spent=6)}, Gate.QUOTA, Verdict.CLOSED),
        ({"balance": balance(limit=0)}, Gate.QUOTA, Verdict.CLOSED),
        ({"open_commands": 3}, Gate.OPEN_COMMANDS, Verdict.CLOSED),
        ({"position": 7}, Gate.LINE, Verdict.WAITS),
        ({"position": 101}, Gate.LINE, Verdict.WAITS),
        ({"closed_for": WaitReason.KEY_REFUSED}, Gate.KEY, Verdict.WAITS),
        ({"closed_for": WaitReason.NO_CREDITS}, Gate.CREDITS, Verdict.WAITS),
        ({"credits_left": 11.9}, Gate.CREDITS, Verdict.WAITS),
        ({"is_busy": True}, Gate.PROVIDER, Verdict.WAITS),
        ({"cap": WaitReason.DAY_CAP}, Gate.CAPS, Verdict.WAITS),
        ({"cap": WaitReason.SERVER_CAP}, Gate.CAPS, Verdict.WAITS),
    ],
)
def test_each_gate_has_been_seen_shut(changes: dict[str, Any], gate: Gate, verdict: Verdict) -> None:
    shut = {each.gate: each.verdict for each in found(**changes).values() if each.verdict is not Verdict.OPEN}

    assert shut == {gate: verdict}


def test_one_more_command_than_allowed_is_shut_and_the_last_one_is_not() -> None:
    assert found(open_commands=2)[Gate.OPEN_COMMANDS].verdict is Verdict.OPEN
    assert found(credits_left=12)[Gate.CREDITS].verdict is Verdict.OPEN
    assert found(balance=balance(held=4, spent=5))[Gate.QUOTA].verdict is Verdict.OPEN


def test_the_limits_and_the_line_are_shown_while_they_are_open() -> None:
    say = Catalogue.load().for_reader("en-US")

    def words(gate: Gate, **changes: int) -> str:
        return say(found(**changes)[gate].sentence)

    assert words(Gate.OPEN_COMMANDS) == "I can read up to 3 files of yours at a time."
    assert words(Gate.OPEN_COMMANDS, open_limit=1) == "I can read 1 file of yours at a time."
    assert words(Gate.OPEN_COMMANDS, open_commands=1) == "I'm reading 1 file of yours, and can read up to 3 at a time."
    assert words(Gate.LINE) == "No job is waiting ahead of yours."
    assert words(Gate.LINE, position=6) == "A new job would be 4th to 6th in line."
    assert found(position=6)[Gate.LINE].verdict is Verdict.OPEN


def test_the_reasons_are_word_for_word_those_of_the_refusals() -> None:
    used_up = quota_refusal(balance(spent=10))
    too_many = open_commands_refusal(3, limit=3)

    assert isinstance(used_up, QuotaExceeded)
    assert isinstance(too_many, TooManyOpenCommands)
    assert found(balance=balance(spent=10))[Gate.QUOTA].sentence == used_up.sentence
    assert found(open_commands=3)[Gate.OPEN_COMMANDS].sentence == too_many.sentence


def test_the_worst_verdict_is_the_heading() -> None:
    say = Catalogue.load().for_reader("en-US")
    waits, shut = found(is_busy=True).values(), found(is_busy=True, open_commands=3).values()

    assert why_content(list(waits), say).startswith("**Yes, you can extend here, but it'll take longer")
    assert why_content(list(shut), say).startswith("**Not right now.**")


def test_a_locked_thread_is_shut_whatever_the_permissions_say() -> None:
    thread = object.__new__(discord.Thread)
    thread.locked = True
    may_all_but_manage = discord.Permissions.all()
    may_all_but_manage.update(manage_threads=False)

    found = permissions_finding(thread, may_all_but_manage)

    assert found.verdict is Verdict.CLOSED
    assert "This thread is locked" in why_content([found], Catalogue.load().for_reader("en-US"))


def test_a_busy_channel_delays_a_post_and_a_moment_is_not_worth_mentioning() -> None:
    assert posting_finding(1.9).verdict is Verdict.OPEN
    assert posting_finding(2).verdict is Verdict.WAITS


def test_a_command_is_named_as_a_link_once_its_id_is_known() -> None:
    assert mention("why", {"why": 1234, "jobs": 5}) == "</why:1234>"
    assert mention("why", {}) == "`/why`"


def test_only_refusals_that_depend_on_a_gate_lead_to_why() -> None:
    words = [Text("no")]

    assert Refused(words, rules=["style_missing", Gate.POSTING]).is_explained
    assert not Refused(words, rules=["style_missing"]).is_explained
    assert not Refused(words, rules=[Gate.PLACE]).is_explained
    assert not Refused(words).is_explained
