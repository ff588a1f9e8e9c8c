"""The form: a draft as Discord shows it. Pure; every form fits Discord's limits (docs/discord.md 2.4)."""

from collections.abc import Callable, Mapping
from datetime import datetime

import discord
import msgspec

from bot.chat.cards import Say
from bot.domain.drafts import TYPED_MAX, Draft, Field, Voice, shown_fields, typed, voice_of
from bot.domain.models import MODELS, PROMPT_MAX, STYLE_MAX, TITLE_MAX, Offer
from bot.domain.text import Text, counted, text
from bot.text import plain

FORM_ID = r"encore:form:(?P<draft>[0-9a-z]{1,64})"
TITLE_LONGEST = 45
LABEL_LONGEST = 45
DESCRIPTION_LONGEST = 100
MOMENT_LONGEST = 40
EXCLUDE_LONGEST = 1000
WEIGHT_LONGEST = 40
PLACEHOLDER_LONGEST = 100
OPTIONS_MAX = 25

Item = discord.ui.Item[discord.ui.Modal]

LABELS: Mapping[Field, Text] = {
    Field.AUDIO: text("Audio"),
    Field.MODEL: text("Model"),
    Field.CONTINUE_AT: text("Where to continue"),
    Field.STYLE: text("Style"),
    Field.TITLE: text("Title"),
    Field.PROMPT: text("Lyrics or idea"),
    Field.VOICE: text("Voice"),
    Field.EXCLUDE: text("Exclude"),
    Field.STYLE_WEIGHT: text("Style weight"),
    Field.WEIRDNESS: text("Weirdness"),
    Field.AUDIO_WEIGHT: text("Audio weight"),
}

_WEIGHT = text("From 0 to 1, in steps of 0.01")

DESCRIPTIONS: Mapping[Field, Text] = {
    Field.AUDIO: text("The piece to continue: mp3, wav, flac, ogg, opus, m4a, webm or mp4"),
    Field.MODEL: text("Which model makes the music"),
    Field.CONTINUE_AT: text("Such as 1:05 or 65. Write pick to choose by eye, or leave it empty for the end."),
    Field.STYLE: text("How it should sound; give a title too"),
    Field.TITLE: text("What to call it; give a style too"),
    Field.PROMPT: text("With style and title: the exact lyrics. Otherwise: an idea of what comes next"),
    Field.VOICE: text("Who sings"),
    Field.EXCLUDE: text("What it should not sound like"),
    Field.STYLE_WEIGHT: _WEIGHT,
    Field.WEIRDNESS: _WEIGHT,
    Field.AUDIO_WEIGHT: _WEIGHT,
}

VOICES: Mapping[Voice, Text] = {
    Voice.ANY: text("Any voice"),
    Voice.FEMALE: text("Female"),
    Voice.MALE: text("Male"),
    Voice.INSTRUMENTAL: text("Instrumental: no singing"),
}

LONGER = text("More than 4,000 characters? Write .txt here, and I'll ask for a file.")
AUDIO_GONE = text("I no longer have your file. Please add it again.")


class _Shown(msgspec.Struct, frozen=True):
    """What every field is made from."""

    draft: Draft
    offer: Offer
    say: Say
    at: datetime


def form_of(draft: Draft, offer: Offer, say: Say, *, at: datetime) -> discord.ui.Modal:
    """The form to send now. It carries the draft's id, so that any process can take in what it says."""
    shown = _Shown(draft, offer, say, at)
    name = plain(draft.source.name, limit=TITLE_LONGEST) if draft.source else ""
    title = say(text("Extend {name}", name=name)) if name else say(text("Extend"))
    form = discord.ui.Modal(title=plain(title, limit=TITLE_LONGEST), timeout=None, custom_id=f"encore:form:{draft.id}")
    for field in shown_fields(draft, at=at):
        form.add_item(
            discord.ui.Label(
                text=plain(say(LABELS[field]), limit=LABEL_LONGEST),
                description=_without_markup(say(_about(shown, field))),
                component=_COMPONENTS.get(field, _line)(shown, field),
            )
        )
    return form


def is_by_file(draft: Draft) -> bool:
    """Whether the form asks for the prompt as a file, because it is or will be too long to type."""
    return draft.by_file or len(draft.request.prompt) > TYPED_MAX


