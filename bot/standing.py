"""How a running process is doing, in the words of a service manager's status line."""

import asyncio
from collections.abc import Callable

from bot import roles
from bot.parts.ground import Ground
from bot.roles import Role
from bot.service_manager import Standing

SHARDLESS_SECONDS = 30.0
"""A gateway process with shards is not ready before it has some; but if it is one too many, it never gets any."""


def standing_of(ground: Ground, only: frozenset[Role], *, is_listening: Callable[[], bool]) -> Callable[[], Standing]:
    """Ready once its roles can do their work. Later troubles only show in the status: a restart would not help."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    is_settled = False

    def standing() -> Standing:
        nonlocal is_settled
        lacks = [] if ground.storage.is_writable else ["the database can't be written"]
        if not _has_discord(ground, only, seconds=loop.time() - began):
            lacks.append("not connected to Discord")
        if Role.WEB in only and not is_listening():
            lacks.append("not listening yet")
        is_settled = is_settled or not lacks
        does = f"Running {roles.in_words(only)}" if is_settled else "Starting"
        return Standing(is_ready=is_settled, status=": ".join(filter(None, [does, "; ".join(lacks)])))

    return standing


def _has_discord(ground: Ground, only: frozenset[Role], *, seconds: float) -> bool:
    """`seconds` after the start."""
    waits_for_shards = Role.GATEWAY in only and ground.settings.shards is not None and not ground.client.shards
    return reaches_discord(ground, only) and (not waits_for_shards or seconds > SHARDLESS_SECONDS)


def reaches_discord(ground: Ground, only: frozenset[Role]) -> bool:
    """As far as the roles need it."""
    if Role.GATEWAY in only:
        return ground.client.serves
    over_http = bool(ground.settings.interactions_public_key)
    needs_http = Role.WORKERS in only or roles.answers_members(only, over_http=over_http)
    return ground.client.logged_in.is_set() or not needs_http
