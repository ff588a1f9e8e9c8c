"""Which of PostgreSQL's errors an operator can do something about, and what."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from storage.errors import Conflict, StorageUnavailable, WrongValue

_NOT_THERE = "check that the server of DATABASE_URL runs and can be reached"
_RIGHTS = "check the user and password in DATABASE_URL, and the rights of that user"
_CONNECTIONS = "lower DATABASE_CONNECTIONS, or raise the server's max_connections"

_CONSTRAINT = "23"
_VALUE = "22"
_OUTAGES = {
    "08": _NOT_THERE,
    "25006": "DATABASE_URL leads to a standby, which can't be written: name the primary",
    "25P03": "this process hung in a transaction; trying again",
    "28": _RIGHTS,
    "3D": "create the database that DATABASE_URL names; docs/operating.md has the command",
    "40": "another transaction was in the way; trying again",
    "42501": _RIGHTS,
    "53100": "make room on the server's disk",
    "53300": _CONNECTIONS,
    "53": "the server needs more memory or disk",
    "55P03": "other processes are writing for too long: check what holds the lock",
    "57": "the server is starting or stopping, or was told to end this; trying again",
    "58": "check the server's disk and log",
    "XX": "check the server's log",
}
"""By SQLSTATE or its class (appendix A of PostgreSQL's manual): what an operator can do about it."""


@contextmanager
def outages_typed() -> Iterator[None]:
    """Raise asyncpg's errors as the storage's own where somebody can do something about them, all others as they are.

    Only for code that calls nothing but asyncpg: it takes a time-out for the database's.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        typed = _server_error(error) if isinstance(error, asyncpg.PostgresError) else _client_error(error)
        if typed is None:
            raise
        raise typed from error


def _server_error(error: Any) -> Exception | None:  # noqa: ANN401  # asyncpg has no types
    state = str(error.sqlstate)
    message = str(error).partition("\n")[0]  # without the DETAIL, which may quote a row
    if state.startswith(_CONSTRAINT):
        return Conflict(message)
    if state.startswith(_VALUE):
        return WrongValue(message)
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return StorageUnavailable("another process changed the tables", remedy="trying again")
    remedy = _OUTAGES.get(state, _OUTAGES.get(state[:2]))
    return None if remedy is None else StorageUnavailable(message, remedy=remedy)


def _client_error(error: Exception) -> Exception | None:
    if isinstance(error, TimeoutError):
        return StorageUnavailable("PostgreSQL did not answer in time", remedy=_NOT_THERE)
    if isinstance(error, OSError):
        return StorageUnavailable(error.strerror or str(error), remedy=_NOT_THERE)
    if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
        return StorageUnavailable(f"DATABASE_URL: {error}", remedy="see .env.example")
    # The pool closes a lost connection and takes it back from its holder.
    if isinstance(error, asyncpg.InternalClientError) or any(word in str(error) for word in ("clos", "released")):
        return StorageUnavailable("the connection was lost", remedy=_NOT_THERE)
    return None  # the program's own mistake
