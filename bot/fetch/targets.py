"""Which links may be fetched, decided before any look-up."""

import re

from yarl import URL

from bot.domain.text import text
from bot.errors import SourceUnreachable
from bot.fetch.addresses import PrivateHosts
from bot.fetch.refusals import NOT_HTTPS, UNREADABLE, refused

LINK_MAX_CHARS = 8190
"""The longest header line that aiohttp reads, and so the longest address a redirect can name."""
AUTHORITY_MAX_CHARS = 512
"""A host has 253 characters at most. IDNA takes half a second over 8,000."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Where HTTPS services are found. Lower ports belong to other protocols.
HTTPS_PORT = 443
FIRST_FREE_PORT = 1024


def read_link(words: str, *, origin: URL | None = None) -> URL:
    """A stranger's URL, relative to `origin`; raises SourceUnreachable if it cannot be read."""
    link = words.strip()
    if len(link) <= LINK_MAX_CHARS and not CONTROL.search(link) and len(_authority(link)) <= AUTHORITY_MAX_CHARS:
        try:
            url = URL(link) if origin is None else origin.join(URL(link))
            # Some of these are parsed only on access, and fail then.
            _ = url.host, url.port, url.raw_user, url.raw_password, url.raw_path_qs
        except Exception:  # noqa: BLE001, S110  # parsers raise all sorts of errors on a stranger's input
            pass
        else:
            return url
    raise SourceUnreachable("fetch: no URL", UNREADABLE)


def _authority(link: str) -> str:
    """The part with the host, before decoding."""
    return re.split(r"[/?#]", link.partition("//")[2], maxsplit=1)[0]


def read_redirect(origin: URL, location: str) -> URL:
    """Where a redirect from `origin` leads; raises SourceUnreachable if it cannot be read or leaves https."""
    target = read_link(location, origin=origin)
    if origin.scheme == "https" and target.scheme != "https":
        raise refused(target, "redirect away from https", NOT_HTTPS)
    return target


def check(url: URL, private_hosts: PrivateHosts) -> bool:
    """Whether `url` is limited to public addresses; False for one of the operator's `private_hosts`.

    Raises:
        SourceUnreachable: it may not be fetched at all.
    """
    host, port = url.host, url.port
    if not host or port is None or url.scheme not in ("https", "http"):
        raise refused(url, "not https", NOT_HTTPS)
    if url.raw_user is not None or url.raw_password is not None:
        raise refused(url, "user name in it", text("I can't open links with a user name or password in them."))
    if private_hosts.allow(host, port):
        return False
    if url.scheme != "https":
        raise refused(url, "not https", NOT_HTTPS)
    if port != HTTPS_PORT and port < FIRST_FREE_PORT:
        raise refused(url, f"port {port}", text("I can't open links to port {port}.", port=str(port)))
    return True
