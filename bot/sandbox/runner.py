"""How the stand-ins' web servers listen and stop."""

import asyncio
import socket

from aiohttp import web

# asyncio takes three turns of the event loop from a waiting connection to the server's knowing about it.
TURNS_TO_CONNECT = 3


class Runner(web.AppRunner):
    """aiohttp's runner on one address."""

    _listener: asyncio.Server | None = None

    async def listen(self, listener: socket.socket, *, backlog: int = 128) -> None:
        """Serve at `listener`, which is closed with `stop_listening`; after that this may be called again."""
        assert self.server is not None  # noqa: S101  # set up by then
        self._listener = await asyncio.get_running_loop().create_server(self.server, sock=listener, backlog=backlog)

    async def stop_listening(self) -> None:
        """Refuse new connections; those taken already stay.

        Closing the listener at once would forget a connection accepted in the same turn: it would stay open unserved.
        """
        if self._listener is None:
            return
        loop = asyncio.get_running_loop()
        for each in self._listener.sockets:
            loop.remove_reader(each)
        for _ in range(TURNS_TO_CONNECT):
            await asyncio.sleep(0)
        self._listener.close()
        self._listener = None

    async def cleanup(self) -> None:
        await self.stop_listening()
        await super().cleanup()
