"""`Extend this audio` in the context menu of a message."""

import pytest

from bot.domain.source import InMessage
from bot.sandbox.discord import Member, Message, Upload
from bot.sandbox.sounds import compose
from tests.end_to_end.town import Town

NAME = "Extend this audio"


@pytest.mark.either_way
async def test_a_file_in_somebodys_message_is_continued(town: Town) -> None:
    await town.start()
    ben = another(town)
    post = ben.post(town.songs, "listen", Upload("cover.png", b"png"), Upload(town.source))

    form = await (await town.mia.context_menu(post, NAME)).opened_modal()
    assert form.title == f"Extend {town.source.name}"
    await town.mia.submit_modal(form, {"Lyrics or idea": "softer"})

    await town.result()
    job = await town.job()
    assert job.place.member_id == town.mia.id
    assert job.request.prompt == "softer"
    assert job.source_choice is not None
    assert job.source_choice.message == InMessage(
        channel_id=town.songs.id, message_id=post.id, attachment_id=post.attachments[1].id
    )


@pytest.mark.either_way
async def test_of_several_files_one_is_chosen_also_after_a_restart(town: Town) -> None:
    await town.start()
    post = two_pieces(town)
    asked = await town.mia.context_menu(post, NAME)
    question = await asked.wait_until(lambda message: message.components)
    assert question.is_ephemeral
    assert "Which one do you want to continue?" in question.content
    await town.stop()

    await town.start()
    form = await (await town.mia.choose(question, "Choose a file…", "other.wav")).opened_modal()
    await town.mia.submit_modal(form, {})

    await town.result()
    assert (await town.job()).source_name == "other.wav"


async def test_one_menu_opens_a_form_for_each_choice(town: Town) -> None:
    await town.start()
    question = await (await town.mia.context_menu(two_pieces(town), NAME)).wait_until(lambda m: m.components)

    forms = [
        await (await town.mia.choose(question, "Choose a file…", name)).opened_modal()
        for name in ("other.wav", town.source.name)
    ]

    assert [form.title for form in forms] == ["Extend other.wav", f"Extend {town.source.name}"]
    for number, form in enumerate(forms, start=1):
        await town.mia.submit_modal(form, {})
        await town.result(number)


@pytest.mark.either_way
async def test_a_file_in_a_forwarded_message_is_continued(town: Town) -> None:
    await town.start()
    ben = another(town)
    elsewhere = town.guild.channel("elsewhere")
    original = ben.post(elsewhere, "listen", Upload(town.source))
    forwarded = ben.forward(original, town.songs)
    ben.delete_post(original)

    form = await (await town.mia.context_menu(forwarded, NAME)).opened_modal()
    await town.mia.submit_modal(form, {"Where to continue": "0:04"})

    await town.result()
    choice = (await town.job()).source_choice
    assert choice is not None
    assert choice.message is not None
    assert choice.message.message_id == forwarded.id


@pytest.mark.either_way
async def test_a_message_without_audio_is_refused_with_a_sentence(town: Town) -> None:
    await town.start()
    post = town.mia.post(town.songs, "no music here", Upload("notes.txt", b"la la"))

    answer = await (await town.mia.context_menu(post, NAME)).response()

    assert answer.content == "I can't find any audio in this message. For a link, use `/extend` with `url`."
    assert answer.is_ephemeral


async def test_nothing_is_asked_where_the_result_could_not_be_posted(town: Town) -> None:
    await town.start()
    post = town.mia.post(town.songs, "", Upload(town.source))
    town.songs.deny("SEND_MESSAGES")

    answer = await (await town.mia.context_menu(post, NAME)).response()

    assert "I'm missing Send Messages" in answer.content


async def test_a_refused_file_from_a_message_keeps_its_place_in_the_fixed_form(town: Town) -> None:
    await town.start()
    post = town.mia.post(town.songs, "", Upload(town.source))
    form = await (await town.mia.context_menu(post, NAME)).opened_modal()
    sent = await town.mia.submit_modal(form, {"Where to continue": "9:00", "Voice": "instrumental"})
    refusal = await sent.wait_until(lambda message: message.components)

    again = await (await town.mia.click(refusal, "Fix")).opened_modal()
    await town.mia.submit_modal(again, {"Where to continue": "the end"})

    await town.result()
    job = await town.job()
    assert job.request.instrumental
    assert job.source_choice is not None
    assert job.source_choice.message is not None


async def test_results_of_the_bot_itself_are_continued_too(town: Town) -> None:
    await town.start()
    await town.extend(audio=Upload(town.source), prompt="la")
    result = await town.result()

    asked = await town.mia.context_menu(result, NAME)

    question = await asked.wait_until(lambda message: message.components)
    assert "several files" in question.content


def two_pieces(town: Town) -> Message:
    other = town.source.parent / "other.wav"
    compose(other, seconds=6)
    return town.mia.post(town.songs, "two of them", Upload(town.source), Upload(other))


def another(town: Town) -> Member:
    return town.discord.member("Ben")


async def test_a_link_that_expired_while_the_form_was_open_is_replaced_through_its_message(town: Town) -> None:
    await town.start()
    post = town.mia.post(town.songs, f"for {town.discord.world.bot.mention}", Upload(town.source))
    form = await (await town.mia.context_menu(post, NAME)).opened_modal()
    town.discord.advance(town.discord.world.options.link_seconds + 1)

    await town.mia.submit_modal(form, {"Lyrics or idea": "softer"})

    await town.result()
    assert (await town.job()).request.prompt == "softer"


async def test_a_file_that_is_gone_by_now_is_asked_for_in_the_form(town: Town) -> None:
    await town.start()
    post = town.mia.post(town.songs, "", Upload(town.source))
    form = await (await town.mia.context_menu(post, NAME)).opened_modal()
    town.discord.cdn.vanished.add(post.attachments[0].id)
    town.mia.delete_post(post)

    sent = await town.mia.submit_modal(form, {"Lyrics or idea": "softer"})

    refusal = await sent.wait_until(lambda message: message.components)
    again = await (await town.mia.click(refusal, "Fix")).opened_modal()
    assert again.field("Lyrics or idea").value == "softer"
    await town.mia.submit_modal(again, {"Audio": Upload(town.source)})
    await town.result()
    assert town.suno.submits == 1
