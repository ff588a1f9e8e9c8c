"""The button below a refusal that brings back the form, filled in."""

import discord

from bot.chat.cards import Say
from bot.domain.drafts import Draft
from bot.domain.text import Text, text

FIX_ID = r"encore:fix:(?P<draft>[0-9a-z]{1,64})"
TRIM_ID = r"encore:trim:(?P<draft>[0-9a-z]{1,64})"
FIX = text("Fix")
TRIM = text("Trim it")
TRY_AGAIN = text("Try again")
ADD_FILE = text("Add the file")


def fix_view(draft: Draft, say: Say) -> discord.ui.View:
    """`Fix` where something in the form was wrong, otherwise `Try again`. The click needs nothing from memory."""
    view = discord.ui.View(timeout=None)
    style = discord.ButtonStyle.primary
    view.add_item(discord.ui.Button(custom_id=f"encore:fix:{draft.id}", label=say(_label(draft)), style=style))
    if draft.can_be_trimmed:
        view.add_item(discord.ui.Button(custom_id=f"encore:trim:{draft.id}", label=say(TRIM), style=style))
    view.stop()  # discord.py need not remember it: `cogs/form.py` answers the click
    return view


def _label(draft: Draft) -> Text:
    if draft.by_file:
        return ADD_FILE
    return FIX if any(problem.option is not None for problem in draft.problems) else TRY_AGAIN
