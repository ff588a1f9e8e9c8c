"""The throw-away server can be killed and started again, which the faults of a cluster do."""

import asyncpg
import pytest

from tests.support.postgres_server import running_server

pytestmark = pytest.mark.postgres


async def test_a_killed_server_starts_again_at_once_and_has_kept_what_was_committed() -> None:
    with running_server(durable=True) as server:
        url = server.url_of("postgres")
        open_to_the_end = await asyncpg.connect(url)
        await open_to_the_end.execute("CREATE TABLE song (title TEXT); INSERT INTO song VALUES ('Paper Boats')")

        server.kill()
        server.start()

        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT title FROM song") == "Paper Boats"
        await connection.close()
        open_to_the_end.terminate()
