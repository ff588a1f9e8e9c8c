"""A file that takes over the decoder gets nowhere. The attacks are real, and succeed without confinement."""

import asyncio
import contextlib
import errno
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bot import kernel
from bot.audio.confinement import LAYERS
from bot.audio.process import AudioProcess
from bot.audio.questions import Limits
from bot.errors import SourceTooCostly
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.attacks import ATTACKS, SECRET, Target
from tests.support.taken_over import Orders

ROOT = Path(__file__).parents[2]

FILES = {"read_the_database", "write_to_the_database", "list_files", "write_a_file", "remove_a_file"}
MEMORY = {"read_environment", "read_memory", "read_memory_by_system_call", "attach"}
SOCKETS = {"connect", "connect_to_unix_socket", "make_a_socket_pair"}
PROCESSES = {"fork", "start_a_program"}
# What a container or a hardened system may refuse to everyone.
REFUSED_TO_MANY = {"make_a_namespace", "use_io_uring", *MEMORY} - {"read_environment"}

linux = pytest.mark.skipif(sys.platform != "linux", reason="the layers are those of the Linux kernel")
AN_ORDINARY_USER = 65534 if os.geteuid() == 0 else None
"""None: the user who runs the tests."""
AS_WHOM = {None: "as the user who runs the tests", AN_ORDINARY_USER: "as an ordinary user"}
as_anybody = pytest.mark.parametrize("user", AS_WHOM, ids=AS_WHOM.get)


@pytest.fixture(scope="module")
def missing() -> list[str]:
    """The layers missing on this system."""
    script = "from bot.audio.confinement import confine\nprint(*confine(), sep='\\n')"
    asked = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    return asked.stdout.split("\n")


def test_decoding_yields_to_the_bot() -> None:
    script = (
        "import os\nfrom bot.audio.confinement import bound\n"
        "bound(memory_bytes=1 << 30, cpu_seconds=10, file_bytes=0)\nprint(os.nice(0))"
    )
    asked = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert int(asked.stdout) == min(19, os.nice(0) + 10)


def need(layer: str, missing: list[str]) -> None:
    if layer in missing:
        pytest.skip(f"this system has no {layer}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Unlike `tmp_path`, accessible to every user."""
    folder = Path(tempfile.mkdtemp(prefix="encore-attacked-"))
    folder.chmod(0o777)
    for name in ("encore.db", "left-for-you"):
        (folder / name).write_bytes(SECRET)
        (folder / name).chmod(0o666)
    yield folder
    shutil.rmtree(folder)


@asynccontextmanager
async def a_bot(folder: Path, *, user: int | None = None, private: bool = True) -> AsyncIterator[Target]:
    """A process with a secret, a database, and two servers."""
    async with AsyncExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o666)
        unix.listen()
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.victim", "" if user is None else str(user)),
            "private" if private else "open",
            cwd=ROOT,
            env={"DISCORD_TOKEN": SECRET.decode()},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if bot.stdout is None:
            raise TypeError(bot)
        stack.push_async_callback(bot.wait)
        stack.callback(bot.kill)
        yield Target(
            pid=bot.pid,
            address=int(await bot.stdout.readline()),
            database=str(folder / "encore.db"),
            folder=str(folder),
            port=tcp.getsockname()[1],
            socket_path=str(folder / "socket"),
        )


async def ordered(folder: Path, orders: Orders, limits: Limits | None = None) -> str:
    """Hand the real AudioProcess a file with `orders`; returns the error's text."""
    file = folder / "piece.mp3"
    file.write_bytes(msgspec.json.encode(orders))
    audio = AudioProcess(worker="tests.support.taken_over", probe_limits=limits or Limits())
    with pytest.raises(SourceTooCostly) as caught:
        await audio.probe(file)
    return str(caught.value)


async def attacked(folder: Path, orders: Orders, *, private: bool = True) -> dict[str, str]:
    """Each attack, and `done` or why it failed."""
    async with a_bot(folder, user=orders.user, private=private) as target:
        found: dict[str, str] = json.loads(await ordered(folder, msgspec.structs.replace(orders, target=target)))
    assert set(found) == set(ATTACKS)
    return found


def done(found: dict[str, str]) -> set[str]:
    return {attack for attack, outcome in found.items() if outcome == "done"}


@linux
async def test_every_attack_works_without_confinement(folder: Path) -> None:
    found = await attacked(folder, Orders(layers=(), limits=False), private=False)

    assert set(ATTACKS) - done(found) <= REFUSED_TO_MANY, found


@linux
@as_anybody
async def test_a_file_that_takes_over_the_decoder_gets_nowhere(
    user: int | None, folder: Path, missing: list[str]
) -> None:
    for layer in LAYERS:
        need(layer, missing)

    found = await attacked(folder, Orders(user=user))

    assert done(found) == set()


@linux
@as_anybody
async def test_the_system_call_filter_alone_stops_every_attack_but_on_memory(
    user: int | None, folder: Path, missing: list[str]
) -> None:
    need("seccomp", missing)

    found = await attacked(folder, Orders(user=user, layers=("no_new_privs", "seccomp"), limits=False), private=False)

    assert done(found) == {"take_memory"}


