"""`/preset`: a member's own sets of options for `/extend`."""

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.acknowledge import acknowledge, reply
from bot.chat.song.presets import list_content, saved_sentence, used_sentence
from bot.client import EncoreClient
from bot.domain.models import STYLE_MAX, Offer, model_meant
from bot.domain.presets import NAME_MAX, Preset, PresetOptions, name_key
from bot.domain.request import ExtensionRequest, gender_meant
from bot.domain.suggestions import suggest_models
from bot.domain.text import Said, Text, text
from bot.services.songs.presets import NONE, Presets
from bot.text import plain

Interaction = discord.Interaction[EncoreClient]
Choices = list[app_commands.Choice[str]]
CHOICE_MAX = 100

Name = app_commands.Range[str, 1, NAME_MAX]


class PresetsCog(commands.Cog):
    preset = app_commands.Group(
        name="preset",
        description=locale_str("Keep sets of options for /extend under names of your own."),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
    )

    def __init__(self, presets: Presets, *, offer: Offer) -> None:
        self._presets = presets
        self._offer = offer

    @preset.command(description=locale_str("Save options under a name; a preset of that name is replaced."))
    @app_commands.describe(
        name=locale_str("What to call it"),
        style=locale_str("How it should sound; give a title too"),
        model=locale_str("Which model makes the music"),
        instrumental=locale_str("No singing"),
        vocal_gender=locale_str("Who sings: female or male"),
        exclude=locale_str("What it should not sound like"),
        style_weight=locale_str("How closely to follow the style, from 0 to 1"),
        weirdness=locale_str("How far to stray, from 0 to 1"),
        audio_weight=locale_str("How closely to follow the audio, from 0 to 1"),
    )
    async def save(
        self,
        interaction: Interaction,
        name: Name,
        style: app_commands.Range[str, 1, STYLE_MAX] | None = None,
        model: app_commands.Range[str, 1, 40] | None = None,
        instrumental: bool | None = None,
        vocal_gender: app_commands.Range[str, 1, 40] | None = None,
        exclude: app_commands.Range[str, 1, 1000] | None = None,
        style_weight: app_commands.Range[float, 0, 1] | None = None,
        weirdness: app_commands.Range[float, 0, 1] | None = None,
        audio_weight: app_commands.Range[float, 0, 1] | None = None,
    ) -> None:
        words = (model or "").strip()
        meant = model_meant(words, self._offer) if words else None
        options = PresetOptions(
            model=meant.name if meant else words,
            instrumental=instrumental,
            style=(style or "").strip(),
            vocal_gender=gender_meant(vocal_gender),
            exclude=(exclude or "").strip(),
            style_weight=style_weight,
            weirdness=weirdness,
            audio_weight=audio_weight,
        )
        preset = Preset(member_id=interaction.user.id, name=" ".join(name.split()), options=options)
        if await acknowledge(interaction):
            is_known = await self._presets.save(preset)
            await _say(interaction, saved_sentence(preset, is_known=is_known))

    @preset.command(description=locale_str("Use a preset in every /extend from now on. Leave out the name to stop."))
    @app_commands.describe(name=locale_str("The preset to use. Leave it out to use none"))
    async def use(self, interaction: Interaction, name: Name | None = None) -> None:
        if await acknowledge(interaction):
            await _say(interaction, used_sentence(await self._presets.use(interaction.user.id, name)))

    @preset.command(name="list", description=locale_str("See your presets and what is in them."))
    async def list_(self, interaction: Interaction) -> None:
        if await acknowledge(interaction):
            presets = await self._presets.all(interaction.user.id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await reply(interaction, list_content(presets, self._offer, say))

    @preset.command(description=locale_str("Delete a preset."))
    @app_commands.describe(name=locale_str("The preset to delete"))
    async def delete(self, interaction: Interaction, name: Name) -> None:
        if await acknowledge(interaction):
            await self._presets.delete(interaction.user.id, name)
            await _say(interaction, text("Deleted **{name}**.", name=Said(name)))

    @save.autocomplete("name")
    @use.autocomplete("name")
    @delete.autocomplete("name")
    async def _names(self, interaction: Interaction, current: str) -> Choices:
        return preset_choices(await self._presets.all(interaction.user.id), current)

    @save.autocomplete("model")
    async def _models(self, interaction: Interaction, current: str) -> Choices:
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        found = suggest_models(current, ExtensionRequest(), self._offer)
        return [app_commands.Choice(name=say(each.name)[:CHOICE_MAX], value=each.value) for each in found[:25]]


def preset_choices(presets: list[Preset], typed: str, *, none: str = "") -> Choices:
    """Those with `typed` in their name. `none`: how to call a first choice that stands for no preset."""
    wanted = name_key(typed)
    names = [each.name for each in presets if wanted in name_key(each.name)]
    choices = [app_commands.Choice(name=plain(name, limit=CHOICE_MAX) or "…", value=name) for name in names]
    if none and not wanted and any(each.is_in_use for each in presets):
        choices.insert(0, app_commands.Choice(name=none[:CHOICE_MAX], value=NONE))
    return choices


async def _say(interaction: Interaction, words: Text) -> None:
    await reply(interaction, interaction.client.in_words(interaction, [words]))
