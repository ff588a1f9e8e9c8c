"""What one capability adds to the process."""

from dataclasses import dataclass

from discord.ext import commands

from bot.services.common.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    cogs: tuple[commands.Cog, ...] = ()
    workers: tuple[Worker, ...] = ()
    submitters: tuple[Worker, ...] = ()
    """Workers that finish what they have begun before the others stop."""
