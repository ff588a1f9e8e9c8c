"""The address for callbacks over real sockets, with a list as storage."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from yarl import URL

from bot.domain.inbox_entry import Recorded
from bot.domain.text import text
from bot.errors import EncoreError
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.web.application import build_web
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
    async with asyncio.timeout(PATIENCE_SECONDS), serve(app, "127.0.0.1", 0, linger_seconds=0.1) as port:
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
