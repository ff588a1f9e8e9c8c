"""Discord's interactions over real sockets: which are taken in and which are refused, and in what order."""

import asyncio
import gc
import logging
import socket
import tracemalloc
from contextlib import AsyncExitStack, ExitStack

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.web.bodies import MOST_LARGE, MOST_UNDER_WAY
from bot.web.interactions import BODY_LIMIT_BYTES
from tests.support.interactions import COMMAND, Taken, as_json, interactions, post
from tests.support.web import POST, Parts, asked, cut, serving, talking

BODY = as_json(COMMAND)
LONG = as_json({**COMMAND, "data": {"name": "extend", "prompt": "la " * 10_000}})


def head(headers: dict[str, str], length: int) -> bytes:
    fields = {"Host": "a", **headers, "Content-Length": str(length)}
    return ("POST /interactions HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n").encode()


async def test_a_signed_interaction_is_taken_in_and_answered_202_without_a_body() -> None:
    taken = Taken()
    async with interactions(taken) as port:
        assert await post(port, BODY, taken.signed(BODY)) == (202, "")

    assert taken.taken == [COMMAND]


async def test_a_ping_is_answered_with_a_pong_even_before_the_log_in() -> None:
    taken = Taken()
    taken.is_ready = False
    ping = as_json({"id": "1", "type": 1, "token": "t", "version": 1})
    async with interactions(taken) as port:
        assert await post(port, ping, taken.signed(ping)) == (200, '{"type": 1}')

    assert taken.taken == []


async def test_before_the_log_in_an_interaction_is_refused() -> None:
    taken = Taken()
    taken.is_ready = False
    async with interactions(taken) as port:
        assert (await post(port, BODY, taken.signed(BODY)))[0] == 503

    assert taken.taken == []


@pytest.mark.parametrize("lacking", ["X-Signature-Ed25519", "X-Signature-Timestamp"])
async def test_without_both_headers_the_body_is_not_even_read(lacking: str) -> None:
    taken = Taken()
    headers = taken.signed(BODY)
    del headers[lacking]
    async with interactions(taken) as port, talking(port) as talk:
        talk.say(head(headers, 10_000))  # and nothing after it
        status, _, _ = await talk.answer()

    assert status == 401
    assert taken.verified == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Signature-Ed25519", ""),
        ("X-Signature-Ed25519", "ab" * 63),
        ("X-Signature-Ed25519", "xy" * 64),
        ("X-Signature-Ed25519", "٣" * 128),
        ("X-Signature-Timestamp", ""),
        ("X-Signature-Timestamp", "soon"),
        ("X-Signature-Timestamp", "1" * 21),
    ],
)
async def test_malformed_headers_are_refused(name: str, value: str) -> None:
    taken = Taken()
    async with interactions(taken) as port:
        assert (await post(port, BODY, {**taken.signed(BODY), name: value}))[0] == 401

    assert (taken.verified, taken.taken) == (0, [])


async def test_a_wrong_signature_is_refused_whatever_the_body_says() -> None:
    taken = Taken()
    async with interactions(taken) as port:
        for body in (BODY, as_json({"type": 1}), b"no JSON", b"", b"[" * 100_000):
            assert (await post(port, body, taken.forged(body)))[0] == 401

    assert (taken.verified, taken.taken) == (5, [])


async def test_the_signature_is_for_this_body_and_this_time() -> None:
    taken = Taken()
    headers = taken.signed(BODY)
    async with interactions(taken) as port:
        assert (await post(port, BODY + b" ", headers))[0] == 401
        assert (await post(port, BODY, {**headers, "X-Signature-Timestamp": "1"}))[0] == 401
        assert (await post(port, BODY, headers))[0] == 202


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"type": "2"}', b"\xff", b"[" * 60_000])
async def test_a_signed_body_that_is_not_an_interaction_is_refused(body: bytes) -> None:
    taken = Taken()
    async with interactions(taken) as port:
        assert (await post(port, body, taken.signed(body)))[0] == 400

    assert taken.taken == []


async def test_an_unreadable_interaction_is_logged_as_our_fault(caplog: pytest.LogCaptureFixture) -> None:
    taken = Taken()
    taken.fault = KeyError("locale")
    async with interactions(taken) as port:
        assert (await post(port, BODY, taken.signed(BODY)))[0] == 500
        taken.fault = None
        assert (await post(port, BODY, taken.signed(BODY)))[0] == 202

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == ["a request failed"]


