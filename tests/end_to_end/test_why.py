"""`/why`: can I extend here right now? And the refusals that lead to it."""

import re
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.discord import VOICE, Channel, Message, TroubleKind
from bot.services.operator.balance import KNOWN
from cogs.why import WhyCog
from tests.end_to_end.town import Town, eventually
from tests.support.languages import a_language

YES = "**Yes, you can extend here.**"
LATER = "**Yes, you can extend here, but it'll take longer than usual.**"
NO = "**Not right now.**"


async def why(town: Town, channel: Channel | None = None) -> Message:
    where = channel or town.songs
    answer = await (await town.mia.command(where, "why")).response()
    assert answer.is_ephemeral
    return answer


def lines(answer: Message, sign: str) -> list[str]:
    """Those of the answer with this sign, without it."""
    return [line.removeprefix(sign).strip() for line in answer.content.splitlines() if line.startswith(sign)]


async def mention(town: Town) -> str:
    """How Discord's own client would write the command."""
    await town.announced()
    (command,) = [each for each in town.discord.commands if each["name"] == "why"]
    return f"</why:{command['id']}>"


@pytest.mark.either_way
async def test_where_nothing_stands_in_the_way_it_says_so_and_shows_every_rule(town: Town) -> None:
    await town.start()
    await eventually(lambda: town.app.storage.reading.memos.get(KNOWN))

    answer = await why(town)

    assert answer.content.splitlines()[0] == YES
    assert lines(answer, "✅") == [
        "I work in this server.",
        "I can post in this channel.",
        "This channel isn't too busy.",
        "You have 10 extensions left today.",
        "I can read up to 1,000 files of yours at a time.",
        "No job is waiting ahead of yours.",
        "The music service accepts my key.",
        "I have credits.",
        "As far as I know, the music service is taking new jobs.",
        "No daily limit on credits has been reached.",
    ]
    assert not town.songs.messages


@pytest.mark.either_way
async def test_a_missing_permission_is_named_with_what_still_works(town: Town) -> None:
    await town.start()
    town.songs.deny("ATTACH_FILES")

    answer = await why(town)

    assert answer.content.startswith(NO)
    (closed,) = lines(answer, "⛔")
    assert "I'm missing Attach Files. Ask someone who manages the server, or use another channel." in closed
    assert closed.endswith("With `private`, you can still extend here.")


@pytest.mark.either_way
async def test_it_names_the_kind_of_channel(town: Town) -> None:
    await town.start()
    thread, lounge = town.songs.thread("boats"), town.guild.channel("lounge", kind=VOICE)

    assert "I can post in this thread." in (await why(town, thread)).content
    assert "I can post in this voice channel's chat." in (await why(town, lounge)).content
    town.songs.deny("SEND_MESSAGES_IN_THREADS")
    assert "I'm missing Send Messages in Threads" in (await why(town, thread)).content
    assert "I can post in this channel." in (await why(town)).content


@pytest.mark.either_way
async def test_in_a_direct_message_it_says_that_extend_only_works_in_servers(town: Town) -> None:
    await town.start()

    answer = await why(town, town.mia.dm)

    assert answer.content.startswith(NO)
    assert lines(answer, "⛔") == ["`/extend` only works in servers."]
    assert "post" not in answer.content


async def test_it_answers_even_in_a_server_that_the_bot_does_not_serve(town: Town) -> None:
    other = town.discord.guild("Elsewhere")
    lobby = other.channel("lobby")
    other.join(town.mia)
    town.discord.troubles.add("DELETE", "/users/@me/guilds/*", TroubleKind.ERROR_BEFORE, times=10, status=503)
    await town.start(allowed_servers=frozenset({town.guild.id}))

    answer = await why(town, lobby)

    assert lines(answer, "⛔") == ["Sorry, I'm not set up for this server."]


@pytest.mark.either_way
async def test_a_used_up_quota_is_shown_and_its_refusal_leads_here(town: Town) -> None:
    await town.start(quota_per_day=1)
    await town.extend()
    await town.result()

    refusal = await (await town.extend()).wait_until(lambda message: "You've used" in message.content)
    answer = await why(town)

    assert refusal.content.endswith(f"See {await mention(town)} for more.")
    (closed,) = lines(answer, "⛔")
    assert closed.startswith("You've used all 1 of today's extensions.")
    assert closed in refusal.content


