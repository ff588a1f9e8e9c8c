"""What the message about a job's end looks like: pure, from a job to content, embed and files.

Every card fits Discord's limits, whatever a member or the provider wrote (docs/discord.md 3).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import discord
import msgspec
from msgspec.structs import replace

from bot.chat.result.rows import Rows, result_rows
from bot.domain.jobs import FILES_KEPT, Job, Track
from bot.domain.links import web_url
from bot.domain.outlines import described, in_words, moment_in_words
from bot.domain.text import Fact, Text, Verbatim, counted, text
from bot.domain.times import LONGEST_SECONDS
from bot.domain.titles import shown_title, slug
from bot.services.common.messenger import ResultFile
from bot.services.common.sentences import UNTITLED, failure_sentences, name_of
from bot.text import escape, plain

Say = Callable[[Text], str]

CONTENT_MAX = 2000
EMBED_MAX = 6000
FIELDS_MAX = 25
FIELD_MAX = 1024
FILES_MAX = 10
TITLE_SHOWN_MAX = 200
STYLE_SHOWN_MAX = 600
LYRICS_SHOWN_MAX = 1500
"""Longer lyrics are attached as a file."""
LINE_MAX = 400
"""Longer lines of lyrics are cut short in a message."""
FACTS_ROOM = 1200
"""The part of an embed kept for style, model and other short fields, and for saying what did not fit."""
LINK_MAX = 512
ALT_MAX = 1024
WHOLE_PICTURE = "whole-piece.png"
COLOUR = 0x6C5CE7
FAILED_COLOUR = 0xC0392B


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a message, either at `path` or made of `words`; `alt` describes it to those who cannot see it."""

    name: str
    alt: str
    path: Path | None = None
    words: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    content: str
    embed: discord.Embed | None = None
    files: tuple[Attached, ...] = ()
    rows: Rows = ()
    is_reply: bool = True  # to the progress message


def plainer(card: Card) -> Iterator[Card]:
    """The card, then without what Discord may refuse (pictures, links, buttons, the reply), then only its words."""
    yield card
    if card.embed is not None:
        embed = card.embed.copy()
        embed.set_thumbnail(url=None)
        embed.set_image(url=None)
        embed.url = None
        yield replace(card, embed=embed, rows=(), is_reply=False)
        words = [embed.description or "", *(f"{field.name}: {field.value}" for field in embed.fields)]
        content = "\n".join(filter(None, [card.content, *words]))
        yield replace(card, content=content[:CONTENT_MAX], embed=None, rows=(), is_reply=False)


def as_list(sentences: Sequence[Text], say: Say) -> str:
    """One sentence as it is, several as a list, as many as fit into a message."""
    if len(sentences) == 1:
        return say(sentences[0])
    words = ""
    for sentence in sentences:
        line = f"• {say(sentence)}"
        if len(words) + len(line) + 1 > CONTENT_MAX:
            break
        words += line + "\n"
    return words.rstrip()


