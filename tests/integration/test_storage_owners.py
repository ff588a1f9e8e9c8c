"""A claim makes its claimer the owner until the work is released, finished or claimed by another."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Intake, Job, JobState
from bot.domain.text import Day, Megabytes, Said, Seconds, Text, Verbatim, counted, text
from storage.engines.sqlite_file import open_sqlite
from storage.migrate import known_migrations, migrate
from storage.sentences import sentences_from, stored_sentences
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import NOW, a_job, after, an_intake

STATE = JobState.UNCOLLECTED


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


@pytest.fixture
async def job(storage: SqlStorage) -> Job:
    """One that waits."""
    job = replace(a_job(state=STATE), due_at=after(300))
    async with storage.transaction() as work:
        await work.jobs.insert(job)
    return job


@pytest.fixture
async def intake(storage: SqlStorage) -> Intake:
    """One that waits, acknowledged."""
    intake = an_intake(interaction_id=5)
    async with storage.transaction() as work:
        assert await work.intakes.claim(intake)
        assert await work.intakes.hand_over(5, due_at=NOW)
    return intake


async def test_a_job_that_waits_can_be_claimed_ahead_of_its_time_and_then_belongs_to_that_owner(
    storage: SqlStorage, job: Job
) -> None:
    async with storage.transaction() as work:
        claimed = await work.jobs.claim(job.id, STATE, now=NOW, until=after(30), owner="one")
        assert claimed == replace(job, due_at=after(30))

        assert await work.jobs.claim(job.id, STATE, now=after(10), until=after(40), owner="two") is None
        assert not await work.jobs.renew(job.id, owner="two", until=after(99))
        assert not await work.jobs.release(job.id, owner="two")
        assert await work.jobs.renew(job.id, owner="one", until=after(40))
        assert await work.jobs.release(job.id, owner="one")

        assert not await work.jobs.renew(job.id, owner="one", until=after(99))
        assert await work.jobs.claim(job.id, STATE, now=NOW, until=after(50), owner="two") is not None


async def test_a_job_is_claimed_in_the_state_it_is_in_and_never_when_nothing_is_owed(
    storage: SqlStorage, job: Job
) -> None:
    async with storage.transaction() as work:
        assert await work.jobs.claim(job.id, JobState.FINISHED, now=NOW, until=after(30), owner="one") is None
        await work.jobs.save(replace(job, due_at=None))
        assert await work.jobs.claim(job.id, STATE, now=NOW, until=after(30), owner="one") is None


async def test_a_job_whose_owner_is_gone_goes_to_the_next_one(storage: SqlStorage, job: Job) -> None:
    async with storage.transaction() as work:
        await work.jobs.claim(job.id, STATE, now=NOW, until=after(30), owner="one")
        (claimed,) = await work.jobs.claim_due([STATE], now=after(30), until=after(60), limit=1, owner="two")

        assert claimed.id == job.id
        assert not await work.jobs.renew(job.id, owner="one", until=after(90))
        assert await work.jobs.renew(job.id, owner="two", until=after(90))


async def test_news_of_channels_and_clocks_leave_a_claimed_job_to_its_owner(storage: SqlStorage, job: Job) -> None:
    guild_id = job.place.guild_id
    assert guild_id is not None
    async with storage.transaction() as work:
        await work.jobs.claim(job.id, STATE, now=NOW, until=after(30), owner="one")

        assert not await work.jobs.hasten_uncollected(guild_id, at=NOW, every=timedelta(0))
        await work.jobs.hasten(until=after(5))

        assert await work.jobs.renew(job.id, owner="one", until=after(40))


async def test_only_its_owner_changes_a_command(storage: SqlStorage, intake: Intake) -> None:
    async with storage.transaction() as work:
        (claimed,) = await work.intakes.claim_due(now=NOW, until=after(30), limit=1, owner="one")
        assert (claimed.was_claimed, claimed.refusal) == (False, ())

        assert not await work.intakes.renew(5, owner="two", until=after(60))
        assert not await work.intakes.remember(intake, owner="two")
        assert not await work.intakes.refuse(5, [text("No.")], owner="two")
        assert not await work.intakes.finish(5, owner="two")
        assert not await work.intakes.withdraw(5)
        assert not await work.intakes.hand_over(5, due_at=NOW)

        assert await work.intakes.renew(5, owner="one", until=after(60))
        assert await work.intakes.remember(replace(intake, progress_message_id=7), owner="one")
        assert await work.intakes.refuse(5, [text("No.")], owner="one")
        (again,) = await work.intakes.claim_due(now=after(60), until=after(90), limit=1, owner="two")
        assert (again.was_claimed, again.refusal) == (True, (text("No."),))
        assert again.intake.progress_message_id == 7
        assert not await work.intakes.finish(5, owner="one")
        assert await work.intakes.finish(5, owner="two")
        assert not await work.intakes.finish(5, owner="two")


async def test_a_command_that_was_not_handed_over_was_its_writers(storage: SqlStorage) -> None:
    async with storage.transaction() as work:
        await work.intakes.claim(an_intake(interaction_id=6))

        (claimed,) = await work.intakes.claim_due(now=NOW, until=after(30), limit=1, owner="one")

        assert claimed.was_claimed
        assert not await work.intakes.withdraw(6)


async def test_a_command_of_an_earlier_release_may_have_been_in_somebodys_hands(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "encore.db") as database:
        await migrate(database, [known for known in known_migrations() if known.number < 6])
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO intake (interaction_id, due_ms) VALUES (1, 0), (2, NULL)")
        await migrate(database)

        rows = await database.reading.fetch_all("SELECT claimed_by FROM intake ORDER BY interaction_id")

    assert [row["claimed_by"] is None for row in rows] == [False, True]


@pytest.mark.parametrize(
    "sentence",
    [
        text("Plain."),
        counted("one", "{count} of them, {size} and {length}", count=3, size=Megabytes(12), length=Seconds(65.5)),
        text("{a} {b} {c} {d}", a="words", b=Said("*theirs*"), c=Verbatim("<@1>"), d=0.1 + 0.2),
        text("{day} {at}", day=Day(date(2026, 11, 24)), at=datetime(2026, 11, 24, 1, 2, 3, 456_789, tzinfo=UTC)),
        text("{one}, {more}", one=text("inner {n}", n=1), more=[text("first"), text("{x}", x=Said("second"))]),
    ],
)
def test_a_sentence_is_read_as_it_was_stored(sentence: Text) -> None:
    (read,) = sentences_from(stored_sentences([sentence]))

    assert read == sentence
    assert {name: type(fact) for name, fact in read.facts.items()} == {
        name: type(fact) for name, fact in sentence.facts.items()
    }
