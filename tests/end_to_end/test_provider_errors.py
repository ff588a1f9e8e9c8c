"""Each provider error, at the submission and afterwards, as members meet it."""

from collections.abc import Mapping

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.discord import Invocation, Message
from tests.end_to_end.town import Town, ends, eventually

SUBMIT = "/upload-extend"


def submissions(town: Town) -> int:
    return sum(request.path.endswith(SUBMIT) for request in town.suno.requests)


async def failed(town: Town) -> Message:
    """The message about a failure, which is new and mentions the member; the unit is returned.

    It replies to the progress message, if the job got far enough to have one.
    """
    result = await town.result()
    job = await town.job_in(JobState.FAILED)
    assert "couldn't extend" in result.content
    assert town.mia in result.pinged
    assert result.reference in (None, *town.songs.messages)
    assert "This didn't use up an extension." in result.embeds[0]["description"]
    assert "http" not in result.embeds[0]["description"]
    assert (await town.balance()).left == 10
    assert job.notified_at is not None or len(ends(town.songs)) == 1
    return result


async def failed_alone(town: Town, invocation: Invocation) -> Message:
    """The message about a failure for its member only: in the answer to the command."""
    answer = await invocation.wait_until(lambda message: message.embeds)
    await town.job_in(JobState.FAILED)
    assert answer.is_ephemeral
    assert ends(town.songs) == []
    assert "This didn't use up an extension." in answer.embeds[0]["description"]
    assert (await town.balance()).left == 10
    await town.songs.wait_for(lambda message: "I've told them why" in message.content)
    return answer


@pytest.mark.parametrize("code", ["400", "404", "409", "413", "422", "451", "505", "553"])
async def test_only_the_member_hears_of_a_refused_submission_and_it_is_not_repeated(town: Town, code: str) -> None:
    await town.start()
    town.suno.script(f"error {code}")

    result = await failed_alone(town, await town.extend())

    assert "refused the request" in result.embeds[0]["description"]
    assert submissions(town) == 1
    assert town.suno.submits == 0


async def test_a_model_that_the_provider_no_longer_takes_is_reported_in_its_own_words(town: Town) -> None:
    await town.start()
    town.suno.script("error 400-model")

    result = await failed_alone(town, await town.extend(model="V3_5"))

    assert "It said: “model is not supported”" in result.embeds[0]["description"]
    assert submissions(town) == 1


@pytest.mark.parametrize("code", ["405", "430", "455", "500", "429-frequency"])
async def test_a_submission_that_comes_too_early_is_repeated_until_it_is_taken(town: Town, code: str) -> None:
    await town.start()
    town.suno.script(f"error {code} 2")

    await town.extend()
    result = await town.result()

    assert len(result.attachments) == 2
    assert submissions(town) == 3
    assert town.suno.submits == 1


async def test_a_plain_503_started_nothing_so_it_is_tried_again(town: Town) -> None:
    await town.start()
    town.suno.script("http 503 2")

    await town.extend()

    assert len((await town.result()).attachments) == 2
    assert town.suno.submits == 1


@pytest.mark.parametrize("code", ["402", "429"])
async def test_without_credits_the_job_keeps_its_place(town: Town, code: str) -> None:
    await town.start()
    town.suno.script(f"error {code} 1")

    await town.extend()
    await town.songs.wait_for(lambda message: "run out of credits" in message.content)

    assert (await town.job_in(JobState.ACCEPTED)).attempts == 1
    assert (await town.balance()).held == 1
    assert town.suno.submits == 0


@pytest.mark.parametrize("trouble", ["http 502", "http 504", "html", "drop", "no-task-id"])
async def test_a_submission_without_a_clear_answer_is_never_repeated(town: Town, trouble: str) -> None:
    await town.start()
    town.suno.script(trouble)

    await town.extend()
    progress = await town.songs.wait_for(lambda message: "hasn't confirmed" in message.content)

    assert "I won't send it again, so nobody pays twice." in progress.content
    assert (await town.job_in(JobState.SUBMITTING)).outcome_unknown
    assert submissions(town) == 1
    assert (await town.balance()).held == 1


@pytest.mark.parametrize("trouble", ["http 502", "http 504", "html", "drop", "no-task-id"])
async def test_a_submission_without_an_answer_is_completed_by_its_callback(town: Town, trouble: str) -> None:
    await town.start()
    town.suno.script(f"{trouble} started")

    await town.extend()
    result = await town.result()

    assert len(result.attachments) == 2
    assert submissions(town) == town.suno.submits == 1