async def test_the_largest_body_is_taken_and_a_larger_one_refused() -> None:
    taken = Taken()
    largest = BODY + b" " * (BODY_LIMIT_BYTES - len(BODY))
    async with interactions(taken) as port:
        assert (await post(port, largest, taken.signed(largest)))[0] == 202
        assert (await post(port, largest + b" ", taken.signed(largest + b" ")))[0] == 413

    assert len(taken.taken) == 1


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    taken = Taken()
    async with interactions(taken, body_seconds=0.1) as port, talking(port) as talk:
        talk.say(head(taken.signed(BODY), len(BODY)) + BODY[:-1])
        status, _, _ = await talk.answer()

    assert (status, taken.verified) == (408, 0)


async def test_endless_large_bodies_only_displace_each_other() -> None:
    taken = Taken()
    begun = head(taken.forged(LONG), BODY_LIMIT_BYTES) + LONG
    async with interactions(taken) as port, talking(port) as first, asyncio.TaskGroup() as group:
        first.say(begun)
        is_cut = group.create_task(cut(first))
        others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_LARGE)]
        for _, writer in others:
            writer.write(begun)
        assert await is_cut
        assert (await post(port, LONG, taken.signed(LONG)))[0] == 202
        for _, writer in others:
            writer.close()


@pytest.mark.parametrize("begun", [b"", BODY[:10]])
async def test_callbacks_are_taken_while_strangers_hold_connections_with_bodies_that_never_end(begun: bytes) -> None:
    """A connection whose body is awaited makes no room for others."""
    taken, parts = Taken(), Parts()
    parts.interactions = taken.endpoint()
    words = head(taken.forged(BODY), len(BODY)) + begun
    async with serving(parts, max_connections=MOST_UNDER_WAY + 10) as port, AsyncExitStack() as stack:
        for _ in range(MOST_UNDER_WAY + 20):
            (await stack.enter_async_context(talking(port))).say(words)
        for _ in range(5):
            async with talking(port) as talk:
                talk.say(POST)
                assert (await talk.answer())[0] == 200
        assert (await post(port, BODY, taken.signed(BODY)))[0] == 202

    assert parts.recorded == 5


@pytest.mark.parametrize("turns", range(4))
async def test_a_sender_that_is_cut_off_before_its_body_is_awaited_is_no_fault_of_ours(
    turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    """`turns` of the event loop lie between newcomers and the requests of those whom they push out."""
    taken, parts = Taken(), Parts()
    parts.interactions = taken.endpoint()
    with ExitStack() as stack:
        async with serving(parts, max_unfinished=4) as port:
            first = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(4)]
            assert (await asked(port, "/healthz"))[0] == 200
            first = first[1:]  # that one has taken the place of another
            for _ in range(4):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for _ in range(turns):
                await asyncio.sleep(0)
            for each in first:
                each.sendall(head(taken.forged(BODY), len(BODY)) + BODY[:10])
            assert (await post(port, BODY, taken.signed(BODY)))[0] == 202

    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_only_posts_are_taken() -> None:
    async with interactions(Taken()) as port:
        assert (await asked(port, "/interactions"))[0] == 405


async def test_without_a_public_key_the_endpoint_does_not_exist() -> None:
    async with serving(Parts()) as port:
        assert (await post(port, BODY, Taken().signed(BODY)))[0] == 404


async def test_ten_thousand_wrongly_signed_requests_are_refused_unparsed() -> None:
    taken = Taken()
    request = head(taken.forged(BODY), len(BODY)) + BODY
    statuses: list[int] = []

    async def flood(port: int) -> None:
        async with talking(port) as talk:
            for _ in range(50):
                talk.say(request * 10)
                statuses.extend([(await talk.answer())[0] for _ in range(10)])

    async with interactions(taken) as port, asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(flood(port))

    assert statuses == [401] * 10_000
    assert (taken.verified, taken.taken) == (10_000, [])


@pytest.mark.parametrize("is_whole", [True, False])
async def test_large_bodies_give_their_memory_back_without_a_garbage_collection(is_whole: bool) -> None:
    taken = Taken()
    body = b"x" * BODY_LIMIT_BYTES
    request = head(taken.forged(body), len(body)) + (body if is_whole else body[:-1])

    async def pour(port: int) -> None:
        async with talking(port) as talk:
            await talk.press(request)
            if is_whole:
                await talk.answer()

    async with interactions(taken) as port:
        await pour(port)
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(20):
                await pour(port)
            await asked(port, "/healthz")
            growth = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
            gc.enable()

    assert growth < 5 * BODY_LIMIT_BYTES
