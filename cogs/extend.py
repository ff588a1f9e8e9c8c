"""`/extend`: gathers the options and hands them over."""

import contextlib
from collections.abc import Collection, Iterator

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands
from msgspec.structs import replace

from bot.client import EncoreClient
from bot.domain.drafts import Draft, moment_meant, refused_draft_id
from bot.domain.models import PROMPT_MAX, STYLE_MAX, TITLE_MAX, Offer, model_meant
from bot.domain.presets import NAME_MAX, Preset, PresetOptions, with_preset
from bot.domain.request import ExtensionRequest, gender_meant
from bot.domain.source import SourceChoice
from bot.domain.suggestions import Suggestion, suggest_genders, suggest_models, suggest_moments
from bot.domain.text import text
from bot.errors import Refused, all_of
from bot.services.members.members import Members
from bot.services.songs.drafts import Drafts
from bot.services.songs.presets import Presets
from cogs.beginning import Beginning
from cogs.pieces import CHOICE_MAX, piece_named, track_choices
from cogs.presets import preset_choices
from cogs.submitting import check_place

Interaction = discord.Interaction[EncoreClient]
Choices = list[app_commands.Choice[str]]


class ExtendCog(commands.Cog):
    def __init__(
        self,
        members: Members,
        drafts: Drafts,
        beginning: Beginning,
        presets: Presets,
        *,
        offer: Offer,
        max_source_bytes: int,
    ) -> None:
        self._members = members
        self._drafts = drafts
        self._beginning = beginning
        self._presets = presets
        self._offer = offer
        self._max_source_bytes = max_source_bytes

    @app_commands.command(description=locale_str("Continue a piece of music from a moment you choose."))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.describe(
        audio=locale_str("The piece to continue: mp3, wav, flac, ogg, opus, m4a, webm or mp4"),
        url=locale_str("… or a link to it (https)"),
        track=locale_str("… or one of your earlier tracks"),
        continue_at=locale_str(
            "Where to continue, like 1:05 or 65. Type pick to choose by eye. Leave it out for the end"
        ),
        model=locale_str("Which model makes the music"),
        instrumental=locale_str("No singing"),
        style=locale_str("How it should sound; give a title too"),
        title=locale_str("What to call it; give a style too"),
        prompt=locale_str("With style and title: the exact lyrics. Otherwise: an idea of what comes next"),
        vocal_gender=locale_str("Who sings: female or male"),
        exclude=locale_str("What it should not sound like"),
        style_weight=locale_str("How closely to follow the style, from 0 to 1"),
        weirdness=locale_str("How far to stray, from 0 to 1"),
        audio_weight=locale_str("How closely to follow the audio, from 0 to 1"),
        private=locale_str("Only you see the result"),
        form=locale_str("Fill in the rest in a form"),
        preset=locale_str("A set of options that you saved; what you type here overrides it"),
    )
    async def extend(
        self,
        interaction: Interaction,
        audio: discord.Attachment | None = None,
        url: app_commands.Range[str, 1, 2000] | None = None,
        track: app_commands.Range[str, 1, 100] | None = None,
        continue_at: app_commands.Range[str, 1, 40] | None = None,
        model: app_commands.Range[str, 1, 40] | None = None,
        instrumental: bool | None = None,
        style: app_commands.Range[str, 1, STYLE_MAX] | None = None,
        title: app_commands.Range[str, 1, TITLE_MAX] | None = None,
        prompt: app_commands.Range[str, 1, PROMPT_MAX] | None = None,
        vocal_gender: app_commands.Range[str, 1, 40] | None = None,
        exclude: str | None = None,
        style_weight: app_commands.Range[float, 0, 1] | None = None,
        weirdness: app_commands.Range[float, 0, 1] | None = None,
        audio_weight: app_commands.Range[float, 0, 1] | None = None,
        private: bool = False,
        form: bool = False,
        preset: app_commands.Range[str, 1, NAME_MAX] | None = None,
    ) -> None:
        check_place(interaction, private=private)
        moment, words = moment_meant(continue_at)
        request = ExtensionRequest(
            model=self._model(model),
            continue_at=moment,
            continue_at_words=words,
            instrumental=bool(instrumental),
            style=(style or "").strip(),
            title=(title or "").strip(),
            prompt=(prompt or "").strip(),
            vocal_gender=gender_meant(vocal_gender),
            exclude=(exclude or "").strip(),
            style_weight=style_weight,
            weirdness=weirdness,
            audio_weight=audio_weight,
        )
        draft = Draft(
            id=refused_draft_id(interaction.id),
            member_id=interaction.user.id,
            request=request,
            private=private,
            made_at=interaction.client.clock(),
        )
        typed = _given(
            model=(model or "").strip(),
            instrumental=instrumental,
            style=request.style,
            vocal_gender=request.vocal_gender,
            exclude=request.exclude,
            style_weight=style_weight,
            weirdness=weirdness,
            audio_weight=audio_weight,
        )
        refusals: list[Refused] = []
        with _noted(refusals):
            draft = replace(draft, source=await self._source(interaction.user.id, audio, url, track))
        chosen = None
        with _noted(refusals):
            chosen = await self._presets.chosen(interaction.user.id, preset)
        draft = _with_options(draft, chosen, typed)
        with _noted(refusals):
            if draft.source is not None and "model" not in typed:
                self._presets.check_model(chosen, source_model=draft.source.model)
        try:
            if refusals:
                raise all_of(refusals)
            await self._beginning.begin(interaction, draft, in_form=form)
        except Refused as error:
            await self._drafts.keep_refused(error, draft)
            raise

    def _model(self, typed: str | None) -> str:
        """The model that matches, or the input if none or several do."""
        if not (words := (typed or "").strip()):
            return self._offer.default.name
        model = model_meant(words, self._offer)
        return model.name if model else words

    async def _source(
        self, member_id: int, audio: discord.Attachment | None, url: str | None, track: str | None
    ) -> SourceChoice:
        """Exactly one of the three ways to name the source."""
        if sum(given is not None for given in (audio, url, track)) != 1:
            raise Refused(
                [text("Give one piece of audio: an `audio` file, a `url`, or a `track` of your own.")],
                rules=["one_source"],
                options=["audio"],
            )
        source = await piece_named(
            self._members, member_id, audio=audio, url=url, track=track, limit_bytes=self._max_source_bytes
        )
        assert source is not None  # noqa: S101  # one of the three is given
        return source

    @extend.autocomplete("continue_at")
    async def _moments(self, interaction: Interaction, current: str) -> Choices:
        return _choices(interaction, suggest_moments(current))

    @extend.autocomplete("model")
    async def _models(self, interaction: Interaction, current: str) -> Choices:
        return _choices(interaction, suggest_models(current, await self._filled_in(interaction), self._offer))

    @extend.autocomplete("vocal_gender")
    async def _genders(self, interaction: Interaction, current: str) -> Choices:
        return _choices(interaction, suggest_genders(current, await self._filled_in(interaction)))

    @extend.autocomplete("track")
    async def _tracks(self, interaction: Interaction, current: str) -> Choices:
        return await track_choices(interaction, self._members, current)

    @extend.autocomplete("preset")
    async def _saved(self, interaction: Interaction, current: str) -> Choices:
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        presets = await self._presets.all(interaction.user.id)
        return preset_choices(presets, current, none=say(text("No preset this time")))

    async def _filled_in(self, interaction: Interaction) -> ExtensionRequest:
        """What the member has filled in so far; any of it may be missing or unfinished."""
        options = dict(iter(interaction.namespace))
        source_model = None
        if track := options.get("track"):
            with contextlib.suppress(Refused):
                source_model = (await self._members.source_from_track(interaction.user.id, str(track))).model
        return ExtensionRequest(
            style=str(options.get("style") or "").strip(),
            title=str(options.get("title") or "").strip(),
            prompt=str(options.get("prompt") or "").strip(),
            instrumental=options.get("instrumental") is True,
            source_model=source_model,
        )


def _choices(interaction: Interaction, suggestions: list[Suggestion]) -> Choices:
    say = interaction.client.catalogue.for_reader(str(interaction.locale))
    return [app_commands.Choice(name=say(each.name)[:CHOICE_MAX], value=each.value) for each in suggestions[:25]]


def _with_options(draft: Draft, preset: Preset | None, typed: Collection[str]) -> Draft:
    """With the preset's options where none is `typed`, and with the model of the source where nothing names one."""
    options, source_model = preset.options if preset else PresetOptions(), draft.source and draft.source.model
    request = with_preset(draft.request, options, typed=typed)
    if source_model and not options.model and "model" not in typed:
        request = replace(request, model=source_model)
    return replace(draft, request=request)


@contextlib.contextmanager
def _noted(refusals: list[Refused]) -> Iterator[None]:
    """Go on after a refusal, to find out what else is wrong."""
    try:
        yield
    except Refused as error:
        refusals.append(error)


def _given(**options: object) -> frozenset[str]:
    """The names of the options that the member typed."""
    return frozenset(name for name, value in options.items() if value is not None and value != "")