async def test_an_unknown_outcome_ends_at_the_deadline_with_the_unit_returned(town: Town) -> None:
    await town.start(overdue_after_seconds=0.3, give_up_after_seconds=1.0, poll_every_seconds=0.1)
    town.suno.script("drop")

    await town.extend()
    result = await failed(town)

    assert "never answered" in result.embeds[0]["description"]
    assert submissions(town) == 1


async def test_callbacks_that_overtake_the_answer_are_kept(town: Town) -> None:
    await town.start()
    town.suno.script("late-answer")

    await town.extend()

    assert len((await town.result()).attachments) == 2
    await town.job_in(JobState.DELIVERED)
    assert town.suno.submits == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("callback-error 400", "refused the request"),
        ("callback-error 400-lyrics", "didn't accept the lyrics"),
        ("callback-error 413", "someone else's work"),
        ("callback-error 531", "didn't accept the lyrics"),
        ("sensitive-word", "didn't accept"),  # record-info says that it was a word, a callback only that it was a text
        ("stuck", "someone else's work"),
    ],
)
async def test_only_the_member_reads_what_is_wrong_with_their_texts_or_audio(
    town: Town, trouble: str, words: str
) -> None:
    await town.start(poll_after_seconds=0.2, poll_every_seconds=0.2)
    town.suno.script(trouble)

    result = await failed_alone(town, await town.extend())

    assert words in result.embeds[0]["description"]
    assert "It said" in result.embeds[0]["description"]
    assert submissions(town) == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("callback-error 408", "couldn't make it"),
        ("callback-error 451", "couldn't read your audio"),
        ("callback-error 500", "couldn't make it"),
        ("callback-error 501", "couldn't make it"),
        ("create-failed", ""),
        ("generate-failed", ""),
    ],
)
async def test_a_failed_task_is_reported_with_its_reason(town: Town, trouble: str, words: str) -> None:
    await town.start(poll_after_seconds=0.2, poll_every_seconds=0.2)
    town.suno.script(trouble)

    await town.extend()
    result = await failed(town)

    assert words in result.embeds[0]["description"]
    assert "It said" in result.embeds[0]["description"]
    assert submissions(town) == 1


ODDITIES: Mapping[str, Mapping[str, int]] = {
    "callbacks": {
        "skip text": 2,
        "complete-alone": 2,
        "duplicate 5": 2,
        "out-of-order": 2,
        "late": 2,
        "camel-task-id": 2,
        "text-null": 2,
        "text-tracks": 2,
    },
    "answers": {
        "code-text": 2,
        "create-time-text": 2,
        "odd-status": 2,
        "success-empty": 2,
        "no-callbacks": 2,
        "callback-exception": 2,
        "documented-first": 2,
        "empty-first": 2,
    },
    "tracks": {
        "one-track": 1,
        "tracks 3": 3,
        "empty-track": 1,
        "title-uuid": 2,
        "title-empty": 2,
        "file-error 404 2": 2,
        "file-cut 1": 2,
    },
}
"""Each with how many tracks the member gets."""


@pytest.mark.parametrize("of", ODDITIES)
async def test_no_oddity_of_the_provider_changes_anything_for_the_member(town: Town, of: str) -> None:
    """One job for each, all at the same time; their titles say which is which."""
    oddities = ODDITIES[of]
    await town.start(poll_after_seconds=0.2, poll_every_seconds=0.2, quota_per_day=100)

    for oddity in oddities:
        await town.extend(style="folk", title=f"Boats, {oddity}", prompt=f"la la [[{oddity}]]")
    await town.result(len(oddities))

    async def all_are_shown() -> bool:
        progress = [message for message in town.songs.messages if not message.embeds]
        return len(progress) == sum("here it is" in message.content for message in progress) == len(oddities)

    await eventually(all_are_shown)
    posted = {result.embeds[0]["title"]: len(result.attachments) for result in ends(town.songs)}
    assert posted == {f"Boats, {oddity}": tracks for oddity, tracks in oddities.items()}
    assert len(ends(town.songs)) == town.suno.submits == len(oddities)
    assert (await town.balance()).spent == len(oddities)


async def test_a_refused_key_pauses_the_bot_until_it_is_accepted_again(town: Town) -> None:
    operator = town.discord.owner
    await town.start(poll_every_seconds=0.2)
    town.suno.script("error 401")
    town.suno.next_call("credit", "error 401", times=3)

    await town.extend()
    await operator.dm.wait_for(lambda message: "refuses this bot's key" in message.content)
    town.suno.script()

    assert len((await town.result()).attachments) == 2
    await operator.dm.wait_for(lambda message: "accepts this bot's key again" in message.content)
    assert len(operator.dms) == 2
