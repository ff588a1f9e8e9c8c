"""What a service manager hears, over a real socket."""

import asyncio
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.service_manager import BEATS, ServiceManager, Standing, service_manager
from tests.support.listening_manager import ListeningManager, listening_manager


@pytest.fixture(params=["a path", "an abstract address"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ListeningManager]:
    address = "" if request.param == "a path" else f"@encore-{secrets.token_hex(8)}"
    with listening_manager(tmp_path, address) as listening:
        yield listening


def told(listening: ListeningManager, watchdog_seconds: float | None = None) -> ServiceManager:
    environ = {"NOTIFY_SOCKET": listening.address}
    if watchdog_seconds is not None:
        environ |= {"WATCHDOG_USEC": str(round(watchdog_seconds * 1_000_000)), "WATCHDOG_PID": str(os.getpid())}
    found = service_manager(environ, pid=os.getpid())
    assert found is not None
    return found


async def test_ready_is_said_once_and_the_status_when_it_changes(manager: ListeningManager) -> None:
    standing = Standing(is_ready=False, status="Starting")
    encore = told(manager, watchdog_seconds=0.06)
    async with encore.informed():
        await manager.hear("STATUS=Opening the database")
        encore.watch(lambda: standing)
        await manager.hear("STATUS=Starting")
        assert "READY=1" not in manager.heard

        standing = Standing(is_ready=True, status="Running")
        await manager.hear("STATUS=Running")
        standing = Standing(is_ready=False, status="Running: not connected to Discord")
        await manager.hear("STATUS=Running: not connected to Discord")
        standing = Standing(is_ready=True, status="Running")
        del manager.heard[manager.heard.index("STATUS=Running") :]
        await manager.hear("STATUS=Running")
        encore.stopping()
        await manager.hear("STOPPING=1")

    manager.waiting()
    assert manager.heard.count("READY=1") == 1
    assert manager.heard[-1].startswith("STATUS=Finishing")


async def test_the_watchdog_is_fed_only_while_the_loop_turns(manager: ListeningManager) -> None:
    encore = told(manager, watchdog_seconds=0.3)
    encore.watch(lambda: Standing(is_ready=True, status="Running"))
    async with encore.informed():
        for _ in range(2 * BEATS):
            del manager.heard[:]
            await manager.hear("WATCHDOG=1")
        manager.waiting()
        threading.Event().wait(0.5)  # the loop hangs

        assert manager.waiting() == 0
        await manager.hear("WATCHDOG=1")


async def test_a_start_that_takes_long_is_granted_time_until_it_is_ready(manager: ListeningManager) -> None:
    encore = told(manager, watchdog_seconds=0.06)
    async with encore.informed():
        await manager.hear("EXTEND_TIMEOUT_USEC=60000")
        encore.watch(lambda: Standing(is_ready=True, status="Running"))
        await manager.hear("READY=1")
        manager.waiting()
        del manager.heard[:]
        await manager.hear("WATCHDOG=1")

    assert not [line for line in manager.heard if line.startswith("EXTEND_TIMEOUT_USEC")]


async def test_without_a_watchdog_no_sign_of_life_is_sent(manager: ListeningManager) -> None:
    encore = told(manager)
    encore.watch(lambda: Standing(is_ready=True, status="Running"))
    async with encore.informed():
        await manager.hear("READY=1")

    assert manager.heard == ["READY=1", "STATUS=Running"]


async def test_what_could_not_be_sent_is_sent_later(tmp_path: Path) -> None:
    encore = service_manager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000"}, pid=1)
    assert encore is not None
    asked = asyncio.Event()

    def standing() -> Standing:
        asked.set()
        return Standing(is_ready=True, status="Running")

    encore.watch(standing)
    async with encore.informed():
        await asked.wait()
        with listening_manager(tmp_path) as manager:
            await manager.hear("READY=1")
            await manager.hear("STATUS=Running")


@pytest.mark.parametrize("address", ["", "vsock:2:1", "notify"])
def test_an_address_that_is_none_is_left_alone(address: str) -> None:
    assert service_manager({"NOTIFY_SOCKET": address}, pid=1) is None
    assert service_manager({}, pid=1) is None


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "2"}],
)
def test_another_process_or_no_watchdog_is_not_watched(environ: dict[str, str]) -> None:
    encore = service_manager({"NOTIFY_SOCKET": "/run/notify", **environ}, pid=1)

    assert encore is not None
    assert not encore.is_watching
