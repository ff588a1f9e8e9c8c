"""Puts sentences into the reader's language, and makes words from outside safe to show.

A `bot.domain.text.Text` becomes a string here and nowhere else. The sentences in the code are English. Every other
language is one file, `bot/locales/<locale>/LC_MESSAGES/encore.po`, which is read when it is first needed.
"""

import contextlib
import hashlib
import io
import logging
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bot.domain.text import Day, Fact, Megabytes, Said, Seconds, Text
from bot.domain.times import clock

if TYPE_CHECKING:
    from gettext import GNUTranslations, NullTranslations

    from babel import Locale
    from babel.messages.catalog import Message

# Babel and gettext are imported inside the functions that use them: they are slow to import, and not needed until well
# after the start. Nor are the patterns below, so they are compiled when they are first used.

log = logging.getLogger(__name__)

LOCALES = Path(__file__).parent / "locales"
SAID_MAX = 200
"""The most characters, escapes included, that words from outside take up in a sentence."""

_PLACEHOLDER = r"\{(\w+)\}"


class _Language(msgspec.Struct, frozen=True):
    """How to write for one reader. `words` is the locale of the translations, `numbers` the reader's own.

    They differ where there is no translation: a French reader gets English words but French numbers.
    """

    words: "Locale"
    numbers: "Locale"
    translations: "NullTranslations"


class Catalogue:
    """Renders sentences. A language is read from `folder` when it is first used, then kept."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.parents[1].name: path for path in sorted(folder.glob("*/LC_MESSAGES/encore.po"))}
        self._translations: dict[str, NullTranslations | None] = {}
        self._languages: dict[str, _Language] = {}

    @classmethod
    def load(cls, folder: Path = LOCALES) -> "Catalogue":
        """A catalogue of the languages that have a file in `folder`. No file is read yet."""
        return cls(folder)

    @property
    def has_languages(self) -> bool:
        """Whether there is any besides English."""
        return bool(self._files)

    def digest(self) -> str:
        """Of all files as they are now. They are not parsed, which would take a hundred times as long."""
        digest = hashlib.sha256()
        for name, path in self._files.items():
            with contextlib.suppress(OSError):  # nothing is translated by a file that cannot be read
                digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    def for_reader(self, locale: str) -> Callable[[Text], str]:
        """`render` for one reader; `locale` is Discord's code, such as `pt-BR`."""
        return partial(self.render, locale=locale)

    def render(self, text: Text, locale: str) -> str:
        """The sentence in the closest language there is (`pt-BR`, then `pt`, then English), with its facts filled in.

        Numbers are written the way `locale` writes them, even in an English sentence. A placeholder without a fact
        stays as it is. A faulty catalogue never makes this fail; its readers get English.
        """
        return _rendered(text, self._language(locale))

    def translation(self, message: str, locale: str) -> str | None:
        """`message` in the closest language there is; None if it stays English.

        For texts that Discord shows on its own, such as command descriptions. They have no facts.
        """
        for name in _candidates(locale):
            if (translations := self._read(name)) is not None:
                translated = translations.gettext(message)
                return None if translated == message else translated
        return None

    def _language(self, locale: str) -> _Language:
        if (known := self._languages.get(locale)) is not None:
            return known
        from gettext import NullTranslations  # noqa: PLC0415  # see above

        for name in _candidates(locale):
            if (translations := self._read(name)) is not None:
                language = _Language(_locale(name), _locale(locale), translations)
                break
        else:
            language = _Language(_locale("en"), _locale(locale), NullTranslations())
        self._languages[locale] = language
        return language

    def _read(self, name: str) -> "NullTranslations | None":
        """The translations of the locale `name`; None if there is no file, or if it cannot be read."""
        if name not in self._files:
            return None
        if name not in self._translations:
            try:
                self._translations[name] = _compiled(self._files[name], name)
            except Exception as error:  # noqa: BLE001  # a faulty file must not stop a message
                log.warning("the message catalogue %s cannot be read, so its readers get English: %s", name, error)
                self._translations[name] = None
        return self._translations[name]


