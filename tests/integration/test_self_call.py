"""The bot calls itself through a reverse proxy in front of it, over real sockets."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from bot.domain.public_address import Came, SelfCalls
from bot.self_call import call, call_interactions
from bot.web.self_calls import build_stand_in
from bot.web.server import serve
from tests.support import raw_server
from tests.support.front import Front, standing
from tests.support.web import Parts

OURS = SelfCalls("invented-token-of-a-bot")
OTHERS = SelfCalls("the token of another bot")


@asynccontextmanager
async def a_bot(calls: SelfCalls | None = OURS, parts: Parts | None = None) -> AsyncIterator[int]:
    async with serve((parts or Parts()).application(self_calls=calls), "127.0.0.1", 0) as port:
        yield port


async def test_the_bot_answers_its_own_call_and_writes_nothing_down() -> None:
    parts = Parts()
    async with a_bot(parts=parts) as port, standing(Front(behind=port)) as front:
        outcome = await call(front.url, OURS)

    assert outcome.came is Came.ANSWER
    assert parts.recorded == 0


async def test_a_prefix_that_the_proxy_removes_is_fine() -> None:
    async with a_bot() as port, standing(Front(behind=port, prefix="/music/encore")) as front:
        assert (await call(front.url, OURS)).came is Came.ANSWER


async def test_a_prefix_that_the_proxy_keeps_is_noticed() -> None:
    async with a_bot() as port, standing(Front(behind=port, prefix="/encore", keeps_prefix=True)) as front:
        assert (await call(front.url, OURS)).came is Came.ELSEWHERE


async def test_another_encore_is_noticed() -> None:
    class Unknown(Parts):
        async def is_token(self, token: str) -> bool:
            del token
            return False

    async with a_bot(OTHERS, Unknown()) as port, standing(Front(behind=port)) as front:
        assert (await call(front.url, OURS)).came is Came.OTHER_BOT


async def test_another_program_is_noticed_with_its_status() -> None:
    async with standing(Front(status=200)) as front:
        outcome = await call(front.url, OURS)

    assert (outcome.came, outcome.status) == (Came.STRANGER, 200)


async def test_a_redirect_is_not_followed_and_says_where_it_leads_without_the_token() -> None:
    async with standing(Front(redirect="https://www.encore.example/base")) as front:
        outcome = await call(front.url, OURS)

    assert (outcome.came, outcome.status) == (Came.REDIRECT, 308)
    assert outcome.detail == "https://www.encore.example/base"


async def test_an_endless_address_in_a_redirect_is_cut() -> None:
    async with standing(Front(redirect="https://www.encore.example/" + "y" * 5000)) as front:
        outcome = await call(front.url, OURS)

    assert outcome.came is Came.REDIRECT
    assert len(outcome.detail) < 250


async def test_an_answer_that_a_proxy_sends_in_pieces_is_read_whole() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        body = OURS.answer(server.heads[0].split()[1].rpartition("/")[2]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for number in range(len(body)):
            writer.write(body[number : number + 1])
            await writer.drain()
            await asyncio.sleep(0)

    async with raw_server.serving(answer) as server:
        assert (await call(f"http://127.0.0.1:{server.port}", OURS)).came is Came.ANSWER


async def test_an_endless_or_packed_answer_costs_nothing() -> None:
    packed = gzip.compress(bytes(10_000_000))

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            writer.write(packed)
            await writer.drain()
            await asyncio.sleep(0)

    async with raw_server.serving(endless) as server:
        assert (await call(f"http://127.0.0.1:{server.port}", OURS)).came is Came.STRANGER
        assert "Accept-Encoding: identity" in server.heads[0]


async def test_a_call_is_dated_by_the_clock_of_the_bot_that_answers() -> None:
    """The database's on PostgreSQL, which may differ from this machine's."""

    def ahead() -> datetime:
        return datetime.now(UTC) + timedelta(days=1)

    application = Parts().application(self_calls=OURS, clock=ahead)
    async with serve(application, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        assert (await call(url, OURS, clock=ahead)).came is Came.ANSWER
        assert (await call(url, OURS)).came is not Came.ANSWER


async def test_a_certificate_that_nobody_trusts_is_noticed() -> None:
    async with standing(Front(status=200), tls=True) as front:
        outcome = await call(front.url, OURS)

    assert (outcome.came, outcome.detail) == (Came.BAD_TLS, "self-signed certificate")


async def test_a_port_without_tls_is_noticed() -> None:
    async with standing(Front(status=200)) as front:
        outcome = await call(front.url.replace("http:", "https:"), OURS)

    assert (outcome.came, outcome.detail) == (Came.BAD_TLS, "it doesn't speak TLS")


async def test_a_name_that_does_not_resolve_is_noticed() -> None:
    assert (await call("https://encore.invalid", OURS)).came is Came.NO_NAME


async def test_a_closed_port_is_silence() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = await call(f"http://127.0.0.1:{closed.getsockname()[1]}", OURS)

    assert outcome.came is Came.NO_ANSWER
    assert outcome.detail == "connection refused"


@pytest.mark.parametrize("path", ["/callbacks/", "/encore/callbacks/"])
async def test_a_stranger_gets_the_answer_for_an_unknown_page(path: str) -> None:
    class Unknown(Parts):
        async def is_token(self, token: str) -> bool:
            del token
            return False

    async with a_bot(parts=Unknown()) as port, aiohttp.ClientSession() as session:
        answers = []
        for each in (f"{path}{'k' * 43}", "/no/such/page"):
            async with session.post(f"http://127.0.0.1:{port}{each}") as answer:
                answers.append((answer.status, await answer.text()))

    assert answers[0] == answers[1] == (404, "404: Not Found")


async def test_in_the_place_of_a_stopped_bot_callbacks_are_put_off() -> None:
    async with serve(build_stand_in(OURS), "127.0.0.1", 0) as port, aiohttp.ClientSession() as session:
        assert (await call(f"http://127.0.0.1:{port}", OURS)).came is Came.ANSWER
        async with session.post(f"http://127.0.0.1:{port}/callbacks/{'k' * 43}") as answer:
            assert answer.status == 503
        assert (await call_interactions(f"http://127.0.0.1:{port}", OURS)).came is Came.ANSWER
        headers = {"X-Signature-Ed25519": "ab" * 64, "X-Signature-Timestamp": "1"}
        async with session.post(f"http://127.0.0.1:{port}/interactions", headers=headers) as answer:
            assert answer.status == 503
