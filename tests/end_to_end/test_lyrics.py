"""Lyrics first: their cost, the click that orders them, the versions, and the form. Nothing is paid for twice."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.lyrics import LyricsState
from bot.domain.quota import quota_day
from bot.domain.spending import AN_ORDER, Spent
from bot.roles import Role
from bot.sandbox.discord import Invocation, Upload
from bot.sandbox.stand_ins import free_port, running
from bot.services.common.clock import utc_now
from tests.end_to_end.town import Town, eventually

IDEA = "a ferry at night"


async def offer(town: Town, **options: object) -> Invocation:
    """Mia asks for lyrics, and reads what they cost."""
    invocation = await town.mia.command(town.songs, "lyrics", **{"idea": IDEA, **options})
    await invocation.wait_until(lambda message: message.content)
    return invocation


async def ordered(town: Town, offered: Invocation) -> Invocation:
    assert offered.message is not None
    return await town.mia.click(offered.message, "Write lyrics")


async def written(order: Invocation) -> Invocation:
    await order.wait_until(lambda message: message.components)
    return order


def orders(town: Town) -> list[str]:
    """The ideas for which the provider was asked to write."""
    asked = [request.json or {} for request in town.suno.requests if request.path == "/api/v1/lyrics"]
    return [str(body["prompt"]) for body in asked]


async def spent(town: Town) -> Spent:
    return await town.app.storage.reading.spending.of_day(quota_day(utc_now()))


@pytest.mark.either_way
async def test_lyrics_are_offered_ordered_picked_edited_and_only_then_sung(town: Town) -> None:
    await town.start()

    offered = await offer(town, audio=Upload(town.source))
    assert offered.message is not None
    assert offered.message.is_ephemeral
    assert "cost this bot 0.4 credits, but none of your extensions" in offered.message.content
    assert orders(town) == []

    lyrics = await written(await ordered(town, offered))
    assert lyrics.message is not None
    assert lyrics.message.is_ephemeral
    assert [embed["title"] for embed in lyrics.message.embeds] == ["1 · A Ferry At", "2 · A Ferry At"]
    assert "sings of a ferry at night" in lyrics.message.embeds[1]["description"]
    assert orders(town) == [IDEA]
    assert await spent(town) == AN_ORDER

    form = await (await town.mia.click(lyrics.message, "Use lyrics 2")).opened_modal()
    assert "In version number 2" in form.field("Lyrics or idea").value
    assert form.field("Title").value == "A Ferry At"
    assert town.suno.submits == 0
    assert (await town.balance()).left == town.settings.quota_per_day

    await town.mia.submit_modal(form, {"Style": "folk", "Lyrics or idea": "[Verse]\nMine now"})
    await town.result()
    request = (await town.job()).request
    assert (request.prompt, request.style, request.title) == ("[Verse]\nMine now", "folk", "A Ferry At")
    assert town.suno.submits == 1


@pytest.mark.either_way
async def test_lyrics_without_a_piece_ask_for_it_in_the_form(town: Town) -> None:
    await town.start()
    lyrics = await written(await ordered(town, await offer(town)))

    assert lyrics.message is not None
    form = await (await town.mia.click(lyrics.message, "Use lyrics 1")).opened_modal()

    assert form.field("Audio").is_required
    await town.mia.submit_modal(form, {"Audio": Upload(town.source), "Style": "folk"})
    await town.result()
    assert "In version number 1" in (await town.job()).request.prompt


async def test_a_second_click_orders_nothing_and_shows_the_lyrics_again(town: Town) -> None:
    await town.start()
    offered = await offer(town)
    await written(await ordered(town, offered))

    again = await written(await ordered(town, offered))

    assert again.message is not None
    assert len(again.message.embeds) == 2
    assert orders(town) == [IDEA]
    latest = await written(await town.mia.command(town.songs, "lyrics"))
    assert latest.message is not None
    assert latest.message.embeds == again.message.embeds


async def test_lyrics_ordered_before_a_restart_come_after_it(town: Town) -> None:
    await town.start()
    offered = await offer(town)
    town.suno.time_scale = 1  # not before the bot is back
    order = await ordered(town, offered)
    await town.suno.wait_until(lambda: bool(town.suno.lyrics.tasks))
    await eventually(lambda: is_in(town, LyricsState.RUNNING))
    await town.stop()
    (task,) = town.suno.lyrics.tasks.values()
    await town.suno.lyrics.finish(task.id)

    await town.start()

    lyrics = await written(order)
    assert orders(town) == [IDEA]
    assert lyrics.message is not None
    await town.stop()

    await town.start()

    form = await (await town.mia.click(lyrics.message, "Use lyrics 1")).opened_modal()
    assert "In version number 1" in form.field("Lyrics or idea").value


async def nothing_is_owed(town: Town) -> bool:
    return await town.app.storage.reading.lyrics.next_due() is None


async def is_in(town: Town, state: LyricsState) -> bool:
    order = await town.app.storage.reading.lyrics.latest(town.mia.id)
    return order is not None and order.state is state


async def test_an_offer_is_agreed_to_after_a_restart(town: Town) -> None:
    await town.start()
    offered = await offer(town)
    await town.stop()

    await town.start()

    await written(await ordered(town, offered))
    assert orders(town) == [IDEA]


@pytest.mark.parametrize("trouble", ["drop started", "http 502 started", "no-task-id started"])
async def test_an_order_without_a_clear_answer_is_never_repeated_and_its_callback_brings_the_lyrics(
    town: Town, trouble: str
) -> None:
    await town.start()
    town.suno.lyrics.next_order(trouble)

    await written(await ordered(town, await offer(town)))

    assert orders(town) == [IDEA]
    assert len(town.suno.lyrics.tasks) == 1
    assert await spent(town) == AN_ORDER


async def test_an_order_that_was_never_answered_says_so_and_is_not_repeated(town: Town) -> None:
    await town.start()
    town.suno.lyrics.next_order("drop")

    order = await ordered(town, await offer(town))

    await order.wait_until(lambda message: "I won't ask again" in message.content)
    assert orders(town) == [IDEA]
    assert await spent(town) == AN_ORDER


async def test_lyrics_come_without_callbacks(town: Town) -> None:
    await town.start(public_url="")

    await written(await ordered(town, await offer(town)))

    assert town.suno.callbacks_sent[0].status != 200


async def test_a_busy_provider_is_asked_again_until_it_takes_the_order(town: Town) -> None:
    await town.start()
    town.suno.lyrics.next_order("error 430", "camel-task-id")
    town.suno.lyrics.next_order("error 455")

    await written(await ordered(town, await offer(town)))

    assert len(orders(town)) == 3
    assert len(town.suno.lyrics.tasks) == 1


async def test_an_empty_account_keeps_the_order_until_there_are_credits(town: Town) -> None:
    await town.start(poll_every_seconds=0.2)
    town.suno.credits = 0.1

    order = await ordered(town, await offer(town))
    await order.wait_until(lambda message: "out of credits" in message.content)
    asked = len(orders(town))
    town.suno.credits = 100

    await written(order)
    assert asked == 1
    assert len(town.suno.lyrics.tasks) == 1


async def test_a_refused_idea_says_why_and_counts_for_nothing(town: Town) -> None:
    await town.start(lyrics_per_day=1)
    town.suno.lyrics.next_order("error 400")

    order = await ordered(town, await offer(town))

    told = await order.wait_until(lambda message: "I got no lyrics" in message.content)
    assert "Invalid parameters" in told.content
    assert "doesn't count" in told.content
    assert await spent(town) == Spent()
    await written(await ordered(town, await offer(town)))


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("sensitive-word", "didn't accept a word"), ("generate-failed", "couldn't write these lyrics")],
)
async def test_a_failed_task_says_why_and_does_not_count(town: Town, trouble: str, said: str) -> None:
    await town.start(lyrics_per_day=1)
    town.suno.lyrics.next_order(trouble)

    order = await ordered(town, await offer(town))

    told = await order.wait_until(lambda message: said in message.content)
    assert "doesn't count" in told.content
    await written(await ordered(town, await offer(town)))


async def test_lyrics_are_limited_per_member_and_day(town: Town) -> None:
    await town.start(lyrics_per_day=1)
    second = await offer(town)  # both were offered before either was agreed to
    await written(await ordered(town, await offer(town)))

    refused = await ordered(town, second)
    await refused.wait_until(lambda message: "written or timed 1 time today" in message.content)

    assert "written or timed 1 time today" in str((await offer(town)).message)
    assert orders(town) == [IDEA]


async def test_lyrics_count_among_the_credits_of_the_day(town: Town) -> None:
    await town.start(credits_per_day=12)
    await town.extend()
    await town.result()

    refused = await offer(town)

    assert refused.message is not None
    assert "Today's credits are used up" in refused.message.content
    assert orders(town) == []


async def test_lyrics_can_be_switched_off(town: Town) -> None:
    await town.start(lyrics_per_day=0)

    refused = await town.mia.command(town.songs, "lyrics", idea=IDEA)

    await refused.wait_until(lambda message: "switched off" in message.content)


async def test_old_lyrics_say_that_they_are_gone(town: Town) -> None:
    await town.start()
    lyrics = await written(await ordered(town, await offer(town)))
    await eventually(lambda: nothing_is_owed(town))
    await town.app.storage.write(lambda work: work.lyrics.forget(made_before=utc_now() + timedelta(days=1), limit=10))

    assert lyrics.message is not None
    gone = await town.mia.click(lyrics.message, "Use lyrics 1")

    await gone.wait_until(lambda message: "no longer have these lyrics" in message.content)


async def test_lyrics_that_come_too_late_for_the_answer_come_by_direct_message(town: Town) -> None:
    await town.start(interaction_seconds=0.0)

    await ordered(town, await offer(town))

    message = await town.mia.dm.wait_for(lambda message: message.embeds)
    assert "use `/lyrics` without an idea" in message.content
    assert "In version number 2" in message.embeds[1]["description"]


async def test_each_click_orders_once_whichever_process_hears_it(town: Town) -> None:
    await town.start()
    port = free_port()
    other = replace(town.settings, web_port=port, public_url=f"http://127.0.0.1:{port}")
    async with running(town.stand_ins, other):
        await town.discord.wait_ready(2)

        for number in range(1, 4):
            lyrics = await written(await ordered(town, await offer(town)))
            assert len(orders(town)) == number

        assert lyrics.message is not None
        form = await (await town.mia.click(lyrics.message, "Use lyrics 1")).opened_modal()
    assert form.field("Title").value == "A Ferry At"


@pytest.mark.postgres
async def test_one_process_hears_the_click_and_another_has_them_written(town: Town) -> None:
    async with running(town.stand_ins, town.settings, only=frozenset({Role.WORKERS})):
        await town.start(frozenset({Role.GATEWAY, Role.WEB}))

        await written(await ordered(town, await offer(town)))

    assert orders(town) == [IDEA]
