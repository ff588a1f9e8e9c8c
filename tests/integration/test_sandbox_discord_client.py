"""The stand-in driven by the real discord.py: what the library sends is accepted, and what it needs is there."""

import asyncio
import io
import re
from typing import Self

import discord
import pytest
from discord import app_commands

from bot.sandbox.discord import ClientRefuses, DiscordOptions, FakeDiscord, NeverHappened, State, Upload
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.discord_api import TOKEN, Json, a_bot, connected, led_to


class Again(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"again:(?P<job>[0-9a-f]+)"):
    def __init__(self, job: str) -> None:
        super().__init__(discord.ui.Button(label="Again", custom_id=f"again:{job}"))
        self.job = job

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[discord.ui.View], match: re.Match[str]
    ) -> Self:
        return cls(match["job"])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"again {self.job}", view=None)


class Form(discord.ui.Modal, title="Extend"):
    prompt: discord.ui.Label[Self] = discord.ui.Label(text="Lyrics", component=discord.ui.TextInput(max_length=100))
    model: discord.ui.Label[Self] = discord.ui.Label(
        text="Model",
        component=discord.ui.RadioGroup(
            options=[discord.RadioGroupOption(label="V4"), discord.RadioGroupOption(label="V5")]
        ),
    )
    cover: discord.ui.Label[Self] = discord.ui.Label(text="Cover", component=discord.ui.FileUpload(required=False))
    loud: discord.ui.Label[Self] = discord.ui.Label(text="Loud", component=discord.ui.Checkbox())

    async def on_submit(self, interaction: discord.Interaction) -> None:
        prompt, model, cover, loud = (label.component for label in (self.prompt, self.model, self.cover, self.loud))
        assert isinstance(prompt, discord.ui.TextInput)
        assert isinstance(model, discord.ui.RadioGroup)
        assert isinstance(cover, discord.ui.FileUpload)
        assert isinstance(loud, discord.ui.Checkbox)
        names = [file.filename for file in cover.values]
        await interaction.response.send_message(f"{prompt.value} {model.value} {names} {loud.value}")


async def test_a_command_with_a_file_is_answered_and_the_result_posted() -> None:
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia", locale="de")
        bot = a_bot()

        @bot.tree.command()
        async def extend(
            interaction: discord.Interaction, audio: discord.Attachment, weight: app_commands.Range[float, 0, 1] = 0.5
        ) -> None:
            """Go on."""
            await interaction.response.defer(ephemeral=True, thinking=True)
            song = await audio.read()
            await interaction.edit_original_response(
                content=f"{interaction.locale} {weight} {interaction.filesize_limit}"
            )
            assert isinstance(interaction.channel, discord.TextChannel)
            for _ in range(2):
                await interaction.channel.send(
                    f"done {interaction.user.mention}",
                    file=discord.File(io.BytesIO(song + b"!"), "take.mp3"),
                    embed=discord.Embed(title="Take"),
                    nonce="e0123",
                )

        async with connected(fake, bot):
            invocation = await mia.command(songs, "extend", audio=Upload("song.mp3", b"song"), weight=1.0)
            private = await invocation.response()
            result = await songs.wait_for(lambda message: message.attachments)
            await fake.wait_for_request(
                lambda _: len([each for each in fake.requests if each.files and each.status == 200]) == 2
            )

        assert private.content == f"de 1.0 {10 * 1024 * 1024}"
        assert private.visible_to is mia
        assert result.attachments[0].data == b"song!"
        assert result.embeds[0]["title"] == "Take"
        assert songs.messages == [result]
        assert [ping.message for ping in mia.pings] == [result]


async def test_autocomplete_knows_the_other_options() -> None:
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot()

        @bot.tree.command()
        async def extend(interaction: discord.Interaction, model: str, audio: discord.Attachment | None = None) -> None:
            """Go on."""

        @extend.autocomplete("model")
        async def models(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
            filled_in = sorted(name for name, _ in interaction.namespace)
            return [app_commands.Choice(name=f"{current} {filled_in}", value=current)]

        async with connected(fake, bot):
            choices = await mia.autocomplete(
                songs, "extend", focused="model", value="v4", audio=Upload("song.mp3", b"song")
            )

        assert [(choice.name, choice.value) for choice in choices] == [("v4 ['audio', 'model']", "v4")]


async def test_more_than_25_choices_are_no_answer() -> None:
    async with FakeDiscord(DiscordOptions(acknowledge_seconds=0.3)) as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot()

        @bot.tree.command()
        async def extend(interaction: discord.Interaction, model: str) -> None:
            """Go on."""

        @extend.autocomplete("model")
        async def models(_: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=str(number), value=current) for number in range(26)]

        async with connected(fake, bot):
            with pytest.raises(NeverHappened, match="did not respond"):
                await mia.autocomplete(songs, "extend", focused="model")


