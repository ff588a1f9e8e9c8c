"""The menu for a message with several audio files."""

import discord

from bot.chat.cards import Say
from bot.domain.drafts import Draft
from bot.domain.source import SourceChoice
from bot.domain.text import Megabytes, Text, text
from bot.text import plain

CHOOSE_ID = r"encore:choose:(?P<draft>[0-9a-z]{1,64})"
OPTIONS_MAX = 25
LABEL_MAX = 100


def choice_view(draft: Draft, say: Say) -> discord.ui.View:
    """A menu of the draft's `choices`, by their numbers. The click needs nothing from memory."""
    options = [
        discord.SelectOption(
            label=plain(source.name, limit=LABEL_MAX) or "…",
            value=str(number),
            description=_size(source, say),
        )
        for number, source in enumerate(draft.choices[:OPTIONS_MAX])
    ]
    view = discord.ui.View(timeout=None)
    view.add_item(
        discord.ui.Select(
            custom_id=f"encore:choose:{draft.id}", placeholder=say(text("Choose a file…")), options=options
        )
    )
    view.stop()  # discord.py need not remember it: `cogs/from_message.py` answers the click
    return view


def _size(source: SourceChoice, say: Say) -> str | None:
    if source.size_bytes is None:
        return None
    return say(Text("{size}", {"size": Megabytes(source.size_bytes)}))  # nothing to translate
