"""Forums, and menus of people, roles and channels, as a member's client handles them."""

import pytest

from bot.sandbox.discord import FORUM, ClientRefuses
from tests.support.discord_api import staged


async def test_a_forum_takes_no_message_and_no_command_but_its_posts_do() -> None:
    async with staged() as stage:
        forum = stage.guild.channel("workshop", kind=FORUM)
        post = forum.thread("The bridge")
        with pytest.raises(ClientRefuses, match="forum"):
            stage.mia.post(forum, "hello")
        with pytest.raises(ClientRefuses, match="forum"):
            await stage.mia.command(forum, "extend")

        assert stage.mia.post(post, "hello").content == "hello"


async def test_the_bot_hears_of_a_forum_as_a_forum() -> None:
    async with staged() as stage:
        forum = stage.guild.channel("workshop", kind=FORUM)
        answer = await stage.api.ask("GET", f"/channels/{forum.id}")

        assert answer.body["type"] == FORUM
        assert answer.body["available_tags"] == []
