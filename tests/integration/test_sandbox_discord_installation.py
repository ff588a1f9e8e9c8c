"""Where the application is installed: servers that the bot joins and leaves, and members who bring it along."""

import asyncio

import discord
import pytest
from discord import app_commands

from bot.sandbox.discord import ClientRefuses, DiscordOptions, FakeDiscord
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.discord_api import a_bot, connected


async def test_joining_and_leaving_a_server_are_reported() -> None:
    async with FakeDiscord() as fake:
        guild = fake.guild()
        bot = a_bot()
        joined, left = asyncio.Event(), asyncio.Event()

        @bot.event
        async def on_guild_join(_: discord.Guild) -> None:
            joined.set()

        @bot.event
        async def on_guild_remove(_: discord.Guild) -> None:
            left.set()

        async with connected(fake, bot), asyncio.timeout(PATIENCE_SECONDS):
            fake.guild("Another")
            await joined.wait()
            guild.kick_bot()
            await left.wait()

            assert [each.name for each in bot.guilds] == ["Another"]


async def test_a_bot_that_leaves_a_server_gets_the_event() -> None:
    async with FakeDiscord() as fake:
        fake.guild("Stays")
        fake.guild("Goes")
        bot = a_bot()
        left: asyncio.Queue[str] = asyncio.Queue()

        @bot.event
        async def on_guild_remove(guild: discord.Guild) -> None:
            left.put_nowait(guild.name)

        async with connected(fake, bot), asyncio.timeout(PATIENCE_SECONDS):
            await next(guild for guild in bot.guilds if guild.name == "Goes").leave()

            assert await left.get() == "Goes"
            assert [guild.name for guild in bot.guilds] == ["Stays"]
            assert [guild.name for guild in fake.world.guilds.values() if guild.has_bot] == ["Stays"]


async def test_a_command_of_an_old_client_comes_through_the_members_own_installation() -> None:
    async with FakeDiscord() as fake:
        elsewhere = fake.guild("Elsewhere", with_bot=False)
        songs, mia = elsewhere.channel("songs"), fake.member("Mia", guild=elsewhere)
        bot = a_bot()

        @bot.tree.command()
        @app_commands.allowed_installs(guilds=True, users=False)
        async def extend(interaction: discord.Interaction) -> None:
            """Go on."""
            kinds = (interaction.is_guild_integration(), interaction.is_user_integration())
            await interaction.response.send_message(f"{kinds}", ephemeral=True)

        async with connected(fake, bot):
            mia.install_app()
            with pytest.raises(ClientRefuses, match="not installed"):
                await mia.command(songs, "extend")
            answer = await (await mia.command_of_old_client(songs, "extend")).response()

        assert answer.content == "(False, True)"


@pytest.mark.parametrize("types", [{0}, {0, 1}])
async def test_the_application_says_where_it_can_be_installed_and_by_whom(types: set[int]) -> None:
    async with FakeDiscord(DiscordOptions(bot_public=False, integration_types=frozenset(types))) as fake:
        fake.guild()
        mia = fake.member("Mia")
        bot = a_bot()

        async with connected(fake, bot):
            information = await bot.application_info()

        assert information.bot_public is False
        assert (information.guild_integration_config is not None) is (0 in types)
        assert (information.user_integration_config is not None) is (1 in types)
        if 1 not in types:
            with pytest.raises(ClientRefuses, match="cannot be installed for a user"):
                mia.install_app()
