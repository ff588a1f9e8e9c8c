"""Trouble at Discord and at the provider, while many jobs flow through one bot or two."""

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from bot.sandbox.discord import TroubleKind, Upload
from bot.sandbox.stand_ins import free_port
from tests.end_to_end.town import Town
from tests.faults.killing import Balance, a_bot, connected, count, settled

COMMANDS = 12
LEFT = 3
STRIKES = 6
POST = ("POST", "/channels/{channel_id}/messages")

TROUBLES: Mapping[str, Callable[[Town], object]] = {
    **{
        f"posting: {kind}": partial(lambda kind, town: town.discord.troubles.add(*POST, kind, STRIKES), kind)
        for kind in (
            TroubleKind.ERROR_BEFORE,
            TroubleKind.ERROR_AFTER,
            TroubleKind.ABORT_BEFORE,
            TroubleKind.ABORT_AFTER,
            TroubleKind.RATE_LIMITED,
        )
    },
    "acknowledging: error after the effect": lambda town: town.discord.troubles.add(
        "POST", "/interactions/*", TroubleKind.ERROR_AFTER, STRIKES
    ),
    "every interaction comes twice": lambda town: town.discord.gateway.deliver_twice(COMMANDS),
    "submitting: the answer is lost": lambda town: town.suno.script("drop started"),
    "submitting: 430, five times": lambda town: town.suno.next_submit("error 430", times=5),
    "submitting: a gateway's page": lambda town: town.suno.script("http 502 started"),
    "callbacks: five of each": lambda town: town.suno.script("duplicate 5"),
    "callbacks: out of order": lambda town: town.suno.script("out-of-order"),
    "callbacks: none": lambda town: town.suno.script("no-callbacks"),
}
TWO_PROCESSES = "two processes on one database"
RECONNECT = "the gateway reconnects and replays"
HUNDRED = "100 commands at once of a member with 3 left"


async def in_trouble(trouble: str, town: Town, folder: Path) -> Balance:
    """`COMMANDS` commands while the trouble lasts; returns the balance."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(a_bot(town, folder))
        sessions = 1
        if trouble == TWO_PROCESSES:
            other = dataclasses.replace(town, settings=replace(town.settings, web_port=free_port()))
            await stack.enter_async_context(a_bot(other, folder))
            sessions = 2
        await connected(town, sessions)
        if trouble in TROUBLES:
            TROUBLES[trouble](town)
        for number in range(COMMANDS):
            invocation = await town.extend(style="folk", title=f"Boats {number}", prompt="la")
            await invocation.acknowledged()
            if trouble == RECONNECT and number % 4 == 3:
                town.discord.gateway.reconnect(replay=4)
                await town.discord.gateway.wait_resumed(number // 4 + 1)
        await settled(town, jobs=COMMANDS)
        return await count(town)


async def hundred_at_once(town: Town, folder: Path) -> Balance:
    """Exactly as many jobs as units left; each extra job counts as a ledger difference."""
    town.settings = replace(town.settings, quota_per_day=LEFT)
    async with a_bot(town, folder):
        await connected(town, 1)
        upload = Upload(town.source)
        invocations = [await town.mia.command(town.songs, "extend", audio=upload) for _ in range(100)]
        for invocation in invocations:
            await invocation.response()
        await settled(town, jobs=LEFT)
        balance = await count(town)
    return dataclasses.replace(balance, ledger_difference=balance.ledger_difference + abs(balance.jobs - LEFT))
