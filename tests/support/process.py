"""The bot as a separate process, as an operator starts it; its output is searched for secrets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.sandbox import processes
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.processes import ROOT, BotProcess, environ_of
from tests.support.secrets import secrets_in

__all__ = ["ROOT", "BotProcess", "bot_process", "environ_of", "said"]

SECRETS = ("DISCORD_TOKEN", "SUNO_API_KEY", "SUNO_WEBHOOK_KEY")


async def said(bot: BotProcess, words: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until the process has printed `words`."""
    try:
        assert await bot.has_said(words, seconds=seconds), "it has ended"
    except (AssertionError, TimeoutError) as error:
        error.add_note("\n".join(bot.said))
        raise


@asynccontextmanager
async def bot_process(
    environ: dict[str, str], *arguments: str, folder: Path, module: str = "bot"
) -> AsyncIterator[BotProcess]:
    """See `bot.sandbox.processes`."""
    async with processes.bot_process(environ, *arguments, folder=folder, module=module) as bot:
        yield bot
    told = secrets_in(bot.said, more=(environ.get(name, "") for name in SECRETS))
    assert not told, told[:3]
