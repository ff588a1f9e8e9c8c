"""`Lyrics with times`: the cost first, an `.lrc` file for each take that is asked for, and no take paid for twice."""

import re

import pytest

from bot.domain.quota import quota_day
from bot.domain.spending import A_TIMING, Spent
from bot.sandbox.discord import Message
from bot.services.common.clock import utc_now
from tests.end_to_end.town import Town

WORDS = "[Verse]\nSails at night\n[Chorus]\nCarry on"


async def a_result(town: Town) -> Message:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt=WORDS)
    return await town.result()


async def offered(town: Town, result: Message) -> Message:
    more = await (await town.mia.click(result, "More…")).response()
    return await (await town.mia.click(more, "Lyrics with times")).response()


def labels(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


async def spent(town: Town) -> Spent:
    return await town.app.storage.reading.spending.of_day(quota_day(utc_now()))


@pytest.mark.either_way
async def test_the_cost_is_named_and_each_take_is_paid_for_once(town: Town) -> None:
    result = await a_result(town)

    offer = await offered(town, result)
    assert offer.is_ephemeral
    assert "Each take costs this bot 0.5 credits, once, but none of your extensions" in offer.content
    assert labels(offer) == ["Get take 1 for 0.5 credits", "Get take 2 for 0.5 credits"]
    assert town.suno.timed_lyrics.answered == []

    timed = await (await town.mia.click(offer, "Get take 2 for 0.5 credits")).response()
    (file,) = timed.attachments
    assert file.filename == "boats-2.lrc"
    assert file.description == "The lyrics of Boats, take 2, with the time of each line"
    head, _, lines = file.data.decode().partition("\n\n")
    assert head.startswith("[ti:Boats]\n[length:00:")
    assert [re.sub(r"^\[00:\d\d\.\d\d\]", "", line) for line in lines.splitlines()] == ["Sails at night", "Carry on"]

    await town.stop()
    await town.start()

    again = await (await town.mia.click(offer, "Get take 2 for 0.5 credits")).response()
    assert [each.filename for each in again.attachments] == ["boats-2.lrc"]
    noa = town.discord.member("Noa", guild=town.guild)
    more = await (await noa.click(result, "More…")).response()
    kept = await (await noa.click(more, "Lyrics with times")).response()
    assert [each.filename for each in kept.attachments] == ["boats-2.lrc"]
    assert labels(kept) == ["Get take 1 for 0.5 credits"]
    assert len(town.suno.timed_lyrics.answered) == 1
    assert (await spent(town)).timed_lyrics == A_TIMING.timed_lyrics
    assert (await town.balance()).left == town.settings.quota_per_day - 1


async def test_what_has_no_clear_answer_is_said_and_not_asked_again(town: Town) -> None:
    result = await a_result(town)
    offer = await offered(town, result)
    town.suno.next_call("get-timestamped-lyrics", "drop started")

    for _ in range(2):
        answer = await (await town.mia.click(offer, "Get take 1 for 0.5 credits")).response()
        assert "I won't ask again" in answer.content or "already on it" in answer.content

    assert len(town.suno.timed_lyrics.answered) == 1


async def test_what_is_refused_costs_nothing_and_instrumentals_have_none(town: Town) -> None:
    result = await a_result(town)
    offer = await offered(town, result)
    town.suno.next_call("get-timestamped-lyrics", "error 455")

    busy = await (await town.mia.click(offer, "Get take 1 for 0.5 credits")).response()
    assert "nothing was charged" in busy.content
    assert (await spent(town)).timed_lyrics == 0
    assert (await (await town.mia.click(offer, "Get take 1 for 0.5 credits")).response()).attachments

    await town.extend(style="folk", title="Boats", instrumental=True)
    more = await (await town.mia.click(await town.result(2), "More…")).response()
    assert "Lyrics with times" not in labels(more)
