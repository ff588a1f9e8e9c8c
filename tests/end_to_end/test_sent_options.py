"""What reaches the music service from the options of a command, over sockets."""

import pytest

from cogs.extend import ExtendCog
from tests.end_to_end.town import Town, sent

TESTED_ELSEWHERE = {"audio", "url", "track", "instrumental", "private", "form", "preset"}


async def test_custom_with_vocals_sends_every_option(town: Town) -> None:
    options = {
        "style": "dream pop",
        "title": "Paper Boats",
        "prompt": "[Verse] la la",
        "model": "V5",
        "vocal_gender": "f",
        "exclude": "metal",
        "style_weight": 0.65,
        "weirdness": 0.3,
        "audio_weight": 0.7,
        "continue_at": "4.5",
    }
    assert options.keys() | TESTED_ELSEWHERE == {parameter.name for parameter in ExtendCog.extend.parameters}
    await town.start()

    await town.extend(**options)
    result = await town.result()

    sent = next(request.json for request in town.suno.requests if request.path.endswith("/upload-extend"))
    assert sent is not None
    assert {name: sent[name] for name in sent.keys() - {"uploadUrl", "callBackUrl"}} == {
        "defaultParamFlag": True,
        "instrumental": False,
        "style": "dream pop",
        "title": "Paper Boats",
        "prompt": "[Verse] la la",
        "model": "V5",
        "vocalGender": "f",
        "negativeTags": "metal",
        "styleWeight": 0.65,
        "weirdnessConstraint": 0.3,
        "audioWeight": 0.7,
        "continueAt": 4.5,
    }
    assert result.embeds[0]["title"] == "Paper Boats"
    assert result.attachments[0].filename == "paper-boats-1.mp3"


async def test_a_custom_instrumental_sends_neither_words_nor_voice(town: Town) -> None:
    await town.start()

    body = await sent(
        town, instrumental=True, style="ambient", title="Harbour", prompt="la la", vocal_gender="f", continue_at="0:02"
    )

    assert body == {
        "defaultParamFlag": True,
        "instrumental": True,
        "style": "ambient",
        "title": "Harbour",
        "model": "V5",
        "continueAt": 2.0,
    }


async def test_instrumental_alone_takes_everything_from_the_source_without_singing(town: Town) -> None:
    await town.start()

    assert await sent(town, instrumental=True) == {
        "defaultParamFlag": False,
        "instrumental": True,
        "model": "V5",
        "continueAt": 7.0,
    }
    assert len((await town.result()).attachments) == 2


async def test_an_idea_for_an_instrumental_is_sent(town: Town) -> None:
    await town.start()

    assert await sent(town, instrumental=True, prompt="slower, with strings") == {
        "defaultParamFlag": False,
        "instrumental": True,
        "prompt": "slower, with strings",
        "model": "V5",
        "continueAt": 7.0,
    }


async def test_default_mode_takes_everything_from_the_source(town: Town) -> None:
    await town.start()

    assert await sent(town, prompt="more of it") == {
        "defaultParamFlag": False,
        "instrumental": False,
        "prompt": "more of it",
        "model": "V5",
        "continueAt": 7.0,
    }


async def test_natural_input_is_understood(town: Town) -> None:
    await town.start()

    body = await sent(
        town,
        style="folk",
        title="Boats",
        prompt="la la",
        vocal_gender="Female",
        model="v4.5 plus",
        continue_at="3 sec",
        exclude="x" * 300,
    )

    assert body == {
        "defaultParamFlag": True,
        "instrumental": False,
        "style": "folk",
        "title": "Boats",
        "prompt": "la la",
        "vocalGender": "f",
        "negativeTags": "x" * 300,
        "model": "V4_5PLUS",
        "continueAt": 3.0,
    }


@pytest.mark.parametrize(("continue_at", "second"), [("0.5", 1.0), ("0:07.7", 7.7), ("end", 7.0)])
async def test_any_moment_inside_the_audio_is_accepted(town: Town, continue_at: str, second: float) -> None:
    await town.start()

    assert (await sent(town, continue_at=continue_at))["continueAt"] == second
