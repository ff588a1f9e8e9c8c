"""Addresses of others as Discord takes them in its messages."""

import re
import unicodedata
from ipaddress import IPv4Address
from urllib.parse import SplitResult, quote, urlsplit

LINK_MAX = 2048
"""The longest URL of an embed; a link button takes 512 characters (docs/discord.md 3)."""

HOST_MAX = 253
"""Of a name, in ASCII (RFC 1035). A longer one is refused unread: IDNA takes half a second over 8,000 characters."""

# Compiled at their first use, not at the start.
_NETLOC = rf"([^:@\[\]]{{1,{HOST_MAX}}})(?::([0-9]{{0,5}}))?"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TOP_LABEL = r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}"
_STRAY_PERCENT = r"%(?![0-9A-Fa-f]{2})"
_DEVIATIONS = frozenset("ßς\u200c\u200d")
"""The two versions of IDNA make different hosts of these."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986, without the parentheses, which would end a masked link. `quote` adds letters, digits and `_.-~`.
_IN_PATH = "/:@!$&'*+,;=%"
_IN_QUERY = _IN_PATH + "?"


def web_url(words: str, *, limit: int = LINK_MAX) -> str | None:
    """`words` as a URL that Discord takes in an embed, a link button and a masked link; None if there is none.

    It is http or https, ASCII, at most `limit` characters, and has nothing that could end a masked link. Refused are
    credentials, whitespace, control characters, and the hosts for which Discord refuses a whole message (50035, "Not a
    well formed URL"): names without a dot, with an underscore, with a label that cannot be decoded. IPv4 addresses are
    fine. Bare IPv6 addresses are refused, because no case is known that would show whether Discord takes them.

    Sources: github.com/go-gitea/gitea issues 6263 and 11124, github.com/discordjs/discord.js issue 7438.
    """
    words = words.strip()
    if len(words) > limit or "\\" in words or any(unicodedata.category(each)[0] in "CZ" for each in words):
        return None
    try:
        parts = urlsplit(words)
        netloc = _netloc(parts)
    except ValueError:
        return None
    if netloc is None:
        return None
    path = _quoted(parts.path, _IN_PATH) or "/"
    query = f"?{_quoted(parts.query, _IN_QUERY)}" if parts.query else ""
    fragment = f"#{_quoted(parts.fragment, _IN_QUERY)}" if parts.fragment else ""
    url = f"{parts.scheme}://{netloc}{path}{query}{fragment}"
    return url if len(url) <= limit else None


def _netloc(parts: SplitResult) -> str | None:
    """Host and port; may raise ValueError."""
    match = re.fullmatch(_NETLOC, parts.netloc)
    if parts.scheme not in _DEFAULT_PORTS or match is None:
        return None
    host, port = _host(match[1]), int(match[2] or _DEFAULT_PORTS[parts.scheme])
    if host is None or not 1 <= port <= 65535:
        return None
    return host if port == _DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"


def _host(words: str) -> str | None:
    """In ASCII; may raise ValueError."""
    if _DEVIATIONS & set(words):
        return None
    host = words.encode("idna").decode("ascii").lower()
    *labels, top = host.split(".")
    if top.isdigit():
        return str(IPv4Address(host))
    host.encode("ascii").decode("idna")  # raises for Punycode that stands for nothing
    if len(host) > HOST_MAX or not labels or not re.fullmatch(_TOP_LABEL, top):
        return None
    return host if all(re.fullmatch(_LABEL, label) for label in labels) else None


def _quoted(part: str, safe: str) -> str:
    return quote(re.sub(_STRAY_PERCENT, "%25", part), safe=safe)
