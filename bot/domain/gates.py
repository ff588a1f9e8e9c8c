"""What decides whether a member can extend here and now, whatever the piece.

Refusals name their gate; `/why` shows all of them.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from bot.domain.text import Text


class Gate(StrEnum):
    PLACE = "place"  # a server that has added the bot and that it serves
    PERMISSIONS = "permissions"  # the bot's own, in this channel
    POSTING = "posting"  # how much Discord allows in this channel
    QUOTA = "quota"
    OPEN_COMMANDS = "open_commands"  # how many commands of one member may wait to be read
    LINE = "line"  # the jobs that wait ahead of a new one
    KEY = "key"  # the provider accepts the operator's key
    CREDITS = "credits"
    PROVIDER = "provider"  # it takes new work: neither busy nor in maintenance
    CAPS = "caps"  # CREDITS_PER_DAY and CREDITS_PER_SERVER_PER_DAY


class Verdict(StrEnum):
    OPEN = "open"
    WAITS = "waits"  # a command is accepted, and its job waits
    CLOSED = "closed"  # a command is refused


class Finding(msgspec.Struct, frozen=True):
    """What one gate says; `sentence` gives the remedy if there is one."""

    gate: Gate
    verdict: Verdict
    sentence: Text


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """The worst of them."""
    verdicts = {finding.verdict for finding in findings}
    return next(each for each in reversed(Verdict) if each in verdicts or each is Verdict.OPEN)
