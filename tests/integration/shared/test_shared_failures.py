"""Two processes that meet the same failures: they are counted and reported as if there were only one process."""

from bot.domain.jobs import JobState
from bot.services.operator.isolation import TRIES
from tests.support.pipeline import Pipeline


async def test_failures_of_a_job_count_in_every_process(one: Pipeline, other: Pipeline) -> None:
    job = await one.running()
    for number in range(TRIES):
        one.clock.turn(300)
        async with one.storage.transaction() as work:
            (claimed,) = await work.jobs.claim_due([JobState.RUNNING], now=one.clock(), until=one.clock(), limit=1)
        async with (one, other)[number % 2].isolation.around(claimed, doing="asking after it"):
            raise ZeroDivisionError

    assert await one.storage.reading.jobs.all_set_aside(limit=5) == [job.id]


async def test_a_success_in_one_process_clears_the_failures_in_another(one: Pipeline, other: Pipeline) -> None:
    job = await one.running()
    for _ in range(TRIES - 1):
        async with one.isolation.around(await one.job(job), doing="asking after it"):
            raise ZeroDivisionError
    async with other.isolation.around(await one.job(job), doing="asking after it"):
        pass
    async with one.isolation.around(await one.job(job), doing="asking after it"):
        raise ZeroDivisionError

    assert await one.storage.reading.jobs.all_set_aside(limit=5) == []


async def test_both_processes_together_report_a_kind_of_trouble_once_an_hour(one: Pipeline, other: Pipeline) -> None:
    for number, each in enumerate((one, other, one, other)):
        await each.isolation._operator.tell_hourly("callback", f"callback {number}", [], log_line="set aside")
    assert len(one.messenger.operator) + len(other.messenger.operator) == 1

    one.clock.turn(3601)
    await other.isolation._operator.tell_hourly("callback", "callback 9", [], log_line="set aside")

    assert len(other.messenger.operator) == 1
