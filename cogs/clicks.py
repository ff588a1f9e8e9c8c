"""Answering clicks, menus and forms: discord.py only logs what their callbacks raise."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Self, TypeVar, cast

import discord
from discord.ext import commands

from bot.acknowledge import acknowledge, reply
from bot.client import EncoreClient, refusal_of
from bot.domain.text import text
from bot.errors import EncoreError, Refused, TakenElsewhere

log = logging.getLogger(__name__)

Interaction = discord.Interaction[EncoreClient]
CogT = TypeVar("CogT", bound=commands.Cog)
ItemT = TypeVar("ItemT", bound=discord.ui.Item[Any])


class ClickItem(discord.ui.DynamicItem[ItemT], template=r"(?!)"):
    """A button or a menu that outlives restarts. Subclasses give the template of its custom id and a `callback`.

    `carried`: what the custom id carries, by the names of the template's groups.
    """

    kind: ClassVar[type[discord.ui.Item[Any]]] = discord.ui.Button

    def __init__(self, item: ItemT, carried: re.Match[str]) -> None:
        super().__init__(item)
        self.carried = carried

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003  # discord.py's
        item: discord.ui.Item[Any],
        match: re.Match[str],
    ) -> Self:
        assert isinstance(item, cls.kind)  # noqa: S101  # our own messages have no other items with such an id
        return cls(cast("ItemT", item), match)


async def answered(
    interaction: Interaction,
    cog_type: type[CogT],
    work: Callable[[CogT], Awaitable[None]],
    *,
    acknowledges: bool = True,
) -> None:
    """Acknowledge a click, let the cog do the work, and say what went wrong.

    `acknowledges` False: `work` gives the first answer itself, such as a form, which cannot follow another answer.
    """
    client = interaction.client
    if (refusal := refusal_of(interaction)) is not None:
        await reply(interaction, client.in_words(interaction, [refusal]))
        return
    try:
        if acknowledges and not await acknowledge(interaction):
            return
        cog = client.get_cog(cog_type.__cog_name__)
        assert isinstance(cog, cog_type)  # noqa: S101  # these items belong to it
        await work(cog)
    except TakenElsewhere:
        return
    except Refused as error:
        await client.refuse(interaction, error)
    except EncoreError as error:
        await reply(interaction, client.in_words(interaction, [error.sentence]))
    except Exception:
        log.exception("a click failed")
        await reply(interaction, client.in_words(interaction, [text("Something went wrong. Please try again.")]))
