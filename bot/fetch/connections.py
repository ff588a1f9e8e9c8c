"""Connect to public addresses only, checked when the socket is made and nothing can change any more.

A name can resolve differently each time, so an earlier look-up proves nothing about the address that is connected to.
Two hooks of aiohttp are used:

- its resolver: a name is refused if any of its addresses is not public;
- its socket factory, which gets the very address that `connect` gets next. It also sees literal addresses, for which
  aiohttp asks no resolver (`TCPConnector._resolve_host`).
"""

import socket
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.fetch.addresses import is_public_literal
from bot.fetch.wire import MeteredSocket, Wire


class AddressNotPublic(OSError):
    """An OSError, because aiohttp expects failed connections to raise one. It does not name the address."""

    def __init__(self) -> None:
        super().__init__("address is not public")


class CheckedResolver(AbstractResolver):
    """Resolves like `resolver`; with `public_only`, refuses a name if any of its addresses is not public."""

    def __init__(self, resolver: AbstractResolver, *, public_only: bool) -> None:
        self._resolver = resolver
        self._public_only = public_only

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Like the resolver inside.

        Raises:
            AddressNotPublic: one of the addresses is not public.
            OSError: no address was found.
        """
        try:
            found = await self._resolver.resolve(host, port, family)
        except ValueError as error:
            # Raised by the system's resolver for labels that are empty or longer than 63 characters.
            raise OSError("no host name") from error
        if not found:
            raise OSError("host has no address")
        if self._public_only and not all(is_public_literal(result["host"]) for result in found):
            raise AddressNotPublic
        return found

    async def close(self) -> None:
        await self._resolver.close()


def sockets(wire: Wire, *, public_only: bool) -> Callable[[aiohttp.AddrInfoType], MeteredSocket]:
    """Makes the sockets of one request; with `public_only`, raises AddressNotPublic for any other address."""

    def make(info: aiohttp.AddrInfoType) -> MeteredSocket:
        if public_only and not is_public_literal(str(info[4][0])):
            raise AddressNotPublic
        return wire.socket(info)

    return make


def connector(
    resolver: AbstractResolver, tls: ssl.SSLContext | None, wire: Wire, *, public_only: bool
) -> aiohttp.TCPConnector:
    """A connector for one request."""
    return aiohttp.TCPConnector(
        resolver=CheckedResolver(resolver, public_only=public_only),
        socket_factory=sockets(wire, public_only=public_only),
        use_dns_cache=False,
        force_close=True,
        ssl=tls if tls is not None else True,
    )
