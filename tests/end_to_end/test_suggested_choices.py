"""The models and earlier tracks that members are offered, and what becomes of their choice."""

import re

import pytest

from bot.domain.jobs import JobState
from tests.end_to_end.town import Town, sent

pytestmark = pytest.mark.either_way


async def test_the_oldest_model_can_be_chosen_and_is_suggested(town: Town) -> None:
    await town.start()

    models = await town.mia.autocomplete(town.songs, "extend", focused="model", value="3.5")
    body = await sent(town, model=models[0].value)

    assert [model.value for model in models] == ["V3_5"]
    assert body["model"] == "V3_5"


async def test_the_operators_models_are_suggested_and_the_operators_default_is_sent(town: Town) -> None:
    await town.start(models=("V4", "V5_5"), default_model="V4")

    models = await town.mia.autocomplete(town.songs, "extend", focused="model")
    body = await sent(town)

    assert [model.name for model in models] == ["V4 (default, audio up to 8:00)", "V5_5 (audio up to 8:00)"]
    assert body["model"] == "V4"


async def test_a_track_made_with_a_retired_model_is_continued_with_it(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la", model="V3_5")
    await town.result()
    await town.job_in(JobState.DELIVERED)
    await town.stop()

    await town.start(models=("V5",))
    models = await town.mia.autocomplete(town.songs, "extend", focused="model", track="Boats")
    await town.extend(track="Boats")
    await town.result(2)

    assert [model.value for model in models] == ["V3_5"]
    assert (await town.job()).request.model == "V3_5"


async def test_a_long_title_is_cut_so_that_the_rest_of_the_suggestion_shows(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="La " * 32 + "end", prompt="la la", model="V5")
    await town.result()
    await town.job_in(JobState.DELIVERED)

    choices = await town.mia.autocomplete(town.songs, "extend", focused="track")

    assert len(choices[1].name) == 100
    assert re.fullmatch(r"(La ?)+… · take 2 · 0:\d\d · \d{1,2} \w{3}", choices[1].name)


async def test_a_track_is_found_by_its_title_and_the_member_reads_which_take_it_is(town: Town) -> None:
    await town.start()
    for number in (1, 2):
        await town.extend(style="folk", title="Paper Boats", prompt="la la")
        await town.result(number)
        newest = await town.job_in(JobState.DELIVERED)

    invocation = await town.extend(track="paper boats")
    first = await invocation.wait_until(lambda message: "Got it" in message.content)
    await town.result(3)
    continued = await town.job_in(JobState.DELIVERED)

    assert "“Paper Boats” has 2 takes, and I chose the first." in first.content
    assert "`Paper Boats take 2`" in first.content
    assert continued.source_name == "Paper Boats"
    assert continued.source.length_seconds == pytest.approx(newest.tracks[0].length_seconds, abs=0.2)


async def test_an_earlier_track_is_suggested_and_continued_with_its_own_model(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la", model="V4_5")
    await town.result()
    await town.job_in(JobState.DELIVERED)

    choices = await town.mia.autocomplete(town.songs, "extend", focused="track", value="boa")
    models = await town.mia.autocomplete(town.songs, "extend", focused="model", value="", track=choices[0].value)
    await town.extend(track=choices[0].value)
    await town.result(2)

    assert re.fullmatch(r"Boats · take 1 · 0:\d\d · \d{1,2} \w{3}", choices[0].name)
    assert re.fullmatch(r"Boats · take 2 · 0:\d\d · \d{1,2} \w{3}", choices[1].name)
    assert [model.value for model in models] == ["V4_5"]
    assert (await town.job()).request.model == "V4_5"
