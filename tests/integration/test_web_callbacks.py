"""The provider's callbacks over real sockets, with a list as storage."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from bot.domain.inbox_entry import Recorded
from bot.domain.text import text
from bot.errors import EncoreError
from bot.web.application import build_web
from bot.web.receive import BODY_LIMIT_BYTES
from bot.web.server import serve

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suno"
COMPLETE = (FIXTURES / "callback-complete.json").read_bytes()
TOKEN = "tUr_9-" + "k" * 37
OTHER_TOKEN = "z" * 43
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class NotACallback(ValueError):
    pass


def task_id_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["data"]["task_id"])
    except (ValueError, TypeError, KeyError) as error:
        raise NotACallback from error


class Away(EncoreError):
    def __init__(self) -> None:
        super().__init__("database unavailable: locked", text("Later."))


class Inbox:
    """Knows one token, keeps what it gets, and can be unavailable or slow."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, bytes]] = []
        self.calls = 0
        self.read: list[bytes] = []  # the checked bodies
        self.times: list[datetime] = []
        self.woken = 0
        self.fault: Exception | None = None
        self.asked = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def is_token(self, token: str) -> bool:
        return token == TOKEN

    def task_id_of(self, body: bytes) -> str:
        self.read.append(body)
        return task_id_of(body)

    async def record(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        self.calls += 1
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        if (token, body) in self.kept:
            return Recorded.REPEAT
        self.kept.append((token, body))
        self.times.append(at)
        return Recorded.NEW

    def wake(self) -> None:
        self.woken += 1


def never(*, key: str, task_id: str, timestamp: str, signature: str, now: float) -> bool:
    raise AssertionError((key, task_id, timestamp, signature, now))


def signed(*, key: str, task_id: str, timestamp: str, signature: str, now: float) -> bool:
    return (key, signature, now) == ("key", f"{task_id}.{timestamp}", NOW.timestamp())


@asynccontextmanager
async def callbacks(inbox: Inbox, *, webhook_key: str = "", body_seconds: float = 10) -> AsyncIterator[str]:
    """The URL under which callbacks arrive, without a token."""
    app = build_web(
        is_token=inbox.is_token,
        record=inbox.record,
        task_id_of=inbox.task_id_of,
        wake=inbox.wake,
        readiness=dict,
        verify_signature=signed if webhook_key else never,
        malformed=NotACallback,
        webhook_key=webhook_key,
        clock=lambda: NOW,
        body_seconds=body_seconds,
    )
    async with asyncio.timeout(30), serve(app, "127.0.0.1", 0, linger_seconds=0.1) as port:
        yield f"http://127.0.0.1:{port}/callbacks/"


async def post(url: str, body: bytes = COMPLETE, *, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def spoken(url: str, request: bytes) -> int:
    """The status that the server answers to these bytes before closing the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


def request_head(token: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST /callbacks/{token} HTTP/1.1", "Host: a", *headers, "", ""]).encode()


async def test_a_callback_is_written_down_as_it_came_and_the_work_is_woken() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        status, _ = await post(url + TOKEN)

    assert status == 200
    assert inbox.kept == [(TOKEN, COMPLETE)]
    assert inbox.times == [NOW]
    assert inbox.woken == 1


async def test_a_callback_is_acknowledged_only_once_it_is_written_down() -> None:
    inbox = Inbox()
    inbox.gate = asyncio.Event()
    async with callbacks(inbox) as url:
        answer = asyncio.create_task(post(url + TOKEN))
        await inbox.asked.wait()

        assert not answer.done()
        assert inbox.woken == 0

        inbox.gate.set()
        assert (await answer)[0] == 200


async def test_a_repeat_is_acknowledged_and_changes_nothing() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        first = await post(url + TOKEN)
        second = await post(url + TOKEN)

    assert first == second
    assert first[0] == 200
    assert len(inbox.kept) == inbox.woken == 1


async def test_a_hundred_at_once_are_written_down_once() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        answers = await asyncio.gather(*(post(url + TOKEN) for _ in range(100)))

    assert {status for status, _ in answers} == {200}
    assert inbox.calls == 100
    assert len(inbox.kept) == inbox.woken == 1


async def test_an_unknown_token_is_answered_like_any_unknown_page() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        unknown = await post(url + OTHER_TOKEN)
        elsewhere = await post(url.replace("callbacks", "nothing"))

    assert unknown == elsewhere
    assert unknown[0] == 404
    assert inbox.calls == inbox.woken == 0


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 2085\r\n\r\n",  # and nothing more
        b"Content-Length: 10000000000\r\n\r\n" + b"[" * 100_000,
        b"Transfer-Encoding: chunked\r\n\r\n10000\r\n" + b"[" * 65_536,
        b"Content-Length: 1\r\n\r\n{",
    ],
)
async def test_the_body_sent_with_an_unknown_token_is_not_read(rest: bytes) -> None:
    inbox = Inbox()
    async with callbacks(inbox, webhook_key="key") as url:
        status = await spoken(url, request_head(OTHER_TOKEN, "Connection: close")[:-2] + rest)

    assert status == 404
    assert inbox.read == []
    assert inbox.calls == 0


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "a" * 42,
        "a" * 44,
        "a" * 4_000,
        "a" * 42 + "=",
        "a" * 42 + ".",
        "a" * 42 + "%00",
        "a" * 42 + "%2F",
        "a" * 42 + "%0A",
        "a" * 43 + "/",
        "a" * 43 + "%0A",
        "a/" + "a" * 41,
        "/" + "a" * 43,
        "ä" * 43,
        "../" + "a" * 43,
        "../callbacks/" + "a" * 43,
        "../../etc/passwd",
        "..%2f..%2fhealthz",
        "%2e%2e/healthz",
        "../healthz",
        "' OR 1=1 --",
    ],
)
async def test_a_token_of_another_shape_never_reaches_the_store(token: str) -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        head = request_head(token.replace(" ", "%20"), f"Content-Length: {len(COMPLETE)}", "Connection: close")
        status = await spoken(url, head + COMPLETE)

    assert status in (400, 404)
    assert inbox.calls == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
async def test_another_method_is_refused(method: str) -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        assert await spoken(url, request_head(TOKEN, "Connection: close").replace(b"POST", method.encode(), 1)) == 405

    assert inbox.calls == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b"\xff\xfe", b"\x00", b'{"data": 1}', b"a=b"])
async def test_a_body_that_is_not_a_callback_is_refused(body: bytes) -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        status, told = await post(url + TOKEN, body)

    assert (status, told) == (400, "400: Bad Request")
    assert inbox.calls == 0


async def test_a_compressed_body_is_not_unpacked() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        status, _ = await post(url + TOKEN, gzip.compress(COMPLETE), headers={"Content-Encoding": "gzip"})

    assert status == 400


def padded(size: int) -> bytes:
    return COMPLETE + b" " * (size - len(COMPLETE))


async def test_the_largest_body_is_taken() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        assert (await post(url + TOKEN, padded(BODY_LIMIT_BYTES)))[0] == 200

    assert inbox.woken == 1


async def test_a_larger_body_is_refused() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        assert (await post(url + TOKEN, padded(BODY_LIMIT_BYTES + 1)))[0] == 413

    assert inbox.calls == 0


async def test_an_announced_size_is_refused_before_it_is_sent() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        status = await spoken(url, request_head(TOKEN, "Content-Length: 10000000000"))

    assert status == 413


async def test_a_larger_body_in_chunks_is_refused() -> None:
    inbox = Inbox()
    chunk = b"8000\r\n" + b" " * 32_768 + b"\r\n"
    async with callbacks(inbox) as url:
        status = await spoken(url, request_head(TOKEN, "Transfer-Encoding: chunked") + chunk * 3)

    assert status == 413
    assert inbox.calls == 0


@pytest.mark.parametrize("begun", [b"", b"{", COMPLETE[:-1]])
async def test_a_body_that_does_not_arrive_is_given_up(begun: bytes) -> None:
    inbox = Inbox()
    async with callbacks(inbox, body_seconds=0.1) as url:
        status = await spoken(url, request_head(TOKEN, f"Content-Length: {len(COMPLETE)}") + begun)

    assert status == 408
    assert inbox.calls == 0


async def test_broken_chunks_are_refused() -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        status = await spoken(url, request_head(TOKEN, "Transfer-Encoding: chunked") + b"zz\r\nab\r\n")

    assert status == 400
    assert inbox.calls == 0


async def test_a_sender_that_leaves_halfway_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    async with callbacks(inbox) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
        writer.write(request_head(TOKEN, f"Content-Length: {len(COMPLETE)}") + COMPLETE[:100])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

        assert (await post(url + TOKEN))[0] == 200

    assert inbox.calls == 1
    assert caplog.records == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Webhook-Timestamp": "1"}, 401),
        ({"X-Webhook-Signature": "5c79a1d2f0e94b6b8c3d7a10e2f4be8e."}, 200),
        ({"X-Webhook-Timestamp": "1", "X-Webhook-Signature": "5c79a1d2f0e94b6b8c3d7a10e2f4be8e.2"}, 401),
        ({"X-Webhook-Timestamp": "1", "X-Webhook-Signature": "5c79a1d2f0e94b6b8c3d7a10e2f4be8e.1"}, 200),
        ({"x-webhook-timestamp": "1", "x-webhook-signature": "5c79a1d2f0e94b6b8c3d7a10e2f4be8e.1"}, 200),
    ],
)
async def test_a_signature_is_required_if_there_is_a_key(headers: dict[str, str], status: int) -> None:
    inbox = Inbox()
    async with callbacks(inbox, webhook_key="key") as url:
        answered, _ = await post(url + TOKEN, headers=headers)

    assert answered == status
    assert inbox.calls == (1 if status == 200 else 0)


async def test_the_token_comes_first_then_the_size_then_the_body_then_its_signature() -> None:
    inbox = Inbox()
    async with callbacks(inbox, webhook_key="key") as url:
        unknown, _ = await post(url + OTHER_TOKEN, b"{" * (BODY_LIMIT_BYTES + 1))
        too_large, _ = await post(url + TOKEN, b"{" * (BODY_LIMIT_BYTES + 1))
        malformed, _ = await post(url + TOKEN, b"{")
        unsigned, _ = await post(url + TOKEN)

    assert (unknown, too_large, malformed, unsigned) == (404, 413, 400, 401)


async def test_a_body_takes_at_most_64_kb() -> None:
    assert BODY_LIMIT_BYTES == 65_536


@pytest.mark.parametrize("fault", [Away(), OSError(28, "No space left on device"), TimeoutError()])
async def test_if_nothing_can_be_written_down_the_provider_is_asked_to_repeat(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="bot")
    inbox = Inbox()
    async with callbacks(inbox) as url:
        inbox.fault = fault
        away = [(await post(url + TOKEN))[0] for _ in range(3)]
        inbox.fault = None
        back = [(await post(url + TOKEN))[0] for _ in range(3)]

    assert (away, back) == ([503, 503, 503], [200, 200, 200])
    assert inbox.woken == 1
    # Only the changes, and nothing about the token.
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert TOKEN not in caplog.text


async def test_if_tokens_cannot_be_looked_up_the_provider_is_asked_to_repeat() -> None:
    class Blind(Inbox):
        async def is_token(self, token: str) -> bool:
            del token
            raise Away

    async with callbacks(Blind()) as url:
        assert (await post(url + TOKEN))[0] == 503


async def test_our_own_fault_is_logged_and_not_revealed(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    inbox.fault = RuntimeError("a fault of ours")
    async with callbacks(inbox) as url:
        answer = await post(url + TOKEN)

    assert answer == (500, "500: Internal Server Error")
    assert "a fault of ours" in caplog.text
    assert TOKEN not in caplog.text
    assert inbox.woken == 0


async def test_successes_and_refusals_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    inbox = Inbox()
    async with callbacks(inbox) as url:
        await post(url + TOKEN)
        await post(url + OTHER_TOKEN)
        await post(url + TOKEN, b"{")
        await spoken(url, request_head(TOKEN, "Bad Header"))
        await spoken(url, request_head(TOKEN, "A: \x00"))

    assert caplog.records == []
