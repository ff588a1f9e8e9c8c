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
    """The database was changed by a later release, on whose database this one can't run or can't do what is asked."""

    def __init__(self, *, found: int, needed: int, known: int) -> None:
        """Numbers of migrations: the newest in the database, the oldest that a release must know, and our newest."""
        super().__init__(
            f"the database was changed by a newer release: it has migration {found:04} and needs a release that knows"
            f" {needed:04}, but this one knows up to {known:04}. Start the newer release, or restore a backup from"
            " before it (docs/upgrading.md)"
        )
        self.found = found
        self.known = known


class UpgradeNeeded(Exception):
    """A shared database is to be changed so that older releases can't run on it; the text says what to do."""
