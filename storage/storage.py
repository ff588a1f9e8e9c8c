"""The storage as the services see it: all aggregates on one database."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bot.domain.inbox_entry import Recorded
from storage import lock
from storage.batches import Batches, Take
from storage.callback_tokens import CallbackTokens
from storage.clicks import Clicks
from storage.complaints import Complaints
from storage.drafts import Drafts
from storage.engines import sqlite_ownership
from storage.engines.base import BUSY_SECONDS, Connection, Engine
from storage.engines.opening import open_server
from storage.engines.sqlite_file import open_sqlite
from storage.errors import StorageUnavailable
from storage.housekeeping import Housekeeping
from storage.inbox import Inbox
from storage.intakes import Intakes
from storage.jobs import Jobs
from storage.ledger import Ledger
from storage.library import Library
from storage.lyrics import LyricsOrders
from storage.memos import Memos
from storage.migrate import Before, Migration, migrate, refuse_half_moved
from storage.presets import Presets
from storage.progress import ProgressMessages
from storage.recording import CallbackToRecord
from storage.relays import Relays
from storage.sendings import Sendings
from storage.songs import Songs
from storage.spending import Spending
from storage.timed_lyrics import TimedLyricsKept
from storage.tracks import Tracks
from storage.votes import Votes
from storage.whole_songs import WholeSongs

if TYPE_CHECKING:
    from storage.gauges import Gauges
    from storage.shards import Shards

log = logging.getLogger(__name__)

T = TypeVar("T")

CALLBACK_SECONDS = 5.0
"""How long a callback may wait for its look-up and for being written; the provider waits 15 s for an answer."""


class SqlWork:
    """The aggregates, bound to one transaction or to plain reading."""

    def __init__(self, connection: Connection) -> None:
        self.jobs = Jobs(connection)
        self.tracks = Tracks(connection)
        self.songs = Songs(connection)
        self.library = Library(connection)
        self.presets = Presets(connection)
        self.ledger = Ledger(connection)
        self.intakes = Intakes(connection)
        self.inbox = Inbox(connection)
        self.memos = Memos(connection)
        self.progress = ProgressMessages(connection)
        self.spending = Spending(connection)
        self.sendings = Sendings(connection)
        self.votes = Votes(connection)
        self.clicks = Clicks(connection)
        self.complaints = Complaints(connection)
        self.drafts = Drafts(connection)
        self.relays = Relays(connection)
        self.whole_songs = WholeSongs(connection)
        self.lyrics = LyricsOrders(connection)
        self.timed_lyrics = TimedLyricsKept(connection)
        self.housekeeping = Housekeeping(connection)
        self._connection = connection

    @property
    def shards(self) -> "Shards":
        from storage.shards import Shards  # noqa: PLC0415  # few bots need them

        return Shards(self._connection)

    @property
    def gauges(self) -> "Gauges":
        from storage.gauges import Gauges  # noqa: PLC0415  # only the metrics need them

        return Gauges(self._connection)


class SqlStorage:
    """Made by `open_storage`. Times are kept to the millisecond."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tokens = CallbackTokens(
            partial(self._known_among, _of_jobs), seconds=CALLBACK_SECONDS, name="look up callback tokens"
        )
        self._lyrics_tokens = CallbackTokens(
            partial(self._known_among, _of_lyrics), seconds=CALLBACK_SECONDS, name="look up callback tokens of lyrics"
        )
        self._callbacks = Batches(self._record, seconds=CALLBACK_SECONDS, name="record callbacks")
        self.reading = SqlWork(engine.reading)
        self.statements = engine.reading  # each a transaction of its own
        self.clock = engine.clock
        self.is_shared = engine.is_shared

    def watch(self, watched: Callable[[Engine], Engine]) -> None:
        """Use what `watched` makes of the engine from now on."""
        self._engine = watched(self._engine)
        self.reading = SqlWork(self._engine.reading)

    async def close(self) -> None:
        """Return once every waiting callback is written down."""
        await self._tokens.close()
        await self._lyrics_tokens.close()
        await self._callbacks.close()

    async def write(self, piece: Callable[[SqlWork], Coroutine[Any, Any, T]]) -> T:
        """Run `piece` as one transaction (see `Engine.write`).

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        return await self._engine.write(lambda connection: piece(SqlWork(connection)))

    async def read(self, piece: Callable[[SqlWork], Coroutine[Any, Any, T]]) -> T:
        """Run a piece that only reads (see `Engine.read`).

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        return await self._engine.read(lambda connection: piece(SqlWork(connection)))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlWork]:
        """See `Engine.transaction`.

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        async with self._engine.transaction() as connection:
            yield SqlWork(connection)

    async def is_callback_token(self, token: str) -> bool:
        """Whether a job has this callback token; questions from many tasks are asked together.

        Raises:
            StorageUnavailable: it cannot be looked up now.
        """
        return await self._tokens.is_known(token)

    async def is_lyrics_token(self, token: str) -> bool:
        """The same for orders of lyrics."""
        return await self._lyrics_tokens.is_known(token)

    async def record_callback(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        """Write a callback down durably, once per body and job; calls from many tasks are written together.

        Raises:
            StorageUnavailable: it was not written.
        """
        if not token.isascii():
            return Recorded.UNKNOWN
        return await self._callbacks.add(CallbackToRecord(token=token, body=body, at=at))

    async def _known_among(
        self, find: Callable[[SqlWork, Sequence[str]], Coroutine[Any, Any, set[str]]], take: Take[str]
    ) -> list[bool]:
        async def look_up(work: SqlWork) -> list[bool]:
            tokens = take()
            known = await find(work, tokens)
            return [token in known for token in tokens]

        return await self.read(look_up)

    async def _record(self, take: Take[CallbackToRecord]) -> list[Recorded]:
        return await self.write(lambda work: work.inbox.record(take()))

    @property
    def is_writable(self) -> bool:
        """Whether writing works, judging by the bot's latest writes; it writes every 20 s, even when idle."""
        return self._engine.is_writable

    async def check_writable(self) -> None:
        """Make a small write that reaches the disk.

        Raises:
            StorageUnavailable: it did not succeed.
        """
        now = (self.clock or _utc_now)()
        await self.write(lambda work: work.memos.put("started_at", now.isoformat()))


