"""What `/jobs` and `/quota` show: pure, and within Discord's limits whatever the titles are."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import discord

from bot.chat.cards import CONTENT_MAX, LINK_MAX
from bot.chat.progress_card import link_to, waiting
from bot.domain.actions import has_files
from bot.domain.jobs import FINAL_STATES, Job, JobState
from bot.domain.links import web_url
from bot.domain.progress import end_of, progress_of
from bot.domain.quota import QuotaBalance, bar
from bot.domain.text import Day, Fact, Said, Seconds, Text, Verbatim, text
from bot.domain.times import clock
from bot.domain.titles import shown_title
from bot.errors import SWITCHED_OFF
from bot.services.common.sentences import STATE_NAMES, UNTITLED, failure_sentences, hour
from bot.text import plain

Say = Callable[[Text], str]

OPTIONS_MAX = 25
LABEL_MAX = 100
TITLE_IN_LINE_MAX = 60


def quota_content(balance: QuotaBalance, say: Say) -> str:
    """The balance in words, then as a bar: a screen reader reads its blocks one by one."""
    if not balance.limit:
        return say(SWITCHED_OFF)
    words = text(
        "{left} of {limit} extensions left today · {spent} used · {held} in progress · renews {renews_at}",
        left=balance.left,
        limit=balance.limit,
        spent=balance.spent,
        held=balance.held,
        renews_at=balance.renews_at,
    )
    return f"{say(words)}\n`{bar(balance)}`"


def jobs_content(jobs: Sequence[tuple[Job, int | None]], say: Say) -> str:
    """One line per job, newest first, as many as fit into a message; the number is its place in the queue."""
    if not jobs:
        return say(text("You have no jobs yet. Start one with `/extend`."))
    return _fitting(_job_line(job, position, say) for job, position in jobs)


def job_options(jobs: Sequence[tuple[Job, int | None]], say: Say) -> list[discord.SelectOption]:
    """The same jobs as menu options; their values are the jobs' ids."""
    return [
        discord.SelectOption(
            label=_title(job, say, limit=LABEL_MAX),
            description=say(_state_and_time(job))[:LABEL_MAX],
            value=job.id,
        )
        for job, _ in jobs[:OPTIONS_MAX]
    ]


def _state_and_time(job: Job) -> Text:
    """`done · 24 Nov · 14:05 UTC`: tells jobs of one title apart, where Discord shows no time of the reader's own."""
    at = job.accepted_at
    # No words of its own, so there is nothing to translate.
    return Text("{state} · {day} · {time}", {"state": STATE_NAMES[job.state], "day": Day(at.date()), "time": hour(at)})


def job_content(job: Job, position: int | None, say: Say, *, at: datetime) -> str:
    """Everything about one job."""
    lines = [_job_line(job, position, say)]
    lines.append(
        say(
            text(
                "From {continue_at} with {model} · `{job}`",
                continue_at=Seconds(job.continues_from),
                model=Said(job.request.model),
                job=job.short_id,
            )
        )
    )
    if job.state is JobState.FAILED:
        lines += map(say, failure_sentences(job.failure))
    if job.state is JobState.ACCEPTED and job.waits_for is not None:
        lines.append(say(waiting(progress_of(job, band=None, usual_seconds=None, began_at=at, at=at))))
    if job.state is JobState.ON_HOLD:
        lines.append(say(_ON_HOLD))
    if has_files(job, at=at):
        lines += _track_links(job, say)
    return _fitting(lines)


_ON_HOLD = text(
    "I was restored from a backup, so I can't tell whether this was submitted already. If its music hasn't come,"
    " continue it. If it was submitted after all, it will be made and paid for twice."
)


def open_url(job: Job) -> str | None:
    """The address of the message about the job's end, if the member can open it."""
    end = end_of(job)
    return None if end is None else str(link_to(end))


def _job_line(job: Job, position: int | None, say: Say) -> str:
    facts: dict[str, Fact] = {"title": Said(_title(job, say, limit=TITLE_IN_LINE_MAX)), "state": STATE_NAMES[job.state]}
    if job.state in FINAL_STATES:
        # No words, so nothing to translate.
        line = Text("**{title}**: {state} {ended}", {"ended": job.ended_at or job.accepted_at, **facts})
    elif position is not None:
        line = text(
            "**{title}**: {state}, number {position} in line, queued {since}",
            position=position,
            since=job.waits_since,
            **facts,
        )
    else:
        line = text("**{title}**: {state}, queued {since}", since=job.waits_since, **facts)
    if (url := open_url(job)) is None:
        return say(line)
    link = text("[open]({link})", link=Verbatim(url))
    return f"{say(line)} · {say(link)}"


def _track_links(job: Job, say: Say) -> list[str]:
    """The provider's own links while they work; only what can be nothing but a link."""
    links = []
    for number, track in enumerate(job.tracks, 1):
        if (url := web_url(track.audio_url, limit=LINK_MAX)) is None:
            continue
        link = text("[Track {number}]({link})", number=number, link=Verbatim(url))
        length = f" · {clock(track.length_seconds)}" if track.length_seconds else ""
        links.append(say(link) + length)
    return links


def _title(job: Job, say: Say, *, limit: int) -> str:
    return plain(shown_title(job), limit=limit) or say(UNTITLED)


def _fitting(lines: Iterable[str]) -> str:
    content = ""
    for line in lines:
        if len(content) + len(line) > CONTENT_MAX:
            break
        content += line + "\n"
    return content.rstrip()
