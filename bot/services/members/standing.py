"""What `/why` tells a member about quota, limits and the music service, from where the real rules take it."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from bot.domain.gates import Finding, Gate, Verdict
from bot.domain.jobs import WaitReason
from bot.domain.models import pays_for_a_job
from bot.domain.progress import BANDS_END_AT, queue_band
from bot.domain.quota import QuotaBalance, next_day, quota_day
from bot.domain.text import Text, counted, text
from bot.errors import open_commands_refusal, quota_refusal
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.operator.account import Account
from bot.services.operator.balance import Balance
from bot.services.operator.caps import Caps
from bot.services.operator.pause import read_pause

QUEUE_HEAD = 8
"""A job that was put off keeps its place, so the first few in line show whether the provider takes anything."""
SHORT_LINE = 6
"""The music service takes more than that at once (docs/provider.md 5), so nobody notices a shorter line."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`position`: in the queue, of a new job of this member. `closed_for`: why nothing is submitted now.

    `credits_left`: at the last check; None: not known. `cap`: the daily limit that one more job would
    exceed, and `cap_ends_at` when that day is over.
    """

    balance: QuotaBalance
    open_commands: int
    open_limit: int
    position: int = 1
    closed_for: WaitReason | None = None
    credits_left: float | None = None
    is_busy: bool = False
    cap: WaitReason | None = None
    cap_ends_at: datetime


class Standing:
    def __init__(
        self,
        storage: Storage,
        *,
        quota_per_day: int,
        open_commands: int,
        caps: Caps,
        account: Account,
        balance: Balance,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._quota_per_day = quota_per_day
        self._open_commands = open_commands
        self._caps = caps
        self._account = account
        self._balance = balance
        self._clock = clock

    async def findings(self, member_id: int, guild_id: int | None) -> list[Finding]:
        """Every gate that does not depend on the channel, in the order in which a command meets them."""
        return list(findings_of(await self._storage.read(lambda work: self._facts(work, member_id, guild_id))))

    async def _facts(self, work: Work, member_id: int, guild_id: int | None) -> Facts:
        now = self._clock()
        pause = await read_pause(work.memos)
        waits_for = await work.jobs.first_in_line_wait_for(limit=QUEUE_HEAD)
        return Facts(
            balance=await work.ledger.balance(member_id, day=quota_day(now), limit=self._quota_per_day),
            open_commands=await work.intakes.open_of(member_id),
            open_limit=self._open_commands,
            position=await work.jobs.next_position(member_id, limit=BANDS_END_AT),
            closed_for=None if pause is None else pause.closed_for,
            credits_left=await self._balance.known(work.memos),
            is_busy=self._account.takes_nothing or WaitReason.BUSY in waits_for,
            cap=await self._caps.reached(work, guild_id, now=now),
            cap_ends_at=next_day(now),
        )


def findings_of(facts: Facts) -> Iterator[Finding]:
    yield _quota(facts)
    yield _open_commands(facts)
    yield _line(facts)
    yield _key(facts)
    yield _credits(facts)
    yield _provider(facts)
    yield _caps(facts)


def _quota(facts: Facts) -> Finding:
    if (refusal := quota_refusal(facts.balance)) is not None:
        return Finding(Gate.QUOTA, Verdict.CLOSED, refusal.sentence)
    left = counted(
        "You have {count} extension left today.", "You have {count} extensions left today.", count=facts.balance.left
    )
    return Finding(Gate.QUOTA, Verdict.OPEN, left)


def _open_commands(facts: Facts) -> Finding:
    if (refusal := open_commands_refusal(facts.open_commands, limit=facts.open_limit)) is not None:
        return Finding(Gate.OPEN_COMMANDS, Verdict.CLOSED, refusal.sentence)
    if facts.open_commands:
        reading = counted(
            "I'm reading {count} file of yours, and can read up to {limit} at a time.",
            "I'm reading {count} files of yours, and can read up to {limit} at a time.",
            count=facts.open_commands,
            limit=facts.open_limit,
        )
        return Finding(Gate.OPEN_COMMANDS, Verdict.OPEN, reading)
    up_to = counted(
        "I can read {count} file of yours at a time.",
        "I can read up to {count} files of yours at a time.",
        count=facts.open_limit,
    )
    return Finding(Gate.OPEN_COMMANDS, Verdict.OPEN, up_to)


def _line(facts: Facts) -> Finding:
    """By the bands of `bot.domain.progress`. A few jobs ahead are submitted within seconds."""
    band = queue_band(facts.position)
    sentence = {
        1: text("No job is waiting ahead of yours."),
        2: text("A new job would be 2nd or 3rd in line."),
        4: text("A new job would be 4th to 6th in line."),
        7: text("A new job would be about 10th in line."),
        15: text("A new job would be about 20th in line."),
        35: text("A new job would be about 50th in line."),
        101: text("A new job would have more than 100 ahead."),
    }[band]
    return Finding(Gate.LINE, Verdict.OPEN if facts.position <= SHORT_LINE else Verdict.WAITS, sentence)


def _key(facts: Facts) -> Finding:
    return _waits_if(
        facts.closed_for is WaitReason.KEY_REFUSED,
        Gate.KEY,
        text("The music service is refusing me, and my operator knows. New jobs keep their places until that's fixed."),
        text("The music service accepts my key."),
    )


def _credits(facts: Facts) -> Finding:
    if facts.closed_for is WaitReason.NO_CREDITS:
        waits = text("I've run out of credits, and my operator knows. New jobs keep their places until there are more.")
        return Finding(Gate.CREDITS, Verdict.WAITS, waits)
    return _waits_if(
        facts.credits_left is not None and not pays_for_a_job(facts.credits_left),
        Gate.CREDITS,
        text("I was almost out of credits when I last looked. New jobs may have to wait until there are more."),
        text("I have credits.") if facts.credits_left is not None else text("As far as I know, I have credits."),
    )


def _provider(facts: Facts) -> Finding:
    return _waits_if(
        facts.is_busy,
        Gate.PROVIDER,
        text("The music service is busy or down for maintenance. I keep trying, and new jobs wait in line."),
        text("As far as I know, the music service is taking new jobs."),
    )


def _caps(facts: Facts) -> Finding:
    sentences = {
        WaitReason.SERVER_CAP: text(
            "This server's credits for today are used up. New jobs start {resumes}.", resumes=facts.cap_ends_at
        ),
        WaitReason.DAY_CAP: text("Today's credits are used up. New jobs start {resumes}.", resumes=facts.cap_ends_at),
    }
    if facts.cap in sentences:
        return Finding(Gate.CAPS, Verdict.WAITS, sentences[facts.cap])
    return Finding(Gate.CAPS, Verdict.OPEN, text("No daily limit on credits has been reached."))


def _waits_if(is_so: bool, gate: Gate, waits: Text, is_open: Text) -> Finding:
    return Finding(gate, Verdict.WAITS, waits) if is_so else Finding(gate, Verdict.OPEN, is_open)