async def _of_jobs(work: SqlWork, tokens: Sequence[str]) -> set[str]:
    return await work.inbox.known_tokens(tokens)


async def _of_lyrics(work: SqlWork, tokens: Sequence[str]) -> set[str]:
    return await work.lyrics.known_tokens(tokens)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def open_storage(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> AsyncIterator[SqlStorage]:
    """The storage in the SQLite file `path`, made if missing and migrated to this program's schema.

    Raises:
        StorageUnavailable: the file cannot be opened or written, or is somebody else's.
        DatabaseTooNew: a later program has changed it.
        BackupError: it needs a migration, and cannot be copied first.
    """
    is_new = await asyncio.to_thread(sqlite_ownership.is_new, path)
    log.info("database: %s%s", os.path.abspath(path), " (new)" if is_new else "")  # noqa: ASYNC240, PTH100  # quick
    with lock.shared(path):
        await _waited_for_copy(path)
        async with (
            open_sqlite(path, busy_seconds=busy_seconds) as engine,
            _opened(engine, before=partial(_copy_first, path), waited=partial(_waited_for_copy, path)) as storage,
        ):
            yield storage


@asynccontextmanager
async def open_shared_storage(
    url: str, *, connections: int, busy_seconds: float = BUSY_SECONDS
) -> AsyncIterator[SqlStorage]:
    """The storage in the PostgreSQL database at `url`, migrated to this program's schema.

    Raises:
        StorageUnavailable: it cannot be used or is somebody else's, as the text says, or asyncpg is missing.
        DatabaseTooNew: a later program has changed it.
        UpgradeNeeded: it needs a migration that older programs could not run on.
    """
    from storage.engines.postgres_ownership import (  # noqa: PLC0415  # a file's bot does without
        check_new_or_ours,
        table_names,
    )
    from storage.restored import notice_restore  # noqa: PLC0415  # as above

    async with open_server(url, connections=connections, busy_seconds=busy_seconds) as engine:
        tables = await table_names(engine.reading)
        check_new_or_ours(tables)
        if tables:
            await refuse_half_moved(engine.reading)
        async with _opened(engine, before=_refuse_breaking) as storage:
            await notice_restore(engine)
            yield storage


async def _waited_for_copy(path: Path) -> bool:
    """Wait while another process copies the database for an upgrade, which takes longer than a start waits for a lock.

    False if there was nothing to wait for.
    """
    try:
        names = os.listdir(path.parent)  # noqa: PTH208  # quick
    except OSError:
        return False  # a folder that can't be listed may still hold a database that can be opened
    if not any(name.startswith(".") and ".before-" in name for name in names):
        return False
    from storage.upgrade import wait_for_copy  # noqa: PLC0415  # only with a new release

    return await wait_for_copy(path)


async def _copy_first(path: Path, pending: Sequence[Migration]) -> None:
    from storage.upgrade import keep_copy  # noqa: PLC0415  # only with a new release

    await keep_copy(path, pending)


async def _refuse_breaking(pending: Sequence[Migration]) -> None:
    from storage.upgrade import refuse_breaking  # noqa: PLC0415  # as above

    refuse_breaking(pending)


@asynccontextmanager
async def _opened(
    engine: Engine, *, before: Before, waited: Callable[[], Awaitable[bool]] | None = None
) -> AsyncIterator[SqlStorage]:
    """`waited`: after a failure, whether it was worth waiting, so that another try may succeed."""
    while True:
        try:
            await migrate(engine, clock=engine.clock or _utc_now, before=before, may_be_newer=True)
            break
        except StorageUnavailable:
            if waited is None or not await waited():
                raise
    storage = SqlStorage(engine)
    try:
        yield storage
    finally:
        await storage.close()
