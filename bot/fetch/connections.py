"""Connections to public addresses alone, judged where nothing can change any more: as the socket is made.

A name may be answered differently each time it is asked, so an address that was looked up earlier proves nothing about
the one that is connected to. Two places of aiohttp are used:

- its resolver: a name with any address that is not public is refused as a whole;
- its socket factory, which is called with the very address that `connect` is called with next. It sees the literals
  too, for which aiohttp asks no resolver (`TCPConnector._resolve_host`).
"""

import socket
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.fetch.addresses import is_public_literal
from bot.fetch.wire import MeteredSocket, Wire


class AddressNotPublic(OSError):
    """An OSError, because that is how aiohttp expects a connection attempt to fail. Does not name the address."""

    def __init__(self) -> None:
        super().__init__("address is not public")


class CheckedResolver(AbstractResolver):
    """What `resolver` answers; with `public_only`, refused as a whole if one address of it is not public."""

    def __init__(self, resolver: AbstractResolver, *, public_only: bool) -> None:
        self._resolver = resolver
        self._public_only = public_only

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As the resolver inside.

        Raises:
            AddressNotPublic: there is an address that is not public.
            OSError: no address was found.
        """
        try:
            found = await self._resolver.resolve(host, port, family)
        except ValueError as error:
            # The system's resolver says so of labels that are empty or longer than 63 characters.
            raise OSError("no host name") from error
        if not found:
            raise OSError("host has no address")
        if self._public_only and not all(is_public_literal(result["host"]) for result in found):
            raise AddressNotPublic
        return found

    async def close(self) -> None:
        await self._resolver.close()


def sockets(wire: Wire, *, public_only: bool) -> Callable[[aiohttp.AddrInfoType], MeteredSocket]:
    """Makes the sockets of one request; with `public_only`, AddressNotPublic is raised for any other address."""

    def make(info: aiohttp.AddrInfoType) -> MeteredSocket:
        if public_only and not is_public_literal(str(info[4][0])):
            raise AddressNotPublic
        return wire.socket(info)

    return make


def connector(
    resolver: AbstractResolver, tls: ssl.SSLContext | None, wire: Wire, *, public_only: bool
) -> aiohttp.TCPConnector:
    """For one request."""
    return aiohttp.TCPConnector(
        resolver=CheckedResolver(resolver, public_only=public_only),
        socket_factory=sockets(wire, public_only=public_only),
        use_dns_cache=False,
        force_close=True,
        ssl=tls if tls is not None else True,
    )
