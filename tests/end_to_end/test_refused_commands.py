"""Every way `/extend` is refused: only the member sees it, nothing is held, nothing started."""

import asyncio
from pathlib import Path

import pytest

from bot.sandbox.discord import Invocation, Upload
from bot.sandbox.sounds import compose
from bot.services.common.sentences import NOT_USED
from tests.end_to_end.town import Town


async def refused(town: Town, invocation: Invocation, *words: str) -> str:
    """The text of the refusal, which is ephemeral, holds nothing and leaves the channel empty."""
    answer = await invocation.wait_until(lambda message: words[0] in message.content)
    for each in words:
        assert each in answer.content
    assert answer.is_ephemeral
    await town.songs.wait_until(lambda here: not here.messages)
    assert town.suno.submits == 0
    assert (await town.balance()).left == town.settings.quota_per_day
    return answer.content


@pytest.mark.either_way
@pytest.mark.parametrize(
    ("permission", "name"),
    [
        ("SEND_MESSAGES", "Send Messages"),
        ("EMBED_LINKS", "Embed Links"),
        ("ATTACH_FILES", "Attach Files"),
        ("READ_MESSAGE_HISTORY", "Read Message History"),
    ],
)
async def test_a_channel_where_the_bot_may_not_post_is_reported_before_anything_is_spent(
    town: Town, permission: str, name: str
) -> None:
    await town.start()
    town.songs.deny(permission)

    await refused(town, await town.extend(), f"I'm missing {name}")

    assert not town.handed_over()  # not even the upload


@pytest.mark.either_way
async def test_a_private_answer_needs_no_permission_in_the_channel(town: Town) -> None:
    await town.start()
    town.songs.deny("SEND_MESSAGES")

    invocation = await town.extend(private=True)

    answer = await invocation.wait_until(lambda message: message.attachments)
    assert len(answer.attachments) == 2


@pytest.mark.either_way
async def test_a_thread_needs_its_own_permission(town: Town) -> None:
    await town.start()
    thread = town.songs.thread("boats")
    town.songs.deny("SEND_MESSAGES_IN_THREADS")

    invocation = await town.mia.command(thread, "extend", audio=Upload(town.source))

    await refused(town, invocation, "I'm missing Send Messages in Threads")


async def test_no_source_and_two_sources_are_refused(town: Town) -> None:
    await town.start()

    await refused(town, await town.mia.command(town.songs, "extend"), "Give one piece of audio")
    both = await town.extend(audio=Upload(town.source), url="https://example.org/a.mp3")
    await refused(town, both, "Give one piece of audio")


async def test_unusable_files_are_refused_with_the_reason(town: Town, tmp_path: Path) -> None:
    await town.start(max_source_mb=1)
    film = tmp_path / "cut.wav"
    compose(film, seconds=6)
    whole = film.read_bytes()
    wrong = {
        "I can't read this file as audio": ("notes.mp3", b"Dear diary, " * 100),
        "This file is empty": ("empty.mp3", b""),
        "I can't read this file past": ("cut.wav", whole[: len(whole) * 6 // 10]),
        "The file is 1.2 MB, but I can only read up to 1 MB": ("large.mp3", b"\0" * 1_200_000),
    }

    for words, (name, body) in wrong.items():
        content = await refused(town, await town.extend(audio=Upload(name, body)), words)
        assert content.endswith(NOT_USED.message)
        assert content.count(NOT_USED.message) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/a.mp3", "https"),
        ("https://127.0.0.1/a.mp3", "public server"),
        ("https://169.254.169.254/latest", "public server"),
        ("not a link", "link"),
    ],
)
async def test_unusable_links_are_refused(town: Town, url: str, words: str) -> None:
    await town.start()

    await refused(town, await town.extend(url=url), words)


async def test_all_broken_rules_are_reported_at_once_with_their_numbers(town: Town) -> None:
    await town.start()

    invocation = await town.extend(
        style="x" * 201,
        prompt="x" * 3001,
        model="V4",
        vocal_gender="soprano",
        style_weight=0.655,
        continue_at="9:99",
    )

    content = await refused(
        town,
        invocation,
        "has 201 characters; V4 takes at most 200",
        "give a `title` too",
        "has 3,001 characters; V4 takes at most 3,000",
        "I don't know the voice “soprano”",
        "`style_weight` is 0.655",
        "I can't read “9\\:99” as a time. Write it like `1:05` or `65`.",
    )
    assert content.count("•") == 7
    assert content.endswith(NOT_USED.message)


async def test_nonsense_typed_past_the_list_is_refused(town: Town) -> None:
    await town.start()

    await refused(town, await town.extend(model="V99"), "There's no model `V99` here", "`V3_5`, `V4`", "`V6_MINI`")
    await refused(town, await town.extend(vocal_gender="soprano"), "Use `female` or `male`")
    await refused(
        town, await town.mia.command(town.songs, "extend", track="made-up"), "You have no tracks yet. Send a file"
    )
    await refused(
        town, await town.extend(continue_at="1:30"), "The audio ends at 0:08, so it can't continue from 1:30."
    )


async def test_a_model_that_the_operator_does_not_offer_is_refused(town: Town) -> None:
    await town.start(models=("V4", "V5"))

    await refused(town, await town.extend(model="V3_5"), "There's no model `V3_5` here. The models are `V4` and `V5`.")


async def test_a_used_up_quota_says_when_it_renews(town: Town) -> None:
    await town.start(quota_per_day=1)
    await town.extend()
    await town.result()

    answer = await (await town.extend()).wait_until(lambda message: "You've used" in message.content)

    assert "all 1 of today's extensions" in answer.content
    assert "<t:" in answer.content
    assert NOT_USED.message not in answer.content
    assert town.suno.submits == 1


async def test_without_any_quota_extensions_are_switched_off(town: Town) -> None:
    await town.start(quota_per_day=0)

    await refused(town, await town.extend(), "Extensions are switched off.")


async def test_of_many_commands_at_once_exactly_as_many_are_accepted_as_units_are_left(town: Town) -> None:
    await town.start(quota_per_day=3)

    invocations = [await town.extend() for _ in range(100)]
    answers = await asyncio.gather(
        *(each.wait_until(lambda m: "Got it" in m.content or "used" in m.content) for each in invocations)
    )

    assert sum("Got it" in answer.content for answer in answers) == 3
    await town.result(3)
    assert town.suno.submits == 3
