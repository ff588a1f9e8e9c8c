"""Which addresses may be fetched from: the public internet, and the hosts that the operator names."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import msgspec

Address: TypeAlias = IPv4Address | IPv6Address

# IANA's registry of special-purpose IPv4 addresses, without the few that are globally reachable. The standard library's
# `is_global` follows the same registry, but changed between patch releases of Python.
NOT_PUBLIC_IPV4 = (
    IPv4Network("0.0.0.0/8"),  # "this network", including the unspecified address
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # shared behind carriers; some clouds answer for their metadata here
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("168.63.129.16/32"),  # looks public, but is a cloud's own service on all its machines
    IPv4Network("169.254.0.0/16"),  # link-local; 169.254.169.254 is the usual metadata address
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, deprecated
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("198.18.0.0/15"),  # benchmarking
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, broadcast
)

# Everything allocated for global unicast. All else is refused: loopback, unspecified,
# IPv4-compatible, 64:ff9b:1::/48 (NAT64 of a local network), unique-local (including metadata at fd00:ec2::254),
# link-local, site-local, multicast.
GLOBAL_IPV6 = IPv6Network("2000::/3")
NOT_PUBLIC_IPV6 = (
    IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarking, ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4, deprecated; it leads to the IPv4 address inside
    IPv6Network("3fff::/20"),  # documentation
)
# What the resolver of an IPv6-only network returns for an IPv4 host (RFC 6052): the address inside counts.
NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet.

    Two IPv6 forms that carry an IPv4 address are in use, mapped (`::ffff:0:0/96`) and NAT64 (`64:ff9b::/96`); they are
    as public as the address inside. The others are obsolete or local, and never public.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_IPV4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in GLOBAL_IPV6 and not any(address in network for network in NOT_PUBLIC_IPV6)


def is_public_literal(literal: str) -> bool:
    """Like `is_public`; also False for anything that is not a plain address."""
    try:
        return is_public(ip_address(literal))
    except ValueError:
        return False


class PrivateHosts(msgspec.Struct, frozen=True):
    """The hosts in the setting PRIVATE_HOSTS; a port of None means every port."""

    entries: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, words: Iterable[str]) -> "PrivateHosts":
        """Read `host`, `host:port`, `::1`, `[::1]` and `[::1]:port`.

        Raises:
            ValueError: an empty host, or a port that is not a number from 1 to 65535.
        """
        return cls(frozenset(_entry(word) for word in words))

    def allow(self, host: str, port: int) -> bool:
        """Whether exactly this host is listed, with this port or without one. IPv6 is written without brackets."""
        name = _plain(host)
        return (name, None) in self.entries or (name, port) in self.entries


def _entry(word: str) -> tuple[str, int | None]:
    if word.startswith("["):
        host, _, rest = word[1:].partition("]")
        colon, port = rest[:1], rest[1:]
    elif word.count(":") > 1:
        host, colon, port = word, "", ""
    else:
        host, colon, port = word.partition(":")
    if not host or (colon and colon != ":"):
        raise ValueError(f"names {word!r}: write host or host:port")
    if not colon:
        return _plain(host), None
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"names {word!r}: the port is no number from 1 to 65535")
    return _plain(host), int(port)


def _plain(host: str) -> str:
    """One spelling per host: lower case, IPv6 in its short form."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower()
