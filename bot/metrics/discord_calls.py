"""Requests to Discord and how soon interactions are acknowledged, seen from aiohttp's trace of discord.py's session."""

import re
from time import perf_counter
from types import SimpleNamespace
from typing import Protocol

import aiohttp

from bot.metrics.definitions import INTERACTIONS
from bot.metrics.meters import Meters

REMEMBERED = 1000
"""Interactions that have arrived and are not acknowledged yet; beyond that, the oldest are forgotten."""

_CALLBACK = re.compile(r"/interactions/(\d+)/[^/]+/callback$")
_MESSAGES = re.compile(r"/channels/\d+/messages(/\d+)?$")
_OF_MESSAGES = {"POST": "post", "PATCH": "edit", "GET": "search", "DELETE": "delete"}
_OTHERS = (
    ("acknowledge", _CALLBACK),
    ("answer", re.compile(r"/webhooks/\d+/[^/]+(/.*)?$")),
    ("open_direct", re.compile(r"/users/@me/channels$")),
    ("announce", re.compile(r"/applications/\d+/commands$")),
)


class _Type(Protocol):
    name: str


class Interaction(Protocol):
    """discord.py's, as far as it matters here."""

    id: int

    @property
    def type(self) -> _Type: ...


def request_named(method: str, path: str) -> str:
    """One of a few names, whatever ids and tokens the path contains."""
    if _MESSAGES.search(path):
        return _OF_MESSAGES.get(method, "other")
    return next((name for name, pattern in _OTHERS if pattern.search(path)), "other")


class DiscordCalls:
    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._arrived: dict[int, tuple[str, float]] = {}

    def join(self, trace: aiohttp.TraceConfig) -> None:
        """See every request of the session to come, after those who let it wait."""
        trace.on_request_start.append(self._began)
        trace.on_request_end.append(self._answered)
        trace.on_request_exception.append(self._lost)

    async def arrived(self, interaction: Interaction) -> None:
        """A listener for discord.py's event. Kinds that Discord may add are not measured: labels are a fixed set."""
        if interaction.type.name not in INTERACTIONS:
            return
        if len(self._arrived) >= REMEMBERED:
            del self._arrived[next(iter(self._arrived))]
        self._arrived[interaction.id] = interaction.type.name, perf_counter()

    async def _began(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams
    ) -> None:
        context.began = perf_counter()

    async def _answered(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        self._note(context, params.method, params.url.path, str(params.response.status))
        if params.response.ok and (found := _CALLBACK.search(params.url.path)):
            kind, arrived = self._arrived.pop(int(found[1]), ("", 0.0))
            if kind:
                self._meters.observe("encore_acknowledge_seconds", perf_counter() - arrived, kind)

    async def _lost(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._note(context, params.method, params.url.path, "none")

    def _note(self, context: SimpleNamespace, method: str, path: str, status: str) -> None:
        request = request_named(method, path)
        self._meters.count("encore_discord_requests_total", request, status)
        self._meters.observe("encore_discord_request_seconds", perf_counter() - context.began, request)
