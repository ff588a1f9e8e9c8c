"""`/relay`: members of a thread extend one song in turns, also across restarts and processes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, RelayTurn
from bot.domain.relays import AGAIN_AFTER
from bot.sandbox.discord import Channel, Invocation, Member, Message, Upload
from bot.sandbox.stand_ins import free_port, running
from bot.services.operator.pause import PAUSE
from tests.end_to_end.town import Town, ended, ends, eventually

pytestmark = pytest.mark.either_way

AT_ONCE: Any = {"relay_vote_seconds": 0.0}
TURN = "Take the next turn"


def noa(town: Town) -> Member:
    return town.discord.member("Noa", guild=town.guild)


def a_thread(town: Town) -> Channel:
    return town.songs.thread("relay")


def calls(thread: Channel) -> list[Message]:
    """The messages about the relay."""
    return [
        each for each in thread.messages if not each.is_ephemeral and (TURN in each.text or "relay" in each.content)
    ]


async def call(thread: Channel, number: int = 1) -> Message:
    """The n-th message about the relay."""
    await thread.wait_until(lambda _: len(calls(thread)) >= number)
    return calls(thread)[number - 1]


async def said(invocation: Invocation) -> str:
    return (await invocation.response()).content


async def take_turn(member: Member, button: Message) -> None:
    form = await (await member.click(button, TURN)).opened_modal()
    await member.submit_modal(form, {})


async def a_relay(town: Town, **changes: Any) -> Channel:  # noqa: ANN401  # settings of any type
    """Mia's relay in a thread, after her first turn; its button is posted."""
    await town.start(**{**AT_ONCE, **changes})
    thread = a_thread(town)
    form = await (await town.mia.command(thread, "relay start", audio=Upload(town.source))).opened_modal()
    await town.mia.submit_modal(form, {})
    await call(thread)
    return thread


async def a_result(town: Town, thread: Channel) -> Message:
    """Of Mia's, outside any relay."""
    await town.mia.command(thread, "extend", audio=Upload(town.source), style="folk", title="Boats", prompt="la")
    await town.job_in(JobState.DELIVERED)
    return await ended(thread)


async def jobs_of(town: Town, member: Member) -> list[Job]:
    """The latest first."""
    return await town.app.storage.reading.jobs.of_member(member.id, limit=10)


async def age(town: Town, by: timedelta) -> None:
    """Everything was made that much earlier."""
    for job in await jobs_of(town, town.mia):
        assert job.ended_at is not None
        async with town.app.storage.transaction() as work:
            await work.jobs.save(replace(job, ended_at=job.ended_at - by))


