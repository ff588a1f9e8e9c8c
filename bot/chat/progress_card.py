"""What a progress message says, from "Reading your file…" to the link to the result: pure."""

from collections.abc import Callable
from datetime import datetime

from bot.domain.jobs import Job, JobState, Place, Stage, WaitReason
from bot.domain.progress import MessageLink, ProgressView
from bot.domain.text import Fact, Said, Seconds, Text, Verbatim, text
from bot.domain.titles import source_title
from bot.services.common.sentences import name_of

Say = Callable[[Text], str]


def reading_content(place: Place, source_name: str, say: Say) -> str:
    """The message as it is posted, before anything is known of the source.

    Its mark tells it from that of another command with the same file. It has a digit less than the mark of a job.
    """
    title, member = source_title(source_name), _mention(place.member_id)
    reading = (
        text("🎧 Reading **{title}** for {member}…", title=Said(title), member=member)
        if title
        else text("🎧 Reading a file for {member}…", member=member)
    )
    return f"{say(reading)}\n-# Encore · {place.interaction_id & 0xFFFFFFF:07x}"


def progress_content(job: Job, view: ProgressView, say: Say) -> str:
    """Whose job it is and its state; in the end a link to the result."""
    member, title = _mention(job.place.member_id), name_of(job)
    if view.is_final or view.state is JobState.UNCOLLECTED:
        return say(_end(view, title, member))
    if view.state is JobState.FINISHED and view.is_late and view.waits_for is WaitReason.DOWNLOAD:
        words = text(
            "🎧 **{title}** for {member}: it's ready, but I can't download it yet. I'm still trying.",
            title=title,
            member=member,
        )
        return say(words)
    head = text(
        "🎵 **{title}** for {member}, from {continue_at} with {model}",
        title=title,
        member=member,
        continue_at=Seconds(job.continues_from),
        model=job.request.model,
    )
    lines = [head, _now(view)]
    if view.expected_at is not None and not view.is_late and view.stage is not Stage.COMPLETE:
        lines.append(text("-# Usually ready {expected}", expected=view.expected_at))
    if view.resumed:
        lines.append(text("-# I was restarted, but nothing was lost."))
    return "\n".join(map(say, lines))


def _mention(member_id: int) -> Verbatim:
    """Show the member's name. The message's `allowed_mentions` decides whether it pings."""
    return Verbatim(f"<@{member_id}>")


LATE = text("⏳ Taking longer than usual. I'm still on it.")
UNCONFIRMED = text(
    "❔ The music service hasn't confirmed that it started your job. I won't send it again, so nobody pays twice."
    " I'm waiting to hear from it."
)
_AT_WORK = {
    Stage.QUEUED: text("🎼 Composing…"),
    Stage.TEXT: text("📝 The lyrics are written. Composing…"),
    Stage.FIRST: text("🎧 The first track is ready. Composing the second…"),
    Stage.COMPLETE: text("📦 The music is ready."),
}


def _now(view: ProgressView) -> Text:
    """The state of a job under way."""
    match view.state:
        case JobState.ACCEPTED:
            return waiting(view)
        case JobState.FINISHED:
            return _posting(view)
        case JobState.ON_HOLD:
            return text("⏸️ On hold, because I was restored from a backup. Continue or cancel it in `/jobs`.")
        case JobState.OVERDUE:
            return _overdue(view)
    return _at_provider(view)


def _at_provider(view: ProgressView) -> Text:
    if view.outcome_unknown:
        return UNCONFIRMED
    if view.is_late:
        return LATE
    return text("📤 Starting…") if view.state is JobState.SUBMITTING else _AT_WORK[view.stage]


def _posting(view: ProgressView) -> Text:
    if view.is_late:
        return text("📦 Your music is ready, but posting it is taking longer than usual. I'm still on it.")
    return text("📦 Your music is ready. Posting it…")


def _overdue(view: ProgressView) -> Text:
    if view.outcome_unknown:
        return text(
            "🕰️ Still no word from the music service. I won't send it again, so nobody pays twice."
            " If nothing comes, you get your extension back."
        )
    return text(
        "🕰️ Still no word from the music service. I'll keep asking. If nothing comes, you get your extension back."
    )


def waiting(view: ProgressView) -> Text:
    """Why an accepted job waits: for its turn, or for something else."""
    if view.waits_for is None:
        return _in_line(view.queue_band or 1, view.since)
    since, resumes = view.since, view.resumes_at or view.since
    return {
        WaitReason.BUSY: text("⏳ The music service is busy. I'll keep trying. Queued {since}", since=since),
        WaitReason.NO_CREDITS: text(
            "⏸️ I've run out of credits, and my operator knows. You keep your place. Queued {since}", since=since
        ),
        WaitReason.KEY_REFUSED: text(
            "⏸️ The music service is refusing me, and my operator knows. You keep your place. Queued {since}",
            since=since,
        ),
        WaitReason.SERVER_CAP: text(
            "⏸️ This server's credits for today are used up. I'll continue {resumes}. You keep your place.",
            resumes=resumes,
        ),
        WaitReason.DAY_CAP: text(
            "⏸️ Today's credits are used up. I'll continue {resumes}. You keep your place.", resumes=resumes
        ),
    }[view.waits_for]


def _in_line(band: int, since: datetime) -> Text:
    """The place in line, by the bands of `bot.domain.progress`."""
    return {
        1: text("⏳ Next in line, queued {since}", since=since),
        2: text("⏳ 2nd or 3rd in line, queued {since}", since=since),
        4: text("⏳ 4th to 6th in line, queued {since}", since=since),
        7: text("⏳ About 10th in line, queued {since}", since=since),
        15: text("⏳ About 20th in line, queued {since}", since=since),
        35: text("⏳ About 50th in line, queued {since}", since=since),
        101: text("⏳ More than 100 ahead, queued {since}", since=since),
    }[band]


def _end(view: ProgressView, title: Said | Text, member: Verbatim) -> Text:
    facts: dict[str, Fact] = {"title": title, "member": member}
    match view.state:
        case JobState.UNCOLLECTED:
            return text("📦 **{title}** for {member} is ready, but I can't post it here. `/jobs` has it.", **facts)
        case JobState.CANCELLED:
            return text("🚫 **{title}** for {member}: cancelled", **facts)
    link = None if view.end is None or view.end.guild_id is None else link_to(view.end)
    if view.state is JobState.FAILED:
        return _failed(link, facts, notified_privately=view.notified_privately)
    if link is not None:
        return text("✅ **{title}** for {member}: [here it is]({link})", link=link, **facts)
    if view.end is not None:
        return text("✅ **{title}** for {member}: sent by direct message", **facts)
    return text("✅ **{title}** for {member}: done", **facts)


def _failed(link: Verbatim | None, facts: dict[str, Fact], *, notified_privately: bool) -> Text:
    if link is not None:
        return text("❌ **{title}** for {member}: it didn't work out. [Here's why]({link})", link=link, **facts)
    if notified_privately:
        return text("❌ **{title}** for {member}: it didn't work out. I've told them why.", **facts)
    return text("❌ **{title}** for {member}: it didn't work out. `/jobs` says why.", **facts)


def link_to(message: MessageLink) -> Verbatim:
    where = message.guild_id or "@me"
    return Verbatim(f"https://discord.com/channels/{where}/{message.channel_id}/{message.message_id}")
