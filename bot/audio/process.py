"""The bot's side of the audio process: ask, wait within limits, accept only a well-formed answer."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import BinaryIO, NoReturn

import msgspec

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
    Limits,
    Preview,
    Probe,
    Problem,
    Question,
    Refusal,
    Stretch,
    Trim,
    WrittenTags,
)
from bot.audio.slots import Slots
from bot.domain.family_pictures import Branch
from bot.domain.joins import Joined, JoinFormat, JoinPart, Previewed, Tags, Trimmed
from bot.domain.models import MODELS
from bot.domain.outlines import Outline
from bot.domain.source import AudioProperties
from bot.errors import BadSource, NoAudioTrack, NotAudio, SourceEmpty, SourceTooCostly, SourceTooLong, SourceTruncated

log = logging.getLogger(__name__)

PROBE_LIMITS = Limits()
FIT_LIMITS = Limits(cpu_seconds=90, wall_seconds=180.0)  # encoding costs more than decoding

STUDIO_LIMITS = Limits(cpu_seconds=180, wall_seconds=360.0)  # a chain of joins can be an hour long

FAMILY_LIMITS = Limits(cpu_seconds=5, wall_seconds=15.0)

PICTURE_MAX_BYTES = 2_000_000
PREVIEW_MAX_BYTES = 1_000_000
JOINED_MAX_BYTES = 700_000_000  # an hour of WAV
TRIMMED_MAX_BYTES = 200_000_000
PARTS_MAX = 64
NO_TAGS = Tags()

LONGEST_SECONDS = max(model.source_max_seconds for model in MODELS.values())
"""The longest source that any model takes; reported when a source is too long even to measure."""

_ROOT = Path(__file__).parents[2]  # `bot` can be imported from here
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}  # the bot's own environment holds its secrets
_LINE_MAX_BYTES = 1 << 14


class AudioProcess:
    """Reads and writes audio, each file in its own process that can do nothing else.

    Probes and fits have separate slots, so that a delivery never waits for members' files. Pictures, joins, previews
    and trimmed sources share two more, and never begin while a probe waits. A file whose process dies,
    from a signal, lack of memory or its time limit, is a `SourceTooCostly`. Cancelling a call ends its process.
    `worker` is the module that the process runs.
    """

    def __init__(
        self,
        *,
        probes_at_once: int = 2,
        fits_at_once: int = 2,
        studio_at_once: int = 2,
        probe_limits: Limits = PROBE_LIMITS,
        fit_limits: Limits = FIT_LIMITS,
        studio_limits: Limits = STUDIO_LIMITS,
        worker: str = "bot.audio.worker",
    ) -> None:
        self._probes = Slots(probes_at_once)
        self._fits = Slots(fits_at_once)
        self._studio = Slots(studio_at_once, after=self._probes)
        self._probe_limits = probe_limits
        self._fit_limits = fit_limits
        self._studio_limits = studio_limits
        self._worker = worker
        self._has_told_what_is_missing = False
        self.missing: tuple[str, ...] | None = None  # what the system lacks to confine a process; None: none was asked

    async def probe(self, path: Path) -> AudioProperties:
        """What the file is, found by decoding it to its end; its name plays no part.

        Raises:
            BadSource: one of its subclasses says why the file cannot be used.
        """
        async with self._probes.one():
            with _reader(path) as source:
                process = self._start(Probe(limits=self._probe_limits), source)
            answer = await self._answer_of(process, self._probe_limits)
        if not isinstance(answer, Found):
            _wrong(answer)
        return answer.properties

    async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
        """Write the best mp3 within `limit_bytes` to `to`. False if none is small enough; then `to` does not exist.

        Raises:
            BadSource: the file at `path` cannot be decoded; `to` does not exist.
        """
        fits = False
        async with self._fits.one():
            await _removed(to)
            try:
                with _reader(path) as source, _writer(to) as output:
                    question = Fit(limits=self._fit_limits, limit_bytes=limit_bytes, to=output.fileno())
                    process = self._start(question, source, output)
                answer = await self._answer_of(process, self._fit_limits)
                fits = isinstance(answer, Fitted) and answer.fits
            finally:
                if not fits:
                    await _removed(to)
        return fits

    async def draw(self, path: Path, to: Path, *, seam: float | None = None) -> Outline:
        """Draw the piece as a PNG into `to`; see `bot.services.common.studio.Studio`.

        Raises:
            BadSource: the file at `path` cannot be decoded; `to` does not exist.
        """

        def question(_: Sequence[int], output: int) -> Draw:
            return Draw(limits=self._studio_limits, limit_bytes=PICTURE_MAX_BYTES, to=output, seam=seam)

        answer = await self._made([path], to, question)
        return answer.outline if isinstance(answer, Drew) else _wrong(answer)

    async def draw_family(self, branches: Sequence[Branch], to: Path) -> None:
        """Draw a song's family as a PNG into `to`; see `bot.services.common.studio.FamilyStudio`.

        Raises:
            BadSource: the process was too slow; `to` does not exist.
        """

        def question(_: Sequence[int], output: int) -> DrawFamily:
            limit_bytes, shown = PICTURE_MAX_BYTES, tuple(branches)
            return DrawFamily(limits=FAMILY_LIMITS, limit_bytes=limit_bytes, to=output, branches=shown)

        answer = await self._made([], to, question)
        if not isinstance(answer, DrewFamily):
            _wrong(answer)

    async def join(
        self, parts: Sequence[JoinPart], to: Path, *, audio_format: JoinFormat = JoinFormat.MP3, tags: Tags = NO_TAGS
    ) -> Joined:
        """Join the parts into `to`; see `bot.services.common.studio.Studio`.

        Raises:
            BadSource: one of the files cannot be decoded; `to` does not exist.
            ValueError: fewer than two parts or more than `PARTS_MAX`, or one without a seam before the last.
        """

        def question(files: Sequence[int], output: int) -> Join:
            cover = files[len(parts)] if tags.cover is not None else None
            return Join(
                limits=self._studio_limits,
                limit_bytes=JOINED_MAX_BYTES,
                to=output,
                pieces=_stretches(parts, files),
                audio_format=audio_format,
                tags=WrittenTags(title=tags.title, artist=tags.artist, cover=cover),
            )

        paths = [*_paths(parts), *([tags.cover] if tags.cover is not None else [])]
        answer = await self._made(paths, to, question)
        joined = answer.joined if isinstance(answer, HasJoined) else _wrong(answer)
        if joined.is_whole_already:
            await _removed(to)
        return joined

    async def preview(self, parts: Sequence[JoinPart], to: Path) -> Previewed:
        """Write ten seconds around the last seam into `to`; raises like `join`."""

        def question(files: Sequence[int], output: int) -> Preview:
            pieces = _stretches(parts, files)
            return Preview(limits=self._studio_limits, limit_bytes=PREVIEW_MAX_BYTES, to=output, pieces=pieces)

        answer = await self._made(_paths(parts), to, question)
        return answer.previewed if isinstance(answer, HasPreviewed) else _wrong(answer)

    async def trim(self, path: Path, to: Path, *, until_seconds: float, at_most_seconds: float) -> Trimmed:
        """Write the part before a moment into `to`; see `bot.services.common.studio.Studio`.

        Raises:
            BadSource: the file at `path` cannot be decoded; `to` does not exist.
        """

        def question(_: Sequence[int], output: int) -> Trim:
            return Trim(
                limits=self._studio_limits,
                limit_bytes=TRIMMED_MAX_BYTES,
                to=output,
                until_seconds=until_seconds,
                at_most_seconds=at_most_seconds,
            )

        answer = await self._made([path], to, question)
        return answer.trimmed if isinstance(answer, HasTrimmed) else _wrong(answer)

    async def _made(
        self, paths: Sequence[Path], to: Path, question: Callable[[Sequence[int], int], Question]
    ) -> Answer:
        """The answer to a question about open files and an open output; without one, `to` does not exist.

        The first file is also on standard input.
        """
        made = False
        async with self._studio.one():
            await _removed(to)
            try:
                with ExitStack() as stack:
                    files = [stack.enter_context(_reader(path)) for path in paths]
                    output = stack.enter_context(_writer(to))
                    asked = question([file.fileno() for file in files], output.fileno())
                    source = files[0] if files else stack.enter_context(_reader(Path(os.devnull)))
                    process = self._start(asked, source, *files, output)
                answer = await self._answer_of(process, self._studio_limits)
                made = True
            finally:
                if not made:
                    await _removed(to)
        return answer

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


def _paths(parts: Sequence[JoinPart]) -> list[Path]:
    if not 2 <= len(parts) <= PARTS_MAX or any(part.until_seconds is None for part in parts[:-1]):
        raise ValueError(parts)
    return [part.path for part in parts]


def _stretches(parts: Sequence[JoinPart], files: Sequence[int]) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(descriptor=file, until_seconds=part.until_seconds) for part, file in zip(parts, files, strict=False)
    )


def _wrong(answer: Answer) -> NoReturn:
    raise SourceTooCostly(f"audio process answered {answer!r}")


async def _removed(path: Path) -> None:
    """In a thread: the disk can take longer for that, and to empty a file that is there, than the loop may wait."""
    await asyncio.to_thread(path.unlink, missing_ok=True)


def _reader(path: Path) -> BinaryIO:
    """Not in a thread, which could not hand the file to a caller that was cancelled in the meantime."""
    return path.open("rb")


def _writer(path: Path) -> BinaryIO:
    """Like `_reader`; quick, because the file is new."""
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
