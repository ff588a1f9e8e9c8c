"""Sends callbacks, signed if there is a key, and records each with its answer."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

import aiohttp

from bot.sandbox.suno.clock import Bell
from bot.sandbox.suno.envelopes import Callback, Json, Stage, signature_headers
from bot.sandbox.suno.options import SunoOptions

ACCEPTED = 200  # "the receiver must answer HTTP 200 within 15 s" (docs/provider.md 2); 204 does not count


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCallback:
    """One attempt; `status` is the receiver's HTTP status, None if there was none (`error` says why); `at`: by
    `time.time`, when that was known.
    """

    task_id: str
    stage: Stage
    attempt: int  # 1 is the first
    url: str = field(repr=False)
    body: Json = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    status: int | None
    error: str = ""
    at: float = field(default_factory=time.time)

    @property
    def accepted(self) -> bool:
        return self.status == ACCEPTED


class Courier:
    """`bell` is rung after each attempt."""

    def __init__(self, session: aiohttp.ClientSession, options: SunoOptions, bell: Bell) -> None:
        self._session = session
        self._bell = bell
        self._options = options
        self.sent: deque[SentCallback] = deque(maxlen=options.keep)

    async def send(self, task_id: str, url: str, message: Callback, *, attempt: int) -> SentCallback:
        headers = {}
        if self._options.webhook_key:
            headers = signature_headers(self._options.webhook_key, task_id, int(time.time()))
        status, error = await self._post(url, message.body, headers)
        sent = SentCallback(
            task_id=task_id,
            stage=message.stage,
            attempt=attempt,
            url=url,
            body=message.body,
            headers=headers,
            status=status,
            error=error,
        )
        self.sent.append(sent)
        self._bell.ring()
        return sent

    async def _post(self, url: str, body: Json, headers: dict[str, str]) -> tuple[int | None, str]:
        try:
            async with asyncio.timeout(self._options.callback_timeout_seconds):
                async with self._session.post(url, json=body, headers=headers, allow_redirects=False) as answer:
                    return answer.status, ""
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return None, type(error).__name__
