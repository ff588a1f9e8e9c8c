"""A member's own tracks: which of them typed words mean."""

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from bot.domain.jobs import OwnedTrack

_TAKE = r"(?i)(?P<title>.*[^\s·,])[\s·,]+take\s+(?P<take>\d{1,2})"  # compiled at its first use, not at the start


def folded(words: str) -> str:
    """As words are compared: without case, and however their accents and widths are written."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", words).casefold())


class Wanted(msgspec.Struct, frozen=True):
    """A way to read what a member typed for a track: a title, `whole` or a part of one, and perhaps a take of it."""

    title: str
    whole: bool
    take: int | None = None


def readings(words: str) -> tuple[Wanted, ...]:
    """How `words` can be read, the best first: a whole title before a part, and before `Paper Boats take 2`."""
    typed = words.strip()
    found: list[tuple[str, int | None]] = [(typed, None)]
    if match := re.fullmatch(_TAKE, typed):
        found.append((match["title"], int(match["take"])))
    return tuple(Wanted(title, whole, take) for whole in (True, False) for title, take in found if title)


def matching(wanted: Wanted, tracks: Sequence[OwnedTrack]) -> list[OwnedTrack]:
    """Those of `tracks`, newest first, that `wanted` means: of each title the newest alone, and of its takes the first.

    So a title that was used again means its latest track, and several results differ in their titles.
    """
    title = folded(wanted.title)
    found: dict[str, OwnedTrack] = {}
    for owned in tracks:
        name = folded(owned.title)
        is_meant = name == title if wanted.whole else title in name
        if is_meant and wanted.take in {None, owned.take}:
            found.setdefault(name, owned)
    return list(found.values())
