"""Picking the moment by eye: from the command and from the form, also after a restart."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.domain.outlines import moment_in_words
from bot.domain.times import parse_moment
from bot.sandbox.discord import Message, Upload
from bot.text import LOCALES, Catalogue
from tests.end_to_end.town import Town
from tests.support.music import phrases, write

pytestmark = pytest.mark.either_way

WISHES = {"style": "folk", "title": "Tide", "prompt": "la la"}


def labels(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three phrases; the first ends after 6.25 s, the second after 12.5 s."""
    samples, _ = phrases([6.0, 6.0, 6.0])
    return write(tmp_path_factory.mktemp("piece") / "tide.wav", samples)


async def picture(town: Town, piece: Path, **options: object) -> Message:
    command = await town.extend(**{**WISHES, "audio": Upload(piece), "continue_at": "pick", **options})
    return await command.wait_until(lambda message: message.components)


async def test_the_moment_is_picked_in_a_picture(town: Town, piece: Path) -> None:
    await town.start()

    shown = await picture(town, piece)
    click = await town.mia.click(shown, labels(shown)[0])

    assert shown.content.startswith("Where should **tide.wav** continue? It's 0:18.8 long.")
    assert [label.partition(" · ")[0] for label in labels(shown)] == ["1", "2", "Another moment…", "The end"]
    (file,) = shown.attachments
    assert file.data.startswith(b"\x89PNG")
    for point in labels(shown)[:2]:  # who cannot see the picture hears the buttons' own times
        number, _, at = point.partition(" · ")
        words = Catalogue(LOCALES).render(moment_in_words(parse_moment(at) or 0), "en-GB")
        assert f"{number} at {words}" in (file.description or "")
    assert "Got it" in (await click.response()).content
    await town.result()
    request = (await town.job()).request
    assert request.continue_at == pytest.approx(6.25, abs=0.3)
    assert (request.style, request.title, request.prompt) == ("folk", "Tide", "la la")


async def test_any_other_moment_can_be_typed(town: Town, piece: Path) -> None:
    await town.start()
    shown = await picture(town, piece)

    form = await (await town.mia.click(shown, "Another moment…")).opened_modal()
    sent = await town.mia.submit_modal(form, {"Moment": "0:04.5"})

    assert "Got it" in (await sent.response()).content
    await town.result()
    assert (await town.job()).request.continue_at == 4.5


async def test_the_end_can_be_picked_after_a_restart(town: Town, piece: Path) -> None:
    await town.start()
    shown = await picture(town, piece)
    await town.stop()
    await town.start()

    await town.mia.click(shown, "The end")

    await town.result()
    job = await town.job()
    assert (job.request.continue_at, job.request.continue_at_words) == (None, None)


async def test_another_time_can_be_typed_after_a_restart_and_sent_after_another(town: Town, piece: Path) -> None:
    await town.start()
    shown = await picture(town, piece)
    await town.stop()
    await town.start()
    form = await (await town.mia.click(shown, "Another moment…")).opened_modal()
    await town.stop()
    await town.start()

    sent = await town.mia.submit_modal(form, {"Moment": "0:04.5"})

    assert "Got it" in (await sent.response()).content
    await town.result()
    assert (await town.job()).request.continue_at == 4.5


async def test_a_double_click_makes_one_extension(town: Town, piece: Path) -> None:
    await town.start()
    shown = await picture(town, piece)

    clicks = await asyncio.gather(*(town.mia.click(shown, "The end") for _ in range(2)))
    answers = [(await click.response()).content for click in clicks]

    assert sum("I'm already on it" in answer for answer in answers) == 1, answers
    await town.result()
    assert len(await town.app.storage.reading.jobs.of_member(town.mia.id, limit=9)) == 1


async def test_nonsense_in_place_of_a_moment_can_be_fixed(town: Town, piece: Path) -> None:
    await town.start()
    shown = await picture(town, piece)
    form = await (await town.mia.click(shown, "Another moment…")).opened_modal()

    sent = await town.mia.submit_modal(form, {"Moment": "soon"})
    refusal = await sent.wait_until(lambda message: message.components)

    assert "“soon”" in refusal.content or "`soon`" in refusal.content
    fixed = await (await town.mia.click(refusal, "Fix")).opened_modal()
    assert fixed.field("Title").value == "Tide"


async def test_a_file_that_is_no_audio_is_refused_before_any_picture(town: Town, tmp_path: Path) -> None:
    await town.start()
    words = tmp_path / "words.mp3"
    words.write_text("no music")

    command = await town.extend(continue_at="pick", audio=Upload(words))
    refusal = await command.wait_until(lambda message: message.components)

    assert "I can't read this file as audio" in refusal.content
    assert labels(refusal) == ["Fix"]


async def test_missing_lyrics_are_asked_for_after_the_moment(town: Town, piece: Path) -> None:
    await town.start()
    shown = await picture(town, piece, prompt=None)

    form = await (await town.mia.click(shown, labels(shown)[0])).opened_modal()

    assert form.field("Where to continue").value == "6.25"


async def test_the_form_leads_to_the_picture(town: Town, piece: Path) -> None:
    await town.start()
    form = await (await town.extend(audio=Upload(piece), form=True)).opened_modal()

    sent = await town.mia.submit_modal(form, {"Where to continue": "Pick by eye", "Voice": "instrumental"})
    shown = await sent.wait_until(lambda message: message.components)
    await town.mia.click(shown, labels(shown)[1])

    await town.result()
    job = await town.job_in(JobState.DELIVERED)
    assert job.request.continue_at == pytest.approx(12.5, abs=0.3)
    assert job.request.instrumental
    assert len(town.suno.tasks) == 1


async def test_picking_is_offered_while_a_member_types(town: Town) -> None:
    await town.start()

    choices = await town.mia.autocomplete(town.songs, "extend", focused="continue_at")

    assert [choice.value for choice in choices] == ["pick", "end"]


async def test_nobody_picks_without_an_extension_left(town: Town, piece: Path) -> None:
    await town.start(quota_per_day=0)

    command = await town.extend(audio=Upload(piece), continue_at="pick")

    assert "switched off" in (await command.response()).content
