"""What a failed fetch means to the member, and what the log may say about it."""

import aiohttp
from yarl import URL

from bot.domain.text import Text, text
from bot.errors import SourceGone, SourceUnreachable
from bot.fetch.connections import AddressNotPublic
from bot.fetch.lookups import LookupsBusy, LookupTooSlow
from bot.fetch.time_limit import NO_ANSWER
from bot.fetch.wire import TooMuchAround

UNREADABLE = text("I can't read this link.")
# Also used for a name that does not exist; otherwise the answers would reveal which names exist in our network.
NOT_PUBLIC = text("I can't find a public server behind this link. Is it spelled right?")
NOT_HTTPS = text("I can only open links that start with https://.")
BUSY = text("I'm looking up too many links right now. Please try again in a minute.")
NOT_FOUND_IN_TIME = text("I couldn't find the server behind this link in time.")
TOO_MUCH_AROUND = text("The server behind this link sent far more than the file, so I stopped.")
BROKEN_OFF = text("The connection broke off before the file was complete.")

NOT_SHARED_STATUSES = frozenset({401, 403})
GONE_STATUSES = frozenset({404, 410})


def refused(url: URL, reason: str, sentence: Text) -> SourceUnreachable:
    # Path and query can be secret (a signed link); the host is not.
    return SourceUnreachable(f"fetch from {url.raw_host}: {reason}", sentence)


def answered_with_error(url: URL, status: int) -> SourceUnreachable:
    sentence = text(
        "The server behind this link answered with error {status}. Does the link still work?", status=str(status)
    )
    if status in NOT_SHARED_STATUSES:
        sentence = text(
            "This link isn't public: its server answered with error {status}. Share it with everyone, or send the file"
            " itself.",
            status=str(status),
        )
    if status in GONE_STATUSES:
        return SourceGone(f"fetch from {url.raw_host}: HTTP {status}", sentence)
    return refused(url, f"HTTP {status}", sentence)


def failed(url: URL, error: aiohttp.ClientError | None, wire_failure: OSError | None) -> SourceUnreachable:
    """A failed request. `wire_failure`, which ended the reading, explains more than aiohttp's `error`."""
    cause: Exception | None = wire_failure or error
    if isinstance(wire_failure, TooMuchAround):
        sentence = TOO_MUCH_AROUND
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        cause = error.os_error
        sentence = _not_found(cause)
    elif isinstance(error, aiohttp.ClientSSLError):
        sentence = text("I couldn't make a secure connection to the server behind this link.")
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        is_hidden = isinstance(cause, AddressNotPublic)
        sentence = (
            NOT_PUBLIC
            if is_hidden
            else text("I can't reach the server behind this link. You can send the file itself.")
        )
    elif isinstance(error, aiohttp.InvalidURL):
        # Raised by aiohttp for IPv4 spellings such as 127.1 or 2130706433.
        sentence = NOT_PUBLIC
    elif isinstance(error, TimeoutError):
        sentence = NO_ANSWER
    else:
        sentence = BROKEN_OFF
    return refused(url, type(cause).__name__, sentence)


def _not_found(cause: OSError) -> Text:
    if isinstance(cause, LookupsBusy):
        return BUSY
    return NOT_FOUND_IN_TIME if isinstance(cause, LookupTooSlow) else NOT_PUBLIC
