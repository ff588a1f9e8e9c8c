"""The bot's port on this machine, and PUBLIC_URL as far as it can be seen from outside: the bot calls itself."""

import asyncio
import ipaddress
import socket
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

import msgspec

from bot.doctor.finding import Found, failed, ok, warning
from bot.domain.public_address import Came, Explained, Outcome, SelfCalls, explain
from bot.health import own_url
from bot.self_call import INTERACTIONS_PATH, call, call_interactions
from bot.settings import Settings
from bot.web.self_calls import build_stand_in
from bot.web.server import WebServerError, serve

LOCAL_SECONDS = 5.0
IN_ITS_PLACE = ", with this command listening in the place of the bot"


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """`runs`: this bot answers there; `is_free`: the bot could listen there."""

    runs: bool = False
    is_free: bool = False


async def check_port(settings: Settings, calls: SelfCalls) -> tuple[Found, Port]:
    url = own_url(settings.web_host, settings.web_port)
    tried = f"calling the bot at {url}, and listening there if nothing answers"
    if not settings.web_port:
        return ok("reading WEB_PORT", "it is 0, so the bot takes any free port"), Port()
    outcome = await call(url, calls, seconds=LOCAL_SECONDS)
    if outcome.came is Came.ANSWER:
        return ok(tried, "the bot runs and answers"), Port(runs=True)
    if outcome.came is Came.OTHER_BOT:
        return failed(
            tried,
            "another Encore answers there, with another DISCORD_TOKEN or of an older release",
            "restart it if it is this bot; otherwise set WEB_PORT to a free port",
        ), Port()
    if outcome.came not in {Came.NO_ANSWER, Came.NO_NAME}:
        return failed(tried, "another program answers there", "stop it, or set WEB_PORT to a free port"), Port()
    try:
        async with serve(build_stand_in(calls), settings.web_host, settings.web_port):
            pass
    except WebServerError as error:
        what, _, remedy = str(error).partition("; ")
        return failed(tried, what, remedy), Port()
    return ok(tried, "no bot runs here, and the port is free"), Port(is_free=True)


async def check_public_url(settings: Settings, calls: SelfCalls, port: Port) -> Found:
    """Call the bot through PUBLIC_URL. If none runs here, this process listens in its place for the call."""
    url = settings.public_url
    if not url:
        return ok("reading PUBLIC_URL", "it is empty: results are polled instead of being called back")
    tried = f"POST {url}/callbacks/…, as the music service will call"
    outcome = await call(url, calls)
    if outcome.came is not Came.ANSWER and port.is_free:
        tried += IN_ITS_PLACE
        async with _in_the_bots_place(settings, calls):
            outcome = await call(url, calls)
    if outcome.came is Came.ELSEWHERE:
        tried += "; then without the path"
        if (await _call_without_path(settings, calls, port)).came is Came.ANSWER:
            bare = _without_path(url)
            return failed(tried, f"only {bare} leads to this bot, not {url}", f"set PUBLIC_URL={bare}")
    if outcome.came is Came.ANSWER:
        return await _judge_where(tried, settings)
    return _explained(tried, explain(outcome, url, own_port=_own_port(settings)))


async def check_interactions(settings: Settings, calls: SelfCalls, port: Port) -> Found:
    """Call the bot's /interactions through PUBLIC_URL, as Discord will, and as `check_public_url` does."""
    if not settings.interactions_public_key:
        return ok("reading INTERACTIONS_PUBLIC_KEY", "it is not set: Discord sends commands to the gateway")
    url = settings.public_url
    if not url:
        remedy = "set it to the address with TLS at which Discord reaches this bot"
        return failed("reading PUBLIC_URL", "it is empty, so Discord can't send commands over HTTP", remedy)
    tried, outcome = (
        f"POST {url}{INTERACTIONS_PATH}, as Discord will send commands",
        await call_interactions(url, calls),
    )
    if outcome.came is not Came.ANSWER and port.is_free:
        tried += IN_ITS_PLACE
        async with _in_the_bots_place(settings, calls):
            outcome = await call_interactions(url, calls)
    if outcome.came is Came.ANSWER:
        return ok(tried, "this bot answered")
    return _explained(tried, explain(outcome, url, own_port=_own_port(settings), is_interaction=True))


def _own_port(settings: Settings) -> str:
    return f"{settings.web_host}:{settings.web_port}"


def _explained(tried: str, found: Explained) -> Found:
    return (failed if found.is_certain else warning)(tried, found.came_back, found.remedy)


def _in_the_bots_place(settings: Settings, calls: SelfCalls) -> AbstractAsyncContextManager[int]:
    return serve(build_stand_in(calls), settings.web_host, settings.web_port)


async def _call_without_path(settings: Settings, calls: SelfCalls, port: Port) -> Outcome:
    bare = _without_path(settings.public_url)
    if not port.is_free:
        return await call(bare, calls)
    async with _in_the_bots_place(settings, calls):
        return await call(bare, calls)


def _without_path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def _judge_where(tried: str, settings: Settings) -> Found:
    """The bot answered, but perhaps it does so only inside its own network."""
    host = urlsplit(settings.public_url).hostname or ""
    if await _is_private(host) and not await _is_private(urlsplit(settings.suno_api_url).hostname or ""):
        return warning(
            tried,
            f"this bot answered, but here {host} has a private address, which the music service can't reach",
            "let PUBLIC_URL be a public address; ignore this if the name only leads elsewhere inside your network",
        )
    return ok(tried, "this bot answered")


async def _is_private(host: str) -> bool:
    """Whether all addresses of `host`, as seen from here, are private. False if there are none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(found) and not any(
        ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_global for entry in found
    )
