"""Sentences about jobs and tracks that several parts use."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.domain.jobs import Failure, FailureReason, Job, JobState, OwnedTrack, Track
from bot.domain.text import Day, Fact, Said, Seconds, Text, Verbatim, text
from bot.domain.titles import shown_title

STATE_NAMES = {
    JobState.ACCEPTED: text("waiting"),
    JobState.SUBMITTING: text("starting"),
    JobState.RUNNING: text("composing"),
    JobState.OVERDUE: text("late"),
    JobState.FINISHED: text("almost here"),
    JobState.UNCOLLECTED: text("ready to collect"),
    JobState.ON_HOLD: text("on hold"),
    JobState.DELIVERED: text("done"),
    JobState.FAILED: text("failed"),
    JobState.CANCELLED: text("cancelled"),
}

UNTITLED = text("Untitled")
NOT_USED = text("This didn't use up an extension.")
REFUNDED = text("Your extension was refunded.")

_REASONS = {
    FailureReason.COPYRIGHT: text(
        "The music service recognised the audio as someone else's work. Try a recording of your own."
    ),
    FailureReason.LYRICS: text(
        "The music service didn't accept the lyrics: they may be too vague, or someone else's."
        " Change them and try again."
    ),
    FailureReason.SENSITIVE: text("The music service didn't accept a word in your text. Change it and try again."),
    FailureReason.SOURCE_UNREACHABLE: text("The music service couldn't read your audio. Send it again."),
    FailureReason.OPERATOR: text("The music service didn't accept my key. My operator needs to fix that."),
    FailureReason.NO_CREDITS: text("I ran out of credits. My operator needs to top up the account."),
    FailureReason.NEVER_STARTED: text("The music service took no new requests for too long. Please try again later."),
    FailureReason.SILENCE: text("The music service never answered. I won't send it again, so nobody pays twice."),
    FailureReason.NO_RESULT: text("The music service gave no result in time. Please try again later."),
    FailureReason.UNDELIVERABLE: text("I couldn't post it anywhere before the files expired."),
    FailureReason.TRACKS_GONE: text("Your music was made, but I couldn't download it."),
    FailureReason.REFUSED: text("The music service refused the request."),
    FailureReason.PROVIDER: text("The music service couldn't make it. Trying again later often helps."),
}

# A track posted too late was still made and paid for.
_SETTLED = {FailureReason.TRACKS_GONE: REFUNDED, FailureReason.UNDELIVERABLE: None}

NO_ROOM = text("I'm out of disk space right now. Please try again in a while.")


def failure_sentences(failure: Failure | None) -> list[Text]:
    """What happened, the provider's own words if any, and whether an extension was used."""
    failure = failure or Failure(reason=FailureReason.PROVIDER)
    sentences = [_REASONS[failure.reason]]
    if failure.provider_message:
        sentences.append(text("It said: “{message}”", message=Said(failure.provider_message)))
    settled = _SETTLED.get(failure.reason, NOT_USED)
    return sentences if settled is None else [*sentences, settled]


def without_cost(reasons: Sequence[Text]) -> list[Text]:
    """The reasons of a refusal, and that it cost the member nothing."""
    if len(reasons) > 1:
        return [*reasons, NOT_USED]
    # One line; no words of its own, so there is nothing to translate.
    return [Text("{reason} {not_used}", {"reason": reason, "not_used": NOT_USED}) for reason in reasons]


def with_more(sentences: Sequence[Text], more: Text) -> list[Text]:
    """A refusal, and where to read more about it."""
    if len(sentences) > 1:
        return [*sentences, more]
    return [Text("{refusal} {more}", {"refusal": sentence, "more": more}) for sentence in sentences]


def name_of(job: Job, track: Track | None = None) -> Said | Text:
    """The name of the job, or of one of its tracks, in a sentence."""
    title = shown_title(job, track)
    return Said(title) if title else UNTITLED


def hour(at: datetime) -> Verbatim:
    """The time of day for places where Discord shows no time of the reader's own: `14:05 UTC`."""
    return Verbatim(f"{at.astimezone(UTC):%H:%M} UTC")


def lookalikes(tracks: Sequence[OwnedTrack]) -> frozenset[str]:
    """The ids of those that have the same label as another one, until the time of day is added."""

    def seen(owned: OwnedTrack) -> tuple[object, ...]:
        length = owned.track.length_seconds
        take = owned.take if owned.takes > 1 else None
        return owned.title, take, None if length is None else round(length), owned.delivered_at.date()

    often = Counter(map(seen, tracks))
    return frozenset(owned.track.id for owned in tracks if often[seen(owned)] > 1)


def track_label(owned: OwnedTrack, *, title: Fact, with_hour: bool = False) -> Text:
    """`Paper Boats · take 2 · 1:26 · 24 Nov`: what tells a track from others; `title` is its title, made safe.

    Day and hour are in UTC; the take is left out if its job has no other, the length if it is unknown.
    """
    facts: dict[str, Fact] = {"title": title}
    if owned.takes > 1:
        facts["take"] = text("take {take}", take=owned.take)
    if owned.track.length_seconds is not None:
        facts["length"] = Seconds(round(owned.track.length_seconds))
    facts["day"] = Day(owned.delivered_at.date())
    if with_hour:
        facts["hour"] = hour(owned.delivered_at)
    return Text(" · ".join(f"{{{name}}}" for name in facts), facts)
