"""What a client may cost: connections, time and memory. Real sockets."""

import asyncio
import contextlib
import gc
import socket
import tracemalloc
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from bot.web.bodies import MOST_UNDER_WAY
from bot.web.receive import MOST_IN_AN_OUTAGE
from bot.web.server import MAX_CONNECTIONS, MAX_UNFINISHED, REQUEST_MAX_BYTES
from tests.support.web import CALLBACK, POST, Parts, Talk, asked, cut, serving, talking

ONE_BYTE_CHUNKS = b"1\r\na\r\n" * 20_000
STRANGER = b"POST /callbacks/" + b"x" * 42 + b" HTTP/1.1\r\nHost: a\r\n"
BURST = 200
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


async def test_endless_headers_are_cut_off_and_others_are_served_meanwhile() -> None:
    flood = b"".join(b"X-%d: " % number + b"a" * 4000 + b"\r\n" for number in range(200))

    async def pour(port: int) -> bytes:
        async with talking(port) as talk:
            try:
                talk.say(b"POST /callbacks/x HTTP/1.1\r\n" + flood)
                return (await talk.rest())[9:12]  # after the protocol's version
            except ConnectionResetError:  # cut before everything was sent
                return b""

    parts = Parts()
    async with serving(parts) as port, asyncio.TaskGroup() as group:
        floods = [group.create_task(pour(port)) for _ in range(40)]
        healthy = group.create_task(asked(port, "/healthz"))

    assert healthy.result()[0] == 200
    assert {flooded.result() for flooded in floods} <= {b"400", b""}
    assert parts.recorded == 0


async def test_refused_floods_give_their_memory_back_without_a_garbage_collection() -> None:
    flood = b"X: " + b"a" * 800_000

    async def pour(port: int) -> None:
        async with talking(port) as talk:
            talk.say(b"POST /callbacks/x HTTP/1.1\r\n" + flood)
            await cut(talk)

    async with serving(Parts()) as port:
        await pour(port)
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(20):
                await pour(port)
            growth = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
            gc.enable()

    assert growth < 1_000_000


async def until_cut(talk: Talk, piece: bytes) -> int:
    """Say `piece` again and again until the other side cuts the connection; how many bytes were said."""
    said = 0
    with contextlib.suppress(ConnectionError):
        while True:
            await talk.press(piece)
            said += len(piece)
    return said


@pytest.mark.parametrize(
    ("head", "flood", "status"),
    [
        (STRANGER + CHUNKED, ONE_BYTE_CHUNKS, 404),
        (STRANGER + b"Content-Length: 99999999\r\n\r\n", b"a" * 65_536, 404),
        (STRANGER + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", b"a" * 65_536, 400),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", b"a" * 65_536, 400),
    ],
)
async def test_what_follows_a_refused_request_is_thrown_away_and_then_cut_off(
    head: bytes, flood: bytes, status: int
) -> None:
    async with serving(Parts(), linger_seconds=20) as port, talking(port) as talk:
        talk.say(head)
        answered, words, _ = await talk.answer()

        assert answered == status
        assert "connection: close" in words.lower()
        await until_cut(talk, flood)
        assert (await asked(port, "/healthz"))[0] == 200


async def test_the_refusal_of_a_head_that_is_too_long_reaches_its_sender() -> None:
    """Closing a socket while input is unread would reset the connection, and the answer would be lost."""
    async with serving(Parts(), linger_seconds=20) as port, talking(port) as talk:
        talk.say(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (REQUEST_MAX_BYTES - 100))

        assert (await talk.rest()).startswith(b"HTTP/1.0 400 ")


async def test_a_body_costs_no_memory_before_its_token_is_known() -> None:
    """In one-byte chunks, each of which would be an object of its own."""
    parts = Parts()
    parts.token_gate.clear()
    async with serving(parts) as port, AsyncExitStack() as stack:
        gc.collect()
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            talk = await stack.enter_async_context(talking(port))
            talk.say(f"POST {CALLBACK} HTTP/1.1\r\nHost: a\r\n".encode() + CHUNKED)
            talk.thrust(ONE_BYTE_CHUNKS)
        assert (await asked(port, "/healthz"))[0] == 200
        growth = tracemalloc.get_traced_memory()[0] - before

    assert growth / 20 * MAX_CONNECTIONS < 40_000_000


