"""The first answer to a command or click, due within three seconds, and what the member reads after it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import discord

from bot.chat.discord_errors import TROUBLES, in_words
from bot.domain.text import text
from bot.errors import EncoreError

log = logging.getLogger(__name__)

ACKNOWLEDGED = 40060  # by an earlier try of ours, or by another process (docs/discord.md 2.1)
TOO_LATE = 10062

TRY_SECONDS = (1.0, 2.0, 4.0)
"""How long the first, second and later tries wait. The first leaves room for a second within the 3 s."""
PAUSE_SECONDS = (0.1, 0.2, 0.4, 0.8)
GIVE_UP_SECONDS = 8.0
"""Well past Discord's three seconds: after that, Discord says clearly whether an acknowledgement arrived."""
REPLY_SECONDS = 10.0


class NotAcknowledged(EncoreError):
    """We don't know whether Discord heard us; nothing was started."""

    def __init__(self) -> None:
        super().__init__(
            "no clear answer to an acknowledgement; nothing was started",
            text("I couldn't reach Discord in time, so nothing was started. Please try again."),
        )


async def _nothing_to_put_away() -> bool:
    return True


async def acknowledge(
    interaction: discord.Interaction[discord.Client],
    *,
    put_away: Callable[[], Awaitable[bool]] = _nothing_to_put_away,
) -> bool:
    """Defer, visible only to the member; False if nothing may be started.

    A lost connection doesn't tell whether Discord heard us, so we ask again: it answers 40060 to a repeat and 10062
    once it is too late. Without an acknowledgement, `put_away` undoes the preparations before the member reads
    anything. If it returns False because that is no longer certain, nothing is said here.

    Raises:
        NotAcknowledged: it stayed unclear, and `put_away` succeeded.
    """
    arrived = await _arrived(partial(interaction.response.defer, ephemeral=True, thinking=True))
    if arrived:
        return True
    is_put_away = await put_away()
    if arrived is None and is_put_away:
        raise NotAcknowledged
    log.warning("a command was acknowledged too late; nothing was started")
    return False


async def acknowledge_in_place(interaction: discord.Interaction[discord.Client]) -> bool:
    """As `acknowledge`, for a click whose answer takes the place of the message with the button."""
    arrived = await _arrived(interaction.response.defer)
    if arrived is None:
        raise NotAcknowledged
    if not arrived:
        log.warning("a click was acknowledged too late; nothing was started")
    return arrived


async def open_form(interaction: discord.Interaction[discord.Client], form: discord.ui.Modal) -> None:
    """Answer with a form, which must be the first answer.

    Raises:
        NotAcknowledged: Discord never said whether the form arrived.
    """
    form.stop()  # discord.py need not remember it: what is sent with it carries all that is needed
    arrived = await _arrived(partial(interaction.response.send_modal, form))
    if arrived is None:
        raise NotAcknowledged
    if not arrived:
        log.warning("a form was opened too late")


async def _arrived(answer: Callable[[], Awaitable[object]]) -> bool | None:
    """Whether Discord has our first answer; None if it never said so."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + GIVE_UP_SECONDS
    tries = 0
    while loop.time() < ends:
        try:
            async with asyncio.timeout(TRY_SECONDS[min(tries, len(TRY_SECONDS) - 1)]):
                await answer()
        except discord.InteractionResponded:
            return True
        except TROUBLES as error:
            code = error.code if isinstance(error, discord.HTTPException) else None
            if code in (ACKNOWLEDGED, TOO_LATE):
                return code == ACKNOWLEDGED
            if not tries:
                log.warning("a command could not be acknowledged (%s); trying again", in_words(error))
        else:
            return True
        await asyncio.sleep(PAUSE_SECONDS[min(tries, len(PAUSE_SECONDS) - 1)])
        tries += 1
    return None


async def reply(
    interaction: discord.Interaction[discord.Client],
    content: str,
    *,
    view: discord.ui.View | None = None,
    files: Sequence[discord.File] | None = None,
) -> None:
    """Answer only the member, acknowledged or not; `files` need an acknowledgement. A failure is one log line.

    An answer in place of another message keeps its files if `files` is None.
    """
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            if not interaction.response.is_done():
                # Even after a failure there is an answer to edit, if an earlier try arrived after all.
                with contextlib.suppress(*TROUBLES):
                    await interaction.response.send_message(content, ephemeral=True, view=view or discord.utils.MISSING)
                    return
            await interaction.edit_original_response(
                content=content, view=view, attachments=discord.utils.MISSING if files is None else files
            )
    except TROUBLES as error:
        log.warning("a command could not be answered (%s)", in_words(error))
