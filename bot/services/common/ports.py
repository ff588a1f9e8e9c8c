"""What the services need from the parts around them. The parts do not know these; mypy checks that they fit."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bot.domain.inbox_entry import Recorded
from bot.domain.reports import TaskReport
from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioFormat, AudioProperties
from bot.services.common.aggregates import (
    Drafts,
    Housekeeping,
    Inbox,
    Intakes,
    Jobs,
    Ledger,
    Memos,
    ProgressMessages,
    Sendings,
    Songs,
    Spending,
    Tracks,
)
from bot.services.common.library_aggregates import Library, Presets
from bot.services.common.lyrics_ports import LyricsOrders, TimedLyricsKept
from bot.services.common.relay_aggregates import Relays
from bot.services.common.result_aggregates import Clicks, Complaints, Votes, WholeSongOrders

T = TypeVar("T")


class Provider(Protocol):
    """The music service. Each method raises `ProviderError`s, which say whether paid work may have begun."""

    async def upload(self, path: Path, *, name: str, audio_format: AudioFormat) -> str:
        """Hand over the file, byte for byte; the URL that `extend` takes. Free, may be repeated with another name."""

    async def extend(
        self, request: ExtensionRequest, *, source_url: str, sent_continue_at: float, callback_url: str
    ) -> str:
        """Start paid work; returns the task's id. Sent once, whatever happens."""

    async def report(self, task_id: str) -> TaskReport:
        """The state of a task."""

    async def credits(self) -> float:
        """The credits left in the account."""


class AudioTools(Protocol):
    async def probe(self, path: Path) -> AudioProperties:
        """What the file is, found by decoding it to its end. Raises subclasses of `BadSource`."""

    async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
        """Write an mp3 within `limit_bytes` to `to`; False if no acceptable quality is small enough."""


class Fetcher(Protocol):
    async def fetch(self, url: str, to: Path, *, limit_bytes: int) -> int:
        """Stream `url` into the file `to`; returns the number of bytes.

        Raises `SourceUnreachable` and `SourceTooLarge`; a partial file is removed.
        """


class Work(Protocol):
    """The aggregates, bound to one transaction or to plain reading."""

    @property
    def jobs(self) -> Jobs: ...
    @property
    def tracks(self) -> Tracks: ...
    @property
    def songs(self) -> Songs: ...
    @property
    def library(self) -> Library: ...
    @property
    def presets(self) -> Presets: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def intakes(self) -> Intakes: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def memos(self) -> Memos: ...
    @property
    def progress(self) -> ProgressMessages: ...
    @property
    def spending(self) -> Spending: ...
    @property
    def sendings(self) -> Sendings: ...
    @property
    def votes(self) -> Votes: ...
    @property
    def clicks(self) -> Clicks: ...
    @property
    def complaints(self) -> Complaints: ...
    @property
    def drafts(self) -> Drafts: ...
    @property
    def relays(self) -> Relays: ...
    @property
    def whole_songs(self) -> WholeSongOrders: ...
    @property
    def lyrics(self) -> LyricsOrders: ...
    @property
    def timed_lyrics(self) -> TimedLyricsKept: ...
    @property
    def housekeeping(self) -> Housekeeping: ...


class Storage(Protocol):
    is_shared: bool
    """Whether several processes may work on it for long. Otherwise, two only meet while one takes over from the other.
    """

    @property
    def reading(self) -> Work:
        """For single queries; sees committed data."""

    async def write(self, piece: Callable[[Work], Coroutine[Any, Any, T]]) -> T:
        """Run `piece` as one transaction: all or nothing, durable once this returns.

        It may await nothing but its work, and may run in another thread: what needs the event loop comes afterwards.
        Transactions of many tasks share a commit. If the caller is cancelled, it may have been kept.
        """

    async def read(self, piece: Callable[[Work], Coroutine[Any, Any, T]]) -> T:
        """Run several queries at once, in the same way; each sees committed data."""

    async def is_callback_token(self, token: str) -> bool:
        """Whether a job has this callback token. Questions from many tasks are asked together."""

    async def is_lyrics_token(self, token: str) -> bool:
        """The same for orders of lyrics."""

    async def record_callback(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        """Write a callback down durably, once per body and job. Calls from many tasks are written together."""
