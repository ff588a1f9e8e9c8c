"""Processes on machines with different clocks agree on the time, which is the server's."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from storage.engines.base import Row, Value
from storage.engines.postgres_clock import DatabaseClock

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Server:
    """Answers with its time; `on_ask` happens while the answer is on its way."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.on_ask: Callable[[], None] = lambda: None

    async def fetch_one(self, sql: str, *parameters: Value) -> Row | None:
        del sql, parameters
        self.on_ask()
        return {"now_us": int(self.now.timestamp() * 1e6)}

    async def fetch_all(self, sql: str, *parameters: Value) -> Sequence[Row]:
        raise NotImplementedError

    async def execute(self, sql: str, *parameters: Value) -> None:
        raise NotImplementedError

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        raise NotImplementedError


class Machine:
    """A machine's steady clock, turned by tests."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


async def test_machines_with_different_clocks_agree() -> None:
    machines = Machine(17.0), Machine(9_000_000.0)
    clocks = [DatabaseClock(machine) for machine in machines]
    for clock in clocks:
        await clock.look(Server(NOON))
    for machine in machines:
        machine.wait(5)

    assert [clock() for clock in clocks] == [NOON + timedelta(seconds=5)] * 2


async def test_half_of_the_way_to_the_server_and_back_is_taken_off() -> None:
    machine, server = Machine(100.0), Server(NOON)
    server.on_ask = lambda: machine.wait(0.4)
    clock = DatabaseClock(machine)
    await clock.look(server)

    assert clock() == NOON + timedelta(seconds=0.2)


async def test_a_slow_answer_changes_nothing_but_the_first_one_counts() -> None:
    machine, server = Machine(100.0), Server(NOON)
    server.on_ask = lambda: machine.wait(4)
    clock = DatabaseClock(machine)
    await clock.look(server)
    assert clock() == NOON + timedelta(seconds=2)

    server.now = NOON + timedelta(hours=1)
    await clock.look(server)

    assert clock() == NOON + timedelta(seconds=6)


async def test_a_server_whose_clock_was_set_is_followed_at_the_next_look() -> None:
    machine, server = Machine(100.0), Server(NOON)
    clock = DatabaseClock(machine)
    await clock.look(server)
    server.now = NOON - timedelta(minutes=3)
    await clock.look(server)

    assert clock() == server.now
