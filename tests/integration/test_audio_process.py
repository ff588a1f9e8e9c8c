"""What happens around the audio process: its limits, its death, its cancellation."""

import asyncio
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.audio.process import AudioProcess
from bot.audio.questions import Limits
from bot.domain.joins import JoinPart
from bot.errors import SourceTooCostly, SourceTooLong
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.sounds import compose, silent_mp3_of_size
from tests.support.audio_processes import a_worker, needs_proc, until, workers
from tests.support.music import tone, write
from tests.support.telling_worker import what_is_held

ROOT = Path(__file__).parents[2]
LONG_ENOUGH_BYTES = 60_000_000  # about a second of decoding


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp3"
    silent_mp3_of_size(path, LONG_ENOUGH_BYTES)
    return path


@needs_proc
@pytest.mark.parametrize("killed_by", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_process_that_dies_costs_one_answer_and_the_next_is_right(
    killed_by: signal.Signals, long_file: Path, tmp_path: Path
) -> None:
    audio = AudioProcess(probes_at_once=1)
    compose(tmp_path / "piece.mp3", seconds=1.0)

    task = asyncio.create_task(audio.probe(long_file))
    os.kill(await a_worker(), killed_by)
    with pytest.raises(SourceTooCostly, match=f"ended with -{int(killed_by)}"):
        await task

    assert (await audio.probe(tmp_path / "piece.mp3")).length_seconds == pytest.approx(1.0, abs=0.1)


@needs_proc
async def test_cancelling_the_caller_ends_the_process(long_file: Path) -> None:
    audio = AudioProcess()

    task = asyncio.create_task(audio.probe(long_file))
    os.kill(await a_worker(), signal.SIGSTOP)  # it will not end on its own
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)

    assert task.cancelled()
    assert workers() == set()


@needs_proc
async def test_a_cancelled_fit_leaves_nothing_behind(long_file: Path, tmp_path: Path) -> None:
    audio, to = AudioProcess(), tmp_path / "small.mp3"

    task = asyncio.create_task(audio.fit(long_file, to, limit_bytes=30_000_000))
    await a_worker()
    await until(to.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not to.exists()
    assert workers() == set()


@needs_proc
async def test_a_fit_that_is_cancelled_twice_while_all_threads_are_busy_leaves_nothing_behind(
    long_file: Path, tmp_path: Path
) -> None:
    """As when a stop runs out of patience while it ends what is under way."""
    audio, to, loop = AudioProcess(), tmp_path / "small.mp3", asyncio.get_running_loop()
    threads, go_on = ThreadPoolExecutor(1), threading.Event()
    loop.set_default_executor(threads)
    task = asyncio.create_task(audio.fit(long_file, to, limit_bytes=30_000_000))
    await a_worker()
    await until(to.exists)
    busy = loop.run_in_executor(None, go_on.wait, PATIENCE_SECONDS)
    task.cancel()
    await until(lambda: not workers())
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([task, busy])

    assert task.cancelled()
    assert not to.exists()


@needs_proc
async def test_a_file_from_before_is_replaced_and_not_emptied_while_the_loop_waits(tmp_path: Path) -> None:
    source, to, other = write(tmp_path / "a.wav", tone(1.0)), tmp_path / "a.mp3", tmp_path / "other name"
    to.write_bytes(b"from before")
    os.link(to, other)

    assert await AudioProcess().fit(source, to, limit_bytes=100_000)

    assert other.read_bytes() == b"from before"
    assert to.read_bytes() != b"from before"


async def test_the_wall_clock_limit_ends_the_process(long_file: Path) -> None:
    audio = AudioProcess(probe_limits=Limits(wall_seconds=0.5))

    task = asyncio.create_task(audio.probe(long_file))
    os.kill(await a_worker(), signal.SIGSTOP)  # it will not end on its own
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(SourceTooCostly, match="still running"):
            await task

    assert workers() == set()


async def test_the_cpu_limit_ends_the_decoding(tmp_path: Path) -> None:
    compose(tmp_path / "piece.mp3", seconds=1.0)
    audio = AudioProcess(probe_limits=Limits(cpu_seconds=0))

    with pytest.raises(SourceTooCostly, match="CPU"):
        await audio.probe(tmp_path / "piece.mp3")


async def test_a_source_that_is_too_long_anyway_is_called_too_long(long_file: Path) -> None:
    audio = AudioProcess(probe_limits=Limits(heard_seconds=600))

    with pytest.raises(SourceTooLong):
        await audio.probe(long_file)


async def test_too_much_memory_ends_the_process_but_not_the_bot(long_file: Path, tmp_path: Path) -> None:
    compose(tmp_path / "piece.mp3", seconds=1.0)
    audio = AudioProcess(probe_limits=Limits(memory_bytes=LONG_ENOUGH_BYTES))

    with pytest.raises(SourceTooCostly):
        await audio.probe(long_file)


async def test_the_system_kills_a_decoder_in_an_endless_loop() -> None:
    script = "from bot.audio.confinement import bound\nbound(memory_bytes=1 << 29, cpu_seconds=1, file_bytes=0)\n"
    script += "while True: pass"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT)

    async with asyncio.timeout(PATIENCE_SECONDS):
        code = await process.wait()

    assert -code in {signal.SIGKILL, signal.SIGXCPU}


