"""What a piece is called where people read it: a title, never an id.

Without a title of the member's own the provider names its tracks after the uploaded file, or after their ids
(docs/provider.md 6, 8). So files are uploaded under readable names, and whatever is only an id is left out.
"""

import re
import unicodedata
from urllib.parse import unquote

from bot.domain.jobs import Job, Track
from bot.domain.source import AudioFormat

SLUG_MAX = 60
LINK_NAME_MAX = 100
UNIQUE_HEX = 10
"""How many hex digits make an uploaded file's name unique."""

# Compiled at their first use, not at the start.
_ENDING = r"(?i)\.(mp3|wav|flac|ogg|oga|opus|m4a|aac|webm|mp4)$"
_UUID = r"(?i)[0-9a-f]{8}([-_]?[0-9a-f]{4}){3}[-_]?[0-9a-f]{12}"
_HEX = r"(?i)[0-9a-f]{8,}"
_DIGITS_MAX = 15
"""Digits alone can be a date or a number; more of them than this are an id."""
_UPLOADED = rf"(?i)(?P<slug>.*?)[-_ ]?(?P<unique>[0-9a-f]{{{UNIQUE_HEX}}})"


def slug(words: str) -> str:
    """`words` as a part of a file's name, in plain ASCII: `paper-boats`. Empty if none of it can be written so."""
    folded = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")[:SLUG_MAX].strip("-")


_ENDINGS = {
    AudioFormat.MP3: ("mp3",),
    AudioFormat.WAV: ("wav",),
    AudioFormat.FLAC: ("flac",),
    AudioFormat.OGG: ("ogg", "oga", "opus"),
    AudioFormat.M4A: ("m4a", "aac", "mp4"),
    AudioFormat.WEBM: ("webm",),
    AudioFormat.MP4: ("mp4", "m4a"),
}
"""The endings that go with what a file is; the first one is given to a file that has none of them."""


def upload_name(source_name: str, audio_format: AudioFormat, *, unique: str) -> str:
    """The name under which a source is handed over: `paper-boats-3f9a2c0b17.mp3`.

    The ending tells what the file is, whatever it was called: Discord takes the endings off some names, and a track is
    named by its title. `unique` is `UNIQUE_HEX` random hex digits: a name that is used again would overwrite the
    earlier file.
    """
    own = re.search(_ENDING, source_name.strip())
    name = source_name.strip()[: own.start()] if own else source_name
    fitting = _ENDINGS[audio_format]
    ending = own[1].lower() if own and own[1].lower() in fitting else fitting[0]
    stem = "" if looks_like_an_id(name) else slug(name)
    return f"{stem or 'audio'}-{unique}.{ending}"


def name_in_link(url: str) -> str:
    """What to call a link: the last part of its path, as people read it, without the query, which may hold a secret."""
    path = url.strip().split("?", 1)[0].split("#", 1)[0].rstrip("/")
    name = unquote(path.rsplit("/", 1)[-1])
    shown = "".join(each for each in name if unicodedata.category(each) not in {"Cc", "Cs"})
    return shown.strip()[:LINK_NAME_MAX] or "audio"


def looks_like_an_id(words: str) -> bool:
    """A UUID, or at least eight hex digits that are no plain number."""
    bare = words.strip()
    if re.fullmatch(_UUID, bare):
        return True
    return bool(re.fullmatch(_HEX, bare)) and (not bare.isdecimal() or len(bare) > _DIGITS_MAX)


def shown_title(job: Job, track: Track | None = None) -> str:
    """What `job`, or its `track`, is called: the member's title, the provider's or the source's name.

    Empty if there is nothing but ids. The provider's title counts before the source's name for a track, and after it
    for the job, whose name must not change once its track is there.
    """
    source = source_title(job.source_name)
    tracks = job.tracks if track is None else (track,)
    given = [title for each in tracks if (title := _given_title(each, job))]
    names = [source, *given] if track is None else [*given, source]
    return next(filter(shows, [job.request.title, *names]), "")


_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters that show nothing


def shows(words: str) -> bool:
    """Whether there is anything to see in `words`."""
    return any(unicodedata.category(each)[0] in "LNPS" and each not in _FILLERS for each in words)


def source_title(source_name: str) -> str:
    """A source's name without its ending; empty if that is an id."""
    name = re.sub(_ENDING, "", source_name.strip()).strip()
    return "" if looks_like_an_id(name) else name


def _given_title(track: Track, job: Job) -> str:
    """The provider's title for `track`, unless it is an id or made from the name of the uploaded file."""
    title = re.sub(_ENDING, "", track.title.strip()).strip()
    if title in {track.id, job.task_id, job.id} or looks_like_an_id(title):
        return ""
    uploaded = re.fullmatch(_UPLOADED, title)
    if uploaded is None:
        return title
    stem = uploaded["slug"].strip()
    if slug(stem) in {"", "audio", slug(source_title(job.source_name))}:
        return ""
    return title if uploaded["unique"].isdecimal() else stem
