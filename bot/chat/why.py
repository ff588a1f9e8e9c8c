"""What `/why` shows, and the gates that only Discord knows about: the place, the permissions, the channel's limits."""

from collections.abc import Callable, Sequence

import discord

from bot.chat.permissions import locked_out, posting_refusal
from bot.domain.gates import Finding, Gate, Verdict, verdict_of
from bot.domain.text import Text, text

Say = Callable[[Text], str]

ONLY_IN_SERVERS = text("`/extend` only works in servers.")
NOTICEABLE_SECONDS = 2.0
"""A shorter wait for a turn to post is part of everyday life."""

_SIGNS = {Verdict.OPEN: "✅", Verdict.WAITS: "⏳", Verdict.CLOSED: "⛔"}
_HEADINGS = {
    Verdict.OPEN: text("Yes, you can extend here."),
    Verdict.WAITS: text("Yes, you can extend here, but it'll take longer than usual."),
    Verdict.CLOSED: text("Not right now."),
}


def why_content(findings: Sequence[Finding], say: Say) -> str:
    """The verdict, then a line for each gate."""
    lines = [f"**{say(_HEADINGS[verdict_of(findings)])}**"]
    return "\n".join([*lines, *(f"{_SIGNS[each.verdict]} {say(each.sentence)}" for each in findings)])


def outside_servers(guild_id: int | None) -> Text | None:
    """The refusal of `/extend` outside servers."""
    return ONLY_IN_SERVERS if guild_id is None else None


def place_finding(guild_id: int | None, refusal: Text | None) -> Finding:
    """`refusal`: why the bot works nowhere in this place, if so."""
    if (why_not := refusal or outside_servers(guild_id)) is not None:
        return Finding(Gate.PLACE, Verdict.CLOSED, why_not)
    return Finding(Gate.PLACE, Verdict.OPEN, text("I work in this server."))


def permissions_finding(channel: object, allowed: discord.Permissions) -> Finding:
    lacking = posting_refusal(channel, allowed) or locked_out(channel, allowed)
    if lacking is None:
        return Finding(Gate.PERMISSIONS, Verdict.OPEN, _may_post(channel))
    sentence = Text(
        "{refusal} {private}", {"refusal": lacking, "private": text("With `private`, you can still extend here.")}
    )
    return Finding(Gate.PERMISSIONS, Verdict.CLOSED, sentence)


def _may_post(channel: object) -> Text:
    if isinstance(channel, discord.Thread):
        is_post = isinstance(channel.parent, discord.ForumChannel)
        return text("I can post in this forum post.") if is_post else text("I can post in this thread.")
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
        return text("I can post in this voice channel's chat.")
    return text("I can post in this channel.")


def posting_finding(wait_seconds: float) -> Finding:
    """`wait_seconds`: until Discord's known limits leave room for a post in the channel."""
    if wait_seconds < NOTICEABLE_SECONDS:
        return Finding(Gate.POSTING, Verdict.OPEN, text("This channel isn't too busy."))
    return Finding(
        Gate.POSTING, Verdict.WAITS, text("This channel is busy, and Discord makes me wait a little before I post.")
    )
