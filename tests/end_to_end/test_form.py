"""The form: opened by a command, sent off, refused and fixed, with nothing typed twice."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.sandbox.discord import Invocation, TroubleKind, Upload
from bot.sandbox.discord.user.forms import Modal
from bot.sandbox.stand_ins import free_port, running
from bot.services.common.clock import utc_now
from bot.services.common.sentences import NOT_USED
from tests.end_to_end.town import Town

ALL = {"Where to continue": "0:05", "Style": "folk", "Title": "Tide", "Lyrics or idea": "la la", "Voice": "f"}


def labels(form: Modal) -> list[str]:
    return [field.label for field in form.fields]


async def refused(invocation: Invocation, words: str) -> Invocation:
    await invocation.wait_until(lambda message: words in message.content and message.components)
    return invocation


async def fixing(town: Town, refusal: Invocation, button: str = "Fix") -> Modal:
    """The form that the button below the refusal opens."""
    assert refusal.message is not None
    return await (await town.mia.click(refusal.message, button)).opened_modal()


@pytest.mark.either_way
async def test_the_form_of_a_command_makes_music(town: Town) -> None:
    await town.start()

    form = await (await town.extend(form=True, style_weight=0.5)).opened_modal()
    assert form.title == f"Extend {town.source.name}"
    assert labels(form) == [*ALL]
    sent = await town.mia.submit_modal(form, ALL)

    assert "Got it" in (await sent.wait_until(lambda message: "Got it" in message.content)).content
    await town.result()
    request = (await town.job()).request
    assert (request.continue_at, request.style, request.title, request.prompt) == (5.0, "folk", "Tide", "la la")
    assert (request.vocal_gender, request.instrumental, request.style_weight) == ("f", False, 0.5)


@pytest.mark.either_way
async def test_custom_mode_without_lyrics_asks_for_them_in_the_form(town: Town) -> None:
    await town.start()

    form = await (await town.extend(style="folk", title="Tide", continue_at="4.25")).opened_modal()

    assert [form.field(name).value for name in ("Style", "Title", "Where to continue")] == ["folk", "Tide", "4.25"]
    assert form.field("Lyrics or idea").description.endswith("Write them, or choose instrumental.")  # and not "…"
    sent = await town.mia.submit_modal(form, {})
    again = await fixing(town, await refused(sent, "the lyrics are sung word for word"))
    await town.mia.submit_modal(again, {"Lyrics or idea": "la la"})
    await town.result()
    assert (await town.job()).request.prompt == "la la"
    assert (await town.job()).request.continue_at == 4.25


@pytest.mark.either_way
async def test_nonsense_in_a_form_is_refused_and_fixed_without_typing_anything_twice(town: Town) -> None:
    await town.start()
    form = await (await town.extend(form=True)).opened_modal()

    sent = await town.mia.submit_modal(form, {**ALL, "Where to continue": "at the *drop*", "Title": ""})
    refusal = await refused(sent, "I can't read “at the \\*drop\\*” as a time")

    assert refusal.message is not None
    assert refusal.message.is_ephemeral
    assert NOT_USED.message in refusal.message.content
    again = await fixing(town, refusal)
    assert again.field("Where to continue").value == "at the *drop*"
    assert (
        again.field("Where to continue").description
        == "I can't read “at the *drop*” as a time. Write it like 1:05 or 65."
    )
    assert again.field("Title").description == "With a style, give a title too: what should it be called?"
    assert [again.field(name).value for name in ("Style", "Lyrics or idea")] == ["folk", "la la"]
    assert (await town.balance()).left == town.settings.quota_per_day
    await town.songs.wait_until(lambda here: not here.messages)
    await town.mia.submit_modal(again, {"Where to continue": "0:05", "Title": "Tide"})
    await town.result()
    assert town.suno.submits == 1
    job = await town.job()
    assert (job.request.continue_at, job.request.title, job.request.vocal_gender) == (5.0, "Tide", "f")


async def test_a_refused_command_is_fixed_after_a_restart(town: Town) -> None:
    await town.start()
    refusal = await refused(
        await town.extend(style="folk", title="Tide", prompt="la la", exclude="drums", continue_at="9:00"),
        "The audio ends at 0:08",
    )
    await town.stop()

    await town.start()

    form = await fixing(town, refusal)
    assert "The audio ends at 0:08" in form.field("Where to continue").description
    await town.mia.submit_modal(form, {"Where to continue": "0:04"})
    await town.result()
    assert (await town.job()).request.exclude == "drums"


async def test_a_form_that_was_open_during_a_restart_is_taken_in(town: Town) -> None:
    await town.start()
    form = await (await town.extend(form=True, private=True)).opened_modal()
    await town.stop()

    await town.start()
    sent = await town.mia.submit_modal(form, ALL)

    await sent.wait_until(lambda message: message.attachments)
    assert not town.songs.messages  # it is still private


async def test_a_command_without_audio_comes_back_with_a_form_that_asks_for_it(town: Town) -> None:
    await town.start()
    refusal = await refused(
        await town.mia.command(town.songs, "extend", style="folk", title="Tide", prompt="la la"),
        "Give one piece of audio",
    )

    form = await fixing(town, refusal)

    assert labels(form) == ["Audio", "Where to continue", "Style", "Title", "Lyrics or idea"]
    assert form.field("Audio").is_required
    await town.mia.submit_modal(form, {"Audio": Upload(town.source)})
    await town.result()
    assert (await town.job()).request.style == "folk"


async def test_audio_that_cannot_be_read_is_replaced_in_the_form(town: Town) -> None:
    await town.start()
    bad = await town.extend(audio=Upload("notes.mp3", b"Dear diary, " * 100), prompt="softly", continue_at="0:03")

    form = await fixing(town, await refused(bad, "I can't read this file as audio"))

    assert form.field("Audio").description.startswith("I can't read this file as audio")
    await town.mia.submit_modal(form, {"Audio": Upload(town.source)})
    await town.result()
    assert (await town.job()).source_name == town.source.name
    assert (await town.job()).request.continue_at == 3.0


async def test_audio_is_asked_for_again_once_its_interaction_has_ended(town: Town) -> None:
    app = await town.start()
    refusal = await refused(await town.extend(prompt="softly", continue_at="9:00"), "The audio ends at 0:08")
    app.client.clock = lambda: utc_now() + timedelta(minutes=16)

    form = await fixing(town, refusal)

    assert form.field("Audio").is_required
    assert form.field("Audio").description == "I no longer have your file. Please add it again."
    assert form.field("Lyrics or idea").value == "softly"


async def test_what_is_not_usually_in_the_form_is_there_when_it_was_wrong(town: Town) -> None:
    await town.start()
    wrong = await town.extend(model="V99", vocal_gender="soprano", style_weight=0.655, prompt="softly")

    form = await fixing(town, await refused(wrong, "There's no model `V99` here"))

    assert labels(form) == ["Model", "Style", "Lyrics or idea", "Voice", "Style weight"]
    assert form.field("Style weight").value == "0.655"
    await town.mia.submit_modal(form, {"Model": "V4", "Style weight": "0,65"})
    await town.result()
    request = (await town.job()).request
    assert (request.model, request.style_weight, request.prompt) == ("V4", 0.65, "softly")


@pytest.mark.either_way
async def test_lyrics_beyond_what_a_form_takes_come_as_a_text_file(town: Town) -> None:
    await town.start()
    lyrics = "la " * 1500 + "Ende ü"
    form = await (await town.extend(form=True, model="V5")).opened_modal()

    asked = await refused(
        await town.mia.submit_modal(form, {**ALL, "Lyrics or idea": ".txt"}), "Longer lyrics need a text file"
    )
    by_file = await fixing(town, asked, "Add the file")
    assert by_file.field("Style").value == "folk"
    await town.mia.submit_modal(by_file, {"Lyrics or idea": Upload("words.txt", lyrics.encode("utf-16"))})

    await town.result()
    assert (await town.job()).request.prompt == lyrics


async def test_lyrics_that_are_too_long_to_be_shown_are_kept_or_replaced(town: Town) -> None:
    await town.start()
    lyrics = "la " * 1500
    wrong = await town.extend(style="folk", title="Tide", prompt=lyrics, continue_at="9:00")

    form = await fixing(town, await refused(wrong, "The audio ends at 0:08"))

    assert "4,499 characters long" in form.field("Lyrics or idea").description
    await town.mia.submit_modal(form, {"Where to continue": "0:04"})
    await town.result()
    assert (await town.job()).request.prompt == lyrics.strip()


@pytest.mark.parametrize(
    ("file", "words", "button"),
    [
        (Upload("words.txt", b"\xff\xd8\xff\xe0" * 20), "I can't read this file as text", "Add the file"),
        (Upload("words.txt", b"\0\1" * 20), "I can't read this file as text", "Add the file"),
        (Upload("words.txt", b"la " * 40_000), "The text file is too large", "Add the file"),
        (Upload("words.txt", b"la " * 2_000), "The `prompt` has 5,999 characters; V5 takes at most 5,000", "Fix"),
    ],
)
async def test_an_unusable_text_file_is_refused_and_asked_for_again(
    town: Town, file: Upload, words: str, button: str
) -> None:
    await town.start()
    form = await (await town.extend(form=True, model="V5")).opened_modal()
    asked = await refused(await town.mia.submit_modal(form, {**ALL, "Lyrics or idea": ".txt"}), "text file")

    sent = await town.mia.submit_modal(await fixing(town, asked, "Add the file"), {"Lyrics or idea": file})

    refusal = await refused(sent, words)
    again = await fixing(town, refusal, button)
    assert again.field("Style").value == "folk"
    assert again.field("Lyrics or idea").description.startswith(words.replace("`", "")[:20])
    await town.mia.submit_modal(again, {"Lyrics or idea": Upload("words.txt", b"la la")})
    await town.result()
    assert (await town.job()).request.prompt == "la la"
    assert town.suno.submits == 1


async def test_a_refusal_for_now_offers_another_try(town: Town) -> None:
    await town.start(open_commands_per_member=0)

    refusal = await refused(await town.extend(prompt="softly"), "I'm still reading")

    form = await fixing(town, refusal, "Try again")
    assert form.field("Lyrics or idea").value == "softly"


@pytest.mark.parametrize("form", [False, True])
async def test_nobody_fills_in_a_form_in_vain_when_the_quota_is_used_up(town: Town, form: bool) -> None:
    await town.start(quota_per_day=0)

    answer = await (await town.extend(form=form)).wait_until(lambda message: "switched off" in message.content)

    assert not answer.components


async def test_a_form_whose_draft_is_gone_says_so(town: Town) -> None:
    app = await town.start()
    form = await (await town.extend(form=True)).opened_modal()
    later = utc_now() + timedelta(days=2)
    assert await app.storage.write(lambda work: work.drafts.forget(made_before=later, limit=9)) == 1

    sent = await town.mia.submit_modal(form, ALL)

    assert (await sent.response()).content == "I no longer have what was in this form. Please start again."
    assert town.suno.submits == 0


async def test_a_form_cannot_be_sent_where_the_bot_may_not_post(town: Town) -> None:
    await town.start()
    form = await (await town.extend(form=True)).opened_modal()
    town.songs.deny("SEND_MESSAGES")

    sent = await town.mia.submit_modal(form, ALL)

    refusal = await refused(sent, "I'm missing Send Messages")
    assert not town.handed_over()
    town.songs.allow("SEND_MESSAGES")
    again = await fixing(town, refusal, "Try again")
    assert again.field("Title").value == "Tide"
    await town.mia.submit_modal(again, {})
    await town.result()


async def test_what_was_filled_in_stays_when_the_quota_was_used_up_in_the_meantime(town: Town) -> None:
    await town.start(quota_per_day=1)
    form = await (await town.extend(form=True)).opened_modal()
    await town.extend()
    await town.result()

    refusal = await refused(await town.mia.submit_modal(form, ALL), "You've used all 1 of today's")

    assert refusal.message is not None
    answer = await (await town.mia.click(refusal.message, "Try again")).response()
    assert "You've used all 1 of today's" in answer.content
    assert town.suno.submits == 1


@pytest.mark.either_way
@pytest.mark.parametrize("kind", [TroubleKind.ABORT_BEFORE, TroubleKind.ABORT_AFTER, TroubleKind.HOLD_AFTER])
async def test_a_form_whose_opening_and_sending_were_lost_once_makes_one_job(town: Town, kind: TroubleKind) -> None:
    await town.start(lease_seconds=30)
    callback = "/interactions/*/callback"
    town.discord.troubles.add("POST", callback, kind)
    form = await (await town.extend(form=True)).opened_modal()

    town.discord.troubles.add("POST", callback, kind)
    sent = await town.mia.submit_modal(form, ALL)

    await sent.wait_until(lambda message: "Got it" in message.content)
    await town.result()
    assert town.suno.submits == 1


async def test_two_processes_that_get_the_same_form_make_one_job_and_one_refusal(town: Town) -> None:
    await town.start()
    port = free_port()
    async with running(town.stand_ins, replace(town.settings, web_port=port, public_url=f"http://127.0.0.1:{port}")):
        await town.discord.wait_ready(2)
        form = await (await town.extend(form=True)).opened_modal()
        refusal = await refused(
            await town.mia.submit_modal(form, {**ALL, "Where to continue": "9:00"}), "The audio ends at 0:08"
        )

        sent = await town.mia.submit_modal(await fixing(town, refusal), ALL)

        await sent.wait_until(lambda message: "Got it" in message.content)
        await town.result()
        assert town.suno.submits == 1
        assert (await town.balance()).left == town.settings.quota_per_day - 1


async def test_a_track_that_is_not_found_costs_nothing_that_was_typed(town: Town) -> None:
    await town.start()
    refusal = await refused(
        await town.mia.command(town.songs, "extend", track="made-up", prompt="softly"), "You have no tracks yet"
    )

    form = await fixing(town, refusal)

    assert form.field("Audio").description.startswith("The piece to continue")
    await town.mia.submit_modal(form, {"Audio": Upload(town.source)})
    await town.result()
    assert (await town.job()).request.prompt == "softly"
