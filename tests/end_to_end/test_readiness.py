"""What `/readyz` tells the bot's supervisor."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from bot.app import build
from bot.parts.web import web_part
from storage.engines.base import BUSY_SECONDS
from tests.end_to_end.test_outages import CANNOT_WRITE
from tests.end_to_end.town import Town, eventually
from tests.support.database import held


async def readyz(port: int) -> tuple[int, dict[str, bool]]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        return answer.status, await answer.json()


async def is_reported(port: int, status: int, parts: dict[str, bool]) -> bool:
    return await readyz(port) == (status, parts)


async def test_the_bot_is_not_ready_while_the_gateway_is_away(town: Town) -> None:
    await town.start()
    port = town.settings.web_port
    gateway = town.discord.gateway
    # The client calls itself ready two seconds after connecting.
    await eventually(partial(is_reported, port, 200, {"gateway": True, "database": True}))

    gateway.refuse_connections(1_000_000)
    gateway.drop()
    await eventually(partial(is_reported, port, 503, {"gateway": False, "database": True}))
    assert town.app.client.is_ready()  # so this check alone is not enough

    gateway.refuse_connections(0)
    await eventually(partial(is_reported, port, 200, {"gateway": True, "database": True}))


@pytest.mark.parametrize("busy_seconds", [BUSY_SECONDS])
async def test_the_bot_is_not_ready_while_it_cannot_write_to_its_database(town: Town) -> None:
    await town.start()
    port = town.settings.web_port
    async with held(town.settings.database_path):
        assert (await (await town.extend()).response()).content == CANNOT_WRITE

        status, parts = await readyz(port)

    assert (status, parts["database"]) == (503, False)
    await town.extend()
    await town.result()
    await eventually(partial(is_reported, port, 200, {"gateway": True, "database": True}))


@pytest.mark.sqlite
async def test_a_readiness_check_writes_nothing(town: Town) -> None:
    async with build(replace(town.settings, web_port=0)) as app, web_part(app.ground) as port:
        with closing(sqlite3.connect(Path(town.settings.database_path))) as other:
            version = other.execute("PRAGMA data_version").fetchone()
            answers = await asyncio.gather(*(readyz(port) for _ in range(50)))

            assert other.execute("PRAGMA data_version").fetchone() == version
    assert answers == [(503, {"gateway": False, "database": True})] * 50
