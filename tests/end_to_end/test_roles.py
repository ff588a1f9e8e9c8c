"""One bot in several processes, each with a part of the work (`encore run --only`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from bot.domain.jobs import JobState
from bot.roles import Role, answers_members
from bot.sandbox.stand_ins import running
from tests.end_to_end.town import Town, ends, eventually
from tests.faults import turned_clock
from tests.support.database import open_storage
from tests.support.process import BotProcess, bot_process, environ_of, said

CONNECTED = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'encore'
"""
READY = {Role.GATEWAY: "ready as", Role.WEB: "listening on port", Role.WORKERS: "credits left"}
"""What a process with this role says when it works."""


@asynccontextmanager
async def a_process(town: Town, folder: Path, *roles: Role) -> AsyncIterator[BotProcess]:
    """`encore run --only ROLES`, at work."""
    async with bot_process(environ_of(town.settings), "run", "--only", ",".join(roles), folder=folder) as bot:
        for role in roles:
            await said(bot, READY[role])
        yield bot


@asynccontextmanager
async def three(town: Town, folder: Path) -> AsyncIterator[dict[Role, BotProcess]]:
    async with AsyncExitStack() as stack:
        yield {role: await stack.enter_async_context(a_process(town, folder, role)) for role in Role}


async def delivered(town: Town, *, number: int = 1) -> None:
    async with open_storage(town.settings.database_path) as storage:

        async def look() -> bool:
            jobs = await storage.reading.jobs.of_member(town.mia.id, limit=100)
            return sum(job.state is JobState.DELIVERED for job in jobs) >= number

        await eventually(look)


@pytest.mark.postgres
async def test_three_processes_carry_a_command_to_its_music(town: Town, tmp_path: Path) -> None:
    async with three(town, tmp_path) as bots:
        await town.extend()
        result = await town.result()
        await delivered(town)

        assert len(result.attachments) == 2
        assert town.suno.submits == len(ends(town.songs)) == 1
        for role, bot in bots.items():
            assert any(line.endswith(f"roles of this process: {role}") for line in bot.said)
            assert await bot.end() == 0
    assert town.discord.gateway.identified == 1


@pytest.mark.postgres
async def test_a_click_in_one_process_is_joined_in_another(town: Town) -> None:
    async with running(town.stand_ins, town.settings, only=frozenset({Role.WORKERS})):
        await town.start(only=frozenset({Role.GATEWAY, Role.WEB}))
        await town.extend(style="folk", title="Boats", prompt="la", continue_at="0:06")
        click = await town.mia.click(await town.result(), "Whole song")

        song = await town.songs.wait_for(lambda message: "the whole song" in message.content)
        answer = await click.wait_until(lambda message: "Here it is" in message.content)

        assert [file.filename for file in song.attachments] == ["boats-whole.mp3"]
        assert str(song.id) in answer.content


@pytest.mark.postgres
async def test_workers_that_are_killed_and_started_again_finish_the_job_once(slow_town: Town, tmp_path: Path) -> None:
    town = slow_town
    async with a_process(town, tmp_path, Role.GATEWAY), a_process(town, tmp_path, Role.WEB):
        async with a_process(town, tmp_path, Role.WORKERS) as workers:
            await town.extend()
            await town.suno.wait_for_submit()
            await town.songs.wait_for(lambda message: "Composing" in message.content)
            workers.process.kill()
            await workers.process.wait()
        await town.suno.finish(next(iter(town.suno.tasks)))  # its callback is stored by the web process
        async with a_process(town, tmp_path, Role.WORKERS):
            await town.result()
            await delivered(town)

    assert town.suno.submits == len(ends(town.songs)) == 1
    assert len([message for message in town.songs.messages if not message.embeds]) == 1


@pytest.mark.postgres
async def test_a_callback_that_one_process_stores_is_posted_by_another(slow_town: Town) -> None:
    town = slow_town
    async with running(town.stand_ins, town.settings, only=frozenset({Role.WORKERS})):
        await town.start(only=frozenset({Role.GATEWAY, Role.WEB}))
        await town.extend()
        await town.suno.wait_for_submit()
        await town.songs.wait_for(lambda message: "Composing" in message.content)

        await town.suno.finish(next(iter(town.suno.tasks)))
        await town.result()
        await town.job_in(JobState.DELIVERED)

    assert len(ends(town.songs)) == 1


