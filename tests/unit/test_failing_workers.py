"""What a worker says about steps that fail."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from bot.domain.text import text
from bot.errors import Outage
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import Bell
from bot.services.common.worker import Worker


class Failing:
    """Fails with each of `errors` in turn, then works."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.worked = asyncio.Event()

    async def step(self) -> bool:
        if self._errors:
            raise self._errors.pop(0)
        self.worked.set()
        return False

    async def next_due(self) -> datetime | None:
        return None


async def said(caplog: pytest.LogCaptureFixture, *errors: Exception) -> list[str]:
    """What a worker logs that fails in these ways and then works."""
    caplog.set_level(logging.INFO)
    task, bell = Failing(*errors), Bell()
    running = asyncio.create_task(Worker("listening", task, bell, lambda: datetime.now(UTC)).run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not task.worked.is_set():
            bell.ring()
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return [record.getMessage() for record in caplog.records]


async def test_a_step_that_keeps_failing_is_reported_when_it_begins_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await said(caplog, OSError("disk full"), OSError("disk full")) == [
        "listening: a step failed (disk full); trying again until it works",
        "listening: working again",
    ]


async def test_an_outage_is_left_to_the_storage_to_report(caplog: pytest.LogCaptureFixture) -> None:
    assert (
        await said(caplog, Outage("away", text("Please try again.")), Outage("away", text("Please try again."))) == []
    )


async def test_a_fault_after_an_outage_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    lines = await said(caplog, Outage("away", text("Please try again.")), OSError("disk full"))

    assert lines == [
        "listening: a step failed (disk full); trying again until it works",
        "listening: working again",
    ]
