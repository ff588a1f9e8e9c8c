"""What one capability adds to the process."""

from collections.abc import Awaitable, Callable

import msgspec
from discord.ext import commands

from bot.services.common.worker import Worker


class Part(msgspec.Struct, frozen=True, kw_only=True):
    cogs: tuple[commands.Cog, ...] = ()
    workers: tuple[Worker, ...] = ()
    submitters: tuple[Worker, ...] = ()
    """Workers that finish what they have begun before the others stop."""
    releases: tuple[Callable[[], Awaitable[None]], ...] = ()
    """Called once all workers have stopped: each ends the claims of one service, so that others can take over."""
