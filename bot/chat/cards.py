"""What the bot's messages look like: pure, from a job to content, embed and file names, within Discord's limits.

Source of the limits: Discord reference, section 3.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import discord

from bot.domain.jobs import Job, JobState, Stage, Track
from bot.domain.progress import ProgressView
from bot.domain.quota import QuotaBalance, bar
from bot.domain.text import Said, Seconds, Text, Verbatim, counted, text
from bot.services.messenger import ResultFile
from bot.services.sentences import STATE_NAMES, failure_sentences, title_of
from bot.text import escape, plain

Say = Callable[[Text], str]

CONTENT_MAX = 2000
LYRICS_SHOWN_MAX = 1500
"""Longer lyrics come as a file; a description may have 4096 characters, of which escaping takes its share."""
URL_MAX = 512
RETENTION = timedelta(days=14)
"""How long the provider keeps its files at most ("Developer Notes" of its extend page)."""
COLOUR = 0x6C5CE7
FAILED_COLOUR = 0xC0392B


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One message. `files` are the names under which the result's files are attached, in the order of the tracks."""

    content: str
    embed: discord.Embed | None = None
    file_names: tuple[str, ...] = ()
    lyrics_file: str = ""  # the whole lyrics, where they are too long to be shown
    is_reply: bool = True  # to the progress message


def plainer(card: Card) -> Iterator[Card]:
    """The card, then without what Discord may refuse in it (pictures, links, the reply), then its words alone."""
    yield card
    if card.embed is not None:
        embed = card.embed.copy()
        embed.set_thumbnail(url=None)
        embed.set_image(url=None)
        embed.url = None
        yield replace(card, embed=embed, is_reply=False)
        words = [embed.description or "", *(f"{field.name}: {field.value}" for field in embed.fields)]
        content = "\n".join(filter(None, [card.content, *words, embed.footer.text or ""]))
        yield replace(card, content=content[:CONTENT_MAX], embed=None, is_reply=False)


def told(sentences: Sequence[Text], say: Say) -> str:
    """One sentence as it is, several as a list; as many as fit into a message."""
    if len(sentences) == 1:
        return say(sentences[0])
    words = ""
    for sentence in sentences:
        line = f"• {say(sentence)}"
        if len(words) + len(line) + 1 > CONTENT_MAX:
            break
        words += line + "\n"
    return words.rstrip()


def progress_content(job: Job, view: ProgressView, say: Say) -> str:
    lines = [say(text("🎵 **{title}**, from {continue_at} on, with {model}", **_facts(job))), _stage(view, say)]
    if view.expected_at is not None and view.stage is not Stage.COMPLETE:
        lines.append(
            say(text("Submitted {since}; usually ready {expected}.", since=view.since, expected=view.expected_at))
        )
    if view.resumed:
        lines.append(say(text("I was restarted; your song is safe.")))
    return "\n".join(lines)


def _facts(job: Job) -> dict[str, Said | Seconds | str]:
    return {"title": Said(title_of(job)), "continue_at": Seconds(job.sent_continue_at), "model": job.request.model}


_STAGES = {
    Stage.QUEUED: text("🎼 The music service has begun."),
    Stage.TEXT: text("📝 The lyrics are written; the music is being made."),
    Stage.FIRST: text("🎧 The first track is ready; the second one is coming."),
    Stage.COMPLETE: text("📦 The music is ready."),
}


_STATES = {
    JobState.SUBMITTING: text("📤 Being handed to the music service."),
    JobState.OVERDUE: text("🕰️ No news for a long time. I keep asking; if nothing comes, your quota gets it back."),
    JobState.FINISHED: text("📦 The music is ready and is being posted."),
    JobState.UNCOLLECTED: text("📦 Your music is ready, but I can't post it here. `/jobs` has it."),
    JobState.ON_HOLD: text("⏸️ On hold: I was restored from a backup. `/jobs` lets you continue."),
    JobState.DELIVERED: text("✅ Done."),
    JobState.FAILED: text("❌ It did not work."),
    JobState.CANCELLED: text("🚫 Cancelled."),
}


def _stage(view: ProgressView, say: Say) -> str:
    if view.state is JobState.ACCEPTED:
        return say(_waiting(view))
    if view.state is JobState.RUNNING:
        return say(_STAGES[view.stage])
    if view.state is JobState.SUBMITTING and view.outcome_unknown:
        return say(
            text(
                "❔ The music service did not answer, so it is not known yet whether it has begun."
                " It is not asked twice, and nothing is lost: I wait for its news."
            )
        )
    return say(_STATES[view.state])


def _waiting(view: ProgressView) -> Text:
    if view.put_off:
        return text("⏳ The music service is busy; I try again by myself. Waiting since {since}.", since=view.since)
    if view.queue_position is None or view.queue_position <= 1:
        return text("⏳ Accepted: next in the queue, since {since}.", since=view.since)
    return text(
        "⏳ Accepted: number {position} in the queue, since {since}.", position=view.queue_position, since=view.since
    )


