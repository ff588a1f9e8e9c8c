"""Which addresses are well formed: what a browser could open. Discord says "Not a well formed URL." to all others.

Discord publishes no grammar. This one is that of the web's own documents (RFC 3986; host names of RFC 1123), with what
users report: no underscore in a host (discordjs/discord.js#7438).
"""

import ipaddress
import re

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_LABEL = re.compile(r"(?!-)[0-9A-Za-z-]{1,63}(?<!-)")
_PORT_MAX = 65535
_HOST_MAX = 253


def is_well_formed(url: str) -> bool:
    """`scheme://host/…` whose host can be a domain name or an IP address; `scheme://name` for other schemes."""
    if _UNPRINTABLE.search(url):
        return False
    scheme, separator, rest = url.partition("://")
    if not separator or not rest:
        return False
    if scheme.lower() not in {"http", "https"}:
        return True
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return _is_authority(authority.rpartition("@")[2])


def _is_authority(authority: str) -> bool:
    host, port = authority, ""
    if authority.startswith("["):
        host, closed, port = authority[1:].partition("]")
        return bool(closed) and _is_ipv6(host) and (not port or (port[0] == ":" and _is_port(port[1:])))
    if ":" in authority:
        host, _, port = authority.partition(":")
    return _is_port(port) and _is_host(host)


def _is_port(port: str) -> bool:
    return not port or (port.isascii() and port.isdecimal() and int(port) <= _PORT_MAX)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host


def _is_host(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    if all(label.isascii() and label.isdecimal() for label in labels):
        return _is_ipv4(host)
    return len(host) <= _HOST_MAX and all(map(_is_label, labels))


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_label(label: str) -> bool:
    """One part of a name, in letters of any script or as `xn--…`."""
    try:
        encoded = label.encode("idna").decode("ascii")
        if encoded.lower().startswith("xn--"):
            encoded.encode("ascii").decode("idna")
    except UnicodeError:
        return False
    return _LABEL.fullmatch(encoded) is not None
