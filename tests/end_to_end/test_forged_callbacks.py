"""Somebody has a job's callback address: nothing they invent spoils the job or reaches a member."""

import json

import aiohttp
import pytest

from bot.domain.jobs import Job, JobState
from tests.end_to_end.town import Town, ends

INVENTED = "https://evil.invalid/rick.mp3"
OWN_ADDRESS = "http://127.0.0.1:1/secret.mp3"


def a_callback(job: Job, kind: str, *, url: str = INVENTED, task_id: str | None = None, code: int = 200) -> str:
    track = {"id": "invented", "audio_url": url, "stream_audio_url": url, "image_url": url, "title": "@everyone"}
    data = {"callbackType": kind, "task_id": task_id or job.task_id, "data": [track]}
    return json.dumps({"code": code, "msg": f"see {url}", "data": data})


async def call_back(town: Town, job: Job, body: str) -> int:
    """Send what anybody with the address can send; returns the answer's status."""
    address = f"{town.settings.public_url}/callbacks/{job.callback_token}"
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session, session.post(address, data=body, headers=headers) as answer:
        return answer.status


async def a_running_job(town: Town) -> Job:
    await town.start()
    await town.extend()
    await town.songs.wait_for(lambda message: "Composing" in message.content)
    return await town.job_in(JobState.RUNNING)


def shown(town: Town) -> str:
    return str(
        [(version.content, version.embeds, version.components) for m in town.songs.messages for version in m.versions]
    )


@pytest.mark.parametrize("url", [INVENTED, OWN_ADDRESS])
async def test_an_invented_complete_changes_nothing_and_the_true_one_is_posted(slow_town: Town, url: str) -> None:
    town = slow_town
    job = await a_running_job(town)

    for kind in ("text", "first", "complete"):
        assert await call_back(town, job, a_callback(job, kind, url=url)) == 200
    await town.suno.finish(job.task_id or "")
    result = await town.result()
    after = await town.job_in(JobState.DELIVERED)

    assert len(result.attachments) == 2
    assert "evil.invalid" not in shown(town)
    assert "secret.mp3" not in shown(town)
    assert "invented" not in [track.id for track in after.tracks]
    jobs = await (await town.mia.command(town.songs, "jobs")).response()
    assert "evil.invalid" not in jobs.content
    assert len(ends(town.songs)) == 1


async def test_an_invented_file_is_not_posted_even_if_it_can_be_fetched(slow_town: Town) -> None:
    """The music of another job, as an attacker with their own account might name it."""
    town = slow_town
    job = await a_running_job(town)
    await town.extend()
    await town.suno.wait_for_submit(2)
    other = list(town.suno.tasks.values())[1]
    await town.suno.finish(other.id)
    await town.result()
    theirs = (await town.job_in(JobState.DELIVERED)).tracks[0].audio_url

    await call_back(town, job, a_callback(job, "complete", url=theirs))
    await town.suno.finish(job.task_id or "")
    await town.result(2)

    posted = await town.app.storage.reading.jobs.get(job.id)
    assert posted is not None
    assert theirs not in [track.audio_url for track in posted.tracks]


async def test_an_invented_error_does_not_fail_the_job(slow_town: Town) -> None:
    town = slow_town
    job = await a_running_job(town)

    await call_back(town, job, a_callback(job, "error", code=413))
    await town.suno.finish(job.task_id or "")
    result = await town.result()

    assert len(result.attachments) == 2
    assert "evil.invalid" not in shown(town)
    assert (await town.balance()).spent in {0, 1}
    await town.job_in(JobState.DELIVERED)
    assert (await town.balance()).spent == 1


async def test_a_callback_cannot_pass_off_another_jobs_task_as_this_ones(slow_town: Town) -> None:
    town = slow_town
    job = await a_running_job(town)

    await call_back(town, job, a_callback(job, "complete", task_id="task-of-somebody-else"))
    await town.suno.finish(job.task_id or "")

    assert len((await town.result()).attachments) == 2
    assert (await town.job_in(JobState.DELIVERED)).task_id == job.task_id


@pytest.mark.parametrize("kind", ["text", "first", "complete", "error"])
async def test_an_invented_task_does_not_take_the_place_of_the_one_that_was_paid_for(
    slow_town: Town, kind: str
) -> None:
    """The submission's answer got lost: only callbacks can tell which task it started."""
    town = slow_town
    town.suno.script("drop started")
    await town.start()
    await town.extend()
    await town.songs.wait_for(lambda message: "hasn't confirmed" in message.content)
    job = await town.job_in(JobState.SUBMITTING)

    code = 500 if kind == "error" else 200
    assert await call_back(town, job, a_callback(job, kind, task_id="made-up", code=code)) == 200
    (paid,) = town.suno.tasks.values()
    await town.suno.finish(paid.id)

    assert len((await town.result()).attachments) == 2
    assert (await town.job_in(JobState.DELIVERED)).task_id == paid.id


async def test_a_task_id_longer_than_any_is_not_taken(slow_town: Town) -> None:
    town = slow_town
    job = await a_running_job(town)

    assert await call_back(town, job, a_callback(job, "text", task_id="x" * 129)) == 400


async def test_with_a_key_what_is_not_signed_is_not_even_taken(slow_town: Town) -> None:
    town = slow_town
    await town.start(suno_webhook_key="a-key-of-the-tests")
    await town.extend()
    job = await town.job_in(JobState.RUNNING)

    assert await call_back(town, job, a_callback(job, "complete")) == 401
    assert await town.job() == job
