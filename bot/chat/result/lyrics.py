"""Lyrics as text: in the message, or as files where they are long. Pure."""

from collections.abc import Callable
from itertools import groupby

from bot.chat.cards import CONTENT_MAX, LINE_MAX, Attached, escape_lines, file_name, plain_title
from bot.domain.jobs import Job
from bot.domain.more import lyrics_of
from bot.domain.takes import takes_of
from bot.domain.text import Text, Verbatim, text
from bot.services.common.sentences import name_of

Say = Callable[[Text], str]


def lyrics_shown(job: Job, say: Say) -> tuple[str, tuple[Attached, ...]]:
    """The message and its files; takes in a row with the same words share them."""
    parts = [
        ([take for take, _ in group], words) for words, group in groupby(lyrics_of(job).items(), lambda each: each[1])
    ]
    head = say(text("The lyrics of **{title}**", title=name_of(job)))
    if len(parts) == 1:
        content = f"{head}\n\n{escape_lines(parts[0][1])}"
    else:
        content = head + "".join(f"\n\n**{_heading(takes, say)}**\n{escape_lines(words)}" for takes, words in parts)
    is_whole = all(len(line) <= LINE_MAX for _, words in parts for line in words.splitlines())
    if is_whole and len(content) <= CONTENT_MAX:
        return content, ()
    return head, tuple(_file(job, takes, words, is_only=len(parts) == 1, say=say) for takes, words in parts)


def _heading(takes: list[int], say: Say) -> str:
    return say(text("Take {take}", take=" + ".join(map(str, takes))))


def _file(job: Job, takes: list[int], words: str, *, is_only: bool, say: Say) -> Attached:
    track = takes_of(job)[takes[0]]
    name = file_name(job, track, None if is_only else takes[0], ending="txt")
    title = Verbatim(plain_title(job, track, say))
    alt = (
        text("The lyrics of {title}", title=title)
        if is_only
        else text("The lyrics of {title}, take {take}", title=title, take=takes[0])
    )
    return Attached(name=name, alt=say(alt), words=words)