async def test_the_process_cannot_write_a_file_while_it_probes(tmp_path: Path) -> None:
    to = tmp_path / "file"
    script = "import sys\nfrom bot.audio.confinement import bound\n"
    script += "bound(memory_bytes=1 << 29, cpu_seconds=60, file_bytes=0)\n"
    script += "open(sys.argv[1], 'wb', buffering=0).write(b'x')"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(to), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )

    _, complaint = await process.communicate()

    assert b"File too large" in complaint
    assert to.stat().st_size == 0


async def test_the_process_knows_nothing_of_the_bots_environment(
    long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "invented")

    held = await what_is_held(AudioProcess(worker="tests.support.telling_worker"), long_file)

    assert held.environment == {"LC_ALL": "C.UTF-8"}


@needs_proc
async def test_no_more_processes_run_at_once_than_allowed(long_file: Path) -> None:
    audio = AudioProcess(probes_at_once=2, probe_limits=Limits(heard_seconds=60))
    done = asyncio.Event()

    async def count() -> int:
        most = 0
        while not done.is_set():
            most = max(most, len(workers()))
            await asyncio.sleep(0)
        return most

    counting = asyncio.create_task(count())
    answers = await asyncio.gather(*(audio.probe(long_file) for _ in range(5)), return_exceptions=True)
    done.set()
    most = await counting

    assert [type(answer) for answer in answers] == [SourceTooLong] * 5
    assert most == 2


@needs_proc
async def test_a_delivery_does_not_wait_for_members_files(long_file: Path, tmp_path: Path) -> None:
    audio = AudioProcess(probes_at_once=2)
    compose(tmp_path / "piece.wav", seconds=1.0)

    probes = [asyncio.create_task(audio.probe(long_file)) for _ in range(4)]
    await until(lambda: len(workers()) == 2)
    stopped = workers()
    for process in stopped:
        os.kill(process, signal.SIGSTOP)  # like a file that keeps the decoder busy for a minute

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await audio.fit(tmp_path / "piece.wav", tmp_path / "small.mp3", limit_bytes=50_000)

    assert not any(probe.done() for probe in probes)
    assert workers() == stopped
    for probe in probes:
        probe.cancel()
    await asyncio.wait(probes, timeout=PATIENCE_SECONDS)
    assert workers() == set()


@needs_proc
async def test_a_picture_waits_until_no_probe_waits(long_file: Path, tmp_path: Path) -> None:
    audio = AudioProcess(probes_at_once=1)
    compose(tmp_path / "piece.mp3", seconds=1.0)
    probes = [asyncio.create_task(audio.probe(path)) for path in (long_file, tmp_path / "piece.mp3")]
    stopped = await a_worker()
    os.kill(stopped, signal.SIGSTOP)  # so that the second probe waits

    picture = asyncio.create_task(audio.draw(tmp_path / "piece.mp3", tmp_path / "piece.png"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert workers() == {stopped}

    os.kill(stopped, signal.SIGCONT)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*probes, picture)
    assert (tmp_path / "piece.png").exists()


@needs_proc
async def test_probes_go_on_beside_two_joins(long_file: Path, tmp_path: Path) -> None:
    audio = AudioProcess()
    compose(tmp_path / "piece.mp3", seconds=1.0)
    parts = [JoinPart(path=long_file, until_seconds=60.0), JoinPart(path=long_file)]

    joins = [asyncio.create_task(audio.join(parts, tmp_path / f"{number}.mp3")) for number in range(3)]
    await until(lambda: len(workers()) == 2)
    stopped = workers()
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await audio.probe(tmp_path / "piece.mp3")

    assert workers() == stopped
    for join in joins:
        join.cancel()
    await asyncio.wait(joins, timeout=PATIENCE_SECONDS)
    assert workers() == set()
    assert not list(tmp_path.glob("?.mp3"))


async def test_the_bot_itself_never_loads_the_decoder() -> None:
    script = "import sys, bot.audio.process\n"
    script += "late = {'av', 'audioop', 'resvg_py', 'ctypes', 'bot.audio.hearing', 'bot.audio.confinement'}\n"
    script += "sys.exit(not late.isdisjoint(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT)

    assert await process.wait() == 0
