"""What the services need from the parts around them. The parts know nothing of these; mypy checks that they fit."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain.inbox_entry import Recorded
from bot.domain.reports import TaskReport
from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioFormat, AudioProperties
from bot.services.common.aggregates import (
    Housekeeping,
    Inbox,
    Intakes,
    Jobs,
    Ledger,
    Memos,
    ProgressMessages,
    Spending,
)


class Provider(Protocol):
    """The music service. Each method raises `ProviderError`s, which say whether paid work may have begun."""

    async def upload(self, path: Path, *, name: str, audio_format: AudioFormat) -> str:
        """Hand over the file, byte for byte; the URL that `extend` takes. Free, may be repeated with another name."""

    async def extend(
        self, request: ExtensionRequest, *, source_url: str, sent_continue_at: float, callback_url: str
    ) -> str:
        """Start paid work; the task's id. Sent once, whatever happens."""

    async def report(self, task_id: str) -> TaskReport:
        """How a task stands."""

    async def credits(self) -> float:
        """How many credits the account has left."""


class AudioTools(Protocol):
    async def probe(self, path: Path) -> AudioProperties:
        """What the file is, decoded to its end. Raises `BadSource`'s subclasses."""

    async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
        """Write an mp3 of at most `limit_bytes` to `to`; False where no acceptable quality is that small."""


class Fetcher(Protocol):
    async def fetch(self, url: str, to: Path, *, limit_bytes: int) -> int:
        """Stream `url` into the file `to`; the number of bytes.

        Raises `SourceUnreachable` and `SourceTooLarge`; what was written by then is removed.
        """


class Work(Protocol):
    """The aggregates, bound to one transaction or to plain reading."""

    @property
    def jobs(self) -> Jobs: ...
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
    def housekeeping(self) -> Housekeeping: ...


class Storage(Protocol):
    @property
    def reading(self) -> Work:
        """For queries alone; sees what is committed."""

    def transaction(self) -> AbstractAsyncContextManager[Work]:
        """All or nothing; returns from `__aexit__` once it is durable. Transactions of many tasks share a commit."""

    async def is_callback_token(self, token: str) -> bool:
        """Whether a job has this callback token."""

    async def record_callback(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        """Write a callback down, durably, once per body and job. Calls of many tasks are written together."""
