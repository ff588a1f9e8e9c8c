"""The bot's side of the audio process: ask, wait within limits, accept only a well-formed answer."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import BinaryIO

import msgspec

from bot.audio.questions import Answer, Confined, Fit, Fitted, Found, Limits, Probe, Problem, Question, Refusal
from bot.domain.models import MODELS
from bot.domain.source import AudioProperties
from bot.errors import BadSource, NoAudioTrack, NotAudio, SourceEmpty, SourceTooCostly, SourceTooLong, SourceTruncated

log = logging.getLogger(__name__)

PROBE_LIMITS = Limits()
FIT_LIMITS = Limits(cpu_seconds=90, wall_seconds=180.0)  # encoding costs more than decoding

LONGEST_SECONDS = max(model.source_max_seconds for model in MODELS.values())
"""The longest source that any model takes; reported when a source is too long even to measure."""

_ROOT = Path(__file__).parents[2]  # `bot` can be imported from here
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}  # the bot's own environment holds its secrets
_LINE_MAX_BYTES = 1 << 14


class AudioProcess:
    """Reads and writes audio, each file in its own process that can do nothing else.

    Probes and fits have separate slots, so that a delivery never waits for members' files. A file whose process dies,
    from a signal, lack of memory or its time limit, is a `SourceTooCostly`. Cancelling a call ends its process.
    `worker` is the module that the process runs.
    """

    def __init__(
        self,
        *,
        probes_at_once: int = 2,
        fits_at_once: int = 2,
        probe_limits: Limits = PROBE_LIMITS,
        fit_limits: Limits = FIT_LIMITS,
        worker: str = "bot.audio.worker",
    ) -> None:
        self._probes = asyncio.Semaphore(probes_at_once)
        self._fits = asyncio.Semaphore(fits_at_once)
        self._probe_limits = probe_limits
        self._fit_limits = fit_limits
        self._worker = worker
        self._has_told_what_is_missing = False
        self.missing: tuple[str, ...] | None = None  # what the system lacks to confine a process; None: none was asked

    async def probe(self, path: Path) -> AudioProperties:
        """What the file is, found by decoding it to its end; its name plays no part.

        Raises:
            BadSource: one of its subclasses says why the file cannot be used.
        """
        async with self._probes:
            with _reader(path) as source:
                process = self._start(Probe(limits=self._probe_limits), source)
            answer = await self._answer_of(process, self._probe_limits)
        if not isinstance(answer, Found):
            raise SourceTooCostly(f"audio process answered {answer!r}")
        return answer.properties

    async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
        """Write the best mp3 within `limit_bytes` to `to`. False if none is small enough; then `to` does not exist.

        Raises:
            BadSource: the file at `path` cannot be decoded; `to` does not exist.
        """
        fits = False
        async with self._fits:
            try:
                with _reader(path) as source, _writer(to) as output:
                    question = Fit(limits=self._fit_limits, limit_bytes=limit_bytes, to=output.fileno())
                    process = self._start(question, source, output)
                answer = await self._answer_of(process, self._fit_limits)
                fits = isinstance(answer, Fitted) and answer.fits
            finally:
                if not fits:
                    await asyncio.to_thread(to.unlink, missing_ok=True)
        return fits

    def _start(self, question: Question, source: BinaryIO, *files: BinaryIO) -> "Popen[bytes]":
        return Popen(  # noqa: S603  # our own arguments
            [sys.executable, "-m", self._worker, msgspec.json.encode(question).decode()],
            stdin=source,
            stdout=PIPE,
            pass_fds=[file.fileno() for file in files],
            cwd=_ROOT,
            env=_ENVIRONMENT,
            # Standard error stays the bot's until the worker is confined, so that a broken installation shows.
            start_new_session=True,  # its own process group, which can be killed as one; Ctrl-C does not reach it
        )

    async def _answer_of(self, process: "Popen[bytes]", limits: Limits) -> Answer:
        async with _output_of(process) as output:
            try:
                async with asyncio.timeout(limits.wall_seconds):
                    lines = await output.readline(), await output.readline()
            except TimeoutError:
                raise SourceTooCostly(f"audio process still running after {limits.wall_seconds:g} s") from None
            except ValueError:
                raise SourceTooCostly(f"audio process answered more than {_LINE_MAX_BYTES} bytes") from None
        try:
            self._tell_what_is_missing(msgspec.json.decode(lines[0], type=Confined))
            answer: Answer = msgspec.json.decode(lines[1], type=Answer)
        except msgspec.DecodeError:
            raise SourceTooCostly(f"audio process ended with {process.returncode}") from None
        if isinstance(answer, Refusal):
            raise _error_of(answer)
        return answer

    def _tell_what_is_missing(self, confined: Confined) -> None:
        """Logged once per bot: the system stays the same."""
        self.missing = confined.missing
        if confined.missing and not self._has_told_what_is_missing:
            log.warning(
                "decoding members' files without %s: this system lacks that (see docs/design.md)",
                ", ".join(confined.missing),
            )
        self._has_told_what_is_missing = True


def _reader(path: Path) -> BinaryIO:
    """Not in a thread, which could not hand the file to a caller that was cancelled in the meantime."""
    return path.open("rb")


def _writer(path: Path) -> BinaryIO:
    """Like `_reader`."""
    return path.open("wb")


@asynccontextmanager
async def _output_of(process: "Popen[bytes]") -> AsyncIterator[asyncio.StreamReader]:
    """The process's output. On leaving, its whole process group is gone.

    At most two buffers of `_LINE_MAX_BYTES` are read ahead, whatever the other end sends.
    """
    output = asyncio.StreamReader(limit=_LINE_MAX_BYTES)
    try:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
        try:
            yield output
        finally:
            transport.close()
    finally:
        # Before the wait: until then, even a leader that has ended keeps its id, so the id still means this group.
        with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, once all have ended
            os.killpg(process.pid, signal.SIGKILL)
        await _ended(process)


async def _ended(process: "Popen[bytes]") -> None:
    """Wait for a process that was killed, which takes no time, even if cancelled: it would stay a zombie."""
    waiting = asyncio.ensure_future(asyncio.to_thread(process.wait))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await waiting
        raise


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
