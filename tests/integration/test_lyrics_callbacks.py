"""Callbacks about lyrics, over sockets: taken like a job's, under an address of their own."""

import asyncio
import json
from datetime import datetime

import pytest

from bot.domain.inbox_entry import Recorded
from bot.domain.text import text
from bot.errors import Outage
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.suno.signature import signature_is_valid
from bot.suno.wire import MalformedCallback, callback_task_id
from bot.web.application import CallbackTakers, build_web
from bot.web.server import serve
from tests.support.callback_inbox import post
from tests.support.web import Parts

TOKEN = "l" * 43
OF_A_JOB = "j" * 43
BODY = json.dumps(
    {
        "code": 200,
        "msg": "All generated successfully.",
        "data": {"callbackType": "complete", "taskId": "t1", "lyricsData": [{"text": "la", "title": "Ferry"}]},
    }
).encode()


class News:
    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.woken = 0
        self.is_away = False
        self.is_full = False

    async def is_token(self, token: str) -> bool:
        return token == TOKEN

    async def record(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        del at
        if self.is_away:
            raise Outage("away", text("Away."))
        if self.is_full:
            return Recorded.FULL
        self.heard.append((token, body))
        return Recorded.NEW

    def wake(self) -> None:
        self.woken += 1


async def sent(news: News, token: str, body: bytes = BODY, *, webhook_key: str = "") -> int:
    """The status that a callback to this token's address gets."""
    parts = Parts()
    application = build_web(
        is_token=parts.is_token,
        record=parts.record,
        task_id_of=callback_task_id,
        malformed=MalformedCallback,
        wake=lambda: None,
        readiness=parts.readiness,
        webhook_key=webhook_key,
        verify_signature=signature_is_valid,
        lyrics=CallbackTakers(is_token=news.is_token, record=news.record, wake=news.wake),
    )
    async with serve(application, "127.0.0.1", 0) as port:
        status, _ = await asyncio.wait_for(
            post(f"http://127.0.0.1:{port}/callbacks/lyrics/{token}", body), PATIENCE_SECONDS
        )
    assert parts.recorded == 0  # it is no job's
    return status


async def test_a_callback_about_lyrics_is_noted_and_the_work_is_woken() -> None:
    news = News()

    assert await sent(news, TOKEN) == 200
    assert news.heard == [(TOKEN, BODY)]
    assert news.woken == 1


@pytest.mark.parametrize(
    ("token", "body", "key", "status"),
    [
        (OF_A_JOB, BODY, "", 404),
        ("short", BODY, "", 404),
        (TOKEN, b"[]", "", 400),
        (TOKEN, BODY, "a key that signs", 401),
    ],
)
async def test_what_is_no_callback_about_lyrics_changes_nothing(token: str, body: bytes, key: str, status: int) -> None:
    news = News()

    assert await sent(news, token, body, webhook_key=key) == status
    assert news.heard == []


async def test_the_provider_is_asked_to_repeat_what_cannot_be_noted() -> None:
    news = News()
    news.is_away = True

    assert await sent(news, TOKEN) == 503
    assert news.woken == 0


async def test_the_provider_is_asked_to_repeat_what_there_is_no_room_for() -> None:
    news = News()
    news.is_full = True

    assert await sent(news, TOKEN) == 503
    assert news.woken == 0
