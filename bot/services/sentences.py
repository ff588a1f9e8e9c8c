"""Sentences about jobs and tracks that more than one part says."""

from bot.domain.jobs import Failure, FailureReason, Job, JobState, OwnedTrack
from bot.domain.text import Day, Fact, Said, Seconds, Text, text
from bot.domain.tracks import title_of_source

STATE_NAMES = {
    JobState.ACCEPTED: text("waiting"),
    JobState.SUBMITTING: text("being submitted"),
    JobState.RUNNING: text("in the making"),
    JobState.OVERDUE: text("overdue"),
    JobState.FINISHED: text("being posted"),
    JobState.UNCOLLECTED: text("waiting to be collected"),
    JobState.ON_HOLD: text("on hold"),
    JobState.DELIVERED: text("delivered"),
    JobState.FAILED: text("failed"),
    JobState.CANCELLED: text("cancelled"),
}

RETURNED = text("Nothing was counted against your quota.")

_REASONS = {
    FailureReason.COPYRIGHT: text(
        "The music service recognised the audio as an existing work. Use a recording of your own."
    ),
    FailureReason.LYRICS: text(
        "The music service did not take the words: they were too vague, or contain what others own."
        " Change your texts and try again."
    ),
    FailureReason.SENSITIVE: text("The music service refused a word in your texts. Change it and try again."),
    FailureReason.SOURCE_UNREACHABLE: text("The music service could not read the audio. Send it again."),
    FailureReason.OPERATOR: text(
        "The music service does not accept this bot's key. Whoever runs the bot has to mend that."
    ),
    FailureReason.NEVER_STARTED: text("The music service took no new work for too long. Please try again later."),
    FailureReason.SILENCE: text("The music service never answered."),
    FailureReason.UNDELIVERABLE: text("I couldn't reach you before the files expired."),
    FailureReason.TRACKS_GONE: text("The music was made, but could not be fetched from the music service."),
    FailureReason.REFUSED: text("The music service refused the request."),
    FailureReason.PROVIDER: text("The music service failed to make the music. Trying again later often helps."),
}


def failure_sentences(failure: Failure | None) -> list[Text]:
    """What happened, the provider's own words where there are any, and that nothing was counted."""
    failure = failure or Failure(reason=FailureReason.PROVIDER)
    sentences = [_REASONS[failure.reason]]
    if failure.provider_message:
        sentences.append(text("It said: “{message}”", message=Said(failure.provider_message)))
    return [*sentences, RETURNED]


def title_of(job: Job) -> str:
    """What the job is called: the member's title, or the source's name without its ending."""
    return job.request.title or title_of_source(job.source_name)


def track_label(owned: OwnedTrack, *, title: Fact) -> Text:
    """`Paper Boats · take 2 · 1:26 · 24 Nov`: what tells a track from others; `title` is its title, made safe.

    The day is in UTC; the take is left out if its job has no other, the length if it is unknown.
    """
    facts: dict[str, Fact] = {"title": title}
    if owned.takes > 1:
        facts["take"] = text("take {take}", take=owned.take)
    if owned.track.length_seconds is not None:
        facts["length"] = Seconds(round(owned.track.length_seconds))
    facts["day"] = Day(owned.delivered_at.date())
    return Text(" · ".join(f"{{{name}}}" for name in facts), facts)
