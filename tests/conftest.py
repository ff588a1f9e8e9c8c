"""What holds for the whole suite: its report header, and that no secret is ever logged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bot.sandbox.sounds import compose
from tests.end_to_end.openapi import load_openapi
from tests.support.secrets import Overheard, overhearing, secrets_in

UNDESCRIBED: pytest.StashKey[set[str]] = pytest.StashKey()
"""Keys that the bot sent but Discord's document does not name: reported at the end, not a failure."""


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("unhurried", deadline=None)  # a busy machine is not a failure
    settings.load_profile("unhurried")
    config.stash[UNDESCRIBED] = set()


def pytest_report_header() -> str:
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


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An eight-second piece."""
    path = tmp_path_factory.mktemp("music") / "paper-boats.mp3"
    compose(path, seconds=8, seed=7)
    return path