@linux
@as_anybody
async def test_landlock_alone_protects_files_and_the_bots_memory(
    user: int | None, folder: Path, missing: list[str]
) -> None:
    need("Landlock", missing)
    version = kernel.call("syscall", 444, 0, 0, 1)
    refused = FILES | MEMORY | {"start_a_program"}
    refused |= {"connect"} if version >= 4 else set()
    refused |= {"signal_the_bot"} if version >= 6 else set()

    found = await attacked(folder, Orders(user=user, layers=("no_new_privs", "Landlock"), limits=False), private=False)

    assert done(found) & refused == set()


@linux
async def test_root_without_capabilities_cannot_look_into_the_bot(folder: Path, missing: list[str]) -> None:
    need("dropped capabilities", missing)

    found = await attacked(folder, Orders(layers=("dropped capabilities",), limits=False))

    assert done(found) & MEMORY == set()


@linux
@pytest.mark.parametrize("private", [True, False])
async def test_private_memory_is_closed_even_to_the_bots_own_user(private: bool, folder: Path) -> None:
    found = await attacked(folder, Orders(user=AN_ORDINARY_USER, layers=(), limits=False), private=private)

    assert done(found) & MEMORY == set() if private else "read_environment" in done(found)


@linux
async def test_the_limits_alone_keep_an_ordinary_user_from_making_processes(folder: Path) -> None:
    found = await attacked(folder, Orders(user=AN_ORDINARY_USER, layers=()))

    assert done(found) & (PROCESSES | {"take_memory"}) == set()


@linux
async def test_half_a_gibibyte_cannot_be_allocated(folder: Path) -> None:
    """Even by root."""
    found = await attacked(folder, Orders(layers=()))

    assert found["take_memory"] == os.strerror(errno.ENOMEM)


@linux
async def test_the_running_bot_keeps_its_memory_private() -> None:
    """According to the kernel, for the process that is about to run it."""
    script = "from bot.__main__ import _run\nfrom bot import kernel, roles\nfrom bot.settings import Settings\n"
    script += "print(kernel.call('prctl', 3, 0, 0, 0, 0))\n"  # PR_GET_DUMPABLE
    script += "_run(Settings(discord_token='invented', suno_api_key='invented'), roles.ALL).close()\n"
    script += "print(kernel.call('prctl', 3, 0, 0, 0, 0))\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )

    output, _ = await process.communicate()

    assert output == b"1\n0\n"


async def test_nothing_is_written_to_the_operators_terminal() -> None:
    script = "import os\nfrom bot.audio.confinement import confine\n"
    script += "os.write(2, b'before ')\nconfine({})\nos.write(2, b'after')"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )

    _, seen = await process.communicate()

    assert seen == b"before "


async def test_the_decoder_loads_nothing_later() -> None:
    script = "import pkgutil, sys, bot.audio.worker, av\n"
    script += "print(*(m.name for m in pkgutil.walk_packages(av.__path__, 'av.') if m.name not in sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert set(output.decode().split()) <= {"av.__main__", "av.datasets"}


async def test_missing_layers_are_logged_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, audio = folder / "piece.mp3", AudioProcess(worker="tests.support.taken_over")
    file.write_bytes(msgspec.json.encode(Orders(layers=(), limits=False, missing=("Landlock", "seccomp"))))

    for _ in range(2):
        with pytest.raises(SourceTooCostly):
            await audio.probe(file)

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "decoding members' files without Landlock, seccomp: this system lacks that (see docs/design.md)"
    ]


class Presence:
    """Sees through a named pipe whether a process has opened it, and whether it is gone."""

    def __init__(self, folder: Path, name: str = "fifo") -> None:
        self.path = folder / name
        os.mkfifo(self.path)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def has_come(self) -> bool:
        with contextlib.suppress(BlockingIOError):  # it is still there
            return os.read(self._reader, 100) == b"here"
        return False

    async def is_gone(self) -> bool:
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._reader, gone.set)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await gone.wait()
            return os.read(self._reader, 100) == b""
        finally:
            loop.remove_reader(self._reader)
            os.close(self._reader)


UNCONFINED = Orders(layers=(), limits=False)


async def test_a_process_left_behind_does_not_outlive_the_answer(folder: Path) -> None:
    presence = Presence(folder)

    await ordered(folder, msgspec.structs.replace(UNCONFINED, leave="a sleeper", fifo=str(presence.path)))

    assert presence.has_come()
    assert await presence.is_gone()


async def test_a_process_left_behind_does_not_outlive_the_time_limit(folder: Path) -> None:
    """Its parent has ended, but it keeps the pipe open, so the end of the file never comes."""
    for wall_seconds in (2.0, 8.0, 32.0):  # by the first of them, a slow machine may not even have started it
        presence = Presence(folder, f"fifo-{wall_seconds}")
        orders = msgspec.structs.replace(UNCONFINED, leave="a sleeper", answers=False, fifo=str(presence.path))
        assert "still running" in await ordered(folder, orders, Limits(wall_seconds=wall_seconds))
        if presence.has_come():
            break

    assert await presence.is_gone()


async def test_a_process_left_behind_cannot_flood_the_bot(folder: Path) -> None:
    presence = Presence(folder)
    orders = msgspec.structs.replace(UNCONFINED, leave="a flood", answers=False, fifo=str(presence.path))

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert "answered more than" in await ordered(folder, orders)

    assert presence.has_come()
    assert await presence.is_gone()