def result_card(
    job: Job, files: Sequence[ResultFile], say: Say, *, preface: Text | None = None, is_shared: bool = False
) -> Card:
    """The message that delivers the tracks and pings the member.

    `preface` says why it comes this way. `is_shared`: others see it too, and may vote.
    """
    first = files[0].track
    title = plain_title(job, first, say)
    lyrics = "" if job.request.instrumental else (first.lyrics or job.request.prompt).strip()
    cover = next((file.cover for file in files if file.cover is not None), None)
    attached = _attached(job, files, say, most=FILES_MAX - bool(lyrics) - (cover is not None))
    joins = joins_attached(job, files, say, most=FILES_MAX - bool(lyrics) - (cover is not None) - len(attached))
    links = [_link_field(job, file, number, say) for number, file in enumerate(files, 1) if number not in attached]

    embed = discord.Embed(title=escape(title, limit=TITLE_SHOWN_MAX), colour=COLOUR)
    shown_links = _fitting(links, EMBED_MAX - TITLE_SHOWN_MAX - FACTS_ROOM, most=FIELDS_MAX - 5)
    room = EMBED_MAX - TITLE_SHOWN_MAX - FACTS_ROOM - sum(len(name) + len(value) for name, value in shown_links)
    shown_lyrics = escape_lines(lyrics)
    if len(lyrics) <= LYRICS_SHOWN_MAX and len(shown_lyrics) <= min(4096, room):
        embed.description = shown_lyrics or None
        lyrics = ""
    for name, value, inline in _facts(job, files, say):
        embed.add_field(name=name, value=value, inline=inline)
    for name, value in shown_links:
        embed.add_field(name=name, value=value, inline=False)
    if left_out := len(links) - len(shown_links):
        words = counted("One more track doesn't fit here.", "{count} more tracks don't fit here.", count=left_out)
        embed.add_field(name="…", value=say(words), inline=False)

    for file in joins:
        if file.name == WHOLE_PICTURE:
            embed = pictured(embed, "image", f"attachment://{WHOLE_PICTURE}", file.alt)
    embed, covers = _with_cover(embed, cover, first, title, say)
    more = (*joins, *covers)
    if lyrics:
        alt = say(text("The lyrics of {title}", title=Verbatim(title)))
        more = (Attached(name=file_name(job, first, ending="txt"), alt=alt, words=lyrics), *more)
    ready = counted(
        "{mention} Your track is ready.",
        "{mention} Your {count} tracks are ready.",
        count=len(files),
        mention=_mention(job),
    )
    rows = result_rows(job.id, range(1, len(files) + 1), say, votes={} if is_shared else None)
    return Card(content=_content(job, [ready], preface, say), embed=embed, files=(*attached.values(), *more), rows=rows)


def _mention(job: Job) -> Verbatim:
    return Verbatim(f"<@{job.place.member_id}>")


def _content(job: Job, sentences: Sequence[Text], preface: Text | None, say: Say) -> str:
    lines = [*([say(preface)] if preface is not None else []), *map(say, sentences), f"-# {mark(job)}"]
    return "\n".join(lines)


def plain_title(job: Job, track: Track | None, say: Say) -> str:
    return plain(shown_title(job, track), limit=TITLE_SHOWN_MAX) or say(UNTITLED)


def _attached(job: Job, files: Sequence[ResultFile], say: Say, *, most: int) -> dict[int, Attached]:
    """The attached tracks, numbered from 1."""
    attached: dict[int, Attached] = {}
    for number, file in enumerate(files, 1):
        if file.path is None or len(attached) == most:
            continue
        facts: dict[str, Fact] = {
            "title": Verbatim(plain_title(job, file.track, say)),
            "number": number,
            "count": len(files),
        }
        alt = (
            text("{title}, track {number} of {count}, {length}", length=in_words(length), **facts)
            if (length := _known(file.track.length_seconds)) is not None
            else text("{title}, track {number} of {count}", **facts)
        )
        name = file_name(job, file.track, number if len(files) > 1 else None)
        attached[number] = Attached(name=name, alt=say(alt), path=file.path)
    return attached


def joins_attached(job: Job, files: Sequence[ResultFile], say: Say, *, most: int) -> tuple[Attached, ...]:
    """How the takes join what they continue: the picture of the whole piece, and seconds to listen to."""
    found: list[Attached] = []
    for number, file in enumerate(files, 1):
        if file.join.picture is not None and file.join.outline is not None and not found:
            alt = " ".join(map(say, described(file.join.outline)))
            found.append(Attached(name=WHOLE_PICTURE, alt=alt[:ALT_MAX], path=file.join.picture))
        if file.join.preview is not None:
            alt = say(
                text("The seconds around the place where take {take} joins the original", take=number)
                if len(files) > 1
                else text("The seconds around the place where it joins the original")
            )
            ending = f"join-{number}.mp3" if len(files) > 1 else "join.mp3"
            found.append(Attached(name=f"{file_stem(job, file.track)}-{ending}", alt=alt, path=file.join.preview))
    return tuple(found[:most])


