"""`encore sandbox` as a person starts it: an address, a page behind it, and not much memory."""

import re
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.process import ROOT, bot_process, said

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]{32}/")
IDLE_MIB = 120


async def test_the_sandbox_prints_an_address_on_a_line_of_its_own_and_serves_a_page_there(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    async with bot_process(environ, "sandbox", folder=tmp_path) as bot:
        await said(bot, "http://127.0.0.1:")
        (address,) = [line for line in bot.said if line.startswith("http://127.0.0.1:")]
        assert ADDRESS.fullmatch(address)
        async with aiohttp.ClientSession() as http, http.get(address) as answer:
            assert "<title>Encore sandbox</title>" in await answer.text()
        assert "ready as encore in 2 servers" in "\n".join(bot.said)
        assert await bot.end() == 0
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_idle_sandbox_takes_little_memory(tmp_path: Path) -> None:
    """Counted as Linux shares it out among processes (Pss)."""
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    async with bot_process(environ, "sandbox", folder=tmp_path) as bot:
        await said(bot, "http://127.0.0.1:")
        processes = [bot.process.pid, *children_of(bot.process.pid)]
        assert len(processes) == 2
        used = sum(resident_mib(process) for process in processes)
        print(f"{used:.0f} MiB in {len(processes)} processes")
        assert used < IDLE_MIB
        await bot.end()


def children_of(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def resident_mib(process: int) -> float:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # the bot keeps its memory private, to all but root
        rollup = Path(f"/proc/{process}/status").read_text().replace("VmRSS", "Pss")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found
    return int(found[1]) / 1024
