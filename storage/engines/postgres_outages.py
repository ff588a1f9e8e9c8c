"""Which of PostgreSQL's errors an operator can do something about, and what."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from storage.errors import Conflict, StorageUnavailable, WrongValue

_NOT_THERE = "check that the server of DATABASE_URL runs and can be reached"
_RIGHTS = "check the user and password in DATABASE_URL, and the rights of that user"
_NOT_LISTED = "check the user in DATABASE_URL, or allow it in the server's pg_hba.conf"
_OWNER = "make that user the database's owner: ALTER DATABASE … OWNER TO …, with the names in DATABASE_URL"
CONNECTIONS = "lower DATABASE_CONNECTIONS, or raise the server's max_connections or the role's CONNECTION LIMIT"
_OPTIONS = "correct what follows ? in DATABASE_URL; docs/operating.md has examples"
_TLS = "check sslmode and sslrootcert in DATABASE_URL; docs/operating.md has examples"

_CONSTRAINT = "23"
_VALUE = "22"
_OUTAGES = {
    "08": _NOT_THERE,
    "25006": "DATABASE_URL leads to a standby, which can't be written: name the primary",
    "25P03": "this process hung in a transaction; trying again",
    "28": _RIGHTS,
    "3D": "create the database that DATABASE_URL names; docs/operating.md has the command",
    "40": "another transaction was in the way; trying again",
    "3F": _OWNER,
    "42501": _OWNER,
    "53100": "make room on the server's disk",
    "53300": CONNECTIONS,
    "53": "the server needs more memory or disk",
    "55P03": "other processes are writing for too long: check what holds the lock",
    "57": "the server is starting or stopping, or was told to end this; trying again",
    "58": "check the server's disk and log",
    "XX": "check the server's log",
}
"""By SQLSTATE or its class (appendix A of PostgreSQL's manual): what an operator can do about it."""
_WHILE_CONNECTING = {
    "22": _OPTIONS,
    "42704": _OPTIONS,
    "55000": "let the server accept connections to that database: ALTER DATABASE … ALLOW_CONNECTIONS true",
}
"""The same, where a statement of ours could not have caused it."""


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


@contextmanager
def connecting_to(url: str) -> Iterator[None]:
    """The same where a connection may be opened: whatever is wrong then is the server's or the address's."""
    try:
        with outages_typed():
            try:
                yield
            except asyncpg.PostgresError as error:
                state = str(error.sqlstate)
                remedy = _WHILE_CONNECTING.get(state, _WHILE_CONNECTING.get(state[:2]))
                if remedy is None:
                    raise
                raise StorageUnavailable(_message(error), remedy=remedy) from error
            except OSError as error:
                raise _unreachable(error, server_in(url)) from error
    except ValueError as error:  # its text may repeat a part of the address
        raise StorageUnavailable(
            "DATABASE_URL has a part that cannot be read",
            remedy="correct its host and what follows ?; docs/operating.md has examples",
        ) from error


def server_in(url: str) -> str:
    """The hosts or the folder of the socket that an address names, without user and password; empty if it names none.

    asyncpg takes the first @ for the end of the password; `bot.settings` refuses a second one.
    """
    parts = urlsplit(url)
    return unquote(parts.netloc.rpartition("@")[2]) or parse_qs(parts.query).get("host", [""])[-1]


def _unreachable(error: OSError, server: str) -> StorageUnavailable:
    if isinstance(error, TimeoutError):
        where = f" at {server}" if server else ""
        return StorageUnavailable(f"PostgreSQL{where} did not answer in time", remedy=_NOT_THERE)
    cause = ": ".join(filter(None, [server, error.strerror or str(error)]))
    if "rejected SSL upgrade" in str(error):
        return StorageUnavailable(
            cause, remedy="let the server offer TLS (ssl = on), or choose another sslmode in DATABASE_URL"
        )
    is_about_files = isinstance(error, FileNotFoundError) and server and not server.startswith("/")
    is_about_tls = isinstance(error, ssl.SSLError) or is_about_files  # only certificates are files of this machine
    return StorageUnavailable(cause, remedy=_TLS if is_about_tls else _NOT_THERE)


def _server_error(error: Any) -> Exception | None:  # noqa: ANN401  # asyncpg has no types
    state = str(error.sqlstate)
    message = _message(error)
    if state.startswith(_CONSTRAINT):
        return Conflict(message)
    if state.startswith(_VALUE):
        return WrongValue(message)
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return StorageUnavailable("another process changed the tables", remedy="trying again")
    remedy = _OUTAGES.get(state, _OUTAGES.get(state[:2]))
    if state.startswith("28") and "pg_hba.conf" in message:
        remedy = _NOT_LISTED
    return None if remedy is None else StorageUnavailable(message, remedy=remedy)


def _message(error: Exception) -> str:
    """Without the DETAIL, which may quote a row."""
    return str(error).partition("\n")[0]


def _client_error(error: Exception) -> Exception | None:
    if isinstance(error, TimeoutError):
        return StorageUnavailable("PostgreSQL did not answer in time", remedy=_NOT_THERE)
    if isinstance(error, OSError):
        return StorageUnavailable(error.strerror or str(error), remedy=_NOT_THERE)
    if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
        return StorageUnavailable(f"DATABASE_URL: {error}", remedy="docs/operating.md has examples")
    # The pool closes a lost connection and takes it back from its holder.
    if isinstance(error, asyncpg.InternalClientError) or any(word in str(error) for word in ("clos", "released")):
        return StorageUnavailable("the connection was lost", remedy=_NOT_THERE)
    return None  # the program's own mistake