async def test_a_form_from_a_context_menu_is_read_whole() -> None:
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot()
        seen: list[str] = []

        @bot.tree.context_menu(name="Extend this audio")
        async def extend_this(interaction: discord.Interaction, message: discord.Message) -> None:
            seen.extend(attachment.filename for attachment in message.attachments)
            await interaction.response.send_modal(Form())

        async with connected(fake, bot):
            post = mia.post(songs, "mine", Upload("song.mp3", b"song"))
            form = await (await mia.context_menu(post, "Extend this audio")).opened_modal()
            answers = {"Lyrics": "la", "Model": "V5", "Cover": Upload("cover.png", b"png"), "Loud": True}
            submitted = await mia.submit_modal(form, answers)
            answer = await submitted.response()

        assert seen == ["song.mp3"]
        assert answer.content == "la V5 ['cover.png'] True"


async def test_a_dynamic_button_survives_its_message() -> None:
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot()
        bot.add_dynamic_items(Again)

        async with connected(fake, bot):
            channel = bot.get_partial_messageable(songs.id)
            await channel.send("done", view=discord.ui.View(timeout=None).add_item(Again("abc")))
            (message,) = songs.messages
            await mia.click(message, "Again")
            await songs.wait_for(lambda each: each.content == "again abc")

        assert message.components == []


async def test_messages_are_edited_replied_to_and_found_again() -> None:
    async with FakeDiscord() as fake:
        guild = fake.guild()
        songs = guild.channel("songs")
        bot = a_bot()

        async with connected(fake, bot):
            channel = bot.get_channel(songs.id)
            assert isinstance(channel, discord.TextChannel)
            first = await channel.send("first", file=discord.File(io.BytesIO(b"1"), "a.txt"))
            await first.edit(content="other", attachments=[*first.attachments, discord.File(io.BytesIO(b"2"), "b.txt")])
            await first.reply("second")
            history = [message async for message in channel.history(limit=10, oldest_first=True)]
            await history[1].delete()

        assert [message.content for message in history] == ["other", "second"]
        assert [file.filename for file in songs.messages[0].attachments] == ["a.txt", "b.txt"]
        assert [message.content for message in songs.messages] == ["other"]


async def test_a_direct_message_reaches_the_member_or_is_refused() -> None:
    async with FakeDiscord() as fake:
        fake.guild()
        mia, tom = fake.member("Mia"), fake.member("Tom")
        tom.close_dms()
        bot = a_bot()

        async with connected(fake, bot):
            await (await bot.create_dm(discord.Object(mia.id))).send("hello")
            with pytest.raises(discord.Forbidden) as refused:
                await (await bot.create_dm(discord.Object(tom.id))).send("hello")

        assert [message.content for message in mia.dms] == ["hello"]
        assert refused.value.code == 50007


async def test_the_upload_limit_of_a_server_is_known_to_the_client() -> None:
    async with FakeDiscord() as fake:
        guild = fake.guild(premium_tier=2)
        bot = a_bot()

        async with connected(fake, bot):
            known = bot.get_guild(guild.id)

        assert known is not None
        assert known.filesize_limit == guild.upload_limit_bytes == 50 * 1024 * 1024


async def test_permissions_reach_the_client_with_the_command_and_with_the_server() -> None:
    async with FakeDiscord() as fake:
        guild = fake.guild()
        songs, mia = guild.channel("songs"), fake.member("Mia")
        bot = a_bot()
        seen: list[tuple[bool, bool]] = []

        @bot.tree.command()
        async def look(interaction: discord.Interaction) -> None:
            """Look."""
            assert isinstance(interaction.channel, discord.TextChannel)
            assert interaction.guild is not None
            own = interaction.channel.permissions_for(interaction.guild.me)
            seen.append((interaction.app_permissions.attach_files, own.attach_files))
            await interaction.response.send_message("seen")

        async with connected(fake, bot):
            await (await mia.command(songs, "look")).response()
            songs.deny("ATTACH_FILES")
            await (await mia.command(songs, "look")).response()

        assert seen == [(True, True), (False, False)]


async def test_permissions_that_are_taken_and_given_back_reach_the_client_at_once() -> None:
    async with FakeDiscord() as fake:
        guild = fake.guild()
        songs = guild.channel("songs")
        bot = a_bot()
        may_write: asyncio.Queue[bool] = asyncio.Queue()

        @bot.event
        async def on_guild_channel_update(_: discord.TextChannel, after: discord.TextChannel) -> None:
            may_write.put_nowait(after.permissions_for(after.guild.me).send_messages)

        @bot.event
        async def on_guild_role_update(_: discord.Role, after: discord.Role) -> None:
            channel = after.guild.text_channels[0]
            may_write.put_nowait(channel.permissions_for(after.guild.me).send_messages)

        async with connected(fake, bot), asyncio.timeout(PATIENCE_SECONDS):
            seen = []
            for change in (guild.deny, guild.allow, songs.deny, songs.allow):
                change("SEND_MESSAGES")
                seen.append(await may_write.get())

        assert seen == [False, True, False, True]


