"""The aiohttp application: which path leads where."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from aiohttp import web

from bot.domain.reports import TaskReport
from bot.web.callbacks import BODY_LIMIT_BYTES, BODY_SECONDS, PATH, CallbackEndpoint, Record, VerifySignature
from bot.web.health import ReadyEndpoint, alive

SERVER_NAME = "encore"  # in place of the versions that aiohttp would tell


def build_web(
    *,
    record: Record,
    parse: Callable[[bytes], TaskReport],
    wake: Callable[[], None],
    readiness: Callable[[], Awaitable[Mapping[str, bool]]],
    verify_signature: VerifySignature,
    malformed: type[Exception] = ValueError,
    webhook_key: str = "",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    body_seconds: float = BODY_SECONDS,
) -> web.Application:
    """The application with `POST /callbacks/{token}`, `GET /healthz` and `GET /readyz`.

    `parse` raises `malformed` (or a subclass) for what is no callback. With `webhook_key`, callbacks must carry the
    provider's signature (fact sheet, section 3), which `verify_signature` judges; without, it is never called.
    """
    endpoint = CallbackEndpoint(
        record=record,
        parse=parse,
        wake=wake,
        malformed=malformed,
        webhook_key=webhook_key,
        verify_signature=verify_signature,
        clock=clock,
        body_seconds=body_seconds,
    )
    app = web.Application(client_max_size=BODY_LIMIT_BYTES)
    app.on_response_prepare.append(_name_server)
    app.router.add_post(PATH, endpoint.receive)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ReadyEndpoint(readiness).ready)
    return app


async def _name_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER_NAME
