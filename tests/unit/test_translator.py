"""Descriptions of commands and options in the languages with a catalogue."""

import logging
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.chat.translator import DESCRIPTION_MAX, DescriptionTranslator
from bot.text import Catalogue
from cogs.members import MembersCog
from tests.support.languages import a_language

COMMAND = MembersCog.cancel
OPTION = COMMAND.parameters[0]


async def payload(folder: Path) -> dict[str, Any]:
    """What is sent to Discord about `/cancel`."""
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    return await COMMAND.get_translated_payload(tree, DescriptionTranslator(Catalogue.load(folder)))


async def test_descriptions_are_sent_in_each_language_under_discords_codes(tmp_path: Path) -> None:
    a_language(tmp_path, "de", {COMMAND.description: "Zurück", str(OPTION.description): "Welcher"})
    a_language(tmp_path, "es", {COMMAND.description: "Atrás"})
    a_language(tmp_path, "pt_BR", {COMMAND.description: "Voltar"})
    a_language(tmp_path, "zh_Hant", {COMMAND.description: "取消"})

    sent = await payload(tmp_path)

    assert sent["description"] == COMMAND.description
    assert sent["description_localizations"] == {
        "de": "Zurück",
        "es-ES": "Atrás",
        "es-419": "Atrás",
        "pt-BR": "Voltar",
        "zh-TW": "取消",
    }
    (option,) = sent["options"]
    assert option["description"] == str(OPTION.description)
    assert option["description_localizations"] == {"de": "Welcher"}


async def test_names_stay_english_even_if_the_catalogue_has_the_word(tmp_path: Path) -> None:
    a_language(tmp_path, "de", {COMMAND.name: "abbrechen", OPTION.name: "auftrag"})

    sent = await payload(tmp_path)

    assert (sent["name"], sent["name_localizations"]) == (COMMAND.name, {})
    assert "name_localizations" not in sent["options"][0]


async def test_without_a_language_only_english_is_sent(tmp_path: Path) -> None:
    sent = await payload(tmp_path)

    assert sent["description_localizations"] == {}
    assert "description_localizations" not in sent["options"][0]


async def test_a_translation_too_long_for_discord_stays_english_and_the_operator_reads_which(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a_language(tmp_path, "de", {COMMAND.description: "z" * (DESCRIPTION_MAX + 1)})
    a_language(tmp_path, "fr", {COMMAND.description: "z" * DESCRIPTION_MAX})

    sent = await payload(tmp_path)

    assert sent["description_localizations"] == {"fr": "z" * DESCRIPTION_MAX}
    (record,) = (each for each in caplog.records if each.name == "bot.chat.translator")
    assert record.levelno == logging.WARNING
    assert COMMAND.description in record.getMessage()
    assert " de;" in record.getMessage()
