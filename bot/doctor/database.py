"""The database: whether it can be written, and whether its tables are those of this release. Nothing is migrated."""

from collections.abc import Sequence

from bot import __version__
from bot.doctor.finding import Found, failed, ok, warning
from bot.settings import Settings
from storage.errors import StorageUnavailable
from storage.look import Seen, look_at_file, look_at_server
from storage.migrate import Migration, breaking, known_migrations

TRIED = "opening the database of DATABASE_URL, and a write that is rolled back"
TRIED_VERSION = "comparing the database's migrations with this release's"


async def look_at_database(settings: Settings) -> tuple[Found, Seen | None]:
    """The finding, and what was seen if it could be opened."""
    try:
        if settings.postgres_url:
            seen = await look_at_server(settings.postgres_url)
        else:
            seen = await look_at_file(settings.database_path)
    except StorageUnavailable as error:
        return failed(TRIED, error.cause, error.remedy or "check DATABASE_URL"), None
    return judge_database(seen), seen


def judge_database(seen: Seen) -> Found:
    if seen.is_new:
        return ok(TRIED, f"{seen.place} is empty or not there yet; the first start makes the tables")
    if seen.is_open_to_others:
        return warning(
            TRIED,
            f"other users of this machine can read or write {seen.place}, which holds tokens",
            f"chmod 600 {seen.place}",
        )
    return ok(TRIED, f"{seen.place} can be written; it takes {seen.size_bytes / 1e6:.1f} MB")


def check_version(seen: Seen, known: Sequence[Migration] | None = None) -> Found:
    """Encore's version against the database's."""
    migrations = known_migrations() if known is None else known
    newest = migrations[-1].number
    if seen.is_new:
        return ok(TRIED_VERSION, f"Encore {__version__} makes the tables at its first start, up to {newest:04}")
    if seen.is_half_moved:
        return failed(
            TRIED_VERSION,
            "encore move-database has not finished with this database",
            "wait for it, or run it again if it was interrupted",
        )
    if seen.newest > newest >= seen.compatible_from:
        return ok(
            TRIED_VERSION,
            f"a newer Encore has changed the database (migration {seen.newest:04}); this one can still run on it",
        )
    if seen.newest > newest:
        return failed(
            TRIED_VERSION,
            f"the database is too new: it has migration {seen.newest:04}, Encore {__version__} knows up to {newest:04}",
            "start the newer Encore, or restore a backup that was made before its first start",
        )
    missing = [migration for migration in migrations if migration.number > seen.newest]
    if missing:
        return _missing(missing, seen)
    return ok(TRIED_VERSION, f"Encore {__version__} and the database fit: migration {seen.newest:04}")


def _missing(migrations: Sequence[Migration], seen: Seen) -> Found:
    found = f"migrations are missing: {', '.join(migration.name for migration in migrations)}"
    if seen.clock is None:
        return warning(TRIED_VERSION, found, "start the bot: it copies the database, then applies them")
    if breaking(migrations):
        return failed(
            TRIED_VERSION, found, "stop every process of the bot, make a dump, and run encore upgrade-database"
        )
    return warning(TRIED_VERSION, found, "make a dump, then start the bot: it applies them")
