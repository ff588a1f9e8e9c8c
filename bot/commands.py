"""`encore commands`: announces the bot's commands, or removes them, without starting the bot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot import announce
from bot.app import App, build, compose
from bot.chat.discord_errors import TROUBLES, in_words
from bot.gateway import GatewayError, log_in
from bot.settings import Settings


async def sync_commands(settings: Settings) -> str:
    """Announce the commands to Discord, whether or not they have changed; says so in a line.

    Raises:
        GatewayError: the token is refused, or Discord does not answer; the text says which.
        CommandsRejected: Discord refuses the commands.
    """
    async with _logged_in(settings) as app:
        count = await announce.announce(app.client.tree, app.storage)
    return f"Announced {count} commands to Discord."


async def clear_commands(settings: Settings) -> str:
    """Remove the commands from Discord; says so in a line. Raises: as `sync_commands`."""
    async with _logged_in(settings) as app:
        await announce.clear(app.client.tree, app.storage)
    return "Removed all commands from Discord. The bot announces them again when it next starts."


@asynccontextmanager
async def _logged_in(settings: Settings) -> AsyncIterator[App]:
    """For one change and nothing else: there is no gateway, and nothing is tried again."""
    async with build(settings) as app:
        await compose(app)
        try:
            await log_in(app.client, settings.discord_token)
            yield app
        except TROUBLES as error:
            raise GatewayError(f"Discord does not answer ({in_words(error)}); try again in a few minutes") from error
