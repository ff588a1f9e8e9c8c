from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.parts import ground
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.suno import SunoOptions
from bot.services.common import bells, worker
from storage.storage import open_shared_storage, open_storage
from tests.conftest import UNDESCRIBED
from tests.end_to_end.town import QUICK, Town, a_town, undescribed_keys


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `either_way` run with a gateway, and with interactions over HTTP alone."""
    if metafunc.definition.get_closest_marker("either_way"):
        metafunc.parametrize("over_http", [False, True], ids=["gateway", "http"])


@pytest.fixture(autouse=True)
def unrung_bells_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker also looks for work when nobody has woken it; in a test, that is too late."""
    for module in (bells, worker):
        monkeypatch.setattr(module, "IDLE_SECONDS", 10 * PATIENCE_SECONDS)


@pytest.fixture
def busy_seconds() -> float:
    """How long a write waits for its turn, for files about a database that is locked.

    Elsewhere, a busy machine is no outage of the database, as it would be two seconds after a command.
    """
    return PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def waits_for_its_turn(busy_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for opening in (open_storage, open_shared_storage):
        monkeypatch.setattr(ground, opening.__name__, partial(opening, busy_seconds=busy_seconds))


@pytest.fixture
def over_http() -> bool:
    return False


@pytest.fixture
def suno() -> SunoOptions:
    """What the music service is like, for files that need another one."""
    return QUICK


@pytest.fixture
async def town(
    tmp_path: Path,
    source: Path,
    suno: SunoOptions,
    over_http: bool,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Town]:
    async with a_town(tmp_path, source, suno, over_http=over_http) as town:
        yield town
    request.config.stash[UNDESCRIBED].update(undescribed_keys(town))


@pytest.fixture
async def slow_town(tmp_path: Path, source: Path, over_http: bool) -> AsyncIterator[Town]:
    """A town whose music service only advances with `suno.finish`."""
    async with a_town(tmp_path, source, replace(QUICK, manual=True), over_http=over_http) as town:
        yield town
