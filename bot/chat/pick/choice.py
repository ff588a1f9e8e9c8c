"""The choice of a moment by eye: words, buttons and the one-field form. Pure."""

from collections.abc import Sequence

import discord

from bot.chat.cards import ALT_MAX, Attached, Say
from bot.domain.drafts import Draft, Field
from bot.domain.outlines import Outline, described
from bot.domain.text import Said, Seconds, text
from bot.domain.times import clock
from bot.services.songs.picking import Picture
from bot.text import plain

View = discord.ui.View

OTHER = "other"
END = "end"
PICK_ID = rf"encore:pick:(?P<draft>[0-9a-z]{{1,64}}):(?P<moment>[0-9]{{1,8}}|{OTHER}|{END})"
MOMENT_ID = r"encore:moment:(?P<draft>[0-9a-z]{1,64})"
HUNDREDTHS = 100
"""A moment in a custom_id is a whole number of hundredths of a second, which is as fine as the provider takes it."""
NAME_MAX = 100
MOMENT_LONGEST = 40


def words_of(draft: Draft, outline: Outline, say: Say) -> str:
    """What stands above the picture."""
    name = plain(draft.source.name, limit=NAME_MAX) if draft.source else ""
    question = text(
        "Where should **{name}** continue? It's {length} long.",
        name=Said(name),
        length=Seconds(outline.length_seconds),
    )
    points = (
        text("The numbers mark where phrases end.")
        if outline.points
        else text("I can't hear where a phrase ends, so there are no points to choose from.")
    )
    sentences = [question, points]
    if draft.request.trim and draft.request.known_model is not None:
        limit = Seconds(draft.request.known_model.source_max_seconds)
        words = text(
            "{model} takes at most {limit}, so I'll keep as much as fits, up to the moment you pick.",
            model=draft.request.model,
            limit=limit,
        )
        sentences.append(words)
    return "\n".join(map(say, sentences))


def file_of(picture: Picture, say: Say) -> Attached:
    alt = " ".join(map(say, described(picture.outline)))
    return Attached(name="waveform.png", alt=alt[:ALT_MAX], path=picture.path)


def buttons_of(draft: Draft, points: Sequence[float], say: Say) -> View:
    """A button per point with its time, then any other moment and the end."""
    view = View(timeout=None)
    for number, point in enumerate(points, start=1):
        label = f"{number} · {clock(point)}"
        view.add_item(_button(draft, str(round(point * HUNDREDTHS)), label, row=0))
    view.add_item(_button(draft, OTHER, say(text("Another moment…")), row=1))
    view.add_item(_button(draft, END, say(text("The end")), row=1))
    view.stop()  # discord.py need not remember it: `cogs/pick.py` answers the clicks
    return view


def _button(draft: Draft, moment: str, label: str, *, row: int) -> discord.ui.Button[View]:
    return discord.ui.Button(custom_id=f"encore:pick:{draft.id}:{moment}", label=label, row=row)


def moment_form(draft: Draft, say: Say) -> discord.ui.Modal:
    """One field, for a moment that has no button."""
    form = discord.ui.Modal(title=say(text("Where to continue")), timeout=None, custom_id=f"encore:moment:{draft.id}")
    form.add_item(
        discord.ui.Label(
            text=say(text("Moment")),
            description=say(text("Like 1:05 or 65")),
            component=discord.ui.TextInput(custom_id=Field.CONTINUE_AT, max_length=MOMENT_LONGEST),
        )
    )
    return form
