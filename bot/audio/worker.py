"""The audio process: `python -m bot.audio.worker QUESTION [PATH]`, the file on standard input, the answer on output.

Everything that reads members' files happens here, under limits of its own, so that no file can harm the bot.
"""

import os
import sys
from contextlib import suppress

import msgspec

from bot.audio.fitting import fit
from bot.audio.messages import Answer, Fit, Fitted, Found, Limits, Problem, Question, Refusal, Unusable
from bot.audio.probing import probe

_STDIN = 0
_LOG_LINE_MAX = 300
_WRITE_SLACK_BYTES = 1 << 16  # an encoder may find out only afterwards that it wrote a little too much


def limit(limits: Limits, *, file_bytes: int) -> None:
    """Bound this process for good. Its CPU limit ends it by a signal, somewhat after it should have ended itself.

    Where a system does not know a limit, the parent's clock remains.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # there is none on Windows

    bounds = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds + 2,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in bounds.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def answer_to(question: Question, words: list[str]) -> Answer:
    """The answer; a file that cannot be used is an answer too."""
    try:
        if isinstance(question, Fit):
            return Fitted(fits=fit(_STDIN, words[0], limit_bytes=question.limit_bytes, limits=question.limits))
        return Found(facts=probe(_STDIN, question.limits))
    except Unusable as error:
        return Refusal(problem=error.problem, log_line=error.log_line, heard_seconds=error.heard_seconds)
    except MemoryError:
        return Refusal(problem=Problem.TOO_COSTLY, log_line="memory", heard_seconds=0.0)
    except Exception as error:  # noqa: BLE001  # the decoder's surprises are the file's fault, and the parent logs them
        line = f"{type(error).__name__}: {error}"[:_LOG_LINE_MAX]
        return Refusal(problem=Problem.TOO_COSTLY, log_line=line, heard_seconds=0.0)


def main() -> None:
    question: Question = msgspec.json.decode(os.fsencode(sys.argv[1]), type=Question)
    file_bytes = question.limit_bytes + _WRITE_SLACK_BYTES if isinstance(question, Fit) else 0
    limit(question.limits, file_bytes=file_bytes)
    sys.stdout.buffer.write(msgspec.json.encode(answer_to(question, sys.argv[2:])) + b"\n")


if __name__ == "__main__":
    main()
