"""The listener, its limits, and the pages for a supervisor. Real sockets."""

import asyncio
import json
import logging

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.web.server import WebServerError, serve
from tests.support.web import POST, Parts, Talk, asked, serving, talking


async def test_the_health_page_says_ok() -> None:
    async with serving(Parts()) as port:
        status, _, body = await asked(port, "/healthz")

    assert (status, body) == (200, b"ok")


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ({}, 200),
        ({"gateway": True, "database": True}, 200),
        ({"gateway": False, "database": True}, 503),
        ({"gateway": False, "database": False}, 503),
    ],
)
async def test_the_readiness_page_names_its_checks(checks: dict[str, bool], status: int) -> None:
    parts = Parts()
    parts.checks = checks
    async with serving(parts) as port:
        answered, head, body = await asked(port, "/readyz")

    assert answered == status
    assert "application/json" in head
    assert json.loads(body) == checks


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/callbacks",
        "/callbacks/",
        "//healthz",
        "/healthz/",
        "/healthz/..",
        "/./healthz",
        "/callbacks/../healthz",
        "/%2e%2e/healthz",
        "/healthz%00",
        "/healthz%2F",
        "/HEALTHZ",
        "/metrics",
        "/.env",
        "/favicon.ico",
    ],
)
async def test_everything_else_is_not_found(path: str) -> None:
    async with serving(Parts()) as port:
        status, _, body = await asked(port, path)

    assert (status, body) == (404, b"404: Not Found")


async def test_a_read_only_page_takes_no_other_method() -> None:
    async with serving(Parts()) as port:
        assert (await asked(port, "/healthz", method="POST", headers="Content-Length: 0\r\n"))[0] == 405
        assert (await asked(port, "/readyz", method="DELETE"))[0] == 405


@pytest.mark.parametrize(
    "words",
    [
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"PUT /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_no_answer_reveals_the_software(words: bytes) -> None:
    async with serving(Parts()) as port, talking(port) as talk:
        talk.say(words)
        answer = (await talk.rest()).lower()

    assert b"server: encore\r\n" in answer
    assert b"python" not in answer
    assert b"aiohttp" not in answer


@pytest.mark.parametrize(
    "words",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"SECRET\r\n\r\n",
        b"GET /SECRET\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /SECRET HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /SECRET HTTP/1.1\r\nHost a\r\n\r\n",
        b"GET /SECRET HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /SECRET" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /SECRET HTTP/1.1\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
        b"POST /SECRET HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /SECRET HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /SECRET HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=range(12),
)
async def test_an_invalid_request_is_refused_without_an_echo(words: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Parts()) as port:
        async with talking(port) as talk:
            talk.say(words)
            answer = await talk.rest()

        assert answer.split(b" ", 2)[1] == b"400"
        assert b"SECRET" not in answer
        assert caplog.records == []
        assert (await asked(port, "/healthz"))[0] == 200


async def test_requests_may_follow_each_other_on_one_connection() -> None:
    parts = Parts()
    async with serving(parts) as port, talking(port) as talk:
        for _ in range(3):
            talk.say(POST)
            assert (await talk.answer())[0] == 200
        talk.say(POST * 20)
        assert [(await talk.answer())[0] for _ in range(20)] == [200] * 20

    assert parts.recorded == 23


async def test_a_long_target_is_refused() -> None:
    async with serving(Parts()) as port:
        assert (await asked(port, "/" + "a" * 2000))[0] == 404
        assert (await asked(port, "/" + "a" * 2100))[0] == 400


async def test_a_request_under_way_is_finished_before_the_server_stops() -> None:
    parts = Parts()
    parts.gate.clear()
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with serving(parts, shutdown_seconds=10) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            talk = Talk(reader, writer)
            talk.say(POST)
            await parts.begun.wait()
            asyncio.get_running_loop().call_later(0.1, parts.gate.set)

        assert (await talk.answer())[0] == 200
        writer.close()

    assert parts.recorded == 1


async def test_a_hanging_and_an_idle_connection_do_not_hold_up_the_stop() -> None:
    parts = Parts()
    parts.gate.clear()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with serving(parts, shutdown_seconds=0.1) as port:
            idle = await asyncio.open_connection("127.0.0.1", port)
            hanging = await asyncio.open_connection("127.0.0.1", port)
            hanging[1].write(POST)
            await parts.begun.wait()
            left_at = loop.time()
        took = loop.time() - left_at

        assert await idle[0].read() == b""
        assert await hanging[0].read() == b""
        for _, writer in (idle, hanging):
            writer.close()

    assert took < 2
    assert parts.recorded == 0


async def test_nobody_listens_after_the_stop() -> None:
    async with serving(Parts()) as port:
        pass

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_in_use_is_an_error_that_names_the_remedy() -> None:
    async with serving(Parts()) as port:
        with pytest.raises(WebServerError, match=rf"^WEB_PORT: port {port} is in use"):
            async with serve(Parts().application(), "127.0.0.1", port):
                pytest.fail("two programs cannot listen on one port")

        assert (await asked(port, "/healthz"))[0] == 200


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_a_host_that_is_not_ours_is_an_error_that_names_the_remedy(host: str) -> None:
    with pytest.raises(WebServerError, match=r"^WEB_HOST: "):
        async with serve(Parts().application(), host, 0):
            pytest.fail("nobody can listen there")


async def test_ordinary_use_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    async with serving(Parts()) as port, talking(port) as talk:
        talk.say(POST)
        await talk.answer()

    assert caplog.records == []
