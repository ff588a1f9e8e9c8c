"""The watch over PUBLIC_URL: who is told of it, how often, and that results are polled meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.public_address import Came, Outcome
from bot.services.operator.notices import Operator
from bot.services.operator.public_address import BEGUN, OVER, TRIES, PublicAddress
from tests.support.database import open_storage
from tests.support.fakes import FakeMessenger, TurnedClock
from tests.support.secrets import Overheard

EVERY, PAUSE = 600.0, 10.0
FOUND = Outcome(came=Came.ANSWER, status=200)
SILENT = Outcome(came=Came.NO_ANSWER, detail="connection refused")


@dataclass
class Watched:
    address: PublicAddress
    clock: TurnedClock
    messenger: FakeMessenger
    outcomes: list[Outcome] = field(default_factory=lambda: [FOUND])

    async def check(self, times: int = 1) -> None:
        """As its worker does: wait until it is due, and take a step."""
        for _ in range(times):
            self.clock.turn((await self.address.next_due() - self.clock()).total_seconds())
            await self.address.step()

    @property
    def told(self) -> list[str]:
        return [sentence.message for sentences in self.messenger.operator for sentence in sentences]


@asynccontextmanager
async def watched(folder: Path, messenger: FakeMessenger | None = None) -> AsyncIterator[Watched]:
    clock, messenger = TurnedClock(), messenger or FakeMessenger()
    async with open_storage(folder / "encore.db") as storage:
        outcomes = [FOUND]

        async def call() -> Outcome:
            return outcomes[0]

        address = PublicAddress(
            call,
            Operator(storage, messenger, clock),
            url="https://encore.example",
            own_port="port 8080 of the bot",
            every_seconds=EVERY,
            pause_seconds=PAUSE,
            clock=clock,
        )
        yield Watched(address, clock, messenger, outcomes)


async def test_an_address_that_answers_is_nobodys_news(tmp_path: Path) -> None:
    async with watched(tmp_path) as found:
        await found.check(3)

        assert found.address.answers
        assert found.told == []


async def test_the_operator_hears_once_when_it_is_silent_and_once_when_it_answers(
    tmp_path: Path, overheard: Overheard
) -> None:
    async with watched(tmp_path) as found:
        found.outcomes[0] = SILENT
        await found.check(TRIES + 3)
        assert not found.address.answers
        assert found.told == [BEGUN.message]

        found.outcomes[0] = FOUND
        await found.check(2)
        assert found.address.answers
        assert found.told == [BEGUN.message, OVER.message]
    (line,) = [line for line in overheard.lines if "does not answer from here (connection refused)" in line]
    assert "proves nothing" in line


async def test_one_failure_is_no_news_because_the_proxy_may_just_be_starting(tmp_path: Path) -> None:
    async with watched(tmp_path) as found:
        found.outcomes[0] = SILENT
        await found.check(TRIES - 1)
        found.outcomes[0] = FOUND
        await found.check()

        assert found.address.answers
        assert found.told == []


async def test_it_is_tried_again_soon_and_checked_again_later(tmp_path: Path) -> None:
    async with watched(tmp_path) as found:
        found.outcomes[0] = SILENT
        waits = []
        for _ in range(TRIES + 1):
            waits.append((await found.address.next_due() - found.clock()).total_seconds())
            await found.check()

    assert waits == [PAUSE, *[PAUSE] * (TRIES - 1), EVERY]


async def test_after_a_restart_the_operator_is_not_told_again_but_the_log_is(
    tmp_path: Path, overheard: Overheard
) -> None:
    messenger = FakeMessenger()
    for _ in range(2):
        async with watched(tmp_path, messenger) as found:
            found.outcomes[0] = SILENT
            await found.check(TRIES)

    assert found.told == [BEGUN.message]
    assert len([line for line in overheard.lines if "results are polled until" in line]) == 2
