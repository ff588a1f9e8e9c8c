"""`/preset`, from saving to what reaches the music service."""

import pytest

from bot.domain.presets import PRESETS_MAX
from bot.sandbox.discord import Upload
from tests.end_to_end.town import Town, sent

pytestmark = pytest.mark.either_way


async def said(town: Town, command: str, **options: object) -> str:
    return (await (await town.mia.command(town.songs, command, **options)).response()).content


async def save(town: Town, name: str, **options: object) -> str:
    return (await (await town.mia.command(town.songs, "preset save", name=name, **options)).response()).content


async def test_a_preset_fills_in_what_was_not_typed(town: Town) -> None:
    await town.start()
    answer = await save(
        town, "Late Night", style="dub", model="4.5", vocal_gender="female", weirdness=0.4, exclude="drums"
    )
    choices = await town.mia.autocomplete(town.songs, "extend", focused="preset", value="night")

    body = await sent(town, preset=choices[0].value, title="Boats", prompt="la", style="ska")

    assert answer.startswith(
        "Saved **Late Night**: V4\\_5, style “dub”, a female voice, without “drums”, `weirdness` 0.4."
    )
    assert [choice.name for choice in choices] == ["Late Night"]
    assert (body["model"], body["style"], body["vocalGender"]) == ("V4_5", "ska", "f")
    assert (body["weirdnessConstraint"], body["negativeTags"]) == (0.4, "drums")


async def test_the_preset_in_use_counts_after_a_restart_until_it_no_longer_is(town: Town) -> None:
    await town.start()
    await save(town, "Quiet", model="V4", instrumental=True)
    assert "**Quiet** is in use" in await said(town, "preset use", name="quiet")
    await town.stop()
    await town.start()

    body = await sent(town)
    choices = await town.mia.autocomplete(town.songs, "extend", focused="preset")
    listed = await said(town, "preset list")
    ended = await said(town, "preset use")

    assert (body["model"], body["instrumental"]) == ("V4", True)
    assert [choice.name for choice in choices] == ["No preset this time", "Quiet"]
    assert listed == "- **Quiet** · in use · V4, no singing"
    assert ended == "No preset is in use."
    assert await said(town, "preset list") == "- **Quiet** · V4, no singing"


async def test_one_command_can_do_without_the_preset_in_use(town: Town) -> None:
    await town.start()
    await save(town, "Quiet", model="V4")
    await said(town, "preset use", name="Quiet")

    body = await sent(town, preset="-")

    assert body["model"] == "V5"


async def test_a_preset_whose_model_is_no_longer_offered_says_so_and_can_be_fixed(town: Town) -> None:
    await town.start()
    await save(town, "Old", model="V4", weirdness=0.4)
    await town.stop()
    await town.start(models=("V5",), default_model="V5")

    listed = await said(town, "preset list")
    refused = await (await town.extend(preset="Old")).wait_until(lambda message: message.components)
    form = await (await town.mia.click(refused, "Fix")).opened_modal()
    await town.mia.submit_modal(form, {"model": "V5"})
    await town.suno.wait_for_submit()
    body = next(request.json for request in town.suno.requests if request.path.endswith("/upload-extend"))

    assert "its model is no longer offered" in listed
    assert "Your preset **Old** asks for V4, which is no longer offered." in refused.content
    assert body is not None
    assert (body["model"], body["weirdnessConstraint"]) == ("V5", 0.4)


async def test_a_preset_that_is_not_there_is_named_and_what_was_typed_is_kept(town: Town) -> None:
    await town.start()

    refused = await (await town.extend(preset="Nope", prompt="rain")).wait_until(lambda message: message.components)
    form = await (await town.mia.click(refused, "Fix")).opened_modal()

    assert "You have no preset “Nope”. See yours with `/preset list`, or go on without one." in refused.content
    assert form.field("prompt").value == "rain"
    assert town.handed_over() == []
    await town.mia.submit_modal(form, {})  # the audio is still there
    await town.suno.wait_for_submit()


async def test_presets_are_replaced_deleted_and_limited_and_nobody_elses(town: Town) -> None:
    await town.start()
    for number in range(PRESETS_MAX):
        await save(town, f"Set {number}", style="dub")
    noa = town.discord.member("Noa", guild=town.guild)

    one_too_many = await save(town, "More", style="dub")
    replaced = await save(town, "SET 1", style="ska")
    deleted = await said(town, "preset delete", name="set 0")
    gone = await said(town, "preset delete", name="set 0")
    others = await (await noa.command(town.songs, "preset list")).response()

    assert f"You have {PRESETS_MAX} presets" in one_too_many
    assert replaced == "Replaced **SET 1**. It now has: style “ska”."
    assert deleted == "Deleted **set 0**."
    assert "You have no preset “set 0”" in gone
    assert "You have no presets yet" in others.content


async def test_nonsense_is_not_saved(town: Town) -> None:
    await town.start()

    empty = await save(town, "Empty")
    unknown = await save(town, "Bad", model="V9")
    dash = await save(town, "-", style="dub")
    invisible = await save(town, "\u200b\u3164", style="dub")

    assert "A preset needs at least one option" in empty
    assert "There's no model `V9` here" in unknown
    assert "Give the preset a name" in dash
    assert "Give the preset a name" in invisible
    assert "no presets yet" in await said(town, "preset list")
    assert await town.mia.autocomplete(town.songs, "extend", focused="preset", audio=Upload(town.source)) == []
