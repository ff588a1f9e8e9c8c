"""The process that audio processes are forked from: it serves, ends, and is replaced without anybody noticing."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot.audio import forks
from bot.audio.confinement import NICENESS
from bot.audio.process import AudioProcess
from bot.audio.questions import Limits
from bot.domain.joins import JoinPart, Tags
from bot.errors import DecoderUnavailable, NotAudio, SourceTooCostly
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.sounds import compose, silent_mp3_of_size
from tests.support.audio_processes import a_worker, children, has_ended, needs_proc, servers, until, workers
from tests.support.secrets import Overheard
from tests.support.telling_worker import what_is_held

ROOT = Path(__file__).parents[2]

pytestmark = needs_proc

TELLING, CROWDED, PARROT = (f"tests.support.{name}_worker" for name in ("telling", "crowded", "parrot"))


@pytest.fixture(autouse=True)
def _room_for_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that these tests share may have made almost as many as it makes."""
    monkeypatch.setattr(forks, "FORKS_MAX", 1_000_000)


@pytest.fixture
def piece(tmp_path: Path) -> Path:
    compose(tmp_path / "piece.mp3", seconds=1.0)
    return tmp_path / "piece.mp3"


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It takes about a second to decode."""
    path = tmp_path_factory.mktemp("long") / "long.mp3"
    silent_mp3_of_size(path, 60_000_000)
    return path


async def the_server(piece: Path) -> int:
    await AudioProcess().probe(piece)
    (server,) = servers()  # one that was let go has ended, as it had no other question
    return server


async def test_one_server_serves_every_file(piece: Path) -> None:
    server = await the_server(piece)

    await asyncio.gather(*(AudioProcess().probe(piece) for _ in range(3)))

    assert servers() == {server}
    assert workers() == set()


@pytest.mark.parametrize("others", [0, 3])
async def test_a_server_that_was_killed_is_replaced(others: int, piece: Path) -> None:
    """Whether the bot finds out when it sends a question, or only when nobody answers."""
    server = await the_server(piece)
    os.kill(server, signal.SIGSTOP)
    asked = [asyncio.create_task(AudioProcess().probe(piece)) for _ in range(others)]
    await asyncio.sleep(0)
    os.kill(server, signal.SIGKILL)
    await until(lambda: server not in children(os.getpid()))

    answers = [*await asyncio.gather(*asked), await AudioProcess().probe(piece)]

    assert len({answer.length_seconds for answer in answers}) == 1
    assert server not in servers()


async def test_a_file_is_read_again_if_the_server_is_killed_meanwhile(piece: Path, long_file: Path) -> None:
    server = await the_server(piece)
    task = asyncio.create_task(AudioProcess().probe(long_file))
    fork = await a_worker()
    await until(lambda: os.getpriority(os.PRIO_PROCESS, fork) == NICENESS)  # it is about to decode
    os.kill(fork, signal.SIGSTOP)

    os.kill(server, signal.SIGKILL)

    assert (await task).length_seconds > 60
    assert has_ended(fork)


async def test_a_fork_holds_neither_the_bots_sockets_nor_another_forks_leash(piece: Path, tmp_path: Path) -> None:
    """Whether the server's others have higher numbers than its own or lower ones."""
    audio = AudioProcess(worker=TELLING, probes_at_once=3)
    (tmp_path / "empty").touch()
    others = [asyncio.create_task(audio.probe(tmp_path / "empty")) for _ in range(2)]
    await until(lambda: len(workers(TELLING)) == 2)
    after = await what_is_held(audio, piece)
    others[0].cancel()
    await asyncio.wait(others[:1])
    between = await what_is_held(audio, piece)
    others[1].cancel()
    await asyncio.wait(others[1:])

    held = [*after.descriptors, *between.descriptors]
    assert str(piece) in held
    assert not [what for what in held if "socket" in what or "eventpoll" in what]


async def test_a_stop_of_all_processes_leaves_the_bot_time_to_finish(piece: Path) -> None:
    """A service manager sends SIGTERM to the bot's whole control group, and a terminal SIGINT to its process group."""
    server = await the_server(piece)
    os.kill(server, signal.SIGTERM)
    os.kill(server, signal.SIGINT)

    assert await the_server(piece) == server


async def test_a_crash_is_met_with_a_new_server_whose_memory_is_laid_out_differently(
    piece: Path, long_file: Path
) -> None:
    server = await the_server(piece)
    task = asyncio.create_task(AudioProcess().probe(long_file))
    os.kill(await a_worker(), signal.SIGSEGV)
    with pytest.raises(SourceTooCostly, match="ended with -11"):
        await task

    await until(lambda: server not in servers())
    assert await the_server(piece) != server


@pytest.mark.parametrize("is_idle", [False, True])
def test_a_server_ends_without_a_bot_or_without_questions(is_idle: bool) -> None:
    ours, its_end = socket.socketpair()
    script = "import sys\nfrom bot.audio import fork_server\n"
    script += f"fork_server.IDLE_SECONDS = {0.05 if is_idle else 600}\n"
    script += "sys.argv = ['', 'tests.support.stuck_worker']\nfork_server.main()"
    with ours, its_end:
        server = subprocess.Popen([sys.executable, "-c", script], stdin=its_end.fileno(), cwd=ROOT)
        if not is_idle:
            ours.close()

        assert server.wait(PATIENCE_SECONDS) == 0