def _facts(job: Job, files: Sequence[ResultFile], say: Say) -> Iterator[tuple[str, str, bool]]:
    """Each short field's name and value, and whether it is inline."""
    if style := escape(files[0].track.tags or job.request.style, limit=STYLE_SHOWN_MAX):
        yield say(text("Style")), style, False
    yield say(text("Model")), escape(job.request.model, limit=40), True
    lengths = [say(in_words(length)) for file in files if (length := _known(file.track.length_seconds)) is not None]
    if lengths:
        yield say(text("Length")), " · ".join([*dict.fromkeys(lengths)][:FILES_MAX]), True
    if (moment := _known(job.continues_from)) is not None:
        yield say(text("Continues from")), say(moment_in_words(moment)), True


def _known(seconds: float | None) -> float | None:
    """A time that can be said; None for what the provider left out, or what is no time."""
    return seconds if seconds is not None and 0 < seconds < LONGEST_SECONDS else None


def _link_field(job: Job, file: ResultFile, number: int, say: Say) -> tuple[str, str]:
    """The field's name and value for a track that is not attached."""
    name = say(text("Track {number}", number=number))
    url = web_url(file.track.audio_url, limit=LINK_MAX)
    if url is None:
        return name, say(text("I can't post this track here."))
    until = (job.finished_at or job.accepted_at) + FILES_KEPT
    link = text(
        "[Too large to post here. Download it]({link}) and save it: the link stops working {until}.",
        link=Verbatim(url),
        until=until,
    )
    return name, say(link)


def _fitting(fields: Sequence[tuple[str, str]], room: int, *, most: int) -> list[tuple[str, str]]:
    """The leading `fields` that take no more than `room` characters."""
    kept = []
    for name, value in fields[:most]:
        room -= len(name) + len(value)
        if room < 0:
            break
        kept.append((name, value))
    return kept


def _with_cover(
    embed: discord.Embed, cover: Path | None, track: Track, title: str, say: Say
) -> tuple[discord.Embed, tuple[Attached, ...]]:
    """The cover as a file, which outlives the provider's link; without a file, that link."""
    alt = say(text("The cover of {title}", title=Verbatim(title)))
    if cover is None:
        url = web_url(track.image_url)
        return (embed if url is None else pictured(embed, "thumbnail", url, alt)), ()
    name = f"cover{cover.suffix}"
    embed = pictured(embed, "thumbnail", f"attachment://{name}", alt)
    return embed, (Attached(name=name, alt=alt, path=cover),)


def pictured(embed: discord.Embed, where: Literal["image", "thumbnail"], url: str, alt: str) -> discord.Embed:
    """With a picture and its alt text, which discord.py's own methods leave out (docs/discord.md 3)."""
    return discord.Embed.from_dict({**embed.to_dict(), where: {"url": url, "description": alt}})


def failure_card(job: Job, say: Say, *, preface: Text | None = None) -> Card:
    content = text("{mention} I couldn't extend “{title}”.", mention=_mention(job), title=name_of(job))
    embed = discord.Embed(description="\n".join(say(s) for s in failure_sentences(job.failure)), colour=FAILED_COLOUR)
    return Card(content=_content(job, [content], preface, say), embed=embed)


def mark(job: Job) -> str:
    """What to look for in a channel after a restart; the same in every language."""
    return f"Encore · {job.short_id}"


def carries_mark(content: str, embeds: Sequence[discord.Embed], job: Job) -> bool:
    """Whether our message ends `job`. Earlier releases put the mark only in the embed's footer."""
    return f"-# {mark(job)}" in content.splitlines() or any(embed.footer.text == mark(job) for embed in embeds)


def file_name(job: Job, track: Track | None = None, number: int | None = None, *, ending: str = "mp3") -> str:
    """Plain ASCII, as attachments need: `paper-boats-1.mp3`."""
    stem = file_stem(job, track)
    return f"{stem}.{ending}" if number is None else f"{stem}-{number}.{ending}"


def file_stem(job: Job, track: Track | None = None) -> str:
    return slug(plain(shown_title(job, track), limit=100)) or "encore"


def escape_lines(words: str) -> str:
    """Escape line by line, because lyrics need their lines."""
    return "\n".join(escape(line, limit=LINE_MAX) for line in words.splitlines())
