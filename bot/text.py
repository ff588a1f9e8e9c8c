"""Sentences in the reader's language, and words from outside made harmless.

A `bot.domain.text.Text` becomes a string here and nowhere else. English is the source text; another language is one
file, `bot/locales/<locale>/LC_MESSAGES/encore.po`, read when its first reader comes.
"""

import gettext
import io
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.text import Day, Fact, Megabytes, Said, Seconds, Text
from bot.domain.times import clock

if TYPE_CHECKING:
    from babel import Locale
    from babel.messages.catalog import Message

# Babel is imported where a sentence is rendered: the first one comes long after the start.

log = logging.getLogger(__name__)

LOCALES = Path(__file__).parent / "locales"
SAID_MAX = 200
"""How many characters of foreign words stand in a sentence, escapes counted."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class _Language:
    """How one reader is spoken to: `words` is the catalogue's locale, `numbers` the reader's own."""

    words: "Locale"
    numbers: "Locale"
    translations: gettext.NullTranslations


class Catalogue:
    """Renders sentences. Languages are read from `folder` on their first use and kept."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.parents[1].name: path for path in sorted(folder.glob("*/LC_MESSAGES/encore.po"))}
        self._translations: dict[str, gettext.NullTranslations | None] = {}
        self._languages: dict[str, _Language] = {}

    @classmethod
    def load(cls, folder: Path = LOCALES) -> "Catalogue":
        """The catalogue of the languages that have a file in `folder`; none of them is read yet."""
        return cls(folder)

    def for_reader(self, locale: str) -> Callable[[Text], str]:
        """`render` for one reader; `locale` is Discord's code, such as `pt-BR`."""
        return partial(self.render, locale=locale)

    def render(self, text: Text, locale: str) -> str:
        """The sentence in the nearest language there is (`pt-BR`, then `pt`, then English), its facts filled in.

        Numbers are written as `locale` writes them, whatever language the sentence is in. A fact that is missing
        leaves its placeholder; nothing here raises because of what a catalogue's file contains.
        """
        return _rendered(text, self._language(locale))

    def translation(self, message: str, locale: str) -> str | None:
        """`message` in the nearest language there is; None where that leaves it English.

        For what Discord shows by itself, such as the description of a command: a message without facts.
        """
        for name in _candidates(locale):
            if (translations := self._read(name)) is not None:
                translated = translations.gettext(message)
                return None if translated == message else translated
        return None

    def _language(self, locale: str) -> _Language:
        if (known := self._languages.get(locale)) is not None:
            return known
        for name in _candidates(locale):
            if (translations := self._read(name)) is not None:
                language = _Language(_locale(name), _locale(locale), translations)
                break
        else:
            language = _Language(_locale("en"), _locale(locale), gettext.NullTranslations())
        self._languages[locale] = language
        return language

    def _read(self, name: str) -> gettext.NullTranslations | None:
        """The translations in the file of `name`; None where there is none, or none that can be used."""
        if name not in self._files:
            return None
        if name not in self._translations:
            try:
                self._translations[name] = _compiled(self._files[name], name)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with a file, its readers get English
                log.warning("the message catalogue %s cannot be read, so its readers get English: %s", name, error)
                self._translations[name] = None
        return self._translations[name]


# Where the parent is not simply the language: Chinese is told apart by script, Norwegian is Bokmål.
_PARENTS = {
    "zh_CN": ("zh_Hans", "zh"),
    "zh_TW": ("zh_Hant",),
    "zh_HK": ("zh_Hant",),
    "no": ("nb",),
}


def _candidates(locale: str) -> tuple[str, ...]:
    """The catalogues that would do, the best first: `pt_BR`, `pt`. English needs none."""
    name = locale.replace("-", "_")
    language = name.partition("_")[0]
    if language == "en":
        return ()
    return (name, *_PARENTS.get(name, (language,)))


def _locale(name: str) -> "Locale":
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415  # see above

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale.parse("en")


def _compiled(path: Path, name: str) -> gettext.GNUTranslations:
    """The file's translations without those that name other facts than their English sentence."""
    # Reading catalogues costs more to import than the rest of Babel together, and English needs none.
    from babel.messages.mofile import write_mo  # noqa: PLC0415  # see above
    from babel.messages.pofile import read_po  # noqa: PLC0415  # see above

    with path.open("rb") as file:
        catalog = read_po(file, locale=str(_locale(name)), abort_invalid=True)
    unfit = [message for message in catalog if message.id and not _fits(message)]
    for message in unfit:
        catalog.delete(message.id)
    if unfit:
        log.warning(
            "%d sentences of the message catalogue %s stay English, since their {facts} differ: %s",
            len(unfit),
            name,
            "; ".join(_forms(message.id)[0] for message in unfit),
        )
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _fits(message: "Message") -> bool:
    """Whether every form names the facts of the English sentence; a plural form may do without `count`."""
    originals, translations = _forms(message.id), _forms(message.string)
    allowed = {name for form in originals for name in _PLACEHOLDER.findall(form)}
    needed = allowed - {"count"} if message.pluralizable else allowed
    for form in filter(None, translations):
        named = set(_PLACEHOLDER.findall(form))
        if not needed <= named <= allowed or re.search(r"[{}]", _PLACEHOLDER.sub("", form)):
            return False
    return True