async def test_refused_requests_leave_nothing_to_the_garbage_collection() -> None:
    async def be_refused(port: int) -> None:
        async with talking(port) as talk:
            talk.say(STRANGER + CHUNKED + b"1\r\na\r\n")
            assert (await talk.answer())[0] == 404

    async with serving(Parts(), linger_seconds=20) as port:
        await be_refused(port)
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                await be_refused(port)
            assert (await asked(port, "/healthz"))[0] == 200
            kept = sum(isinstance(thing, web.RequestHandler) for thing in gc.get_objects())
        finally:
            gc.enable()

    assert kept < 30


@pytest.mark.parametrize(("chunks", "status"), [(1000, 200), (REQUEST_MAX_BYTES, 0)])
async def test_a_known_token_may_send_small_chunks_but_not_for_ever(chunks: int, status: int) -> None:
    parts = Parts()
    async with serving(parts) as port, talking(port) as talk:
        talk.say(f"POST {CALLBACK} HTTP/1.1\r\nHost: a\r\n".encode() + CHUNKED)
        with contextlib.suppress(ConnectionError):
            await talk.press(b"1\r\na\r\n" * chunks + b"0\r\n\r\n")

        if status:
            assert (await talk.answer())[0] == status
        else:
            assert await cut(talk)


@pytest.mark.parametrize("begun", [b"", b"P", b"POST / HTTP/1.1\r\n", POST[:60]])
async def test_a_head_that_does_not_arrive_is_given_up(begun: bytes) -> None:
    async with serving(Parts(), idle_seconds=0.1) as port, talking(port) as talk:
        talk.say(begun)

        assert await talk.rest() == b""


