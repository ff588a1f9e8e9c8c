"""The form: opened by a command, sent off, refused and fixed, with nothing typed twice."""

import pytest

from tests.end_to_end.town import Town


@pytest.mark.either_way
async def test_the_form_of_a_command_makes_music(town: Town) -> None:
    await town.start()

    form = await (await town.extend(form=True, style_weight=0.5)).opened_modal()
    assert [field.label for field in form.fields] == ["Where to continue", "Style", "Title", "Lyrics or idea", "Voice"]
    sent = await town.mia.submit_modal(
        form, {"Where to continue": "0:05", "Style": "folk", "Title": "Tide", "Lyrics or idea": "la la", "Voice": "f"}
    )

    assert "Got it" in (await sent.response()).content
    await town.result()
    request = (await town.job()).request
    assert (request.continue_at, request.style, request.title, request.prompt) == (5.0, "folk", "Tide", "la la")
    assert (request.vocal_gender, request.instrumental, request.style_weight) == ("f", False, 0.5)
