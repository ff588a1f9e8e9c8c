"""The bodies of callbacks over real sockets: what is taken, and what is refused unread."""

import asyncio
import gzip
import json

import pytest
from yarl import URL

from bot.domain.models import MODELS
from bot.web.receive import BODY_LIMIT_BYTES
from tests.support.callback_inbox import (
    COMPLETE,
    TOKEN,
    Inbox,
    callbacks,
    post,
    request_head,
    spoken,
)


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
        status = await spoken(url, request_head(TOKEN, "Transfer-Encoding: chunked") + chunk * 7)

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


async def test_a_body_takes_at_most_192_kb() -> None:
    assert BODY_LIMIT_BYTES == 196_608


async def test_the_longest_lyrics_in_any_script_are_taken() -> None:
    song = {
        "prompt": "🎵" * max(model.prompt_max for model in MODELS.values()),
        "tags": "🎵" * max(model.style_max for model in MODELS.values()),
        "title": "🎵" * max(model.title_max for model in MODELS.values()),
    }
    body = json.loads(COMPLETE)
    body["data"]["data"] = [{**track, **song} for track in body["data"]["data"]]
    inbox = Inbox()
    async with callbacks(inbox) as url:
        status, _ = await post(url + TOKEN, json.dumps(body).encode())

    assert status == 200
    assert len(body["data"]["data"]) == 2
