"""The bot's side of the audio process: ask, wait within limits, accept only a well-formed answer."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec

from bot.audio.forks import LINE_MAX_BYTES, Fork, fork_server
from bot.audio.questions import (
    FIRST_FILE,
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
    Work,
    WrittenTags,
)
from bot.audio.slots import Slots
from bot.cancellation import to_its_end
from bot.domain.family_pictures import Branch
from bot.domain.joins import Joined, JoinFormat, JoinPart, Previewed, Tags, Trimmed
from bot.domain.models import MODELS
from bot.domain.outlines import Outline
from bot.domain.source import AudioProperties
from bot.errors import (
    BadSource,
    DecoderUnavailable,
    NoAudioTrack,
    NotAudio,
    SourceEmpty,
    SourceTooCostly,
    SourceTooLong,
    SourceTruncated,
)

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


class AudioProcess:
    """Reads and writes audio, each file in its own process that can do nothing else.

    Probes and fits have separate slots, so that a delivery never waits for members' files. Pictures, joins, previews
    and trimmed sources share two more, and never begin while a probe waits. A file whose process dies,
    from a signal, lack of memory or its time limit, is a `SourceTooCostly`; if none can be started, every call raises
    `DecoderUnavailable`. Cancelling a call ends its process.
    `worker` is the module whose `main` answers.
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
        self._server = fork_server(worker)
        self.cpu_seconds = 0.0  # of all processes that have answered
        self._has_told_of_outage = False
        self.missing: tuple[str, ...] | None = None  # what the system lacks to confine a process; None: none was asked

    async def probe(self, path: Path) -> AudioProperties:
        """What the file is, found by decoding it to its end; its name plays no part.

        Raises:
            BadSource: one of its subclasses says why the file cannot be used.
        """
        async with self._probes.one():
            with _reader(path) as source:
                answer = await self._answer_to(Probe(limits=self._probe_limits), source)
        if not isinstance(answer, Found):
            self._wrong(answer)
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
                    question = Fit(limits=self._fit_limits, limit_bytes=limit_bytes, to=FIRST_FILE)
                    answer = await self._answer_to(question, source, output)
                    if not isinstance(answer, Fitted):
                        self._wrong(answer)
                    self._check_size(output, question)
                fits = answer.fits
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
        return answer.outline if isinstance(answer, Drew) else self._wrong(answer)

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
            self._wrong(answer)

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
        joined = answer.joined if isinstance(answer, HasJoined) else self._wrong(answer)
        if joined.is_whole_already:
            await _removed(to)
        return joined

    async def preview(self, parts: Sequence[JoinPart], to: Path) -> Previewed:
        """Write ten seconds around the last seam into `to`; raises like `join`."""

        def question(files: Sequence[int], output: int) -> Preview:
            pieces = _stretches(parts, files)
            return Preview(limits=self._studio_limits, limit_bytes=PREVIEW_MAX_BYTES, to=output, pieces=pieces)

        answer = await self._made(_paths(parts), to, question)
        return answer.previewed if isinstance(answer, HasPreviewed) else self._wrong(answer)

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
        return answer.trimmed if isinstance(answer, HasTrimmed) else self._wrong(answer)

    async def _made(self, paths: Sequence[Path], to: Path, question: Callable[[Sequence[int], int], Work]) -> Answer:
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
                    asked = question(range(FIRST_FILE, FIRST_FILE + len(files)), FIRST_FILE + len(files))
                    source = files[0] if files else stack.enter_context(_reader(Path(os.devnull)))
                    answer = await self._answer_to(asked, source, *files, output)
                    self._check_size(output, asked)
                made = True
            finally:
                if not made:
                    await _removed(to)
        return answer

    async def _answer_to(self, question: Question, source: BinaryIO, *files: BinaryIO) -> Answer:
        encoded = msgspec.json.encode(question)
        for _ in range(2):
            try:
                async with self._server.fork(encoded, source, files) as fork:
                    lines = await _lines_of(fork, question.limits)
            except SourceTooCostly as error:
                if fork.exit_code is None:
                    raise self._unavailable("the last one could not be ended") from None
                raise self._misbehaved(str(error)) from None
            except OSError as error:
                raise self._unavailable(error.strerror or str(error)) from error
            self.cpu_seconds += fork.cpu_seconds
            if lines[1].endswith(b"\n") or fork.exit_code is not None:
                break
            _rewind(source, *files)  # the fork server has ended, which says nothing about the file
        else:
            raise self._unavailable("two in a row ended without an answer")
        self._has_told_of_outage = False
        try:
            self._tell_what_is_missing(msgspec.json.decode(lines[0], type=Confined))
            answer: Answer = msgspec.json.decode(lines[1], type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._misbehaved(f"audio process ended with {fork.exit_code} and no well-formed answer") from None
        if isinstance(answer, Refusal):
            raise _error_of(answer)
        return answer

    def _misbehaved(self, log_line: str) -> SourceTooCostly:
        """What crashes a process, or takes it over, may find out how memory is laid out in others of its server."""
        self._server.let_go()
        return SourceTooCostly(log_line)

    def _wrong(self, answer: Answer) -> NoReturn:
        raise self._misbehaved(f"audio process answered {answer!r}")

    def _check_size(self, output: BinaryIO, asked: Work) -> None:
        if (size_bytes := os.fstat(output.fileno()).st_size) > asked.limit_bytes:
            raise self._misbehaved(f"audio process wrote {size_bytes} bytes")

    def _unavailable(self, reason: str) -> DecoderUnavailable:
        """Logged once until a process starts again."""
        if not self._has_told_of_outage:
            log.error(
                "no audio process can be used (%s): check that this machine has memory left and lets the bot start more"
                " processes; `encore doctor` tries one",
                reason,
            )
        self._has_told_of_outage = True
        return DecoderUnavailable(f"no audio process can be used ({reason})")

    def _tell_what_is_missing(self, confined: Confined) -> None:
        """Logged once per bot: the system stays the same."""
        if confined.missing and self.missing is None:
            log.warning(
                "decoding members' files without %s: this system lacks that (see docs/design.md)",
                ", ".join(confined.missing),
            )
        self.missing = confined.missing


def _paths(parts: Sequence[JoinPart]) -> list[Path]:
    if not 2 <= len(parts) <= PARTS_MAX or any(part.until_seconds is None for part in parts[:-1]):
        raise ValueError(parts)
    return [part.path for part in parts]


def _stretches(parts: Sequence[JoinPart], files: Sequence[int]) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(descriptor=file, until_seconds=part.until_seconds) for part, file in zip(parts, files, strict=False)
    )


async def _removed(path: Path) -> None:
    """In a thread: the disk can take longer for that, and to empty a file that is there, than the loop may wait."""
    removing = partial(path.unlink, missing_ok=True)
    await to_its_end(asyncio.get_running_loop().run_in_executor(None, removing))


def _reader(path: Path) -> BinaryIO:
    """Not in a thread, which could not hand the file to a caller that was cancelled in the meantime."""
    return path.open("rb")


def _writer(path: Path) -> BinaryIO:
    """Like `_reader`; quick, because the file is new."""
    return path.open("wb")


async def _lines_of(fork: Fork, limits: Limits) -> tuple[bytes, bytes]:
    try:
        async with asyncio.timeout(limits.wall_seconds):
            return await fork.line(), await fork.line()
    except TimeoutError:
        raise SourceTooCostly(f"audio process still running after {limits.wall_seconds:g} s") from None
    except ValueError:
        raise SourceTooCostly(f"audio process answered more than {LINE_MAX_BYTES} bytes") from None


def _rewind(*files: BinaryIO) -> None:
    """As they were when they were opened. Python's own `seek` would not know that another process has read them."""
    for file in files:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        if file.writable():
            os.ftruncate(file.fileno(), 0)


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
