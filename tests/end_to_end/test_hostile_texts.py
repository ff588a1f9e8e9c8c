"""Names of members and files can neither ping anybody nor change what a message looks like."""

from pathlib import Path

import pytest

from bot.sandbox.discord import Upload
from tests.end_to_end.town import Town

BREAKING = "**x** [here](https://evil.example/) ||y|| `z`\n# big"


def ringing(town: Town) -> str:
    ben = town.discord.member("Ben", guild=town.guild)
    return f"@everyone @here {ben.mention} <@&{town.guild.id}>"


@pytest.mark.parametrize("field", ["title", "style", "prompt"])
async def test_no_text_from_a_member_pings_another_or_breaks_a_message(town: Town, field: str) -> None:
    words = f"{ringing(town)[:60]} {BREAKING}"
    texts = {"title": "Boats", "style": "folk", "prompt": "la"}
    limits = {"title": 80, "style": 200, "prompt": 2000}
    await town.start()

    await town.extend(**{**texts, field: words[: limits[field]]}, model="V4")
    result = await town.result()

    assert result.pinged == [town.mia]
    assert [message.pinged for message in town.songs.messages if message is not result] == [[]]
    shown = str([(message.content, message.embeds) for message in town.songs.messages])
    assert "[here](https://evil.example/)" not in shown
    assert all("\n# big" not in message.content for message in town.songs.messages)


async def test_a_file_with_any_name_is_shown_and_sent_back_under_a_harmless_one(town: Town, tmp_path: Path) -> None:
    named = tmp_path / "@everyone <@1> ..%2f..%2fetc [x](y) .mp3"
    named.write_bytes(town.source.read_bytes())
    await town.start()

    await town.extend(audio=Upload(named))
    result = await town.result()

    assert result.pinged == [town.mia]
    assert all(set(file.filename) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.") for file in result.attachments)
    assert [message.pinged for message in town.songs.messages if message is not result] == [[]]
