"""What a form is opened with: everything about an extension that its member has not sent off yet."""

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from bot.domain.gates import Gate
from bot.domain.jobs import Intake, Parent, RelayTurn
from bot.domain.request import ExtensionRequest, VocalGender
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import Text
from bot.domain.times import NotAMoment, clock, parse_moment

AUDIO_KEPT = timedelta(minutes=15)
"""How long a file that was handed to a command is counted on: as long as its interaction lives (docs/discord.md 4)."""
DRAFTS_KEPT = timedelta(days=1)
LABELS_MAX = 5
TYPED_MAX = 4000
"""Characters that a form's text input takes (docs/discord.md 2.4). Longer lyrics come as a file."""
BY_FILE = frozenset({".txt", "txt"})
"""What a member writes instead of lyrics that are longer."""


PICK = "pick"
"""What a member writes instead of a moment to choose one by eye."""
_PICK = frozenset({PICK, "pick by eye"})


class Problem(msgspec.Struct, frozen=True):
    """Something that was wrong with what a member sent; `option` is the one at fault, None if none is."""

    option: str | None
    sentence: Text


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An extension as far as it is filled in. Stored, so that any process can open its form and take it in.

    `source` None: there is no audio yet, and the form asks for it. `choices`: the pieces of which the member still has
    to choose one. `by_file`: the form asks for the prompt as a file. `can_be_trimmed`: the source was
    refused for its length, and the part before the moment would do.
    """

    id: str
    member_id: int
    request: ExtensionRequest
    made_at: datetime
    source: SourceChoice | None = None
    choices: tuple[SourceChoice, ...] = ()
    private: bool = False
    parent: Parent | None = None
    relay_turn: RelayTurn | None = None
    problems: tuple[Problem, ...] = ()
    by_file: bool = False
    can_be_trimmed: bool = False

    def has_audio(self, *, at: datetime) -> bool:
        """Whether the source can still be read: Discord removes files that were handed to a command."""
        if self.source is None:
            return False
        is_loose = self.source.kind is SourceKind.ATTACHMENT and self.source.message is None
        return not is_loose or at - self.made_at < AUDIO_KEPT


def new_draft_id() -> str:
    return secrets.token_hex(8)


def refused_draft_id(interaction_id: int) -> str:
    """The draft of a command that was refused: whoever takes it over finds it again."""
    return f"r{interaction_id}"


class Field(StrEnum):
    """What a form can ask for, in the order in which it is shown; the names are those of the command's options."""

    AUDIO = "audio"
    MODEL = "model"
    CONTINUE_AT = "continue_at"
    STYLE = "style"
    TITLE = "title"
    PROMPT = "prompt"
    VOICE = "vocal_gender"
    EXCLUDE = "exclude"
    STYLE_WEIGHT = "style_weight"
    WEIRDNESS = "weirdness"
    AUDIO_WEIGHT = "audio_weight"


_USUAL = (Field.PROMPT, Field.STYLE, Field.TITLE, Field.CONTINUE_AT, Field.VOICE)
"""The most important first: a field that was at fault takes the place of the last."""
_WEIGHTS = (Field.STYLE_WEIGHT, Field.WEIRDNESS, Field.AUDIO_WEIGHT)


class Voice(StrEnum):
    ANY = "any"
    FEMALE = "f"
    MALE = "m"
    INSTRUMENTAL = "instrumental"


def shown_fields(draft: Draft, *, at: datetime) -> tuple[Field, ...]:
    """The fields of the draft's form: those at fault, missing audio, and the usual ones as far as there is room.

    What is not shown is kept as it is.
    """
    options = {problem.option for problem in draft.problems}
    needed = [field for field in Field if field in options or (field is Field.AUDIO and not draft.has_audio(at=at))]
    usual = [field for field in _USUAL if field not in needed]
    shown = {*needed[:LABELS_MAX], *usual[: max(0, LABELS_MAX - len(needed))]}
    return tuple(field for field in Field if field in shown)


