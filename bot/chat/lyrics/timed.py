"""Lyrics with times: what they cost, and the `.lrc` files. Pure."""

from collections.abc import Mapping, Sequence

import discord

from bot.chat.cards import Attached, Say, file_name, plain_title
from bot.domain.jobs import Job
from bot.domain.spending import A_TIMING
from bot.domain.takes import takes_of
from bot.domain.text import Text, Verbatim, counted, text
from bot.domain.timed_lyrics import TimedLine, lrc
from bot.services.common.sentences import name_of

TIMED_ID = r"encore:timed:(?P<job>[0-9a-z]{1,64}):(?P<take>[0-9]{1,2})"


def head(job: Job) -> Text:
    return text(
        "The lyrics of **{title}** with the time of each line, as `.lrc` for karaoke players", title=name_of(job)
    )


def offer(left: int) -> Text:
    """What asking for one more take costs."""
    return counted(
        "Each take costs this bot {credits} credits, once, but none of your extensions. You can have lyrics written or"
        " timed {count} more time today.",
        "Each take costs this bot {credits} credits, once, but none of your extensions. You can have lyrics written or"
        " timed {count} more times today.",
        count=left,
        credits=A_TIMING.credits,
    )


def unknown(takes: Sequence[int], *, of: int) -> Text:
    """The provider was asked, and has no times for these."""
    if of == 1:
        return text("The music service doesn't know when these lyrics are sung.")
    return text("The music service doesn't know when take {take} is sung.", take=" + ".join(map(str, takes)))


def takes_view(job_id: str, takes: Sequence[int], say: Say, *, of: int) -> discord.ui.View:
    """A button for each take that can be asked about, which names the cost."""
    view = discord.ui.View(timeout=None)
    price = A_TIMING.credits
    for take in takes:
        label = (
            text("Get it for {credits} credits", credits=price)
            if of == 1
            else text("Get take {take} for {credits} credits", take=take, credits=price)
        )
        view.add_item(discord.ui.Button(custom_id=f"encore:timed:{job_id}:{take}", label=say(label)))
    view.stop()  # discord.py need not remember it
    return view


def lrc_files(job: Job, timed: Mapping[int, Sequence[TimedLine]], say: Say) -> tuple[Attached, ...]:
    """A file for each take that has lines."""
    return tuple(_file(job, take, lines, say) for take, lines in sorted(timed.items()) if lines)


def _file(job: Job, take: int, lines: Sequence[TimedLine], say: Say) -> Attached:
    takes = takes_of(job)
    track, is_only = takes[take], len(takes) == 1
    title = plain_title(job, track, say)
    alt = (
        text("The lyrics of {title}, with the time of each line", title=Verbatim(title))
        if is_only
        else text("The lyrics of {title}, take {take}, with the time of each line", title=Verbatim(title), take=take)
    )
    return Attached(
        name=file_name(job, track, None if is_only else take, ending="lrc"),
        alt=say(alt),
        words=lrc(lines, title=title, length_seconds=track.length_seconds),
    )
