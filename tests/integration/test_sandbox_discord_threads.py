"""Private, archived and locked threads, and the chat of a voice channel."""

import asyncio

import discord
import pytest

from bot.sandbox.discord import VOICE, ClientRefuses, FakeDiscord
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.discord_api import Json, Stage, a_bot, connected, staged

HELLO: Json = {"content": "hello"}
DEFER: Json = {"type": 5}
HIDDEN: Json = {"type": 5, "data": {"flags": 64}}


def path_of(channel_id: int, message_id: str) -> str:
    return f"/channels/{channel_id}/messages/{message_id}"


async def test_a_private_thread_is_closed_to_the_bot_until_it_is_added() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes", private=True, members=[stage.mia])
        before = await stage.api.post(thread, HELLO)

        thread.add(stage.discord.world.bot)

        assert (before.status, before.body["code"]) == (403, 50001)
        assert (await stage.api.post(thread, HELLO)).status == 200


async def test_app_permissions_hide_that_the_bot_is_not_in_a_private_thread() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes", private=True, members=[stage.mia])

        assert thread.bot_permissions == stage.songs.bot_permissions
        assert thread.permissions_of(stage.discord.world.bot) == 0


async def test_a_command_in_a_private_thread_can_be_answered_without_being_added() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes", private=True, members=[stage.mia])
        invocation = await stage.mia.command(thread, "extend")

        assert (await stage.api.answer(invocation, {"type": 4, "data": HELLO})).status == 200


async def test_a_private_thread_is_closed_to_members_who_were_not_added_unless_they_manage_threads() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes", private=True, members=[stage.mia])
        tom = stage.discord.member("Tom")
        moderator = stage.discord.member("Ada", permissions=["MANAGE_THREADS"])

        with pytest.raises(ClientRefuses, match="does not see"):
            await tom.command(thread, "extend")
        await moderator.command(thread, "extend")


async def test_a_message_opens_an_archived_thread_again() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes")
        thread.archive()

        assert (await stage.api.post(thread, HELLO)).status == 200
        assert not thread.archived


async def test_in_a_locked_thread_only_a_bot_that_manages_threads_can_write() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes")
        thread.archive()
        thread.lock()
        locked = await stage.api.post(thread, HELLO)

        stage.songs.allow("MANAGE_THREADS")

        assert locked.body["code"] == 160005
        assert (await stage.api.post(thread, HELLO)).status == 200


async def test_members_cannot_write_in_a_locked_thread_nor_use_commands_in_an_archived_one() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes")
        thread.lock()
        with pytest.raises(ClientRefuses, match="locked"):
            stage.mia.post(thread, "hello")

        thread.archive()

        with pytest.raises(ClientRefuses, match="archived"):
            await stage.mia.command(thread, "extend")


async def locked_after_deferring(stage: Stage, defer: Json) -> int:
    """The status of an answer in a thread that was locked after the command was acknowledged."""
    thread = stage.songs.thread("takes")
    invocation = await stage.mia.command(thread, "extend")
    await stage.api.answer(invocation, defer)
    thread.archive()
    thread.lock()
    return (await stage.api.follow(invocation, HELLO, method="PATCH", to="@original")).status


async def test_a_visible_answer_is_refused_once_the_thread_is_locked_and_a_hidden_one_is_not() -> None:
    async with staged() as stage:
        assert await locked_after_deferring(stage, DEFER) == 403
        assert await locked_after_deferring(stage, HIDDEN) == 200


async def test_a_message_in_an_archived_thread_can_be_deleted_but_not_edited() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes")
        posted = (await stage.api.post(thread, HELLO)).body["id"]
        thread.archive()

        edited = await stage.api.ask("PATCH", path_of(thread.id, posted), HELLO)
        deleted = await stage.api.ask("DELETE", path_of(thread.id, posted))

        assert (edited.status, edited.body["code"], deleted.status) == (400, 50083, 204)


async def test_a_starting_client_learns_only_of_active_threads_it_can_see() -> None:
    async with FakeDiscord() as fake:
        songs = fake.guild().channel("songs")
        open_thread, archived = songs.thread("open"), songs.thread("archived")
        archived.archive()
        songs.thread("private", private=True)
        bot = a_bot()

        async with connected(fake, bot):
            assert [thread.id for thread in bot.guilds[0].threads] == [open_thread.id]


async def test_the_client_learns_that_a_thread_was_locked() -> None:
    async with FakeDiscord() as fake:
        thread = fake.guild().channel("songs").thread("takes")
        bot = a_bot()
        locked = asyncio.Event()

        @bot.event
        async def on_thread_update(_: discord.Thread, after: discord.Thread) -> None:
            if after.locked:
                locked.set()

        async with connected(fake, bot), asyncio.timeout(PATIENCE_SECONDS):
            thread.lock()
            await locked.wait()


async def kinds_of_channels(fake: FakeDiscord, *, private: bool) -> str:
    """What discord.py takes the channel of a command for: a private thread or the chat of a voice channel."""
    guild = fake.guild()
    mia = fake.member("Mia")
    bot = a_bot()

    @bot.tree.command()
    async def look(interaction: discord.Interaction) -> None:
        """Look."""
        await interaction.response.send_message(str(interaction.channel and interaction.channel.type))

    thread = guild.channel("songs").thread("takes", private=True, members=[mia])
    chat = guild.channel("stage", kind=VOICE)
    async with connected(fake, bot):
        return (await (await mia.command(thread if private else chat, "look")).response()).content


@pytest.mark.parametrize(("private", "kind"), [(True, "private_thread"), (False, "voice")])
async def test_the_client_knows_in_what_kind_of_channel_a_command_was_used(private: bool, kind: str) -> None:
    async with FakeDiscord() as fake:
        assert await kinds_of_channels(fake, private=private) == kind


async def test_a_threads_permissions_are_its_parents() -> None:
    async with staged() as stage:
        with pytest.raises(NotImplementedError, match="change those of <#songs>"):
            stage.songs.thread("takes").deny("SEND_MESSAGES_IN_THREADS")


async def test_the_chat_of_a_voice_channel_needs_permission_to_connect() -> None:
    async with staged() as stage:
        stage_chat = stage.guild.channel("stage", kind=VOICE)
        assert (await stage.api.post(stage_chat, HELLO)).status == 200

        stage_chat.deny("CONNECT")

        written = await stage.api.post(stage_chat, HELLO)
        read = await stage.api.ask("GET", f"/channels/{stage_chat.id}/messages")
        assert [(reply.status, reply.body["code"]) for reply in (written, read)] == [(403, 50001)] * 2
