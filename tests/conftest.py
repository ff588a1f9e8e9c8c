"""What holds for the whole suite: its report header, and that no secret is ever logged."""

import asyncio
import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bot.sandbox.memory import folder_in_memory
from bot.sandbox.sounds import compose
from tests.end_to_end.openapi import load_openapi
from tests.support import database
from tests.support.examples import examples
from tests.support.postgres_server import NoServer, running_server
from tests.support.secrets import Overheard, overhearing, secrets_in

UNDESCRIBED: pytest.StashKey[set[str]] = pytest.StashKey()
"""Keys that the bot sent but Discord's document does not name: reported at the end, not a failure."""


SERVER: pytest.StashKey[ExitStack] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="the engine for all tests with a database; postgres starts a throw-away server",
    )
    parser.addoption("--browser", action="store_true", help="run tests/browser too, in a real browser")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The tests in a browser need more than the others: `make test-browser` runs them."""
    is_browsers = collection_path == Path(__file__).parent / "browser"
    return True if is_browsers and not config.getoption("--browser") else None


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("unhurried", deadline=None, max_examples=examples(50))  # a busy machine is not a failure
    settings.load_profile("unhurried")
    config.stash[UNDESCRIBED] = set()
    config.stash[SERVER] = ExitStack()
    if folder := folder_in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))  # where pytest makes the tests' folders
    if config.getoption("--database") == "postgres" and not hasattr(config, "workerinput"):
        try:
            server = config.stash[SERVER].enter_context(running_server())
        except NoServer as error:
            raise pytest.UsageError(str(error)) from error
        os.environ[database.SERVER] = server.url_of("postgres")  # workers inherit it


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[SERVER].close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays, and looking for garbage among it takes a sixth of the time, in every worker.

    It is not frozen: a bot that finds frozen objects takes the process for its own, and freezes what it leaves.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if database.on_postgres():
        other, reason = "sqlite", "about SQLite's file"
        without = [item for item in items if not needs_a_database(item)]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if needs_a_database(item)]
    else:
        other, reason = "postgres", "about PostgreSQL"
    # The longest start first, or one of them would still run when the others are done.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if item.get_closest_marker(other):
            item.add_marker(pytest.mark.skip(reason=reason))


def needs_a_database(item: pytest.Item) -> bool:
    """Whether its module, or a fixture of the end-to-end tests, opens one: the others ran on SQLite already."""
    module = vars(item.getparent(pytest.Module).obj)  # type: ignore[union-attr]
    homes = ("tests.support.database", "tests.support.pipeline", "tests.end_to_end.town")
    return (
        {"town", "slow_town"} & set(getattr(item, "fixturenames", ())) != set()
        or item.get_closest_marker("postgres") is not None
        or any(getattr(value, "__module__", None) in homes for value in module.values())
    )


def pytest_report_header() -> list[str]:
    return [_documents(), f"databases: {'PostgreSQL' if database.on_postgres() else 'SQLite'}"]


def _documents() -> str:
    if load_openapi() is None:
        return "Discord's OpenAPI document is not here: requests are only checked against the stand-in's own rules"
    return "every request of the end-to-end tests is checked against Discord's OpenAPI document"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401  # from pytest-xdist, which has no types
    told: list[str] = getattr(node, "workeroutput", {}).get("undescribed", [])
    node.config.stash[UNDESCRIBED].update(told)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        told: set[str] = session.config.stash[UNDESCRIBED]
        session.config.workeroutput["undescribed"] = sorted(told)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401  # no public type
    told: set[str] = config.stash[UNDESCRIBED]
    if told:
        terminalreporter.write_line("sent, but not described by Discord's document: " + ", ".join(sorted(told)))


@pytest.fixture(autouse=True)
def overheard() -> Iterator[Overheard]:
    """Everything that the bot's code logs during a test; a secret in it fails the test."""
    with overhearing() as overheard:
        yield overheard
    assert secrets_in(overheard.lines) == []


@pytest.fixture(autouse=True)
def databases() -> Iterator[None]:
    """What a test leaves in its PostgreSQL databases goes with it."""
    yield
    if database.on_postgres():
        asyncio.run(database.clean_databases())


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An eight-second piece."""
    path = tmp_path_factory.mktemp("music") / "paper-boats.mp3"
    compose(path, seconds=8, seed=7)
    return path
