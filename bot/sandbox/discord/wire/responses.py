"""Answers over HTTP, and the record kept of each request."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.sandbox.discord.refuse import limits
from bot.sandbox.discord.refuse.limits import Refused
from bot.sandbox.discord.wire.calls import Answer, Created, Route
from bot.sandbox.discord.wire.rates import exhausted_headers, global_headers
from bot.sandbox.discord.wire.troubles import Trouble, TroubleKind

LOST = 0
"""The status of a request whose connection was cut."""
TOO_MANY = 429


@dataclass(slots=True, kw_only=True)
class Recorded:
    """One request. `template` is the path as the OpenAPI description writes it, None for a path that is not played;
    `payload` the JSON, or the `payload_json` of a multipart body; `files` are names and sizes in bytes; `headers` lack
    the token; `status` is that of the answer (0: the connection was cut), `answer` its JSON.
    """

    at: datetime
    method: str
    template: str | None
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    payload: Any = None
    is_multipart: bool = False
    files: Sequence[tuple[str, int]] = ()
    status: int | None = None
    code: int | None = None
    answer: Any = field(default=None, repr=False)


def answered(answer: Answer, record: Recorded, headers: Mapping[str, str]) -> web.Response:
    record.answer = answer.body if isinstance(answer, Created) else answer
    if answer is None:
        return web.Response(status=204, headers=headers)
    return _json(record.answer, status=201 if isinstance(answer, Created) else 200, headers=headers)


def refusal(refused: Refused, record: Recorded, headers: Mapping[str, str] | None = None) -> web.Response:
    record.code = refused.refusal.code
    record.answer = refused.body()
    headers_sent = dict(headers or {})
    if refused.retry_after is not None:
        headers_sent |= _wait(refused.retry_after)
    return _json(record.answer, status=refused.refusal.status, headers=headers_sent)


def wait_answer(seconds: float, record: Recorded, headers: Mapping[str, str], *, is_global: bool) -> web.Response:
    record.answer = {"message": limits.RATE_LIMITED.message, "retry_after": round(seconds, 3), "global": is_global}
    return _json(record.answer, status=TOO_MANY, headers={**headers, **_wait(seconds)})


def struck(
    trouble: Trouble, record: Recorded, *, route: Route | None = None, headers: Mapping[str, str] | None = None
) -> web.Response | None:
    """A trouble's answer, or None to cut the connection."""
    if trouble.kind in (TroubleKind.ABORT_BEFORE, TroubleKind.ABORT_AFTER):
        return None
    if trouble.kind is TroubleKind.RATE_LIMITED:
        wait = trouble.retry_after_seconds
        shown = global_headers() if trouble.is_global or route is None else exhausted_headers(route, wait)
        return wait_answer(wait, record, shown, is_global=trouble.is_global)
    if trouble.kind is TroubleKind.BANNED:
        return web.Response(status=TOO_MANY, text="error code: 1015", content_type="text/plain")
    record.code = trouble.code
    record.answer = {"message": trouble.message, "code": trouble.code}
    return _json(record.answer, status=trouble.status, headers=headers)


def cut(request: web.Request) -> web.Response:
    """Drop the connection. The returned response reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _wait(seconds: float) -> dict[str, str]:
    """`Via` shows discord.py that Discord sent the 429, not the network in front of it (docs/discord.md 5.2)."""
    return {"Retry-After": str(max(1, round(seconds))), "Via": "1.1 google"}


def _json(body: Any, *, status: int, headers: Mapping[str, str] | None) -> web.Response:  # noqa: ANN401  # any JSON
    """No charset in the content type: discord.py would not read it as JSON (docs/discord.md 7)."""
    raw = json.dumps(body).encode()
    return web.Response(status=status, body=raw, headers={**(headers or {}), "Content-Type": "application/json"})
