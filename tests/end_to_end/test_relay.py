"""`/relay`: members of a thread extend one song in turns, also across restarts and processes."""

from typing import Any

import pytest

from bot.domain.jobs import Job
from bot.sandbox.discord import Channel, Invocation, Member, Message, Upload
from tests.end_to_end.town import Town, ended

pytestmark = pytest.mark.either_way

AT_ONCE = {"relay_vote_seconds": 0.0}
TURN = "Take the next turn"


def noa(town: Town) -> Member:
    return town.discord.member("Noa", guild=town.guild)


def a_thread(town: Town) -> Channel:
    return town.songs.thread("relay")


def calls(thread: Channel) -> list[Message]:
    """The messages about the relay."""
    bot = [message for message in thread.messages if not message.embeds]
    return [message for message in bot if "relay" in message.content.lower() or "turn" in message.content]


async def call(thread: Channel, number: int = 1) -> Message:
    """The n-th message about the relay."""
    await thread.wait_until(lambda _: len(calls(thread)) >= number)
    return calls(thread)[number - 1]


async def said(invocation: Invocation) -> str:
    return (await invocation.response()).content


async def take_turn(member: Member, button: Message, **answers: str) -> None:
    form = await (await member.click(button, TURN)).opened_modal()
    await member.submit_modal(form, answers)


async def a_relay(town: Town, member: Member | None = None, **changes: Any) -> Channel:  # noqa: ANN401  # settings
    """Mia's relay in a thread, after her first turn; its button is posted."""
    await town.start(**{**AT_ONCE, **changes})
    thread, member = a_thread(town), member or town.mia
    form = await (await member.command(thread, "relay start", audio=Upload(town.source))).opened_modal()
    await member.submit_modal(form, {})
    await call(thread)
    return thread


async def jobs_of(town: Town, member: Member) -> list[Job]:
    return await town.app.storage.reading.jobs.of_member(member.id, limit=10)


async def test_members_extend_one_song_in_turns_and_the_vote_decides_which_take_goes_on(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    result = await ended(thread)
    await (await town.mia.click(result, "Take 2 · 0")).response()

    await take_turn(other, await call(thread))
    await ended(thread, 2)
    second = await call(thread, 2)

    first, (turn,) = (await jobs_of(town, town.mia))[0], await jobs_of(town, other)
    assert turn.parent is not None
    assert f"Made by {town.mia.mention}, {other.mention}" in end.content
    assert f"/{thread.id}/" in end.content
