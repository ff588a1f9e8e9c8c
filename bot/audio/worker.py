"""The audio process: `python -m bot.audio.worker QUESTION`, the file on standard input, the answer on output.

Members' files are only ever read here, within limits and without rights, so that no file can harm the bot.
"""

import os
import sys

import msgspec

from bot.audio.confinement import bound, confine
from bot.audio.fitting import fit
from bot.audio.probing import probe
from bot.audio.questions import Answer, Confined, Fit, Fitted, Found, Probe, Problem, Question, Refusal, Unusable

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
        file_bytes=question.limit_bytes + _WRITE_SLACK_BYTES if isinstance(question, Fit) else 0,
    )
    return Confined(missing=(*missing, *confine()))


def answer_to(question: Question, source: int = _STDIN) -> Answer:
    """The answer about the open file `source`; "it cannot be used" is an answer too."""
    try:
        if isinstance(question, Fit):
            return Fitted(fits=fit(source, question.to, limit_bytes=question.limit_bytes, limits=question.limits))
        return Found(properties=probe(source, question.limits))
    except Unusable as error:
        return Refusal(problem=error.problem, log_line=error.log_line, heard_seconds=error.heard_seconds)
    except MemoryError:
        return Refusal(problem=Problem.TOO_COSTLY, log_line="memory", heard_seconds=0.0)
    except Exception as error:  # noqa: BLE001  # the decoder's surprises are the file's fault, and the parent logs them
        line = f"{type(error).__name__}: {error}"[:_LOG_LINE_MAX]
        return Refusal(problem=Problem.TOO_COSTLY, log_line=line, heard_seconds=0.0)


def main() -> None:
    question: Question = msgspec.json.decode(os.fsencode(sys.argv[1]), type=Question)
    say(shut_in(question))
    say(answer_to(question))


def say(line: Confined | Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
