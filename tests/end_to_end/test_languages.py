"""A language is a file: its readers see the commands and get their answers in it."""

from pathlib import Path

import pytest

from bot.sandbox.discord import Member
from cogs.jobs import JobsCog
from tests.end_to_end.town import Town
from tests.support.languages import a_language

pytestmark = pytest.mark.either_way


NOTHING_YET = "You have no jobs yet. Start one with `/extend`."


def described(town: Town, name: str) -> dict[str, str]:
    (command,) = (each for each in town.discord.commands if each["name"] == name)
    return {"en-US": command["description"], **(command.get("description_localizations") or {})}


def announcements(town: Town) -> int:
    return sum(
        request.method == "PUT" and request.path.endswith("/commands") and request.status == 200
        for request in town.discord.requests
    )


def a_german(town: Town) -> Member:
    return town.discord.member("Jule", locale="de", guild=town.guild)


async def test_a_german_member_sees_commands_and_answers_in_german(town: Town, tmp_path: Path) -> None:
    a_language(
        tmp_path / "locales",
        "de",
        {JobsCog.jobs.description: "Deine letzten Aufträge.", NOTHING_YET: "Noch nichts. Fang an mit `/extend`."},
    )

    await town.start(locales_path=tmp_path / "locales")
    await town.announced()

    assert described(town, "jobs") == {"en-US": JobsCog.jobs.description, "de": "Deine letzten Aufträge."}
    answer = await (await a_german(town).command(town.songs, "jobs")).response()
    assert answer.content == "Noch nichts. Fang an mit `/extend`."


async def test_a_new_translation_is_announced_once(town: Town, tmp_path: Path) -> None:
    await town.start(locales_path=tmp_path)
    first = await town.announced()
    await town.stop()
    a_language(tmp_path, "de", {JobsCog.jobs.description: "Deine letzten Aufträge."})

    await town.start(locales_path=tmp_path)
    await town.announced(other_than=first)
    assert described(town, "jobs")["de"] == "Deine letzten Aufträge."
    await town.stop()
    await town.start(locales_path=tmp_path)

    assert announcements(town) == 2