async def test_a_refusal_that_depends_on_the_channel_leads_here_too(town: Town) -> None:
    await town.start()
    link = await mention(town)
    town.songs.deny("EMBED_LINKS")

    refusal = await (await town.extend()).response()

    assert refusal.content.endswith(f"See {link} for more.")


async def test_a_refusal_about_the_piece_does_not_lead_here(town: Town) -> None:
    await town.start()

    refusal = await (await town.extend(vocal_gender="soprano")).wait_until(lambda message: "soprano" in message.content)

    assert "why" not in refusal.content


async def test_before_the_commands_are_announced_refusals_name_it_without_a_link(town: Town) -> None:
    await town.start()
    await town.announced()
    name = f"commands of {town.app.client.application_id}: ids"
    await town.app.storage.write(lambda work: work.memos.put(name, ""))
    town.songs.deny("EMBED_LINKS")

    refusal = await (await town.extend()).response()

    assert refusal.content.endswith("See `/why` for more.")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("error 429", "I've run out of credits, and my operator knows."),
        ("error 401", "The music service is refusing me, and my operator knows."),
    ],
)
async def test_while_the_account_is_closed_new_jobs_wait(town: Town, trouble: str, words: str) -> None:
    await town.start()
    town.suno.script(f"{trouble} 1")
    await town.extend()
    await town.songs.wait_for(lambda message: "my operator knows" in message.content)

    answer = await why(town)

    assert answer.content.startswith(LATER)
    (waits,) = lines(answer, "⏳")
    assert waits.startswith(words)


async def test_the_jobs_that_wait_ahead_are_shown(town: Town) -> None:
    await town.start()
    town.suno.script("error 429 1")
    await town.extend()
    await town.songs.wait_for(lambda message: "my operator knows" in message.content)
    noah = town.discord.member("Noah", guild=town.guild)

    answer = await (await noah.command(town.songs, "why")).response()

    assert "✅ A new job would be 2nd or 3rd in line." in answer.content


async def test_maintenance_shows_as_soon_as_a_job_has_met_it(town: Town) -> None:
    await town.start(retry_base_seconds=300)
    town.suno.script("error 455")
    await town.extend()
    await town.songs.wait_for(lambda message: "is busy" in message.content)

    assert lines(await why(town), "⏳") == [
        "The music service is busy or down for maintenance. I keep trying, and new jobs wait in line."
    ]


@pytest.mark.parametrize(
    ("cap", "words"),
    [
        ("credits_per_day", "Today's credits are used up."),
        ("credits_per_server_per_day", "This server's credits for today are used up."),
    ],
)
async def test_a_reached_daily_cap_says_when_new_jobs_start(town: Town, cap: str, words: str) -> None:
    limit: dict[str, Any] = {cap: 12}
    await town.start(**limit)
    await town.extend()
    await town.result()

    (waits,) = lines(await why(town), "⏳")

    assert re.fullmatch(rf"{words} New jobs start <t:\d+:R>\.", waits)


async def test_low_credits_are_known_from_the_check_at_the_start(town: Town) -> None:
    town.suno.credits = 5
    await town.start()

    async def is_known() -> bool:
        return "almost out of credits" in (await why(town)).content

    await eventually(is_known)


async def test_it_answers_in_the_members_language(town: Town, tmp_path: Path) -> None:
    a_language(
        tmp_path / "locales",
        "de",
        {
            "Yes, you can extend here.": "Ja, hier geht es.",
            "I can post in this channel.": "Ich darf in diesem Kanal schreiben.",
            WhyCog.why.description: "Geht /extend hier gerade?",
        },
    )
    await town.start(locales_path=tmp_path / "locales")
    jule = town.discord.member("Jule", locale="de", guild=town.guild)
    await town.announced()

    answer = await (await jule.command(town.songs, "why")).response()

    assert answer.content.startswith("**Ja, hier geht es.**")
    assert "✅ Ich darf in diesem Kanal schreiben." in answer.content
    (command,) = [each for each in town.discord.commands if each["name"] == "why"]
    assert command["description_localizations"]["de"] == "Geht /extend hier gerade?"


async def test_it_is_announced_with_the_others(town: Town) -> None:
    await town.start()
    await town.announced()

    (command,) = [each for each in town.discord.commands if each["name"] == "why"]

    assert command["description"] == "See whether you can extend here right now and, if not, what helps."
    assert (command["integration_types"], command["contexts"]) == ([0], [0, 1])
