"""The audio process: the file on standard input, the answer on output.

Members' files are only ever read here, within limits and without rights, so that no file can harm the bot.
"""

import os
import sys

import msgspec

from bot.audio.confinement import DESCRIPTORS_MAX, bound, confine
from bot.audio.drawing import draw, draw_family
from bot.audio.fitting import fit
from bot.audio.joining import join, preview
from bot.audio.probing import probe
from bot.audio.questions import (
    Answer,
    Confined,
    Draw,
    DrawFamily,
    Drew,
    DrewFamily,
    Fit,
    Fitted,
    Found,
    HasJoined,
    HasPreviewed,
    HasTrimmed,
    Join,
    Preview,
    Probe,
    Problem,
    Question,
    Refusal,
    Trim,
    Unusable,
)
from bot.audio.trimming import trim

_STDIN = 0
_LOG_LINE_MAX = 300
_WRITE_SLACK_BYTES = 1 << 16  # an encoder may write slightly too much before it notices


def shut_in(question: Question) -> Confined:
    """Bound and confine this process permanently. The CPU limit kills it if it has not ended itself before."""
    limits = question.limits
    missing = bound(
        # A probed source is mapped, which takes address space but no memory.
        memory_bytes=limits.memory_bytes + (os.fstat(_STDIN).st_size if isinstance(question, Probe) else 0),
        cpu_seconds=limits.cpu_seconds + 2,
        file_bytes=0 if isinstance(question, Probe) else question.limit_bytes + _WRITE_SLACK_BYTES,
        descriptors=DESCRIPTORS_MAX + (len(question.pieces) if isinstance(question, Join | Preview) else 0),
    )
    return Confined(missing=(*missing, *confine()))


def answer_to(question: Question, source: int = _STDIN) -> Answer:
    """The answer about the open file `source`; "it cannot be used" is an answer too."""
    try:
        return _answered(question, source)
    except Unusable as error:
        return Refusal(problem=error.problem, log_line=error.log_line, heard_seconds=error.heard_seconds)
    except MemoryError:
        return Refusal(problem=Problem.TOO_COSTLY, log_line="memory", heard_seconds=0.0)
    except Exception as error:  # noqa: BLE001  # the decoder's surprises are the file's fault, and the parent logs them
        line = f"{type(error).__name__}: {error}"[:_LOG_LINE_MAX]
        return Refusal(problem=Problem.TOO_COSTLY, log_line=line, heard_seconds=0.0)


def _answered(question: Question, source: int) -> Answer:
    limits = question.limits
    match question:
        case Probe():
            return Found(properties=probe(source, limits))
        case Fit():
            return Fitted(fits=fit(source, question.to, limit_bytes=question.limit_bytes, limits=limits))
        case Draw() | DrawFamily():
            return _drawn(question, source)
        case Join():
            form, tags = question.audio_format, question.tags
            return HasJoined(joined=join(question.pieces, question.to, audio_format=form, tags=tags, limits=limits))
        case Preview():
            return HasPreviewed(previewed=preview(question.pieces, question.to, limits))
        case Trim():
            until, most = question.until_seconds, question.at_most_seconds
            trimmed = trim(source, question.to, until_seconds=until, at_most_seconds=most, limits=limits)
            return HasTrimmed(trimmed=trimmed)


def _drawn(question: Draw | DrawFamily, source: int) -> Answer:
    if isinstance(question, DrawFamily):
        draw_family(question.branches, question.to)
        return DrewFamily()
    return Drew(outline=draw(source, question.to, seam=question.seam, limits=question.limits))


def main(encoded: bytes) -> None:
    """Answer a `Question` in JSON; the files that it names are open."""
    question: Question = msgspec.json.decode(encoded, type=Question)
    say(shut_in(question))
    say(answer_to(question))


def say(line: Confined | Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()