def typed(request: ExtensionRequest, field: Field) -> str:
    """What the form starts with in this field."""
    match field:
        case Field.CONTINUE_AT:
            return request.continue_at_words or _written(request.continue_at)
        case Field.VOICE:
            return voice_of(request)
        case Field.STYLE_WEIGHT | Field.WEIRDNESS | Field.AUDIO_WEIGHT:
            weight = getattr(request, field)
            return "" if weight is None or math.isnan(weight) else f"{weight:g}"
        case Field.AUDIO:
            return ""
    return str(getattr(request, field))


def voice_of(request: ExtensionRequest) -> Voice:
    if request.instrumental:
        return Voice.INSTRUMENTAL
    return Voice(request.vocal_gender) if request.vocal_gender in set(VocalGender) else Voice.ANY


def filled(request: ExtensionRequest, answers: Mapping[str, str]) -> ExtensionRequest:
    """`request` with what the form says, by names of fields. Nonsense is kept for the rules to refuse."""
    for name, words in answers.items():
        request = replace(request, **_changes(name, words.strip()))
    return request


def _changes(name: str, words: str) -> dict[str, object]:
    match name:
        case Field.CONTINUE_AT:
            moment, unread = moment_meant(words)
            return {"continue_at": moment, "continue_at_words": unread}
        case Field.VOICE:
            is_gender = words in set(VocalGender)
            return {"instrumental": words == Voice.INSTRUMENTAL, "vocal_gender": words if is_gender else None}
        case Field.STYLE | Field.TITLE | Field.PROMPT | Field.EXCLUDE | Field.MODEL:
            return {name: words}
    return {name: _number(words)} if name in set(_WEIGHTS) else {}


def wants_to_pick(request: ExtensionRequest) -> bool:
    return (request.continue_at_words or "").strip().casefold() in _PICK


def moment_meant(words: str | None) -> tuple[float | None, str | None]:
    """The second that is meant, None for the end; and the words themselves if they mean none."""
    if not (words or "").strip():
        return None, None
    try:
        return parse_moment(words or ""), None
    except NotAMoment:
        return None, words


def _written(moment: float | None) -> str:
    """In tenths as everywhere, unless that would be another moment."""
    if moment is None:
        return ""
    shown = clock(moment)
    return shown if moment_meant(shown)[0] == moment else repr(moment)


def _number(words: str) -> float | None:
    """A number or a percentage. NaN, which the rules refuse, for what is neither."""
    if not words:
        return None
    try:
        number = float(words.removesuffix("%").replace(",", "."))
    except ValueError:
        return math.nan
    return round(number / 100, 6) if words.endswith("%") else number


RETRIED = frozenset(
    {
        *(Gate.OPEN_COMMANDS, Gate.PERMISSIONS, Gate.POSTING, Gate.PROVIDER, Gate.QUOTA),
        *("no_room", "decoder_unavailable", "one_each", "fault"),
    }
)
"""Rules that may not be broken a while later, whatever the request says."""


def can_be_fixed(options: Iterable[str | None], rules: Iterable[str]) -> bool:
    """Whether the form can help a member whose command was refused for these reasons."""
    return any(option is not None for option in options) or bool(RETRIED.intersection(rules))


def problems_of(sentences: Sequence[Text], options: Sequence[str | None]) -> tuple[Problem, ...]:
    """`options` has one entry for each of the sentences, or is empty."""
    if len(options) != len(sentences):
        options = [None] * len(sentences)
    return tuple(Problem(option, sentence) for option, sentence in zip(options, sentences, strict=True))


def refused_draft(intake: Intake, problems: Sequence[Problem]) -> Draft:
    """What is left of a command that is refused."""
    place = intake.place
    return Draft(
        id=refused_draft_id(place.interaction_id),
        member_id=place.member_id,
        source=intake.source,
        request=intake.request,
        private=place.private,
        parent=intake.parent,
        relay_turn=intake.relay_turn,
        problems=tuple(problems),
        made_at=place.received_at,
    )
