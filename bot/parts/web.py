"""The web port: callbacks, interactions, health. Imported late (see `bot.app`): it would hold up the greeting."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiohttp.typedefs import Middleware

from bot.domain.public_address import SelfCalls
from bot.endpoint import has_wrong_key
from bot.parts.ground import Ground
from bot.services.songs.lyrics_news import LyricsNews
from bot.suno.signature import signature_is_valid
from bot.suno.wire import MalformedCallback, callback_task_id
from bot.web.application import CallbackTakers, build_web
from bot.web.interactions import InteractionEndpoint
from bot.web.server import WebServerError, serve


@asynccontextmanager
async def web_part(
    ground: Ground, *, has_gateway: bool = True, middlewares: Sequence[Middleware] = ()
) -> AsyncIterator[int]:
    """Listen; yields the port. `has_gateway`: whether this process is connected to Discord's.

    Raises:
        WebServerError: it cannot listen on this host and port, or PyNaCl is missing.
    """
    settings, client, storage = ground.settings, ground.client, ground.storage
    calls = SelfCalls(settings.discord_token)
    endpoint = _interaction_endpoint(ground, calls)
    news = LyricsNews(storage, callback_task_id)

    def readiness() -> Mapping[str, bool]:
        database = {"database": storage.is_writable}
        if not has_gateway:
            is_heard = client.logged_in.is_set() and not has_wrong_key(client, settings.interactions_public_key)
            return database if endpoint is None else {"discord": is_heard, **database}
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
        lyrics=CallbackTakers(is_token=news.is_token, record=news.record, wake=ground.bells.lyrics.ring),
        interaction_endpoint=endpoint,
        self_calls=calls,
        middlewares=middlewares,
    )
    async with serve(application, settings.web_host, settings.web_port) as port:
        yield port


def _interaction_endpoint(ground: Ground, calls: SelfCalls) -> InteractionEndpoint | None:
    """None without a public key: then Discord sends interactions to the gateway."""
    public_key = ground.settings.interactions_public_key
    if not public_key:
        return None
    try:
        from bot.web.ed25519 import verifier  # noqa: PLC0415  # PyNaCl is optional
    except ModuleNotFoundError as error:
        raise WebServerError("INTERACTIONS_PUBLIC_KEY needs PyNaCl: pip install 'encore-bot[interactions]'") from error
    client = ground.client
    return InteractionEndpoint(
        verify=verifier(public_key), take_in=client.take_in, is_ready=client.logged_in.is_set, self_calls=calls
    )