async def test_a_head_that_trickles_in_is_given_up() -> None:
    async with serving(Parts(), idle_seconds=0.2) as port, talking(port) as talk:

        async def drip() -> None:
            talk.say(b"GET / HTTP/1.1\r\n")
            while True:
                talk.say(b"X: a\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        try:
            assert await talk.rest() == b""
        except ConnectionResetError:
            pass  # also closed, with bytes still arriving
        finally:
            dripping.cancel()


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with serving(Parts(), idle_seconds=0.1) as port, talking(port) as talk:
        talk.say(POST)
        assert (await talk.answer())[0] == 200

        assert await talk.rest() == b""


async def test_one_connection_too_many_takes_the_place_of_the_one_that_has_been_idle_longest() -> None:
    async with serving(Parts(), max_connections=2) as port, talking(port) as first, talking(port) as second:
        for talk in (first, second, first):
            talk.say(POST)
            assert (await talk.answer())[0] == 200

        async with talking(port) as third:
            third.say(POST)
            assert (await third.answer())[0] == 200

            assert await cut(second)
            first.say(POST)
            assert (await first.answer())[0] == 200


async def test_one_connection_too_many_is_refused_while_all_others_have_requests_under_way() -> None:
    parts = Parts()
    parts.gate.clear()
    async with serving(parts, max_connections=2) as port, talking(port) as first, talking(port) as second:
        for talk in (first, second):
            talk.say(POST)
            await parts.begun.wait()
            parts.begun.clear()

        async with talking(port) as third:
            assert (await third.answer())[0] == 503
            assert await third.rest() == b""

        parts.gate.set()
        for talk in (first, second):
            assert (await talk.answer())[0] == 200


@pytest.mark.parametrize("begun", [b"", b"P", POST[:60]])
async def test_clients_that_finish_no_request_push_each_other_out_and_nobody_else(begun: bytes) -> None:
    async with serving(Parts(), max_unfinished=5) as port, talking(port) as idle:
        idle.say(POST)
        assert (await idle.answer())[0] == 200
        async with AsyncExitStack() as stack:
            loiterers = []
            for _ in range(12):
                loiterers.append(await stack.enter_async_context(talking(port)))
                loiterers[-1].say(begun)
                assert (await asked(port, "/healthz"))[0] == 200

            assert all([await cut(loiterer) for loiterer in loiterers[:7]])
            for loiterer in loiterers[9:]:
                loiterer.say(POST[len(begun) :])
                assert (await loiterer.answer())[0] == 200
        idle.say(POST)
        assert (await idle.answer())[0] == 200


async def test_an_unfinished_later_request_counts_like_a_first() -> None:
    async with serving(Parts(), max_unfinished=2) as port, talking(port) as talk:
        talk.say(POST)
        assert (await talk.answer())[0] == 200
        talk.say(POST[:60])
        assert (await asked(port, "/healthz"))[0] == 200
        async with talking(port), talking(port):
            assert await cut(talk)


async def test_a_client_that_reads_no_answers_is_cut_off() -> None:
    async with serving(Parts()) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)

        async def ask_for_ever() -> None:
            while True:
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
                await writer.drain()

        with pytest.raises(ConnectionError):
            await ask_for_ever()
        writer.close()

        assert (await asked(port, "/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("fields", "bytes_each", "status"), [(31, 1900, 200), (32, 10, 400), (1, 2100, 400), (500, 0, 400)]
)
async def test_a_head_has_at_most_32_fields_of_2_kb(fields: int, bytes_each: int, status: int) -> None:
    headers = "".join(f"X-{number}: {'a' * bytes_each}\r\n" for number in range(fields))
    async with serving(Parts()) as port:
        assert (await asked(port, "/healthz", headers=headers))[0] == status


async def test_every_request_of_a_burst_that_comes_while_the_loop_is_busy_is_answered() -> None:
    parts, loop = Parts(), asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        async with serving(parts, max_connections=MAX_CONNECTIONS, max_unfinished=BURST // 2) as port:
            burst = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(BURST)
            ]  # without a pause, so that the server cannot accept any of them yet
            for client in burst:
                client.sendall(POST)
                client.setblocking(False)
            answers = await asyncio.gather(*(loop.sock_recv(client, 100) for client in burst), return_exceptions=True)

    assert {answer[9:12] if isinstance(answer, bytes) else answer for answer in answers} == {b"200"}
    assert parts.recorded == BURST


async def test_a_client_that_opens_a_whole_burst_of_connections_before_it_sends_is_answered() -> None:
    parts = Parts()
    async with (
        serving(parts, max_connections=MAX_CONNECTIONS, max_unfinished=MAX_UNFINISHED) as port,
        AsyncExitStack() as stack,
    ):
        burst = [await stack.enter_async_context(talking(port)) for _ in range(BURST)]
        for talk in burst:
            talk.say(POST)
        statuses = [(await talk.answer())[0] for talk in burst]

    assert statuses == [200] * BURST


async def test_bodies_that_never_end_under_an_address_that_leaked_keep_nobody_else_out() -> None:
    parts = Parts()
    words = f"POST {CALLBACK} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{{".encode()
    async with serving(parts, max_connections=MOST_UNDER_WAY + 10) as port, AsyncExitStack() as stack:
        for _ in range(MOST_UNDER_WAY + 20):
            (await stack.enter_async_context(talking(port))).say(words)
        for _ in range(5):
            assert (await asked(port, "/healthz"))[0] == 200
            async with talking(port) as talk:
                talk.say(POST)
                assert (await talk.answer())[0] == 200

    assert parts.recorded == 5


async def test_while_the_storage_hangs_callbacks_that_wait_for_it_keep_nobody_else_out() -> None:
    class Hanging(Parts):
        hangs = True

        async def is_token(self, token: str) -> bool:
            if self.hangs:
                await super().is_token(token)
                raise TimeoutError
            return True

    parts = Hanging()
    async with serving(parts, max_connections=MOST_IN_AN_OUTAGE + 10) as port, AsyncExitStack() as stack:

        async def says() -> Talk:
            talk = await stack.enter_async_context(talking(port))
            talk.say(POST)
            return talk

        assert (await (await says()).answer())[0] == 503  # the first has waited in vain
        parts.token_gate.clear()
        waiting = [await says() for _ in range(MOST_IN_AN_OUTAGE)]
        for _ in range(20):
            assert (await (await says()).answer())[0] == 503  # at once
            assert (await asked(port, "/healthz"))[0] == 200

        parts.token_gate.set()
        assert [(await talk.answer())[0] for talk in waiting] == [503] * MOST_IN_AN_OUTAGE
        parts.hangs = False
        assert (await (await says()).answer())[0] == 200
        parts.gate.clear()
        many = [await says() for _ in range(MOST_IN_AN_OUTAGE + 5)]
        assert (await asked(port, "/healthz"))[0] == 200
        parts.gate.set()
        assert [(await talk.answer())[0] for talk in many] == [200] * len(many)
