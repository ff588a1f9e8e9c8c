"""The storage as the services see it: all aggregates on one database."""

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.inbox_entry import Recorded
from storage import lock, ownership
from storage.batches import Batches
from storage.connection import Connection
from storage.database import BUSY_SECONDS, Database, open_database
from storage.housekeeping import Housekeeping
from storage.inbox import CallbackToRecord, Inbox, known_tokens, record_callbacks
from storage.intakes import Intakes
from storage.jobs import Jobs
from storage.ledger import Ledger
from storage.memos import Memos
from storage.migrate import migrate
from storage.progress import ProgressMessages
from storage.spending import Spending

log = logging.getLogger(__name__)

CALLBACK_SECONDS = 5.0
"""How long a callback may wait for its look-up and for being written; the provider waits 15 s for an answer."""
TOKENS_REMEMBERED = 4096
"""A job has three or more callbacks, and only the first needs a query. About a megabyte."""


class SqliteWork:
    """The aggregates, bound to one transaction or to plain reading."""

    def __init__(self, connection: Connection) -> None:
        self.jobs = Jobs(connection)
        self.ledger = Ledger(connection)
        self.intakes = Intakes(connection)
        self.inbox = Inbox(connection)
        self.memos = Memos(connection)
        self.progress = ProgressMessages(connection)
        self.spending = Spending(connection)
        self.housekeeping = Housekeeping(connection)


class SqliteStorage:
    """Made by `open_storage`. Times are kept to the millisecond."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tokens = Batches(self._known_among, seconds=CALLBACK_SECONDS, name="look up callback tokens")
        self._known_tokens: OrderedDict[str, None] = OrderedDict()
        self._callbacks = Batches(self._record, seconds=CALLBACK_SECONDS, name="record callbacks")
        self.reading = SqliteWork(database.reading)

    async def close(self) -> None:
        """Return once every waiting callback is written down."""
        await self._tokens.close()
        await self._callbacks.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteWork]:
        """All or nothing; durable once it is left without an error (see `Database.transaction`).

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        async with self._database.transaction() as connection:
            yield SqliteWork(connection)

    async def is_callback_token(self, token: str) -> bool:
        """Whether a job has this callback token; questions from many tasks are asked together.

        Raises:
            StorageUnavailable: it cannot be looked up now.
        """
        if token in self._known_tokens:
            return True
        if not (token.isascii() and await self._tokens.add(token)):
            return False
        self._known_tokens[token] = None
        if len(self._known_tokens) > TOKENS_REMEMBERED:
            self._known_tokens.popitem(last=False)
        return True

    async def record_callback(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        """Write a callback down durably, once per body and job; calls from many tasks are written together.

        Raises:
            StorageUnavailable: it was not written.
        """
        if not token.isascii():
            return Recorded.UNKNOWN
        return await self._callbacks.add(CallbackToRecord(token=token, body=body, at=at))

    async def _known_among(self, tokens: Sequence[str]) -> list[bool]:
        known = await self._database.read_at_once(lambda direct: known_tokens(direct, tokens))
        return [token in known for token in tokens]

    async def _record(self, callbacks: Sequence[CallbackToRecord]) -> list[Recorded]:
        return await self._database.write_at_once(lambda direct: record_callbacks(direct, callbacks))

    @property
    def is_writable(self) -> bool:
        """Whether writing works, judging by the bot's latest writes; it writes every 20 s, even when idle."""
        return self._database.is_writable

    async def check_writable(self) -> None:
        """Make a small write that reaches the disk.

        Raises:
            StorageUnavailable: it did not succeed.
        """
        async with self.transaction() as work:
            await work.memos.put("started_at", datetime.now(UTC).isoformat())


@asynccontextmanager
async def open_storage(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> AsyncIterator[SqliteStorage]:
    """The storage in the file `path`, made if missing and migrated to this program's schema.

    Raises:
        StorageUnavailable: the file cannot be opened or written, or is somebody else's.
        DatabaseTooNew: a later program has changed it.
    """
    is_new = await asyncio.to_thread(ownership.is_new, path)
    log.info("database: %s%s", os.path.abspath(path), " (new)" if is_new else "")  # noqa: ASYNC240, PTH100  # quick
    with lock.shared(path):
        async with open_database(path, busy_seconds=busy_seconds) as database:
            await migrate(database)
            storage = SqliteStorage(database)
            try:
                yield storage
            finally:
                await storage.close()
