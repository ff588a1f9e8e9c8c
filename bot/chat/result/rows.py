"""The buttons below a result: pure, from a job to labels and custom ids."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import discord
import msgspec

from bot.domain.text import Text, text
from bot.domain.votes import leader

Say = Callable[[Text], str]

WHOLE_SONG = "whole"
TAKES_EXTENDED = 2
"""How many takes have an `Extend` button; there are rarely more, and a row has five places."""
VOTES_MAX = 5


class ResultVerb(StrEnum):
    """What a button does, as its custom id says it: `encore:extend:<job id>:<take>`."""

    EXTEND = "extend"
    AGAIN = "repeat"  # not "again", which sends a job's music again
    MORE = "more"
    VOTE = "vote"


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """`is_preferred`: drawn in colour, as a hint; what it hints at is also in words."""

    custom_id: str
    label: str
    is_preferred: bool = False


Rows = tuple[tuple[Button, ...], ...]
"""The buttons of a message, row by row."""


def custom_id(verb: str, job_id: str, take: int | None = None) -> str:
    """All that a click needs to know, in at most 100 characters."""
    return f"encore:{verb}:{job_id}" if take is None else f"encore:{verb}:{job_id}:{take}"


def result_rows(job_id: str, takes: Sequence[int], say: Say, *, votes: Mapping[int, int] | None) -> Rows:
    """What can be done with a result of these takes. A single one has no numbers and no votes.

    `votes`: how many there are below this message, by take; None where only one person sees it. The take with the most
    is preferred.
    """
    best = leader(votes or {})
    first = [
        _extend(job_id, take, say, is_only=len(takes) == 1, is_preferred=take == best)
        for take in takes[:TAKES_EXTENDED]
    ]
    first.append(Button(custom_id=custom_id(WHOLE_SONG, job_id), label=say(text("Whole song"))))
    first.append(Button(custom_id=custom_id(ResultVerb.AGAIN, job_id), label=say(text("Again"))))
    first.append(Button(custom_id=custom_id(ResultVerb.MORE, job_id), label=say(text("More…"))))
    if votes is None or len(takes) == 1:
        return (tuple(first),)
    return (tuple(first), tuple(_vote(job_id, take, votes.get(take, 0), say) for take in takes[:VOTES_MAX]))


def _extend(job_id: str, take: int, say: Say, *, is_only: bool, is_preferred: bool) -> Button:
    label = text("Extend") if is_only else text("Extend {take}", take=take)
    return Button(custom_id=custom_id(ResultVerb.EXTEND, job_id, take), label=say(label), is_preferred=is_preferred)


def _vote(job_id: str, take: int, count: int, say: Say) -> Button:
    label = text("Take {take} · {count}", take=take, count=count)
    return Button(custom_id=custom_id(ResultVerb.VOTE, job_id, take), label=say(label))


def view_of(rows: Rows) -> discord.ui.View | None:
    """What discord.py sends for `rows`; None for none.

    The view is stopped, so that discord.py forgets it once it is sent: the clicks are for the dynamic items in `cogs`.
    """
    if not rows:
        return None
    view = discord.ui.View(timeout=None)
    for number, row in enumerate(rows):
        for button in row:
            style = discord.ButtonStyle.primary if button.is_preferred else discord.ButtonStyle.secondary
            view.add_item(discord.ui.Button(custom_id=button.custom_id, label=button.label, style=style, row=number))
    view.stop()
    return view
