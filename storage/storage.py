"""The store as the services see it: all aggregates on one database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.callbacks import Recorded
from storage import lock
from storage.connection import Connection
from storage.database import BUSY_SECONDS, Database, open_database
from storage.facts import Facts
from storage.housekeeping import Housekeeping
from storage.inbox import CallbackToRecord, Inbox
from storage.intakes import Intakes
from storage.jobs import Jobs
from storage.ledger import Ledger
from storage.migrate import migrate
from storage.progress import ProgressMessages
from storage.recorder import CallbackRecorder
from storage.spending import Spending


class SqliteWork:
    """The aggregates, bound to one transaction or to plain reading."""

    def __init__(self, connection: Connection) -> None:
        self.jobs = Jobs(connection)
        self.ledger = Ledger(connection)
        self.intakes = Intakes(connection)
        self.inbox = Inbox(connection)
        self.facts = Facts(connection)
        self.progress = ProgressMessages(connection)
        self.spending = Spending(connection)
        self.housekeeping = Housekeeping(connection)


class SqliteStorage:
    """Made by `open_storage`. Times are kept to the millisecond."""

    def __init__(self, database: Database, recorder: CallbackRecorder) -> None:
        self._database = database
        self._recorder = recorder
        self.reading = SqliteWork(database.reading)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteWork]:
        """All or nothing; durable once it is left without an error (see `Database.transaction`).

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        async with self._database.transaction() as connection:
            yield SqliteWork(connection)

    async def record_callback(self, *, token: str, digest: bytes, body: bytes, at: datetime) -> Recorded:
        """Write a callback down, durably, once per `digest` and job; calls of many tasks are written together.

        Raises:
            StorageUnavailable: it was not written.
        """
        return await self._recorder.record(CallbackToRecord(token=token, digest=digest, body=body, at=at))

    async def check_writable(self) -> None:
        """A small write, to the disk.

        Raises:
            StorageUnavailable: it did not succeed.
        """
        async with self.transaction() as work:
            await work.facts.put("checked_writable_at", datetime.now(UTC).isoformat())


@asynccontextmanager
async def open_storage(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> AsyncIterator[SqliteStorage]:
    """The store in the file `path`, made where it is missing and brought to this program's shape.

    Raises:
        StorageUnavailable: the file cannot be opened or written.
        DatabaseTooNew: a later program has changed it.
    """
    with lock.shared(path):
        async with open_database(path, busy_seconds=busy_seconds) as database:
            await migrate(database)
            recorder = CallbackRecorder(database)
            try:
                yield SqliteStorage(database, recorder)
            finally:
                await recorder.close()
