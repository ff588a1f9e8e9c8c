"""Two releases of the bot on one database, as during a rolling upgrade: this one, and one with a further migration."""

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from storage.migrate import known_migrations
from tests.end_to_end.town import Town
from tests.support.database import keep_from_others
from tests.support.process import ROOT, bot_process, environ_of, said

pytestmark = pytest.mark.postgres

NEWEST = known_migrations()[-1].number


def newer_release(folder: Path, migration: str) -> str:
    """A copy of the program that also knows `migration`; returns where Python finds it."""
    for name in ("bot", "cogs", "storage"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "storage" / "migrations" / f"{NEWEST + 1:04}_later.sql").write_text(migration)
    return str(folder)


async def test_processes_are_upgraded_one_by_one_while_members_use_the_bot(town: Town, tmp_path: Path) -> None:
    add = f"-- Compatible from: {NEWEST:04}\nALTER TABLE job ADD COLUMN mood TEXT;"
    newer = environ_of(town.settings, PYTHONPATH=newer_release(tmp_path / "newer", add))
    older = environ_of(town.settings)
    keep_from_others(town.settings.database_path)
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(bot_process(older, "run", "--only", "web", folder=tmp_path))
        await said(web, "listening on port")
        workers = await stack.enter_async_context(bot_process(older, "run", "--only", "workers", folder=tmp_path))
        await said(workers, "credits left")
        gateway = await stack.enter_async_context(bot_process(newer, "run", "--only", "gateway", folder=tmp_path))
        await said(gateway, f"{NEWEST + 1:04}_later.sql applied")
        await said(gateway, "ready as")

        await town.extend()
        await town.result()
        assert await workers.end() == 0
        again = await stack.enter_async_context(bot_process(older, "run", "--only", "workers", folder=tmp_path))
        await said(again, f"a newer release has changed it (migration {NEWEST + 1:04}); this one can still run on it")
        await town.extend()
        await town.result(2)


async def test_a_release_that_older_ones_cannot_live_with_waits_for_the_operator(town: Town, tmp_path: Path) -> None:
    newer = environ_of(
        town.settings, PYTHONPATH=newer_release(tmp_path / "newer", "-- Moods.\nALTER TABLE job ADD COLUMN mood TEXT;")
    )
    older = environ_of(town.settings)
    keep_from_others(town.settings.database_path)
    async with bot_process(older, "run", folder=tmp_path) as bot:
        await said(bot, "ready as")
        async with bot_process(newer, "run", folder=tmp_path) as refused:
            assert await refused.exit_status() == 1
        async with bot_process(newer, "upgrade-database", folder=tmp_path) as too_early:
            assert await too_early.exit_status() == 1
        assert await bot.end() == 0
    async with bot_process(newer, "upgrade-database", folder=tmp_path) as upgrade:
        assert await upgrade.exit_status() == 0
    async with bot_process(newer, "run", folder=tmp_path) as bot:
        await said(bot, "ready as")
        assert await bot.end() == 0
    async with bot_process(older, "run", folder=tmp_path) as too_old:
        assert await too_old.exit_status() == 1

    assert refused.said[-1] == (
        "encore: stopped: this release changes the database so that older ones can't run on it"
        f" ({NEWEST + 1:04}_later.sql): stop every process of the bot, make a dump, and run encore upgrade-database"
        " (docs/upgrading.md)"
    )
    assert "a bot is connected to this database; stop every process of it first" in too_early.said[-1]
    assert upgrade.said == [f"Applied {NEWEST + 1:04}_later.sql. Now start the bot."]
    assert too_old.said[-1].startswith("encore: stopped: the database was changed by a newer release")
