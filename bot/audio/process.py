"""The bot's side of the audio process: ask, wait within limits, believe nothing but a well-formed answer."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import BinaryIO

import msgspec

from bot.audio.messages import Answer, Fit, Fitted, Found, Limits, Probe, Problem, Question, Refusal
from bot.domain.models import MODELS
from bot.domain.source import AudioFacts
from bot.errors import BadSource, NoAudioTrack, NotAudio, SourceEmpty, SourceTooCostly, SourceTooLong, SourceTruncated

PROBE_LIMITS = Limits()
FIT_LIMITS = Limits(cpu_seconds=90, wall_seconds=180.0)  # encoding costs more than decoding

LONGEST_SECONDS = max(model.source_max_seconds for model in MODELS.values())
"""What no model takes more of; told when a source is too long even to be measured."""

_ROOT = Path(__file__).parents[2]  # where `bot` can be imported from
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}  # nothing of ours: the bot's environment holds its secrets
_ANSWER_MAX_BYTES = 1 << 14


class AudioProcess:
    """Reads and writes audio, each file in a process of its own; at most `at_once` run together.

    A file that makes its process die, by a signal, for want of memory or by the clock, is a `SourceTooCostly`.
    Cancelling a call ends its process.
    """

    def __init__(
        self, *, at_once: int = 2, probe_limits: Limits = PROBE_LIMITS, fit_limits: Limits = FIT_LIMITS
    ) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._probe_limits = probe_limits
        self._fit_limits = fit_limits

    async def probe(self, path: Path) -> AudioFacts:
        """What the file is, decoded to its end; its name plays no part.

        Raises:
            BadSource: one of its subclasses says why the file cannot be used.
        """
        answer = await self._ask(path, Probe(limits=self._probe_limits))
        if not isinstance(answer, Found):
            raise SourceTooCostly(f"audio process answered {answer!r}")
        return answer.facts

    async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
        """Write the best mp3 of at most `limit_bytes` to `to`; False where none is that small, and then `to` is absent.

        Raises:
            BadSource: the file at `path` cannot be decoded; `to` is absent.
        """
        fits = False
        try:
            answer = await self._ask(
                path, Fit(limits=self._fit_limits, limit_bytes=limit_bytes), str(await asyncio.to_thread(to.absolute))
            )
            fits = isinstance(answer, Fitted) and answer.fits
        finally:
            if not fits:
                await asyncio.to_thread(to.unlink, missing_ok=True)
        return fits

    async def _ask(self, path: Path, question: Probe | Fit, *words: str) -> Answer:
        async with self._turns:
            with _reader(path) as source:
                process = await _start(question, words, source)
            line = await _line_of(process, wall_seconds=question.limits.wall_seconds)
        try:
            answer: Answer = msgspec.json.decode(line, type=Answer)
        except msgspec.DecodeError:
            raise SourceTooCostly(f"audio process ended with {process.returncode}") from None
        if isinstance(answer, Refusal):
            raise _error_of(answer)
        return answer


def _reader(path: Path) -> BinaryIO:
    """Opened in place: a thread could not hand the file over to a caller that was cancelled meanwhile."""
    return path.open("rb")


async def _start(question: Question, words: tuple[str, ...], source: BinaryIO) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.audio.worker",
        msgspec.json.encode(question).decode(),
        *words,
        stdin=source,
        stdout=PIPE,
        cwd=_ROOT,
        env=_ENVIRONMENT,
        limit=_ANSWER_MAX_BYTES,
        # Its error output is the bot's: FFmpeg is silent there, and a broken installation is not.
        start_new_session=True,  # the keyboard's interrupt is for the bot, which ends its processes itself
    )


async def _line_of(process: Process, *, wall_seconds: float) -> bytes:
    """The process's one line, empty where it did not end well. However this returns, the process is gone."""
    if process.stdout is None:
        raise TypeError(process)
    try:
        async with asyncio.timeout(wall_seconds):
            line = await process.stdout.readline()
            return line if await process.wait() == 0 else b""
    except TimeoutError:
        raise SourceTooCostly(f"audio process still running after {wall_seconds:g} s") from None
    except ValueError:
        raise SourceTooCostly(f"audio process answered more than {_ANSWER_MAX_BYTES} bytes") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _error_of(refusal: Refusal) -> BadSource:
    costly = SourceTooCostly(refusal.log_line)
    too_long = SourceTooLong(limit_seconds=LONGEST_SECONDS)
    errors: dict[Problem, BadSource] = {
        Problem.EMPTY: SourceEmpty(),
        Problem.NOT_AUDIO: NotAudio(refusal.log_line),
        Problem.NO_AUDIO_TRACK: NoAudioTrack(),
        Problem.TRUNCATED: SourceTruncated(heard_seconds=refusal.heard_seconds),
        Problem.TOO_LONG: too_long,
        Problem.TOO_COSTLY: too_long if refusal.heard_seconds > LONGEST_SECONDS else costly,
    }
    return errors[refusal.problem]
