"""Many people vote at once, within Discord's real limits."""

import asyncio
from pathlib import Path

from bot.sandbox.discord import DiscordOptions, Message
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.end_to_end.test_result_buttons import has_label
from tests.end_to_end.town import a_town

PEOPLE = 40
TOO_MANY = 429


async def test_forty_votes_make_few_edits_and_none_is_refused(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, discord=DiscordOptions(acknowledge_seconds=PATIENCE_SECONDS)) as town:
        await town.start(progress_every_seconds=1.0)
        await town.extend()
        result = await town.result()
        people = [town.discord.member(f"P{number}", guild=town.guild) for number in range(PEOPLE)]

        clicks = [await person.click(result, vote_id(result)) for person in people]
        answers = await asyncio.gather(*(click.response() for click in clicks))
        await has_label(result, f"Take 2 · {PEOPLE}")

        assert all("You voted for take 2" in answer.content for answer in answers)
        edits = [
            request
            for request in town.discord.requests
            if request.method == "PATCH" and request.path.endswith(f"/channels/{town.songs.id}/messages/{result.id}")
        ]
        assert len(edits) <= 10
        assert all(request.status != TOO_MANY for request in town.discord.requests)


def vote_id(result: Message) -> str:
    """The custom id of the button for the second take, whose label changes."""
    return str(result.components[1]["components"][1]["custom_id"])
