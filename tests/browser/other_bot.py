"""A bot with what Encore lacks so far: forms with every component, votes, menus of people, context menus, slowness."""

import asyncio
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from tests.support.discord_api import a_bot

Interaction = discord.Interaction[Any]


class Vote(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.voters: set[int] = set()

    @discord.ui.button(label="Vote 0", style=discord.ButtonStyle.success, custom_id="vote")
    async def vote(self, interaction: Interaction, button: discord.ui.Button[Any]) -> None:
        if interaction.user.id in self.voters:
            await interaction.response.send_message("You have voted already.", ephemeral=True)
            return
        self.voters.add(interaction.user.id)
        button.label = f"Vote {len(self.voters)}"
        await interaction.response.edit_message(view=self)


class Form(discord.ui.Modal, title="A new take"):
    words: discord.ui.Label[Any] = discord.ui.Label(
        text="Lyrics",
        description="At least three letters",
        component=discord.ui.TextInput(style=discord.TextStyle.paragraph, min_length=3, max_length=50),
    )
    model: discord.ui.Label[Any] = discord.ui.Label(
        text="Model",
        component=discord.ui.RadioGroup(
            options=[discord.RadioGroupOption(label="V4"), discord.RadioGroupOption(label="V5")]
        ),
    )
    singer: discord.ui.Label[Any] = discord.ui.Label(text="Singer", component=discord.ui.UserSelect())
    cover: discord.ui.Label[Any] = discord.ui.Label(text="Cover", component=discord.ui.FileUpload(required=False))
    loud: discord.ui.Label[Any] = discord.ui.Label(text="Loud", component=discord.ui.Checkbox())

    async def on_submit(self, interaction: Interaction) -> None:
        fields: list[Any] = [self.words, self.model, self.singer, self.cover, self.loud]
        words, model, singer, cover, loud = (label.component for label in fields)
        names = [file.filename for file in cover.values]
        people = [person.display_name for person in singer.values]
        await interaction.response.send_message(f"{words.value} · {model.value} · {people} · {names} · {loud.value}")


class Parts(discord.ui.Modal, title="Who sings what"):
    note: discord.ui.TextDisplay[Any] = discord.ui.TextDisplay("Pick **two** parts.")
    parts: discord.ui.Label[Any] = discord.ui.Label(
        text="Parts",
        component=discord.ui.Select(
            max_values=2, options=[discord.SelectOption(label="Alto"), discord.SelectOption(label="Bass")]
        ),
    )
    days: discord.ui.Label[Any] = discord.ui.Label(
        text="Days",
        component=discord.ui.CheckboxGroup(
            options=[discord.CheckboxGroupOption(label="Monday"), discord.CheckboxGroupOption(label="Friday")]
        ),
    )

    async def on_submit(self, interaction: Interaction) -> None:
        fields: list[Any] = [self.parts, self.days]
        parts, days = (label.component.values for label in fields)
        await interaction.response.send_message(f"{'+'.join(parts)} on {'+'.join(days)}")


class Choir(discord.ui.View):
    @discord.ui.select(
        placeholder="Who sings?", options=[discord.SelectOption(label="Alto"), discord.SelectOption(label="Bass")]
    )
    async def chosen(self, interaction: Interaction, menu: discord.ui.Select[Any]) -> None:
        await interaction.response.send_message(f"{menu.values[0]} sings")

    @discord.ui.button(label="Never answers")
    async def never(self, _: Interaction, __: discord.ui.Button[Any]) -> None:
        await asyncio.Event().wait()

    @discord.ui.select(cls=discord.ui.UserSelect, placeholder="Who conducts?")
    async def person(self, interaction: Interaction, menu: discord.ui.UserSelect[Any]) -> None:
        await interaction.response.send_message(f"{menu.values[0].display_name} conducts")


def other_bot() -> commands.Bot:  # noqa: C901  # one command after the other
    bot = a_bot()

    @bot.tree.command(description="Vote for a take")
    async def vote(interaction: Interaction) -> None:
        await interaction.response.send_message("Shall we sing it?", view=Vote())

    @bot.tree.command(description="Fill in a form")
    async def form(interaction: Interaction) -> None:
        await interaction.response.send_modal(Form())

    @bot.tree.command(description="Fill in another form")
    async def parts(interaction: Interaction) -> None:
        await interaction.response.send_modal(Parts())

    @bot.tree.command(description="Choose from menus")
    async def choir(interaction: Interaction) -> None:
        await interaction.response.send_message("Choose:", view=Choir())

    @bot.tree.command(description="Every kind of option")
    @app_commands.choices(
        key=[app_commands.Choice(name="C major", value="c"), app_commands.Choice(name="A minor", value="a")]
    )
    async def options(
        interaction: Interaction,
        take: app_commands.Range[int, 1, 9],
        key: str,
        singer: discord.Member,
        loud: bool = False,
        place: discord.TextChannel | None = None,
        role: discord.Role | None = None,
        weight: app_commands.Range[float, 0, 1] | None = None,
    ) -> None:
        await interaction.response.send_message(f"{take} {key} {singer.display_name} {loud} {place} {role} {weight}")

    @bot.tree.command(description="Suggestions that come, or don't")
    async def suggest(interaction: Interaction, word: str) -> None:
        await interaction.response.send_message(f"You chose {word}")

    @suggest.autocomplete("word")
    async def words(_: Interaction, current: str) -> list[app_commands.Choice[str]]:
        if current == "slow":
            await asyncio.Event().wait()
        return [
            app_commands.Choice(name=f"{current} number {number}", value=f"{current}{number}") for number in (1, 2, 3)
        ]

    @bot.tree.command(description="Takes one file")
    async def upload(interaction: Interaction, file: discord.Attachment) -> None:
        await interaction.response.send_message(f"Got {file.filename}")

    @bot.tree.command(description="Never answers")
    async def silent(_: Interaction) -> None:
        await asyncio.Event().wait()

    @bot.tree.command(description="Thinks, and says it to one member")
    async def think(interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await asyncio.sleep(0.5)
        await interaction.edit_original_response(content="# Done\n**bold** and `code` <t:0:D>")

    @bot.tree.command(description="For those who manage the server")
    @app_commands.default_permissions(manage_guild=True)
    async def manage(interaction: Interaction) -> None:
        await interaction.response.send_message("Managed")

    @bot.tree.context_menu(name="Count words")
    async def count(interaction: Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"{len(message.content.split())} words", ephemeral=True)

    @bot.tree.context_menu(name="Say hello")
    async def hello(interaction: Interaction, member: discord.Member) -> None:
        await interaction.response.send_message(f"Hello {member.display_name}")

    return bot
