"""A claim is kept for as long as its work takes, and only then."""

import asyncio

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.lease import LeaseLost, renewed
from storage.errors import StorageUnavailable

SECONDS = 0.03


class Claims:
    """Answers each renewal with the next of `answers`, then with yes; `renewals` counts them."""

    def __init__(self, *answers: bool | Exception) -> None:
        self._answers = list(answers)
        self.renewals = 0
        self._renewed = asyncio.Condition()

    async def renew(self) -> bool:
        answer = self._answers.pop(0) if self._answers else True
        async with self._renewed:
            self.renewals += 1
            self._renewed.notify_all()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait_for(self, renewals: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._renewed:
            await self._renewed.wait_for(lambda: self.renewals >= renewals)


@pytest.mark.parametrize("failure", [StorageUnavailable("locked"), ValueError("a surprise")])
async def test_one_failed_renewal_is_followed_by_another(failure: Exception) -> None:
    claims = Claims(failure)
    async with renewed(claims.renew, seconds=SECONDS) as lease:
        await claims.wait_for(3)

        assert not lease.is_lost
        await lease.check()


async def test_a_claim_that_is_somebody_elses_is_lost_for_good() -> None:
    claims = Claims(False)
    async with renewed(claims.renew, seconds=SECONDS) as lease:
        await claims.wait_for(1)

        with pytest.raises(LeaseLost):
            await lease.check()
    assert claims.renewals == 1


async def test_a_claim_is_renewed_no_longer_than_its_work_takes() -> None:
    claims = Claims()
    async with renewed(claims.renew, seconds=SECONDS):
        await claims.wait_for(2)
    known = asyncio.all_tasks()

    assert not [task for task in known if task.get_name() == "lease"]
