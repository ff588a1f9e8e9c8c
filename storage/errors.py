"""What can be wrong with the database as a whole, split by what the caller does next."""

from bot.domain.text import text
from bot.errors import Outage


class StorageUnavailable(Outage):
    """Nothing can be read or written just now (locked, disk full, no permission); try again later.

    Nothing of the transaction was kept. `str(error)` is one line with the cause and, where it is known, the remedy.
    """

    def __init__(self, cause: str, *, remedy: str = "") -> None:
        super().__init__(
            "; ".join(filter(None, [f"database unavailable: {' '.join(cause.split())}", remedy])),
            text("I can't save anything right now. Please try again in a few minutes."),
        )
        self.cause = " ".join(cause.split())
        self.remedy = remedy


class Conflict(Exception):
    """A row breaks a constraint, such as being there already."""


class WrongValue(Exception):
    """A value does not fit into its column."""


class BackupError(Exception):
    """The copy cannot be made or used; the text says why and what to do."""


class DatabaseTooNew(Exception):
    """The file was written by a later version of the program: run that one, or restore an older file."""

    def __init__(self, *, found: int, known: int) -> None:
        super().__init__(
            f"the database has migration {found:04}, this program knows up to {known:04}:"
            " start the newer program, or restore a backup made before its first start"
        )
        self.found = found
        self.known = known