class Jobs(discord.ui.View):
    """A menu of jobs, as in an answer to the member alone."""

    @discord.ui.select(
        placeholder="A job",
        options=[discord.SelectOption(label="Paper Boats", value="1"), discord.SelectOption(label="Tide", value="2")],
    )
    async def pick(self, interaction: discord.Interaction, select: discord.ui.Select[Self]) -> None:
        await interaction.response.edit_message(content=f"picked {select.values}", view=None)


@pytest.mark.parametrize("choice", ["2", "Tide"])
async def test_a_member_picks_from_a_menu_in_a_hidden_followup(choice: str) -> None:
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot()

        @bot.tree.command()
        async def jobs(interaction: discord.Interaction) -> None:
            """Look."""
            await interaction.response.send_message("Your jobs", ephemeral=True)
            await interaction.followup.send("Pick one", view=Jobs(), ephemeral=True)

        async with connected(fake, bot):
            invocation = await mia.command(songs, "jobs")
            menu = await invocation.followup()
            with pytest.raises(ClientRefuses, match="Paper Boats"):
                await mia.choose(menu, "A job", "Another")
            await mia.choose(menu, "A job", choice)
            await songs.wait_for(lambda message: message.content == "picked ['2']", seen_by=mia)

        assert menu.is_ephemeral
        assert songs.messages == []


async def test_a_thread_is_a_thread_for_the_client() -> None:
    async with FakeDiscord() as fake:
        thread, mia = fake.guild().channel("songs").thread("takes"), fake.member("Mia")
        bot = a_bot()

        @bot.tree.command()
        async def look(interaction: discord.Interaction) -> None:
            """Look."""
            await interaction.response.send_message(str(interaction.channel and interaction.channel.type))

        async with connected(fake, bot):
            answer = await (await mia.command(thread, "look")).response()

        assert answer.content == "public_thread"


async def test_a_command_in_a_direct_message_is_answered_there() -> None:
    async with FakeDiscord() as fake:
        fake.guild()
        mia = fake.member("Mia")
        bot = a_bot()

        @bot.tree.command()
        async def quota(interaction: discord.Interaction) -> None:
            """Look."""
            await interaction.response.send_message(f"{interaction.guild_id} {interaction.user.name}")

        async with connected(fake, bot):
            answer = await (await mia.command(mia.dm, "quota")).response()

        assert answer.content == "None mia"
        assert mia.dms == [answer]


async def test_commands_that_break_a_limit_fail_the_announcement_by_name() -> None:
    async with FakeDiscord() as fake:
        fake.guild()
        bot = a_bot()

        @bot.tree.command(description="x" * 150)
        async def extend(interaction: discord.Interaction) -> None: ...

        with pytest.raises(app_commands.CommandSyncFailure, match="description"):
            async with connected(fake, bot):
                pass


async def test_an_unknown_form_is_left_unanswered() -> None:
    async with FakeDiscord(DiscordOptions(acknowledge_seconds=0.3)) as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot()
        components: Json = [{"type": 1, "components": [{"type": 2, "style": 1, "label": "Old", "custom_id": "gone"}]}]

        async with connected(fake, bot):
            await bot.http.request(
                discord.http.Route("POST", "/channels/{channel_id}/messages", channel_id=songs.id),
                json={"content": "c", "components": components},
            )
            click = await mia.click(songs.messages[0], "Old")
            await click.failed()

        assert click.state is State.FAILED


async def test_a_wrong_token_is_refused_at_login() -> None:
    async with FakeDiscord(DiscordOptions(token="another")) as fake:
        bot = a_bot()
        with led_to(fake), pytest.raises(discord.LoginFailure):
            await bot.login(TOKEN)
        await bot.close()


@pytest.mark.parametrize("intents", [discord.Intents(guilds=True), discord.Intents(guilds=True, guild_messages=True)])
async def test_message_events_go_only_to_bots_that_asked_for_them(intents: discord.Intents) -> None:
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot(intents)
        heard: list[str] = []

        @bot.event
        async def on_message(message: discord.Message) -> None:
            heard.append(message.content)

        @bot.tree.command()
        async def look(interaction: discord.Interaction) -> None:
            """Look."""
            await interaction.response.send_message("seen", ephemeral=True)

        async with connected(fake, bot):
            mia.post(songs, "secret words")
            await (await mia.command(songs, "look")).response()

        assert heard == ([""] if intents.guild_messages else [])
