"""What a piece is called where people read it: a title, never an id.

Without a title of the member's own the provider names its tracks after the uploaded file, or after their ids
(docs/provider.md 6, 8). So files are uploaded under readable names, and whatever is only an id is left out.
"""

import re
import unicodedata

from bot.domain.jobs import Job, Track

SLUG_MAX = 60
UNIQUE_HEX = 10
"""How many hex digits make an uploaded file's name unique."""

_ENDING = re.compile(r"\.(mp3|wav|flac|ogg|oga|opus|m4a|aac|webm|mp4)$", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}([-_]?[0-9a-f]{4}){3}[-_]?[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_DIGITS_MAX = 15
"""Digits alone can be a date or a number; more of them than this are an id."""
_UPLOADED = re.compile(rf"(?P<slug>.*?)[-_ ]?(?P<unique>[0-9a-f]{{{UNIQUE_HEX}}})", re.IGNORECASE)


def slug(words: str) -> str:
    """`words` as a part of a file's name, in plain ASCII: `paper-boats`. Empty if none of it can be written so."""
    folded = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")[:SLUG_MAX].strip("-")


def upload_name(source_name: str, *, unique: str) -> str:
    """The name under which a source is handed over: `paper-boats-3f9a2c0b17.mp3`.

    `unique` is `UNIQUE_HEX` random hex digits: a name that is used again would overwrite the earlier file.
    """
    ending = re.search(r"\.[A-Za-z0-9]{1,5}\Z", source_name)
    name = source_name[: ending.start()] if ending else source_name
    stem = "" if looks_like_an_id(name) else slug(name)
    return f"{stem or 'audio'}-{unique}{ending.group().lower() if ending else ''}"


def looks_like_an_id(words: str) -> bool:
    """A UUID, or at least eight hex digits that are no plain number."""
    bare = words.strip()
    if _UUID.fullmatch(bare):
        return True
    return bool(_HEX.fullmatch(bare)) and (not bare.isdecimal() or len(bare) > _DIGITS_MAX)


def shown_title(job: Job, track: Track | None = None) -> str:
    """What `job`, or its `track`, is called: the member's title, the provider's or the source's name.

    Empty if there is nothing but ids. The provider's title counts before the source's name for a track, and after it
    for the job, whose name must not change once its track is there.
    """
    source = source_title(job.source_name)
    tracks = job.tracks if track is None else (track,)
    given = [title for each in tracks if (title := _given_title(each, job))]
    names = [source, *given] if track is None else [*given, source]
    return next(filter(_shows, [job.request.title, *names]), "")


_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters that show nothing


def _shows(words: str) -> bool:
    """Whether there is anything to see in `words`."""
    return any(unicodedata.category(each)[0] in "LNPS" and each not in _FILLERS for each in words)


def source_title(source_name: str) -> str:
    """A source's name without its ending; empty if that is an id."""
    name = _ENDING.sub("", source_name.strip()).strip()
    return "" if looks_like_an_id(name) else name


def _given_title(track: Track, job: Job) -> str:
    """The provider's title for `track`, unless it is an id or made from the name of the uploaded file."""
    title = _ENDING.sub("", track.title.strip()).strip()
    if title in {track.id, job.task_id, job.id} or looks_like_an_id(title):
        return ""
    uploaded = _UPLOADED.fullmatch(title)
    if uploaded is None:
        return title
    stem = uploaded["slug"].strip()
    if slug(stem) in {"", "audio", slug(source_title(job.source_name))}:
        return ""
    return title if uploaded["unique"].isdecimal() else stem
