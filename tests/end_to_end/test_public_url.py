"""A PUBLIC_URL that does not lead to the bot: it says so once, polls, and notices when it does."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.jobs import JobState
from bot.parts import ground
from bot.roles import Role
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.stand_ins import running
from bot.services.common.clock import utc_now
from bot.services.operator.public_address import BEGUN, OVER
from tests.end_to_end.town import QUICK, a_town
from tests.support.front import Front, standing
from tests.support.secrets import overhearing

POLL: dict[str, Any] = {"poll_after_seconds": 600.0, "poll_every_seconds": 0.2, "self_call_every_seconds": 0.3}


async def test_while_it_leads_elsewhere_results_are_polled_and_the_owner_reads_so_once(
    tmp_path: Path, source: Path
) -> None:
    async with a_town(tmp_path, source, QUICK) as town, standing(Front()) as front:
        front.behind = town.settings.web_port
        front.status = 404
        with overhearing() as heard:
            await town.start(public_url=front.url, **POLL)
            letters = town.discord.world.dm_with(town.discord.owner)
            await letters.wait_for(lambda message: BEGUN.message in message.content)
            await town.extend()
            async with asyncio.timeout(PATIENCE_SECONDS):  # far less than a job is given for its callbacks
                await town.result()
            await town.job_in(JobState.DELIVERED)
            assert not [sent for sent in town.suno.callbacks_sent if sent.status == 200]

            front.status = None
            await letters.wait_for(lambda message: OVER.message in message.content)
            # Counted here: the front is gone before the bot, which would notice.
            assert len([message for message in letters.messages if BEGUN.message in message.content]) == 1

    assert len([line for line in heard.lines if "something else answers there" in line]) == 1


@pytest.mark.postgres
async def test_workers_are_satisfied_with_the_answer_of_another_process(tmp_path: Path, source: Path) -> None:
    """They have no port of their own."""
    async with a_town(tmp_path, source, QUICK) as town, standing(Front(behind=town.settings.web_port)) as front:
        with overhearing() as heard:
            async with running(town.stand_ins, town.settings, only=frozenset({Role.WEB})):
                await town.start(frozenset({Role.WORKERS, Role.GATEWAY}), public_url=front.url, **POLL)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await front.answered.wait()
                await town.stop()

    assert set(front.statuses) == {200}
    assert not [line for line in heard.lines if "PUBLIC_URL" in line]


@pytest.mark.sqlite
async def test_a_clock_that_is_moved_does_not_make_it_a_stranger_to_itself(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox's levers move the bot's clock, and on PostgreSQL it is the database's."""
    monkeypatch.setattr(ground, "utc_now", lambda: utc_now() + timedelta(days=1))
    async with a_town(tmp_path, source, QUICK) as town, standing(Front(behind=town.settings.web_port)) as front:
        await town.start(public_url=front.url, **POLL)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await front.answered.wait()
        await town.stop()

    assert set(front.statuses) == {200}
