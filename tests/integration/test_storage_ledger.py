"""The quota ledger, on a real file."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.domain.quota import QuotaBalance
from storage.errors import Conflict
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import NOW

TODAY = date(2026, 11, 22)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


async def hold(storage: SqlStorage, job_id: str, *, member_id: int = 1, day: date = TODAY, limit: int = 3) -> bool:
    async with storage.transaction() as work:
        return await work.ledger.hold(job_id=job_id, member_id=member_id, guild_id=None, day=day, limit=limit, at=NOW)


async def spend(storage: SqlStorage, job_id: str) -> bool:
    async with storage.transaction() as work:
        return await work.ledger.spend(job_id, at=NOW)


async def give_back(storage: SqlStorage, job_id: str) -> bool:
    async with storage.transaction() as work:
        return await work.ledger.give_back(job_id, at=NOW)


async def balance(storage: SqlStorage, *, member_id: int = 1, limit: int = 3) -> QuotaBalance:
    return await storage.reading.ledger.balance(member_id, day=TODAY, limit=limit)


async def test_held_units_count_until_they_are_returned(storage: SqlStorage) -> None:
    assert [await hold(storage, f"job-{number}") for number in range(4)] == [True, True, True, False]

    await spend(storage, "job-0")
    await give_back(storage, "job-1")

    assert await balance(storage) == QuotaBalance(limit=3, held=1, spent=1, day=TODAY)
    assert await hold(storage, "job-5")
    assert not await hold(storage, "job-6")


async def test_a_unit_is_settled_once(storage: SqlStorage) -> None:
    await hold(storage, "spent")
    await hold(storage, "returned")

    assert await spend(storage, "spent")
    assert await give_back(storage, "returned")

    assert not await spend(storage, "spent")
    assert not await give_back(storage, "spent")
    assert not await spend(storage, "returned")
    assert not await give_back(storage, "returned")
    assert not await spend(storage, "never held")
    assert await balance(storage) == QuotaBalance(limit=3, held=0, spent=1, day=TODAY)


async def test_members_and_days_are_counted_apart(storage: SqlStorage) -> None:
    assert await hold(storage, "job-1", limit=1)
    assert not await hold(storage, "job-2", limit=1)

    assert await hold(storage, "job-3", limit=1, member_id=2)
    assert await hold(storage, "job-4", limit=1, day=TODAY + timedelta(days=1))


async def test_a_limit_of_zero_holds_nothing(storage: SqlStorage) -> None:
    assert not await hold(storage, "job", limit=0)


async def test_a_job_cannot_hold_twice(storage: SqlStorage) -> None:
    await hold(storage, "job")

    with pytest.raises(Conflict):
        await hold(storage, "job")

    assert (await balance(storage)).held == 1


async def test_a_hundred_simultaneous_holds_with_three_left_give_three(storage: SqlStorage) -> None:
    held = await asyncio.gather(*(hold(storage, f"job-{number}") for number in range(100)))

    assert held.count(True) == 3
    assert (await balance(storage)).left == 0


async def test_two_processes_share_the_same_limit(tmp_path: Path, storage: SqlStorage) -> None:
    async with open_storage(tmp_path / "encore.db") as other:
        held = await asyncio.gather(
            *(hold(own, f"job-{number}-{name}") for number in range(50) for name, own in (("a", storage), ("b", other)))
        )

    assert held.count(True) == 3


async def test_a_unit_held_in_a_transaction_that_fails_is_not_held(storage: SqlStorage) -> None:
    async def fails() -> None:
        async with storage.transaction() as work:
            await work.ledger.hold(job_id="job", member_id=1, guild_id=None, day=TODAY, limit=1, at=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()

    assert (await balance(storage)).held == 0


@pytest.mark.parametrize("seed", range(5))
async def test_the_balance_matches_a_plain_account_book(storage: SqlStorage, seed: int) -> None:
    rng = random.Random(seed)
    book: dict[str, str] = {}
    for number in range(150):
        used = sum(outcome != "returned" for outcome in book.values())
        if rng.random() < 0.5:
            assert await hold(storage, f"job-{number}", limit=10) == (used < 10)
            if used < 10:
                book[f"job-{number}"] = "held"
        elif book:
            job_id = rng.choice(list(book))
            outcome, settle = rng.choice([("spent", spend), ("returned", give_back), ("returned", give_back)])
            assert await settle(storage, job_id) == (book[job_id] == "held")
            if book[job_id] == "held":
                book[job_id] = outcome
        outcomes = list(book.values())
        assert await balance(storage, limit=10) == QuotaBalance(
            limit=10, held=outcomes.count("held"), spent=outcomes.count("spent"), day=TODAY
        )