def result_card(job: Job, files: Sequence[ResultFile], say: Say) -> Card:
    """The message that hands over the tracks: it mentions the member and carries the job's mark in its footer."""
    first = files[0].track
    style = first.tags or job.request.style
    lyrics = "" if job.request.instrumental else (first.lyrics or job.request.prompt).strip()
    embed = discord.Embed(title=escape(job.request.title or _title(first) or title_of(job), limit=200), colour=COLOUR)
    if lyrics and len(lyrics) <= LYRICS_SHOWN_MAX:
        embed.description = escape_lines(lyrics, limit=4000)
    if style:
        embed.add_field(name=say(text("Style")), value=escape(style, limit=900), inline=False)
    embed.add_field(name=say(text("Model")), value=job.request.model)
    lengths = [
        say(text("{length}", length=Seconds(file.track.length_seconds))) for file in files if file.track.length_seconds
    ]
    if lengths:
        embed.add_field(name=say(text("Length")), value=" · ".join(lengths))
    embed.add_field(name=say(text("Continues from")), value=say(text("{moment}", moment=Seconds(job.sent_continue_at))))
    for number, file in enumerate(files, 1):
        if file.path is None:
            embed.add_field(name=say(text("Track {number}", number=number)), value=_link(job, file, say), inline=False)
    if (image := first.image_url).startswith(("https://", "http://")) and len(image) <= 2048:
        embed.set_thumbnail(url=image)
    embed.set_footer(text=mark(job))
    content = say(
        counted(
            "{mention} Your track is ready.",
            "{mention} Your {count} tracks are ready.",
            count=len(files),
            mention=Verbatim(f"<@{job.place.member_id}>"),
        )
    )
    names = tuple(file_name(job, number, len(files)) for number, _ in enumerate(files, 1))
    long_lyrics = lyrics if len(lyrics) > LYRICS_SHOWN_MAX else ""
    return Card(content=content, embed=embed, file_names=names, lyrics_file=long_lyrics)


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _title(track: Track) -> str:
    """The provider's own title; at times it is only the track's id, or empty (fact sheet, section 8)."""
    return "" if track.title == track.id or _UUID.fullmatch(track.title) else track.title


def _link(job: Job, file: ResultFile, say: Say) -> str:
    url = file.track.audio_url
    if not url.startswith(("https://", "http://")) or len(url) > URL_MAX or re.search(r"[\s()<>]", url):
        return say(text("This track cannot be posted here."))
    until = (job.finished_at or job.accepted_at) + RETENTION
    return say(
        text(
            "[Too large for this server: get it here]({link}). Save it now; it is gone {until} at the latest.",
            link=Verbatim(url),
            until=until,
        )
    )


def failure_card(job: Job, say: Say) -> Card:
    content = say(
        text(
            "{mention} “{title}” did not work.",
            mention=Verbatim(f"<@{job.place.member_id}>"),
            title=Said(title_of(job)),
        )
    )
    embed = discord.Embed(description="\n".join(say(s) for s in failure_sentences(job.failure)), colour=FAILED_COLOUR)
    embed.set_footer(text=mark(job))
    return Card(content=content, embed=embed)


def mark(job: Job) -> str:
    """What is looked for in the channel after a restart; the same in every language."""
    return f"Encore · {job.short_id}"


def carries_mark(content: str, embeds: Sequence[discord.Embed], job: Job) -> bool:
    """Whether a message of ours tells the end of `job`."""
    return mark(job) in content or any(embed.footer.text == mark(job) for embed in embeds)


def file_name(job: Job, number: int, count: int, *, suffix: str = "mp3") -> str:
    """Plain ASCII, as attachments need it: `paper-boats-1.mp3`."""
    folded = unicodedata.normalize("NFKD", plain(title_of(job), limit=100)).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")[:60].strip("-") or "encore"
    return f"{slug}-{number}.{suffix}" if count > 1 else f"{slug}.{suffix}"


def escape_lines(words: str, *, limit: int) -> str:
    """Escaped line by line, as lyrics want their lines kept."""
    return "\n".join(escape(line, limit=400) for line in words.splitlines())[:limit]


def quota_content(balance: QuotaBalance, say: Say) -> str:
    """The balance as a bar and in words."""
    return say(
        text(
            "`{bar}` {left} of {limit} left today · {spent} used · {held} on the way · renews {renews_at}",
            bar=Verbatim(bar(balance)),
            left=balance.left,
            limit=balance.limit,
            spent=balance.spent,
            held=balance.held,
            renews_at=balance.renews_at,
        )
    )


def jobs_content(jobs: Sequence[tuple[Job, int | None]], say: Say) -> str:
    """A line a job, newest first, as many as fit into a message."""
    if not jobs:
        return say(text("You have no jobs yet. Begin with `/extend`."))
    content = ""
    for job, position in jobs:
        line = _job_line(job, position, say) + "\n"
        if len(content) + len(line) > CONTENT_MAX:
            break
        content += line
    return content.rstrip()


def _job_line(job: Job, position: int | None, say: Say) -> str:
    line = say(
        text(
            "`{job}` **{title}**: {state}, {since}",
            job=job.short_id,
            title=Said(plain(title_of(job), limit=60)),
            state=STATE_NAMES[job.state],
            since=job.accepted_at,
        )
    )
    if position is not None:
        line += " " + say(text("(number {position} in the queue)", position=position))
    if job.final_message_id is not None and job.final_channel_id is not None:
        guild = job.place.guild_id if job.final_channel_id == job.place.channel_id else None
        url = f"https://discord.com/channels/{guild or '@me'}/{job.final_channel_id}/{job.final_message_id}"
        line += " " + say(text("[open]({link})", link=Verbatim(url)))
    elif job.state is JobState.FAILED and job.tracks:
        links = [
            Verbatim(t.audio_url) for t in job.tracks if t.audio_url.startswith("http") and len(t.audio_url) <= URL_MAX
        ]
        line += "".join(
            " " + say(text("[track {number}]({link})", number=n, link=link)) for n, link in enumerate(links, 1)
        )
    return line