@pytest.mark.parametrize(
    ("only", "told"),
    [
        ("gateway,webb", "encore: --only: webb is not a role: use gateway, web, workers, separated by commas"),
        ("", "encore: --only: a role is missing: use gateway, web, workers, separated by commas"),
    ],
)
async def test_a_wrong_role_is_reported_in_one_line(town: Town, tmp_path: Path, only: str, told: str) -> None:
    async with bot_process(environ_of(town.settings), "run", "--only", only, folder=tmp_path) as bot:
        assert await bot.exit_status() == 2

    assert bot.said == [told]


@pytest.mark.sqlite
@pytest.mark.parametrize(("only", "key"), [("web,workers", ""), ("web", "a1" * 32), ("gateway,workers", "a1" * 32)])
async def test_a_part_of_the_roles_is_refused_on_a_file(town: Town, tmp_path: Path, only: str, key: str) -> None:
    environ = environ_of(town.settings, INTERACTIONS_PUBLIC_KEY=key)
    async with bot_process(environ, "run", "--only", only, folder=tmp_path) as bot:
        assert await bot.exit_status() == 2

    assert bot.said == [
        "encore: --only: several processes need PostgreSQL: set DATABASE_URL to postgresql://…, or leave out --only"
        + (", or set INTERACTIONS_PUBLIC_KEY for commands over HTTP" if only == "web,workers" else "")
    ]


@pytest.mark.sqlite
async def test_all_roles_by_name_are_one_whole_bot(town: Town, tmp_path: Path) -> None:
    async with a_process(town, tmp_path, *Role) as bot:
        await town.extend()
        await town.result()

        assert any(line.endswith("roles of this process: gateway, web, workers") for line in bot.said)


@pytest.mark.postgres
@pytest.mark.parametrize("days", [-2, 2])
async def test_workers_on_a_machine_whose_clock_is_wrong_do_their_work(town: Town, tmp_path: Path, days: int) -> None:
    """They go by the database's clock; by their own, the job would be given up, or not be due yet."""
    clock = tmp_path / "clock"
    turned_clock.turn(clock, days * 86_400)
    environ = environ_of(town.settings, **{turned_clock.VARIABLE: str(clock)})
    module = turned_clock.__name__
    async with (
        a_process(town, tmp_path, Role.GATEWAY, Role.WEB),
        bot_process(environ, "run", "--only", "workers", folder=tmp_path, module=module) as workers,
    ):
        await said(workers, READY[Role.WORKERS])
        await town.extend()
        await town.result()
        await delivered(town)

    assert town.suno.submits == len(ends(town.songs)) == 1


@pytest.mark.postgres
async def test_a_process_opens_no_more_connections_than_its_setting_says(town: Town) -> None:
    app = await town.start(database_connections=2)
    await asyncio.gather(*(app.storage.reading.memos.get("any") for _ in range(50)))

    pg = await asyncpg.connect(app.settings.postgres_url)
    connected = await pg.fetchval(CONNECTED)
    await pg.close()
    assert connected == 2


@pytest.mark.parametrize(
    ("roles", "over_http", "answers"),
    [
        ({Role.GATEWAY}, False, True),
        ({Role.WEB}, True, True),
        ({Role.WEB}, False, False),
        ({Role.WORKERS}, True, False),
    ],
)
def test_members_are_answered_and_commands_announced_where_commands_arrive(
    roles: set[Role], *, over_http: bool, answers: bool
) -> None:
    assert answers_members(frozenset(roles), over_http=over_http) is answers


@pytest.mark.postgres
async def test_what_the_workers_refuse_is_fixed_in_a_form_that_the_gateway_opens(town: Town, tmp_path: Path) -> None:
    async with three(town, tmp_path):
        refused = await town.extend(prompt="softly", continue_at="9:00")
        refusal = await refused.wait_until(lambda message: message.components)
        form = await (await town.mia.click(refusal, "Fix")).opened_modal()
        await town.mia.submit_modal(form, {"Where to continue": "0:04"})

        await town.result()

    assert town.suno.submits == 1