async def test_without_a_server_that_starts_the_operator_reads_so_once_and_no_file_is_blamed(
    piece: Path, overheard: Overheard
) -> None:
    audio = AudioProcess(worker="tests.support.no_such_module")
    for _ in range(2):
        with pytest.raises(DecoderUnavailable):
            await audio.probe(piece)

    assert len([line for line in overheard.lines if "no audio process can be used" in line]) == 1


async def test_a_process_for_which_there_is_no_room_does_not_take_the_others_with_it(
    piece: Path, long_file: Path
) -> None:
    audio = AudioProcess(worker=CROWDED)
    first = asyncio.create_task(audio.probe(long_file))
    fork = await a_worker(CROWDED)
    os.kill(fork, signal.SIGSTOP)

    await audio.probe(piece)  # forked from another server

    assert fork in workers(CROWDED)
    os.kill(fork, signal.SIGCONT)
    assert (await first).length_seconds > 60


async def test_a_server_that_hangs_is_killed_and_no_file_is_blamed(
    piece: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await the_server(piece)
    monkeypatch.setattr(forks, "END_SECONDS", 0.1)
    os.kill(server, signal.SIGSTOP)

    with pytest.raises(DecoderUnavailable):
        await AudioProcess(probe_limits=Limits(wall_seconds=0.1)).probe(piece)

    await until(lambda: server not in servers())
    assert (await AudioProcess().probe(piece)).length_seconds == pytest.approx(1.0, abs=0.1)


async def test_a_server_makes_room_for_another_after_many_files(piece: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await the_server(piece)
    monkeypatch.setattr(forks, "FORKS_MAX", 1)

    assert await the_server(piece) != server


async def test_no_process_remembers_what_an_earlier_one_was_asked(piece: Path) -> None:
    audio = AudioProcess(worker="tests.support.remembering_worker")
    tags = Tags(title="a-title-of-somebody-else")
    parts = [JoinPart(path=piece, until_seconds=0.5), JoinPart(path=piece)]
    with pytest.raises(NotAudio, match="remembers"):  # its own
        await audio.join(parts, piece.with_name("whole.mp3"), tags=tags)

    with pytest.raises(NotAudio, match="forgot"):
        await audio.probe(piece)


async def test_processes_that_yield_to_the_bot_do_so_where_sessions_share_the_processors(
    piece: Path, long_file: Path
) -> None:
    """Else a session's processes would get as much of them as the bot, however nice they are."""
    groups = Path(f"/proc/{await the_server(piece)}/autogroup")
    if not groups.exists():
        pytest.skip("this system does not share the processors out among sessions")
    task = asyncio.create_task(AudioProcess().probe(long_file))
    fork = Path(f"/proc/{await a_worker()}/autogroup").read_text()
    task.cancel()
    await asyncio.wait([task])

    assert groups.read_text() == fork
    assert fork.endswith(f" nice {NICENESS}\n")


def test_a_server_works_where_the_end_of_children_was_ignored(piece: Path) -> None:
    """By whatever started the bot: the kernel then clears them away, and nobody learns how they ended."""
    script = "import asyncio, pathlib, signal, sys\nfrom bot.audio.process import AudioProcess\n"
    script += "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    script += "print(asyncio.run(AudioProcess().probe(pathlib.Path(sys.argv[1]))).codec)"

    said = subprocess.run([sys.executable, "-c", script, piece], cwd=ROOT, capture_output=True, check=True)

    assert said.stdout == b"mp3\n"
    assert b"Traceback" not in said.stderr


# What a process that was taken over may answer

PROBED = b'{"type":"found","properties":{"format":"mp3","codec":"mp3","length_seconds":%s,"sample_rate":44100,'
PROBED += b'"channels":2,"size_bytes":%s}}'


@pytest.mark.parametrize(
    "words",
    [
        b'{"type":"found","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"type":"\xff"}',
        b"{}",
        PROBED % (b"-5.0", b"1"),
        PROBED % (b"1e308", b"1"),
        PROBED % (b"5.0", b"9" * 40),
        b'{"type":"drew","outline":{"length_seconds":5.0}}',
    ],
)
async def test_an_answer_that_makes_no_sense_is_the_files_fault(words: bytes, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(words)

    with pytest.raises(SourceTooCostly):
        await AudioProcess(worker=PARROT).probe(tmp_path / "words")


@pytest.mark.parametrize("words", [b'{"type":"drew","outline":{"length_seconds":5.0}}', b'{"type":"drew_family"}'])
async def test_a_file_larger_than_was_asked_for_or_another_kind_of_answer_is_not_taken_and_the_server_is_replaced(
    words: bytes, tmp_path: Path
) -> None:
    audio, source, to = AudioProcess(worker=PARROT), tmp_path / "words", tmp_path / "to"
    source.write_bytes(words)
    with pytest.raises(SourceTooCostly):
        await audio.draw(source, to)
    await until(lambda: not servers(PARROT))
    source.write_bytes(words.replace(b"drew_family", b"fitted").replace(b'fitted"', b'fitted","fits":true'))
    with pytest.raises(SourceTooCostly):
        await audio.fit(source, to, limit_bytes=1000)

    await until(lambda: not servers(PARROT))
    assert not to.exists()
