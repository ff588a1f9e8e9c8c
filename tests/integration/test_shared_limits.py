"""Discord's limits are one budget for all processes: together they draw no 429, and results go before edits."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.chat.global_budget import LIMIT, MAY_USE, Urgency
from bot.chat.global_limit import GlobalLimit
from bot.sandbox.discord import DiscordOptions, FakeDiscord, RateLimit
from bot.sandbox.discord.options import MESSAGE, MESSAGES
from bot.sandbox.patience import PATIENCE_SECONDS
from storage.engines.postgres_budgets import PUTS_BETWEEN_FORGETS, DiscordBudgets
from tests.support.database import connected, open_storage, rows, tamper
from tests.support.paced import pacers, processes, shared

pytestmark = pytest.mark.postgres

PROCESSES = 4
FIVE = RateLimit(5, 1.5)
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.mark.parametrize("together", [True, False])
async def test_results_of_four_processes_in_one_channel_go_before_edits_without_a_refusal(
    tmp_path: Path, *, together: bool
) -> None:
    """Whether Discord counts posts and edits together or apart."""
    options = DiscordOptions(
        rate_limits={("POST", MESSAGES): FIVE, ("PATCH", MESSAGE): FIVE}, shared_channel_bucket=together
    )
    async with FakeDiscord(options) as fake, pacers(tmp_path / "encore.db", PROCESSES) as made:
        songs = fake.guild().channel("songs")
        async with processes(fake, made) as bots:
            shown = [await bots[0].post(songs.id, "reading", Urgency.MESSAGE) for _ in range(4)]
            before = len(fake.requests)

            await asyncio.gather(
                *(bots[number % PROCESSES].post(songs.id, f"result {number}") for number in range(12)),
                *(bot.edit(songs.id, message_id, "done") for bot, message_id in zip(bots, shown, strict=True)),
            )

            made_in_turn = [request.method for request in list(fake.requests)[before:]]
        assert fake.rate_limited == []
        assert made_in_turn.count("POST") == 12
        last_result = len(made_in_turn) - made_in_turn[::-1].index("POST")
        assert made_in_turn[:last_result].count("PATCH") <= 1  # before the first result wanted anything


async def test_four_processes_stay_below_fifty_requests_a_second(tmp_path: Path) -> None:
    """A few more may arrive in one second, as a busy machine holds some up and lets them go together."""
    options = DiscordOptions(requests_per_second=60)
    async with FakeDiscord(options) as fake, pacers(tmp_path / "encore.db", PROCESSES) as made:
        guild = fake.guild()
        channels = [guild.channel(f"songs {number}") for number in range(60)]
        async with processes(fake, made) as bots:
            shown = await asyncio.gather(
                *(bots[at % PROCESSES].post(each.id, "reading", Urgency.MESSAGE) for at, each in enumerate(channels))
            )
            before = len(fake.requests)

            await asyncio.gather(
                *(
                    bots[at % PROCESSES].edit(each.id, message_id, "done")
                    for at, (each, message_id) in enumerate(zip(channels, shown, strict=True))
                ),
                *(bots[number % PROCESSES].post(guild.channel(f"new {number}").id, "result") for number in range(90)),
            )

            made_in_turn = [request.method for request in list(fake.requests)[before:]]
        assert fake.rate_limited == []
        last_result = len(made_in_turn) - made_in_turn[::-1].index("POST")
        assert made_in_turn[:last_result].count("PATCH") <= MAY_USE[Urgency.EDIT]  # before results began to wait


async def test_processes_that_ask_at_the_same_moment_stay_within_the_limit(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        storages = [await stack.enter_async_context(open_storage(tmp_path / "encore.db")) for _ in range(PROCESSES)]
        limits = [GlobalLimit(lambda: 1000.0, shared(storage)) for storage in storages]

        passed = await asyncio.gather(*(limit.edit_passes() for limit in limits for _ in range(20)))

    assert sum(passed) == MAY_USE[Urgency.EDIT]


async def test_every_request_with_the_bots_token_counts(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    async with FakeDiscord() as fake, pacers(path, 2) as made:
        songs = fake.guild().channel("songs")
        async with processes(fake, made) as bots:
            await bots[0].client.fetch_channel(songs.id)
            async for _ in bots[1].client.get_partial_messageable(songs.id).history():
                pass
            ((state,),) = await rows(path, "SELECT state FROM discord_budget WHERE name = 'everything'")

        counted = state.partition('"sent_at":[')[2].partition("]")[0].split(",")
        assert len(counted) == len(fake.requests) < LIMIT


async def test_a_refusal_of_everything_reaches_the_other_processes(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        storages = [await stack.enter_async_context(open_storage(tmp_path / "encore.db")) for _ in range(2)]
        here, there = [GlobalLimit(lambda: 1000.0, shared(storage)) for storage in storages]
        assert await there.edit_passes()

        await here.refused(retry_after=3.0)

        assert not await there.edit_passes()


@pytest.mark.parametrize("trouble", ["locked", "cut off"])
async def test_an_outage_of_the_database_does_not_delay_a_result(tmp_path: Path, trouble: str) -> None:
    path = tmp_path / "encore.db"
    async with FakeDiscord() as fake, pacers(path, 1) as made, connected(path) as other:
        songs = fake.guild().channel("songs")
        async with processes(fake, made) as (bot,):
            await bot.post(songs.id, "before")
            if trouble == "cut off":
                await other.execute(CUT_OFF)
            async with asyncio.timeout(PATIENCE_SECONDS), other.transaction():
                if trouble == "locked":
                    await other.execute("LOCK TABLE discord_budget")
                await bot.post(songs.id, "meanwhile")
                await bot.post(songs.id, "and again")

    assert [message.content for message in songs.messages] == ["before", "meanwhile", "and again"]


async def test_channels_that_have_been_quiet_for_an_hour_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    async with open_storage(path) as storage:
        budgets = DiscordBudgets(storage.statements)
        await budgets.put("quiet", old=None, new="state")
        await tamper(storage, "UPDATE discord_budget SET used_ms = used_ms - 3600001")
        for number in range(PUTS_BETWEEN_FORGETS):
            await budgets.put("busy", old=f"{number - 1}", new=f"{number}")

    assert await rows(path, "SELECT name, state FROM discord_budget") == [("busy", f"{PUTS_BETWEEN_FORGETS - 1}")]
