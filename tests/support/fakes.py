"""Scripted parts: a clock that tests set, a provider and a messenger that record their calls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.domain.drafts import Draft
from bot.domain.jobs import Job, Place, Track
from bot.domain.joins import Joined, JoinFormat, JoinPart, Previewed, Tags, Trimmed
from bot.domain.lyrics import LyricsEnd, LyricsOrder, LyricsReport
from bot.domain.outlines import Outline
from bot.domain.progress import ProgressView
from bot.domain.receipt import Receipt
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioFormat, AudioProperties, InMessage
from bot.domain.text import Text
from bot.domain.timed_lyrics import TimedWord
from bot.errors import BadSource, ProviderError
from bot.services.common.messenger import Posted, ResultFile, RouteBusy, RouteClosed

BEGINNING = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

NO_TAGS = Tags()


class TurnedClock:
    """`steady_seconds` only goes forward, like the monotonic clock, and ignores jumps."""

    def __init__(self) -> None:
        self.now = BEGINNING
        self._steady_seconds = 0.0

    def __call__(self) -> datetime:
        return self.now

    def steady_seconds(self) -> float:
        return self._steady_seconds

    def turn(self, seconds: float) -> None:
        """Let time pass; a negative number sets the clock back."""
        self.now += timedelta(seconds=seconds)
        self._steady_seconds += max(0.0, seconds)

    def jump(self, seconds: float) -> None:
        """Set the clock, as somebody might."""
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeProvider:
    """`answers` are for the next submissions: a task id or an error; after that, new task ids."""

    answers: list[str | ProviderError] = field(default_factory=list)
    reports: dict[str, TaskReport | ProviderError] = field(default_factory=dict)
    credits_left: float = 1000
    credits_error: ProviderError | None = None
    credits_asked: int = 0
    extended: list[str] = field(default_factory=list)  # callback addresses, one for each submission
    asked: list[str] = field(default_factory=list)
    uploaded: list[bytes] = field(default_factory=list)
    upload_error: ProviderError | None = None
    on_extend: Callable[[], None] = lambda: None
    lyrics_answers: list[str | ProviderError] = field(default_factory=list)  # as `answers`
    lyrics: dict[str, LyricsReport | ProviderError] = field(default_factory=dict)
    ordered: list[str] = field(default_factory=list)  # callback addresses, one for each order of lyrics
    words: tuple[TimedWord, ...] | ProviderError = (TimedWord(text="Ferry", begins_at=1.0),)
    timed: list[tuple[str, str]] = field(default_factory=list)  # a task and a track for each question about times
    on_timed: Callable[[], None] = lambda: None

    async def upload(self, path: Path, *, name: str, audio_format: AudioFormat) -> str:  # noqa: ARG002  # as above
        if self.upload_error is not None:
            raise self.upload_error
        self.uploaded.append(path.read_bytes())
        return f"https://files.example/{name}"

    async def extend(
        self,
        request: ExtensionRequest,  # noqa: ARG002  # the protocol's
        *,
        source_url: str,  # noqa: ARG002  # the protocol's
        sent_continue_at: float,  # noqa: ARG002  # the protocol's
        callback_url: str,
    ) -> str:
        self.extended.append(callback_url)
        self.on_extend()
        answer = self.answers.pop(0) if self.answers else f"task-{len(self.extended)}"
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def report(self, task_id: str) -> TaskReport:
        self.asked.append(task_id)
        report = self.reports.get(task_id, TaskReport(task_id=task_id, kind=ReportKind.WAITING))
        if isinstance(report, ProviderError):
            raise report
        return report

    async def order_lyrics(self, idea: str, *, callback_url: str) -> str:  # noqa: ARG002  # the protocol's
        self.ordered.append(callback_url)
        answer = self.lyrics_answers.pop(0) if self.lyrics_answers else f"lyrics-{len(self.ordered)}"
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def lyrics_report(self, task_id: str) -> LyricsReport:
        self.asked.append(task_id)
        report = self.lyrics.get(task_id, LyricsReport(task_id=task_id, end=LyricsEnd.WAITING))
        if isinstance(report, ProviderError):
            raise report
        return report

    async def timed_lyrics(self, task_id: str, track_id: str) -> tuple[TimedWord, ...]:
        self.timed.append((task_id, track_id))
        self.on_timed()
        if isinstance(self.words, ProviderError):
            raise self.words
        return self.words

    async def credits(self) -> float:
        self.credits_asked += 1
        if self.credits_error is not None:
            raise self.credits_error
        return self.credits_left


@dataclass
class FakeFetcher:
    """Returns `body` for every URL, or raises the error set for it."""

    body: bytes = b"audio"
    errors: dict[str, Exception] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    on_fetch: Callable[[], object] = lambda: None

    async def fetch(self, url: str, to: Path, *, limit_bytes: int) -> int:  # noqa: ARG002  # the protocol's
        self.fetched.append(url)
        self.on_fetch()
        if url in self.errors:
            raise self.errors[url]
        return to.write_bytes(self.body)


@dataclass
class FakeMessageFiles:
    """`links` by the ids of the messages that still show their file."""

    links: dict[int, str] = field(default_factory=dict)

    async def fresh_link(self, where: InMessage, name: str) -> str | None:  # noqa: ARG002  # the protocol's
        return self.links.get(where.message_id)

    async def posted_link(self, job: Job, track: Track) -> str | None:  # noqa: ARG002  # the protocol's
        return self.links.get(job.final_message_id or 0)


@dataclass
class FakeAudio:
    length_seconds: float = 60.0
    error: BadSource | None = None
    fits: bool = True

    async def probe(self, path: Path) -> AudioProperties:
        if self.error is not None:
            raise self.error
        return AudioProperties(
            format=AudioFormat.MP3,
            codec="mp3",
            length_seconds=self.length_seconds,
            sample_rate=44100,
            channels=2,
            size_bytes=path.stat().st_size,
        )

    async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
        if self.fits and limit_bytes > 0:
            to.write_bytes(path.read_bytes()[:limit_bytes])
            return True
        return False


@dataclass
class FakeStudio:
    """Makes files of a few bytes, or raises `error`. `hangs`: the calls, by name, that never end."""

    error: BadSource | None = None
    hangs: frozenset[str] = frozenset()
    is_whole_already: bool = False
    joined: list[Sequence[JoinPart]] = field(default_factory=list)

    async def draw(self, path: Path, to: Path, *, seam: float | None = None) -> Outline:
        await self._made("draw", to)
        return Outline(length_seconds=float(path.stat().st_size), seam=seam)

    async def join(
        self,
        parts: Sequence[JoinPart],
        to: Path,
        *,
        audio_format: JoinFormat = JoinFormat.MP3,  # noqa: ARG002  # the protocol's, as below
        tags: Tags = NO_TAGS,  # noqa: ARG002
    ) -> Joined:
        self.joined.append(parts)
        if not self.is_whole_already:
            await self._made("join", to)
        seams = tuple(part.until_seconds for part in parts if part.until_seconds is not None)
        return Joined(length_seconds=100, seams=seams, is_whole_already=self.is_whole_already)

    async def preview(self, parts: Sequence[JoinPart], to: Path) -> Previewed:  # noqa: ARG002
        await self._made("preview", to)
        return Previewed(length_seconds=10, seam_seconds=5)

    async def trim(self, path: Path, to: Path, *, until_seconds: float, at_most_seconds: float) -> Trimmed:  # noqa: ARG002
        await self._made("trim", to)
        length = min(until_seconds, at_most_seconds)
        return Trimmed(began_at=until_seconds - length, length_seconds=length, is_copied=True)

    async def _made(self, call: str, to: Path) -> None:
        if call in self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        to.write_bytes(b"made")


@dataclass
class FakeRoute:
    """The next posts raise `errors`; `after_effect` errors are raised although the message was posted."""

    name: str = "the channel"
    limit_bytes: int = 10_000_000
    errors: list[Exception] = field(default_factory=list)
    after_effect: list[Exception] = field(default_factory=list)
    posted: list[tuple[str, list[ResultFile]]] = field(default_factory=list)
    told_failures: list[str] = field(default_factory=list)
    looked: int = 0
    searched_since: list[datetime] = field(default_factory=list)
    searched_in: list[int] = field(default_factory=list)
    search_errors: list[Exception] = field(default_factory=list)
    is_known_closed: bool = False

    async def upload_limit_bytes(self, job: Job) -> int:  # noqa: ARG002  # the protocol's
        return self.limit_bytes

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:
        self.looked += 1
        self.searched_since.append(since)
        self.searched_in.append(job.place.channel_id)
        if self.search_errors:
            raise self.search_errors.pop(0)
        told = [job_id for job_id, _ in self.posted] + self.told_failures
        return self._posted(job, 1 + told.index(job.id)) if job.id in told else None

    def _posted(self, job: Job, message_id: int) -> Posted:
        if self.name == "the private answer":
            return Posted(job.place.channel_id, message_id, is_answer=True)
        return Posted(job.place.channel_id, message_id, guild_id=job.place.guild_id)

    def check_open(self, job: Job) -> None:  # noqa: ARG002  # the protocol's
        if self.is_known_closed:
            raise RouteClosed("known")

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        if self.errors:
            raise self.errors.pop(0)
        self.posted.append((job.id, list(files)))
        if self.after_effect:
            raise self.after_effect.pop(0)
        return self._posted(job, len(self.posted))

    async def post_failure(self, job: Job) -> Posted:
        if self.errors:
            raise self.errors.pop(0)
        self.told_failures.append(job.id)
        return self._posted(job, len(self.told_failures))


@dataclass
class FakeMessenger:
    """`shown` is what the progress messages said; `unshowable` jobs raise their error each time."""

    ways: list[FakeRoute] = field(default_factory=lambda: [FakeRoute()])
    private_ways: list[FakeRoute] = field(default_factory=list)
    answers: list[list[Text]] = field(default_factory=list)
    added: list[list[Text]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    told_directly: list[list[Text]] = field(default_factory=list)
    fixable: list[Draft | None] = field(default_factory=list)
    shown: list[tuple[str, ProgressView]] = field(default_factory=list)
    progress_errors: list[Exception] = field(default_factory=list)
    unshowable: dict[str, Exception] = field(default_factory=dict)
    posting_errors: list[Exception] = field(default_factory=list)
    operator: list[list[Text]] = field(default_factory=list)
    edited: list[int | None] = field(default_factory=list)  # the message that each edit changes
    placeholders: dict[int, int] = field(default_factory=dict)  # by interaction: the existing progress messages
    begun: list[bool] = field(default_factory=list)  # whether each post was a repeat
    on_begin: Callable[[], object] = lambda: None
    withdrawn: list[int] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)  # jobs whose private answer is being written
    on_show: Callable[[], object] = lambda: None
    edits_arrive: asyncio.Event | None = None  # edits take until it is set
    can_answer: bool = True
    edits_wait_seconds: float = 0.0
    edits_under_way: list[str] = field(default_factory=list)
    expected_directs: list[int] = field(default_factory=list)
    vote_edits: list[tuple[int, dict[int, int]]] = field(default_factory=list)  # by message: the counts shown
    vote_errors: list[Exception] = field(default_factory=list)
    removed_results: list[int] = field(default_factory=list)
    channel_copies: dict[str, dict[str, str]] = field(default_factory=dict)  # by job: links to its tracks
    copies_error: Exception | None = None

    async def in_channel(self, job: Job) -> Mapping[str, str]:
        if self.copies_error is not None:
            raise self.copies_error
        return self.channel_copies.get(job.id, {})

    async def tell_operator(self, sentences: Sequence[Text]) -> None:
        self.operator.append(list(sentences))

    def routes(self, job: Job) -> Sequence[FakeRoute]:
        return self.private_ways if job.place.private and self.private_ways else self.ways

    async def answer(
        self,
        place: Place,  # noqa: ARG002  # the protocol's
        sentences: Sequence[Text],
        *,
        receipt: Receipt | None = None,
    ) -> bool:
        if self.can_answer:
            self.answers.append(list(sentences))
            self._keep(receipt)
        return self.can_answer

    async def add_to_answer(self, place: Place, sentences: Sequence[Text]) -> None:  # noqa: ARG002  # the protocol's
        self.added.append(list(sentences))

    def _keep(self, receipt: Receipt | None) -> None:
        if receipt is not None:
            self.receipts.append(receipt)

    answer_errors: list[Exception] = field(default_factory=list)  # raised where a clear answer is needed

    async def answer_if_acknowledged(self, place: Place, sentences: Sequence[Text]) -> bool:
        if self.answer_errors:
            raise self.answer_errors.pop(0)
        return await self.answer(place, sentences)

    async def tell(self, place: Place, sentences: Sequence[Text], *, draft: Draft | None = None) -> None:
        self.fixable.append(draft)
        if not await self.answer(place, sentences):
            self.told_directly.append(list(sentences))

    async def begin_progress(self, place: Place, source_name: str, *, is_repeat: bool) -> int:  # noqa: ARG002
        self.begun.append(is_repeat)
        if self.posting_errors:
            raise self.posting_errors.pop(0)
        self.on_begin()
        return self.placeholders.setdefault(place.interaction_id, 9000 + place.interaction_id)

    async def withdraw_progress(self, place: Place, source_name: str, message_id: int | None) -> None:  # noqa: ARG002
        if (removed := self.placeholders.pop(place.interaction_id, None)) is not None:
            self.withdrawn.append(removed)

    async def show_progress(self, job: Job, view: ProgressView, *, receipt: Receipt | None = None) -> None:
        if job.id in self.unshowable:
            raise self.unshowable[job.id]
        if self.progress_errors:
            raise self.progress_errors.pop(0)
        self.on_show()
        if self.edits_arrive is not None:
            self.edits_under_way.append(job.id)
            await self.edits_arrive.wait()
        self.shown.append((job.id, view))
        self._keep(receipt)
        self.edited.append(job.progress_message_id)

    async def show_votes(
        self,
        job: Job,  # noqa: ARG002  # the protocol's
        *,
        channel_id: int,  # noqa: ARG002  # as above
        message_id: int,
        votes: Mapping[int, int],
    ) -> None:
        if self.vote_errors:
            raise self.vote_errors.pop(0)
        self.vote_edits.append((message_id, dict(votes)))

    async def remove_result(self, *, channel_id: int, message_id: int) -> None:  # noqa: ARG002  # as above
        self.removed_results.append(message_id)

    def expect_direct(self, member_id: int) -> None:
        self.expected_directs.append(member_id)

    @asynccontextmanager
    async def alone(self, job_id: str) -> AsyncIterator[None]:
        if job_id in self.busy:
            raise RouteBusy(0.5)
        self.busy.add(job_id)
        try:
            yield
        finally:
            self.busy.discard(job_id)


@dataclass
class FakeLyricsMessages:
    """`shown` and `told` are the orders as they were then; the next ones raise `errors`."""

    shown: list[LyricsOrder] = field(default_factory=list)
    told: list[LyricsOrder] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    can_answer: bool = True

    async def show(self, place: Place, order: LyricsOrder) -> bool:  # noqa: ARG002  # the protocol's
        if self.errors:
            raise self.errors.pop(0)
        if self.can_answer:
            self.shown.append(order)
        return self.can_answer

    async def tell_directly(self, place: Place, order: LyricsOrder) -> None:  # noqa: ARG002  # as above
        self.told.append(order)