def _forms(words: str | Sequence[str] | None) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words or ())


def _rendered(text: Text, language: _Language) -> str:
    count = text.facts.get("count")
    if text.plural is not None and isinstance(count, int):
        template = language.translations.ngettext(text.message, text.plural, count)
    else:
        template = language.translations.gettext(text.message)

    def filled(placeholder: re.Match[str]) -> str:
        if (fact := text.facts.get(placeholder[1])) is None:
            return placeholder[0]
        if isinstance(fact, Said) and template.count("`", 0, placeholder.start()) % 2 == 1:
            return in_code(fact)
        return _written(fact, language)

    return _PLACEHOLDER.sub(filled, template)


def _written(fact: Fact, language: _Language) -> str:
    match fact:
        case Text():
            return _rendered(fact, language)
        case list():
            from babel.lists import format_list  # noqa: PLC0415  # see above

            return format_list([_rendered(item, language) for item in fact], locale=language.words)
        case Said():
            return escape(fact)
        case str():
            return str(fact)
        case Day(day):
            return _day(day, language.numbers)
        case _:
            return _measured(fact, language.numbers)


def _measured(fact: Seconds | Megabytes | datetime | float, locale: "Locale") -> str:
    match fact:
        case Seconds(seconds):
            return clock(seconds)
        case Megabytes(size_bytes):
            # Rounded up, so that a file one byte over a limit is not said to be as large as the limit.
            megabytes = (Decimal(size_bytes) / 1_000_000).quantize(Decimal("0.1"), ROUND_CEILING)
            from babel.units import format_unit  # noqa: PLC0415  # see above

            return format_unit(megabytes, "digital-megabyte", "short", format="#,##0.#", locale=locale)
        case datetime():
            return f"<t:{int(fact.timestamp())}:R>"  # Discord writes it in the reader's own zone and language
        case _:
            from babel.numbers import format_decimal  # noqa: PLC0415  # see above

            return format_decimal(fact, locale=locale)


def _day(day: date, locale: "Locale") -> str:
    from babel.dates import format_date, format_skeleton  # noqa: PLC0415  # see above

    # Our English sentences write the day first, for whichever of its readers.
    return format_date(day, "d MMM", locale) if locale.language == "en" else format_skeleton("MMMd", day, locale=locale)


# What shows nothing or turns the writing direction: controls, soft hyphens, fillers, zero-width and bidirectional
# characters, byte order marks, tags, and halves of surrogate pairs, which cannot even be sent.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# Joiners stay where they join: in emoji of several parts, in Persian and in Indic scripts.
_STRAY_JOINER = re.compile(
    "(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f\u200c\u200d])|[\u200c\u200d]{2,}"
)
# What Discord reads as markup, a mention, a time stamp, an emoji, a link or an invitation; headings and lists begin a
# line, so a minus or a number is harmless elsewhere.
_MARKUP = re.compile(r"^[-+#](?!\d)|[\\*_~`|<>\[\]()@:/]")
_NUMBERED = re.compile(r"\d+(?=\.(?:\s|$))")
# Discord looks for these two behind an escape too: only something in between breaks them.
_MASS_MENTION = re.compile("@(?=everyone|here)")


def plain(words: str, limit: int = SAID_MAX) -> str:
    """Foreign words for a place where Discord reads no markup, such as a file's name or a choice: one visible line.

    At most `limit` characters; what is cut ends in an ellipsis.
    """
    return _cut(list(_one_line(words)), limit)


def escape(words: str, limit: int = SAID_MAX) -> str:
    """Foreign words for a message or an embed: they look as they were said and do nothing.

    No markup, mention, link, time stamp or emoji of theirs works. One line of at most `limit` characters, escapes
    counted; what is cut ends in an ellipsis, and no escape is cut in half.
    """
    line = _one_line(words)
    marked = {match.start() for match in _MARKUP.finditer(line)}
    if numbered := _NUMBERED.match(line):
        marked.add(numbered.end())
    return _cut([f"\\{piece}" if at in marked else piece for at, piece in enumerate(_pieces(line))], limit)


def in_code(words: str, limit: int = SAID_MAX) -> str:
    """Foreign words between two backticks, where Discord knows no escape: none of theirs can end the code."""
    return _cut(_pieces(_one_line(words).replace("`", "\u02cb")), limit) or " "


def _pieces(line: str) -> list[str]:
    """One piece for each character, mass mentions broken."""
    mentions = {match.start() for match in _MASS_MENTION.finditer(line)}
    return [f"{character}\u200b" if at in mentions else character for at, character in enumerate(line)]


def _one_line(words: str) -> str:
    return " ".join(_STRAY_JOINER.sub("", _INVISIBLE.sub("", words)).split())


def _cut(pieces: list[str], limit: int) -> str:
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    kept, room = [], limit - 1
    for piece in pieces:
        if (room := room - len(piece)) < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + "…" if limit > 0 else ""