# Locales whose parent is not simply their language: Chinese goes by script, and Discord's `no` means Bokmål.
_PARENTS = {
    "zh_CN": ("zh_Hans", "zh"),
    "zh_TW": ("zh_Hant",),
    "zh_HK": ("zh_Hant",),
    "no": ("nb",),
}


@cache
def _candidates(locale: str) -> tuple[str, ...]:
    """The catalogues to look for, best first, such as `pt_BR` and `pt`. None for English."""
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


def _compiled(path: Path, name: str) -> "GNUTranslations":
    """The translations in a file, without those whose placeholders differ from the English sentence's."""
    from gettext import GNUTranslations  # noqa: PLC0415  # see above

    # The part of Babel that reads catalogues is its slowest import, and English does not need it.
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
    return GNUTranslations(compiled)


def _fits(message: "Message") -> bool:
    """Whether every form has the placeholders of the English sentence. A plural form may leave out `{count}`."""
    originals, translations = _forms(message.id), _forms(message.string)
    allowed = {name for form in originals for name in re.findall(_PLACEHOLDER, form)}
    needed = allowed - {"count"} if message.pluralizable else allowed
    for form in filter(None, translations):
        named = set(re.findall(_PLACEHOLDER, form))
        if not needed <= named <= allowed or re.search(r"[{}]", re.sub(_PLACEHOLDER, "", form)):
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

    return re.sub(_PLACEHOLDER, filled, template)


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
            # Rounded up: a file one byte over a limit of 100 MB should not be called a file of 100 MB.
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


# Characters that are invisible or change the writing direction: controls, soft hyphens, fillers, zero-width and
# bidirectional characters, byte order marks, tags, and lone surrogates, which cannot even be encoded.
_INVISIBLE = (
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# Zero-width joiners are kept where they join something, as in family emoji, Persian and Indic scripts.
_STRAY_JOINER = (
    "(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f\u200c\u200d])|[\u200c\u200d]{2,}"
)
# Everything that Discord could read as markup, a mention, a time stamp, an emoji, a link or an invitation. Headings and
# lists only work at the start of a line, so `-`, `+`, `#` and numbers are escaped only there.
_MARKUP = r"^[-+#](?!\d)|[\\*_~`|<>\[\]()@:/]"
_NUMBERED = r"\d+(?=\.(?:\s|$))"
# A backslash does not stop these two from being recognised; a zero-width space inside them does.
_MASS_MENTION = "@(?=everyone|here)"


def plain(words: str, limit: int = SAID_MAX) -> str:
    """Words from outside as one visible line, for places without markup such as file names and choices.

    At most `limit` characters; if something had to be cut, it ends in an ellipsis.
    """
    return _cut(list(_one_line(words)), limit)


def escape(words: str, limit: int = SAID_MAX) -> str:
    """Words from outside for a message or an embed, shown exactly as they were typed and without any effect.

    No markup, mention, link, time stamp or emoji in them works. One line of at most `limit` characters, escapes
    included; if something had to be cut, it ends in an ellipsis. An escape is never cut in half.
    """
    line = _one_line(words)
    marked = {match.start() for match in re.finditer(_MARKUP, line)}
    if numbered := re.match(_NUMBERED, line):
        marked.add(numbered.end())
    return _cut([f"\\{piece}" if at in marked else piece for at, piece in enumerate(_pieces(line))], limit)


def in_code(words: str, limit: int = SAID_MAX) -> str:
    """Words from outside for use between backticks, where nothing can be escaped: their own backticks are replaced."""
    return _cut(_pieces(_one_line(words).replace("`", "\u02cb")), limit) or " "


def _pieces(line: str) -> list[str]:
    """The characters of `line`, with `@everyone` and `@here` broken up."""
    mentions = {match.start() for match in re.finditer(_MASS_MENTION, line)}
    return [f"{character}\u200b" if at in mentions else character for at, character in enumerate(line)]


def _one_line(words: str) -> str:
    return " ".join(re.sub(_STRAY_JOINER, "", re.sub(_INVISIBLE, "", words)).split())


def _cut(pieces: list[str], limit: int) -> str:
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    kept, room = [], limit - 1
    for piece in pieces:
        if (room := room - len(piece)) < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + "…" if limit > 0 else ""
