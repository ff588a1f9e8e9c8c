"""The provider's callbacks over real sockets, with a list as storage."""

import asyncio
import logging

import pytest

from bot.web.receive import BODY_LIMIT_BYTES
from tests.support.callback_inbox import (
    COMPLETE,
    NOW,
    OTHER_TOKEN,
    TOKEN,
    Away,
    Inbox,
    callbacks,
    post,
    request_head,
    spoken,
)


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
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
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
