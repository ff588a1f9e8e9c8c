"""What `/library` shows: pure, and within Discord's limits whatever the titles are.

The custom id of each button and menu says what it leads to: where the page begins and what is looked for.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import discord
from msgspec.structs import replace

from bot.chat.cards import CONTENT_MAX
from bot.chat.job_list import open_url
from bot.domain.jobs import FILES_KEPT, Job
from bot.domain.library import EDGE_ID_MAX, SEARCH_MAX, Edge, LibraryPage, LibraryQuery
from bot.domain.models import MODELS
from bot.domain.takes import takes_of
from bot.domain.text import Day, Fact, Said, Seconds, Text, Verbatim, counted, text
from bot.domain.titles import shown_title
from bot.services.common.sentences import UNTITLED, hour, name_of
from bot.services.songs.library import Left
from bot.text import plain

Say = Callable[[Text], str]
View = discord.ui.View

TITLE_MAX = 60
LABEL_MAX = 100
ANY_MODEL = "any"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class LibraryVerb(StrEnum):
    PAGE = "page"
    PICK = "pick"
    MODEL = "model"
    SERVER = "server"
    SEARCH = "search"
    FOUND = "found"  # the form that `SEARCH` opened, when it comes back


LIBRARY_ID = (
    rf"(?s)encore:library:(?P<verb>{'|'.join(LibraryVerb)})"
    rf":(?P<edge>([on][0-9a-z]{{1,9}}\.[0-9a-z]{{1,{EDGE_ID_MAX}}})?)"
    r":(?P<model>[A-Z0-9_]{0,12}):(?P<guild>[0-9a-z]{0,13}):(?P<search>.*)"
)


def library_id(verb: LibraryVerb, query: LibraryQuery, edge: Edge | None = None) -> str:
    """At most 100 characters, as Discord wants it."""
    where = ""
    if edge is not None:
        milliseconds = (edge.at - _EPOCH) // timedelta(milliseconds=1)
        where = f"{'n' if edge.is_newer else 'o'}{_in_36(milliseconds)}.{edge.job_id}"
    guild = "" if query.guild_id is None else _in_36(query.guild_id)
    return f"encore:library:{verb}:{where}:{query.model}:{guild}:{query.search[:SEARCH_MAX]}"


def read_library_id(match: re.Match[str]) -> tuple[LibraryVerb, LibraryQuery, Edge | None]:
    """What `library_id` wrote. `match` is of `LIBRARY_ID`."""
    edge = None
    if match["edge"]:
        milliseconds, _, job_id = match["edge"][1:].partition(".")
        at = _EPOCH + timedelta(milliseconds=int(milliseconds, 36))
        edge = Edge(at=at, job_id=job_id, is_newer=match["edge"][0] == "n")
    guild_id = int(match["guild"], 36) if match["guild"] else None
    return (
        LibraryVerb(match["verb"]),
        LibraryQuery(search=match["search"], model=match["model"], guild_id=guild_id),
        edge,
    )


def _in_36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits


def searched(words: str) -> str:
    """`words` as a search: one line, no longer than what a button can carry."""
    return " ".join(words.split())[:SEARCH_MAX].strip()


def page_content(page: LibraryPage, say: Say) -> str:
    """One line for each result, newest first."""
    if not page.jobs:
        if page.query.is_narrow:
            nothing = text("None of your results match.")
            return f"{say(_heading(page.query))}\n{say(nothing)}"
        return say(text("You have no results yet. Make one with `/extend`."))
    content = say(_heading(page.query))
    for job in page.jobs:
        line = f"- {_line(job, say)}"
        if len(content) + len(line) + 1 > CONTENT_MAX:
            break
        content += f"\n{line}"
    return content


def _heading(query: LibraryQuery) -> Text:
    facts: dict[str, Fact] = {"heading": text("**Your results**")}
    if query.search:
        facts["search"] = text("with “{words}” in the title or style", words=Said(query.search))
    if query.model:
        facts["model"] = text("made with {model}", model=Said(query.model))
    if query.guild_id is not None:
        facts["server"] = text("from this server")
    return Text(" · ".join(f"{{{name}}}" for name in facts), facts)


def _line(job: Job, say: Say) -> str:
    facts: dict[str, Fact] = {
        "title": Said(_title(job, say, limit=TITLE_MAX)),
        "model": Said(job.request.model),
        "takes": _takes(job),
        "ended": job.ended_at or job.accepted_at,
    }
    # No words of its own, so there is nothing to translate.
    line = say(Text("**{title}** · {model} · {takes} · {ended}", facts))
    if (url := open_url(job)) is None:
        return line
    return f"{line} · {say(text('[open]({link})', link=Verbatim(url)))}"


def _takes(job: Job) -> Text:
    return counted("{count} take", "{count} takes", count=len(job.tracks))


def page_view(page: LibraryPage, edge: Edge | None, *, here: int | None, say: Say) -> View | None:
    """The menus and buttons below a page that begins at `edge`; `here` is the server of the reader, if any."""
    query = page.query
    if not page.jobs and not query.is_narrow:
        return None
    view = View(timeout=None)
    if page.jobs:
        view.add_item(
            discord.ui.Select(
                custom_id=library_id(LibraryVerb.PICK, query, edge),
                placeholder=say(text("Choose a result…")),
                options=[_option(job, say) for job in page.jobs],
                row=0,
            )
        )
    view.add_item(
        discord.ui.Select(
            custom_id=library_id(LibraryVerb.MODEL, query),
            placeholder=say(text("Any model")),
            options=_model_options(query.model, say),
            row=1,
        )
    )
    for label, custom_id in _buttons(page, here=here):
        view.add_item(discord.ui.Button(label=say(label), custom_id=custom_id, row=2))
    view.stop()  # discord.py need not remember it
    return view


def _buttons(page: LibraryPage, *, here: int | None) -> Iterator[tuple[Text, str]]:
    """Their labels and custom ids."""
    query = page.query
    if page.newer is not None:
        yield text("Newer"), library_id(LibraryVerb.PAGE, query, page.newer)
    if page.older is not None:
        yield text("Older"), library_id(LibraryVerb.PAGE, query, page.older)
    if query.guild_id is not None:
        yield text("Every server"), library_id(LibraryVerb.SERVER, replace(query, guild_id=None))
    elif here is not None:
        yield text("This server only"), library_id(LibraryVerb.SERVER, replace(query, guild_id=here))
    yield text("Search…"), library_id(LibraryVerb.SEARCH, query)


def _option(job: Job, say: Say) -> discord.SelectOption:
    at = job.ended_at or job.accepted_at
    # No words of its own, so there is nothing to translate.
    made = say(Text("{takes} · {day} · {hour}", {"takes": _takes(job), "day": Day(at.date()), "hour": hour(at)}))
    return discord.SelectOption(
        label=_title(job, say, limit=LABEL_MAX),
        description=f"{plain(job.request.model, limit=40)} · {made}"[:LABEL_MAX],
        value=job.id,
    )


def _model_options(chosen: str, say: Say) -> list[discord.SelectOption]:
    """Every known model, the newest first: also those that are no longer offered made results."""
    names = [*reversed(MODELS)]
    if chosen and chosen not in names:
        names.append(chosen)
    options = [discord.SelectOption(label=say(text("Any model")), value=ANY_MODEL, default=not chosen)]
    return options + [discord.SelectOption(label=name, value=name, default=name == chosen) for name in names]


def search_form(query: LibraryQuery, say: Say) -> discord.ui.Modal:
    """Asks for words; it carries what else is looked for."""
    form = discord.ui.Modal(
        title=say(text("Search your results")),
        timeout=None,
        custom_id=library_id(LibraryVerb.FOUND, replace(query, search="")),
    )
    field: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="words", required=False, max_length=SEARCH_MAX, default=query.search or None
    )
    description = say(text("A part of it is enough. Leave it empty to see everything."))
    form.add_item(discord.ui.Label(text=say(text("Title or style")), description=description, component=field))
    return form


def result_content(job: Job, left: Left, say: Say) -> str:
    """Everything about one result, and where its files are."""
    facts: dict[str, Fact] = {
        "title": name_of(job),
        "model": Said(job.request.model),
        "ended": job.ended_at or job.accepted_at,
        "job": job.short_id,
    }
    lines = [Text("**{title}** · {model} · {ended} · `{job}`", facts)]  # no words of its own
    if job.request.style:
        lines.append(text("Style: {style}", style=Said(job.request.style)))
    takes = takes_of(job)
    for take, track in takes.items():
        length = Verbatim("") if track.length_seconds is None else Seconds(round(track.length_seconds))
        lines.append(text("Take {take}: {length}", take=take, length=length))
    lines += [_at_provider(job, left), _in_channel(job, left)]
    if left.kept:
        lines.append(text("I keep copies of my own."))
    return "\n".join(map(say, lines))[:CONTENT_MAX]


def _at_provider(job: Job, left: Left) -> Text:
    if not left.at_provider:
        return text("The music service no longer has the files.")
    expires = (job.finished_at or job.accepted_at) + FILES_KEPT
    return text("The music service deletes the files {expires}.", expires=expires)


def _in_channel(job: Job, left: Left) -> Text:
    if job.final_is_answer:
        return text("It was sent to you alone, so there's no copy in a channel.")
    if left.has_message and left.in_channel is None:
        return text("I can't check right now whether its message still has a copy.")
    if not left.has_message or not left.in_channel:
        return text("Its message is gone, or has no files.")
    channel = Verbatim(f"<#{job.final_channel_id}>")
    if job.final_guild_id is None:
        return text("There's a copy in our direct messages: {link}", link=Verbatim(open_url(job) or ""))
    return text("There's a copy in {channel}: {link}", channel=channel, link=Verbatim(open_url(job) or ""))


def _title(job: Job, say: Say, *, limit: int) -> str:
    return plain(shown_title(job), limit=limit) or say(UNTITLED)
