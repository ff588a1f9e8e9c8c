"""PostgreSQL is stopped under a running bot, and started again."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from bot.domain.jobs import JobState
from tests.end_to_end.test_outages import CANNOT_WRITE, loud
from tests.end_to_end.town import Town, ended, ends, eventually
from tests.support.postgres_server import PostgresServer, running_server

pytestmark = pytest.mark.postgres


@dataclass
class Away:
    """A town whose bot has a server of its own."""

    town: Town
    server: PostgresServer


@pytest.fixture
async def away(slow_town: Town) -> AsyncIterator[Away]:
    with running_server(durable=True) as server:
        admin = await asyncpg.connect(server.url_of("postgres"))
        await admin.execute("CREATE DATABASE encore TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
        await admin.close()
        await slow_town.start(
            postgres_url=server.url_of("encore"), poll_after_seconds=0.2, poll_every_seconds=0.2, lease_seconds=1
        )
        await slow_town.announced()
        yield Away(slow_town, server)
        await slow_town.stop()  # before its server


async def test_what_happens_while_the_server_is_away_is_made_up_for_once(
    away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    town, server = away.town, away.server
    await town.extend()
    await town.songs.wait_for(lambda message: "Composing" in message.content)
    with caplog.at_level(logging.INFO):
        await asyncio.to_thread(server.stop)
        refused = await (await town.extend()).response()
        await town.suno.finish(next(iter(town.suno.tasks)))

        async def is_noticed() -> bool:
            return bool(loud(caplog))

        await eventually(is_noticed)
        await asyncio.to_thread(server.start)

        assert len((await town.result()).attachments) == 2
        await town.job_in(JobState.DELIVERED)

    assert refused.content == CANNOT_WRITE
    assert len(ends(town.songs)) == 1
    assert town.suno.submits == 1
    failed, again = loud(caplog)
    # The first to notice reads whether it is stopping or has stopped.
    remedies = ("check that the server of DATABASE_URL runs", "the server is starting or stopping")
    assert any(remedy in failed.getMessage() for remedy in remedies)
    assert again.getMessage() == "the database can be written again"

    await town.extend()
    await town.suno.wait_for_submit(2)
    await town.suno.finish(list(town.suno.tasks)[-1])
    await ended(town.songs, 2)
