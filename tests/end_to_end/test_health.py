"""`encore health`, as a container's health check runs it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from bot.health import ask, own_url
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.end_to_end.town import Town, eventually
from tests.support import raw_server
from tests.support.front import Front, standing
from tests.support.process import ROOT, bot_process
from tests.support.web import Parts, serving


async def health(port: int | str, folder: Path) -> tuple[int, list[str]]:
    """Neither a token nor a key is needed."""
    environ = {"PYTHONPATH": str(ROOT), "WEB_PORT": str(port)}
    async with bot_process(environ, "health", folder=folder) as asking:
        status = await asking.exit_status()
    return status, asking.said


@asynccontextmanager
async def a_silent_port() -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_a_bot_at_work_is_ready(town: Town, tmp_path: Path) -> None:
    await town.start()

    async def is_ready() -> bool:
        return await health(town.settings.web_port, tmp_path) == (0, ["ready: gateway, database"])

    await eventually(is_ready)


async def test_a_bot_without_its_gateway_is_not_ready_and_says_what_is_missing(tmp_path: Path) -> None:
    parts = Parts()
    parts.checks = {"gateway": False, "database": True}
    async with serving(parts) as port:
        assert await health(port, tmp_path) == (1, ["not ready: gateway"])


async def test_without_a_bot_one_line_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        status, said = await health(port, tmp_path)

    assert (status, said) == (1, [f"no bot answers at http://127.0.0.1:{port} (Connection refused)"])


async def test_a_bot_that_hangs_is_not_waited_for_long(tmp_path: Path) -> None:
    async with a_silent_port() as port, asyncio.timeout(PATIENCE_SECONDS):
        status, said = await health(port, tmp_path)

    assert (status, said) == (1, [f"no bot answers at http://127.0.0.1:{port} (no answer in time)"])


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nServer: encore\r\nContent-Length: 999\r\n\r\n"])
async def test_a_bot_that_answers_drop_by_drop_is_not_waited_for_long(head: bytes) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.1)  # the drip itself

    async with raw_server.serving(drip) as server, asyncio.timeout(PATIENCE_SECONDS):
        is_ready, line = await asyncio.to_thread(ask, "127.0.0.1", server.port, seconds=1)

    assert not is_ready
    assert line in {f"no bot answers at http://127.0.0.1:{server.port} (no answer in time)", "not ready: HTTP 200"}


async def test_what_a_stranger_answers_does_not_reach_the_terminal() -> None:
    body = b'{"\\u001b]0;owned\\u0007": false, "gateway": false}'
    head = b"HTTP/1.1 503 No\r\nServer: encore\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with raw_server.serving(raw_server.saying(head, body)) as server:
        answer = await asyncio.to_thread(ask, "127.0.0.1", server.port)

    assert answer == (False, "not ready: gateway")


async def test_another_program_on_the_port_is_not_the_bot(tmp_path: Path) -> None:
    async with standing(Front(status=200)) as front:
        status, said = await health(front.url.rpartition(":")[2], tmp_path)

    assert status == 1
    assert "another program answers" in said[0]


async def test_a_bad_setting_is_reported_as_everywhere(tmp_path: Path) -> None:
    status, said = await health("many", tmp_path)

    assert status == 2
    assert said[0].startswith("encore: WEB_PORT")


def test_a_bot_that_listens_everywhere_is_asked_on_loopback() -> None:
    url = partial(own_url, port=8080)

    assert url("0.0.0.0") == "http://127.0.0.1:8080"  # noqa: S104  # the setting's default
    assert url("::") == "http://[::1]:8080"
    assert url("192.0.2.7") == "http://192.0.2.7:8080"