def _about(shown: _Shown, field: Field) -> Text:
    """What was wrong with it, or else what it is for."""
    draft = shown.draft
    if field is Field.AUDIO and draft.source is None:
        return DESCRIPTIONS[field]  # what was wrong was the way in which it was named
    for problem in draft.problems:
        if problem.option == field:
            return problem.sentence
    if field is Field.AUDIO and not draft.has_audio(at=shown.at):
        return AUDIO_GONE
    if field is Field.PROMPT and is_by_file(draft):
        return _file_wanted(draft)
    return DESCRIPTIONS[field]


def _file_wanted(draft: Draft) -> Text:
    length = len(draft.request.prompt)
    if not length:
        return text("A plain text file (.txt)")
    return counted(
        "Add a .txt file to replace what you have, which is {count} character long.",
        "Add a .txt file to replace what you have, which is {count} characters long.",
        count=length,
    )


def _without_markup(sentence: str) -> str:
    """`sentence` without backticks and escapes, which a description would show as they are."""
    unescaped, was_backslash = [], False
    for character in sentence:
        was_backslash = character == "\\" and not was_backslash
        if not was_backslash and character != "`":
            unescaped.append(character)
    return plain("".join(unescaped), limit=DESCRIPTION_LONGEST)


def _line(shown: _Shown, field: Field) -> Item:
    draft = shown.draft
    limits = {
        Field.CONTINUE_AT: MOMENT_LONGEST,
        Field.STYLE: _limit_of(draft, "style_max", STYLE_MAX),
        Field.TITLE: _limit_of(draft, "title_max", TITLE_MAX),
        Field.EXCLUDE: EXCLUDE_LONGEST,
    }
    is_long = field in (Field.STYLE, Field.EXCLUDE)
    return _text_input(field, typed(draft.request, field), limits.get(field, WEIGHT_LONGEST), is_long=is_long)


def _prompt(shown: _Shown, field: Field) -> Item:
    draft = shown.draft
    if is_by_file(draft):
        return discord.ui.FileUpload(custom_id=field, required=False, min_values=0, max_values=1)
    limit = _limit_of(draft, "prompt_max", PROMPT_MAX)
    placeholder = shown.say(LONGER)[:PLACEHOLDER_LONGEST] if limit > TYPED_MAX else None
    return _text_input(field, draft.request.prompt, limit, is_long=True, placeholder=placeholder)


def _text_input(field: Field, value: str, limit: int, *, is_long: bool, placeholder: str | None = None) -> Item:
    """Nothing is required, and what is too long may stay: the rules say what is wrong with it, all at once."""
    value = value[:TYPED_MAX]
    return discord.ui.TextInput(
        custom_id=field,
        style=discord.TextStyle.paragraph if is_long else discord.TextStyle.short,
        default=value or None,
        placeholder=placeholder,
        required=False,
        max_length=min(TYPED_MAX, max(limit, len(value))),
    )


def _voice(shown: _Shown, field: Field) -> Item:
    chosen = voice_of(shown.draft.request)
    options = [
        discord.RadioGroupOption(label=shown.say(name), value=voice, default=voice is chosen)
        for voice, name in VOICES.items()
    ]
    return discord.ui.RadioGroup(custom_id=field, options=options)


def _model(shown: _Shown, field: Field) -> Item:
    """A track can only be continued by the model that made it."""
    draft, offer = shown.draft, shown.offer
    source_model = draft.source.model if draft.source else None
    names = (source_model,) if source_model else offer.names
    chosen = draft.request.model if draft.request.model in names else (source_model or offer.default.name)
    options = [discord.SelectOption(label=name, value=name, default=name == chosen) for name in names[:OPTIONS_MAX]]
    return discord.ui.Select(custom_id=field, options=options)


def _audio(shown: _Shown, field: Field) -> Item:
    """Audio that was at fault may stay: a server that did not answer may answer now."""
    is_needed = not shown.draft.has_audio(at=shown.at)
    return discord.ui.FileUpload(custom_id=field, required=is_needed, min_values=int(is_needed), max_values=1)


_COMPONENTS: Mapping[Field, Callable[[_Shown, Field], Item]] = {
    Field.PROMPT: _prompt,
    Field.VOICE: _voice,
    Field.MODEL: _model,
    Field.AUDIO: _audio,
}


def _limit_of(draft: Draft, name: str, otherwise: int) -> int:
    model = MODELS.get(draft.request.model)
    return int(getattr(model, name)) if model else otherwise
