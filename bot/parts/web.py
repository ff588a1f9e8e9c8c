"""The web port: callbacks and health. Imported late (see `bot.app`): its libraries would hold up the greeting."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from bot.parts.ground import Ground
from bot.suno.signature import signature_is_valid
from bot.suno.wire import MalformedCallback, callback_task_id
from bot.web.application import build_web
from bot.web.server import serve


@asynccontextmanager
async def web_part(ground: Ground, *, has_gateway: bool = True) -> AsyncIterator[int]:
    """Listen; yields the port. `has_gateway`: whether this process is connected to Discord's.

    Raises:
        WebServerError: it cannot listen on this host and port.
    """
    settings, client, storage = ground.settings, ground.client, ground.storage

    def readiness() -> Mapping[str, bool]:
        database = {"database": storage.is_writable}
        if not has_gateway:
            return database
        return {"gateway": client.serves, **database}

    application = build_web(
        is_token=storage.is_callback_token,
        record=storage.record_callback,
        task_id_of=callback_task_id,
        malformed=MalformedCallback,
        wake=ground.bells.callbacks.ring,
        readiness=readiness,
        webhook_key=settings.suno_webhook_key,
        verify_signature=signature_is_valid,
        clock=ground.clock,
    )
    async with serve(application, settings.web_host, settings.web_port) as port:
        yield port