async def test_members_extend_one_song_in_turns_and_the_vote_decides_which_take_goes_on(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    await (await town.mia.click(await ended(thread), "Take 2 · 0")).response()

    await take_turn(other, await call(thread))
    second = await call(thread, 2)

    (first,), (turn,) = await jobs_of(town, town.mia), await jobs_of(town, other)
    assert turn.parent is not None
    assert (turn.parent.job_id, turn.parent.track_id) == (first.id, first.tracks[1].id)
    assert turn.request.model == first.request.model
    assert "Members take turns" in (await call(thread)).content  # as nothing was said when it began
    assert "Members take turns" not in second.content
    assert f"turn 2, by {other.mention}, is done" in second.content
    assert f"Anybody but {other.mention}" in second.content
    assert second.pinged == []
    assert (await town.balance()).left == town.settings.quota_per_day - 1
    status = await said(await town.mia.command(thread, "relay status"))
    assert f"Turn 2: {other.mention}" in status
    assert "take 1 is the one to continue" in status


async def test_finishing_names_everybody_and_ends_the_turns(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    await take_turn(other, await call(thread))
    button = await call(thread, 2)

    assert "Only whoever started" in await said(await other.command(thread, "relay finish"))
    answer = await town.mia.command(thread, "relay finish")
    end = await call(thread, 3)
    song = await thread.wait_for(lambda message: "the whole song" in message.content)

    assert f"Made by {town.mia.mention} and {other.mention}" in end.content
    assert f"/{thread.id}/{(await ended(thread, 2)).id}" in end.content
    assert end.components == []
    assert (end.pinged, song.pinged) == ([], [town.mia])
    assert f"Made by {town.mia.mention} and {other.mention}" in song.content
    assert song.reference == await ended(thread, 2)
    (file,) = song.attachments
    assert file.filename == "paper-boats-whole.mp3"
    await answer.wait_until(lambda message: "Here it is: https://discord.com/channels/" in message.content)
    assert "This relay is finished" in await said(await town.mia.click(button, TURN))
    assert "no relay here" in await said(await town.mia.command(thread, "relay finish"))


async def test_a_moderator_can_finish_any_relay(town: Town) -> None:
    thread = await a_relay(town)
    moderator = town.discord.member("Max", guild=town.guild, permissions=["MANAGE_MESSAGES"])

    answer = await moderator.command(thread, "relay finish")

    assert "this relay is finished" in (await call(thread, 2)).content
    song = await thread.wait_for(lambda message: "the whole song" in message.content, timeout=30)
    assert song.pinged == []
    assert not any("ping you" in version.content for version in answer.edits)


async def test_a_relay_begins_with_a_result_in_its_thread(town: Town) -> None:
    await town.start(**AT_ONCE)
    thread, other = a_thread(town), noa(town)
    await a_result(town, thread)
    first = (await jobs_of(town, town.mia))[0]

    (choice,) = await other.autocomplete(thread, "relay start", focused="result", value="boa")
    assert choice.value == first.id
    assert "The relay begins" in await said(await other.command(thread, "relay start", result=str(choice.value)))
    button = await call(thread)
    assert "A relay begins here, with **Boats**." in button.content
    assert "You had the last turn" in await said(await town.mia.click(button, TURN))
    await take_turn(other, button)
    await call(thread, 2)

    (turn,) = await jobs_of(town, other)
    assert turn.parent is not None
    assert turn.parent.job_id == first.id


async def test_without_a_piece_the_latest_result_in_the_thread_is_continued(town: Town) -> None:
    await town.start(**AT_ONCE)
    thread = a_thread(town)
    assert "no result in this thread yet" in await said(await town.mia.command(thread, "relay start"))
    await a_result(town, thread)

    await town.mia.command(thread, "relay start")

    assert "**Boats**" in (await call(thread)).content
    assert "a relay in this thread already" in await said(await noa(town).command(thread, "relay start"))


async def test_a_relay_needs_a_thread(town: Town) -> None:
    await town.start()

    assert "needs a thread" in await said(await town.mia.command(town.songs, "relay start"))


async def test_two_who_press_at_once_get_one_turn(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    third, button = town.discord.member("Leo", guild=town.guild), await call(thread)

    clicks = await asyncio.gather(other.click(button, TURN), third.click(button, TURN))
    await asyncio.gather(*(click.acknowledged() for click in clicks))

    opened = [click for click in clicks if click.modal is not None]
    (refused,) = [click for click in clicks if click.modal is None]
    holder, loser = (other, third) if opened[0] is clicks[0] else (third, other)
    assert f"{holder.mention} has this turn." in await said(refused)
    assert "free again <t:" in await said(refused)
    assert (await holder.click(button, TURN)) is not None
    assert await jobs_of(town, loser) == []


async def test_a_form_that_is_sent_too_late_costs_nothing(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    third, button = town.discord.member("Leo", guild=town.guild), await call(thread)
    late = await (await other.click(button, TURN)).opened_modal()
    async with town.app.storage.transaction() as work:
        relay, now = await work.relays.open_in(thread.id), town.app.client.clock()
        assert relay is not None
        await work.relays.claim_turn(RelayTurn(relay_id=relay.id, number=2), other.id, at=now, until=now)
    await take_turn(third, button)

    answer = await said(await other.submit_modal(late, {}))

    assert "isn't yours any more" in answer
    await call(thread, 2)
    assert await jobs_of(town, other) == []


async def test_a_turn_whose_job_fails_is_free_for_the_next_member(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    third, button = town.discord.member("Leo", guild=town.guild), await call(thread)
    town.suno.next_submit("error 400")

    await take_turn(other, button)
    news = await call(thread, 2)
    assert f"{other.mention}'s turn failed" in news.content
    await take_turn(third, news)
    await call(thread, 3)

    first, (turn,) = (await jobs_of(town, town.mia))[0], await jobs_of(town, third)
    assert turn.parent is not None
    assert turn.parent.job_id == first.id
    status = await said(await town.mia.command(thread, "relay status"))
    assert f"Turn 2: {third.mention}" in status
    assert other.mention not in status


async def test_every_button_works_after_a_restart(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    first = await call(thread)
    shown = await (await other.command(thread, "relay status")).response()
    await town.stop()
    await town.start(**AT_ONCE)

    await take_turn(other, shown)
    await call(thread, 2)
    await take_turn(town.mia, first)  # of an earlier turn
    await call(thread, 3)

    assert len(ends(thread)) == 3


async def test_a_turn_that_a_restart_interrupts_is_told_by_the_next_process(slow_town: Town) -> None:
    town = slow_town
    await town.start(**AT_ONCE)
    thread = a_thread(town)
    form = await (await town.mia.command(thread, "relay start", audio=Upload(town.source))).opened_modal()
    await town.mia.submit_modal(form, {})
    await town.suno.wait_for_submit()
    status = await (await noa(town).command(thread, "relay status")).response()
    assert f"{town.mia.mention}'s take is being made" in status.content
    assert "still being made" in await said(await town.mia.command(thread, "relay finish"))
    await town.stop()

    await town.start(**AT_ONCE)
    await town.suno.finish(next(iter(town.suno.tasks)))

    assert "turn 1" in (await call(thread)).content
    assert len(calls(thread)) == 1


async def test_people_can_vote_before_the_next_turn_is_taken(town: Town) -> None:
    thread, other = await a_relay(town, relay_vote_seconds=120.0), noa(town)
    button = await call(thread)

    assert "still voting" in await said(await other.click(button, TURN))
    await age(town, timedelta(minutes=3))

    await take_turn(other, button)
    await call(thread, 2)


async def test_who_had_the_last_turn_can_take_the_next_if_nobody_else_does(town: Town) -> None:
    thread = await a_relay(town)
    button = await call(thread)
    assert "You had the last turn" in await said(await town.mia.click(button, TURN))

    await age(town, AGAIN_AFTER)
    await take_turn(town.mia, button)

    await call(thread, 2)


async def test_a_relay_whose_last_job_was_erased_can_only_be_finished(town: Town) -> None:
    thread = await a_relay(town)
    button = await call(thread)
    async with town.app.storage.transaction() as work:
        await work.housekeeping.remove_jobs(ended_before=town.app.client.clock(), limit=10)

    assert "don't have the last take any more" in await said(await noa(town).click(button, TURN))
    assert "relay is finished" in await said(await town.mia.command(thread, "relay finish"))
    assert f"Made by {town.mia.mention}" in (await call(thread, 2)).content


async def test_a_relay_that_was_erased_says_so(town: Town) -> None:
    thread = await a_relay(town)
    async with town.app.storage.transaction() as work:
        await work.relays.forget(touched_before=town.app.client.clock() + timedelta(days=1), limit=10)

    assert "don't have this relay any more" in await said(await noa(town).click(await call(thread), TURN))


async def test_a_turn_ends_in_a_direct_message_if_its_thread_is_deleted(slow_town: Town) -> None:
    town = slow_town
    await town.start(**AT_ONCE)
    thread = a_thread(town)
    form = await (await town.mia.command(thread, "relay start", audio=Upload(town.source))).opened_modal()
    await town.mia.submit_modal(form, {})
    await town.suno.wait_for_submit()

    thread.delete()
    await town.suno.finish(next(iter(town.suno.tasks)))

    assert (await town.mia.dm.wait_for(lambda message: message.attachments)).embeds
    relays = town.app.storage.reading.relays
    await eventually(lambda: _is_over(relays.next_due()))


async def _is_over(due: Any) -> bool:  # noqa: ANN401  # a question to the database
    return await due is None


async def test_a_turn_needs_a_quota_of_ones_own_and_is_not_taken_without(town: Town) -> None:
    thread = await a_relay(town, quota_per_day=1)
    await age(town, AGAIN_AFTER)
    button = await call(thread)

    assert "You've used all" in await said(await town.mia.click(button, TURN))

    await take_turn(noa(town), button)
    await call(thread, 2)


async def test_a_first_turn_that_never_came_does_not_keep_a_thread(town: Town) -> None:
    await town.start(**AT_ONCE)
    thread = a_thread(town)
    await (await town.mia.command(thread, "relay start", audio=Upload(town.source))).opened_modal()

    form = await (await town.mia.command(thread, "relay start", audio=Upload(town.source))).opened_modal()
    await town.mia.submit_modal(form, {})

    assert "turn 1" in (await call(thread)).content


async def test_two_processes_post_each_message_once(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    port = free_port()
    settings = replace(town.settings, **AT_ONCE, web_port=port, public_url=f"http://127.0.0.1:{port}")
    async with running(town.stand_ins, settings):
        await take_turn(other, await call(thread))
        await call(thread, 2)
        await said(await town.mia.command(thread, "relay finish"))
        await call(thread, 3)
    await town.stop()

    assert len(calls(thread)) == 3


async def test_a_relay_without_a_turn_ends_with_a_word(town: Town) -> None:
    await town.start(**AT_ONCE)
    thread = a_thread(town)
    await a_result(town, thread)
    await town.mia.command(thread, "relay start")
    button = await call(thread)

    assert "no song to post" in await said(await town.mia.command(thread, "relay finish"))

    assert (await call(thread, 2)).content == "**Boats**: this relay is finished. Nobody took a turn."
    assert "This relay is finished" in await said(await noa(town).click(button, TURN))


async def test_a_turn_that_is_refused_can_be_fixed(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    form = await (await other.click(await call(thread), TURN)).opened_modal()
    sent = await other.submit_modal(form, {"Where to continue": "soonish"})
    refusal = await sent.wait_until(lambda message: message.components)

    fixed = await (await other.click(refusal, "Fix")).opened_modal()
    await other.submit_modal(fixed, {"Where to continue": ""})

    assert f"turn 2, by {other.mention}, is done" in (await call(thread, 2)).content


async def test_the_moment_of_a_turn_can_be_picked(town: Town) -> None:
    thread, other = await a_relay(town), noa(town)
    form = await (await other.click(await call(thread), TURN)).opened_modal()
    sent = await other.submit_modal(form, {"Where to continue": "pick"})
    picture = await sent.wait_until(lambda message: message.components)

    await other.click(picture, "The end")

    assert f"turn 2, by {other.mention}, is done" in (await call(thread, 2)).content


async def test_a_turn_that_is_cancelled_is_free_again(slow_town: Town) -> None:
    town = slow_town
    await town.start(**AT_ONCE)
    town.suno.credits = 0
    thread, other = a_thread(town), noa(town)
    form = await (await town.mia.command(thread, "relay start", audio=Upload(town.source))).opened_modal()
    await town.mia.submit_modal(form, {})
    await eventually(lambda: town.app.storage.reading.memos.get(PAUSE))
    await town.job_in(JobState.ACCEPTED)

    await said(await town.mia.command(thread, "cancel", job="paper-boats"))

    news = await call(thread)
    assert f"turn 1: {town.mia.mention}'s turn failed" in news.content
    assert (await (await other.click(news, TURN)).opened_modal()).fields


async def test_results_elsewhere_are_no_beginning(town: Town) -> None:
    await town.start(**AT_ONCE)
    thread, other = a_thread(town), town.songs.thread("another")
    await a_result(town, other)
    job = await town.job_in(JobState.DELIVERED)

    assert await town.mia.autocomplete(thread, "relay start", focused="result") == []
    assert "can't find a result" in await said(await town.mia.command(thread, "relay start", result=job.id))
    assert "can't find a result" in await said(await town.mia.command(thread, "relay start", result="boats"))
