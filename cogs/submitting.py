"""How everything that submits goes in: written down, acknowledged, begun. One way for commands, forms and buttons."""

from datetime import timedelta
from functools import partial

import discord

from bot.acknowledge import acknowledge
from bot.chat.permissions import NOT_YOURS_TO_WRITE_IN, may_write, posting_refusal
from bot.chat.why import outside_servers
from bot.client import EncoreClient
from bot.domain.clicks import Click
from bot.domain.gates import Gate
from bot.domain.jobs import Intake
from bot.domain.text import text
from bot.errors import Refused, SourceTooLarge
from bot.services.common.sentences import without_cost
from bot.services.pipeline.accept import Acceptance

Interaction = discord.Interaction[EncoreClient]

NOT_IN_DIRECT_MESSAGES = text("This only works in servers. There, use `/extend` and pick this under `track`.")


def check_place(interaction: Interaction, *, private: bool) -> None:
    """Before spending anything: could the result be posted here, and for this member?

    Raises:
        Refused: it could not.
    """
    if (refusal := outside_servers(interaction.guild_id)) is not None:  # an old client may still offer it there
        raise Refused([refusal], rules=[Gate.PLACE])
    if private:
        return
    if (refusal := posting_refusal(interaction.channel, interaction.app_permissions)) is not None:
        raise Refused([refusal], rules=[Gate.PERMISSIONS])
    if not may_write(interaction.channel, interaction.permissions):
        raise Refused([NOT_YOURS_TO_WRITE_IN], rules=["may_not_write"])


def check_place_of_click(interaction: Interaction, *, private: bool) -> None:
    """As `check_place`, for a button below a result, which may be in a direct message. Raises `Refused`."""
    if interaction.guild_id is None:
        raise Refused([NOT_IN_DIRECT_MESSAGES], rules=[Gate.PLACE])
    check_place(interaction, private=private)


def check_size(size_bytes: int, *, limit_bytes: int) -> None:
    """Raises `Refused` for a file that is announced as too large."""
    if size_bytes > limit_bytes:
        too_large = SourceTooLarge(limit_bytes=limit_bytes, size_bytes=size_bytes)
        raise Refused(without_cost([too_large.sentence]), rules=[too_large.rule], options=["audio"])


def click_behind(interaction: Interaction) -> Click:
    """A click, or the form that follows one."""
    return Click(
        interaction_id=interaction.id,
        member_id=interaction.user.id,
        message_id=interaction.message.id if interaction.message else 0,
        channel_id=interaction.channel_id or 0,
        guild_id=interaction.guild_id,
    )


async def hand_in(
    interaction: Interaction,
    acceptance: Acceptance,
    intake: Intake,
    *,
    is_acknowledged: bool = False,
    after: timedelta = timedelta(0),
) -> bool:
    """Write it down, acknowledge the interaction, leave it to the workers; False if nothing was handed in here.

    `after`: how long it can still be undone.

    Raises:
        TooManyOpenCommands: the member has as many on their way as one may have.
    """
    if not await acceptance.write_down(intake):
        return False
    if not is_acknowledged and not await acknowledge(interaction, put_away=partial(acceptance.forget, intake)):
        return False
    await acceptance.begin(intake, after=after)
    return True
