"""`make dist`: a wheel that works in an empty folder, and the same bytes wherever it is built."""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from bot import __version__
from bot.sandbox.patience import PATIENCE_SECONDS
from storage.migrate import known_migrations

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.sqlite,  # once is enough
    pytest.mark.skipif(
        shutil.which("git") is None or not (ROOT / ".git").exists() or importlib.util.find_spec("setuptools") is None,
        reason="no checkout, or set up without the build backend",
    ),
]


def built(into: Path, **environ: str) -> tuple[Path, Path]:
    """The sdist and the wheel."""
    command = [sys.executable, str(ROOT / "tools" / "dist.py"), str(into)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, **environ})
    (sdist,), (wheel,) = into.glob("*.tar.gz"), into.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return built(tmp_path_factory.mktemp("dist"), SOURCE_DATE_EPOCH="1790000000")


@pytest.fixture(scope="module")
def installed(dist: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `encore`, in an environment with the wheel, and the libraries of the one that runs this test."""
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install"]
    subprocess.run([*pip, "-q", "--no-deps", "--no-index", str(dist[1])], check=True)
    libraries = next(venv.glob("lib/python*/site-packages")) / "libraries.pth"
    libraries.write_text(
        sysconfig.get_path("purelib") + "\n"
    )  # one line: files in there that link elsewhere don't count
    return venv / "bin" / "encore"


def test_the_same_commit_gives_the_same_bytes(dist: tuple[Path, Path], tmp_path: Path) -> None:
    again = built(tmp_path / "again", SOURCE_DATE_EPOCH="1790000000", TZ="Asia/Tokyo", LC_ALL="C")

    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in dist] == [
        hashlib.sha256(file.read_bytes()).hexdigest() for file in again
    ]


def test_the_wheel_holds_every_file_that_the_program_reads(dist: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(dist[1]).namelist())
    tracked = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD", "bot", "cogs", "storage"],  # noqa: S607  # found above
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip

    assert set(tracked) - names == set()
    assert f"storage/migrations/{known_migrations()[0].name}" in names
    assert not [name for name in names if name.startswith(("tests/", "tools/", "docs/"))]


def test_the_image_has_every_file_that_building_the_program_takes(tmp_path: Path) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    source = tmp_path / "src"
    source.mkdir()
    for line in re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile, re.MULTILINE):
        for name in line.split():
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"

    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=source, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    assert [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("share/encore/.env.example")]


def test_the_sdist_holds_what_testing_and_running_take(dist: tuple[Path, Path]) -> None:
    with tarfile.open(dist[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert {"Makefile", "requirements-dev.lock", "tests/conftest.py", "tools/setup.sh", ".env.example"} <= names
    assert {"Dockerfile", "compose.yaml", "ops/systemd/encore@.service", "docs/operating.md"} <= names


def test_the_installed_program_knows_its_version(installed: Path, tmp_path: Path) -> None:
    answer = subprocess.run([str(installed), "--version"], cwd=tmp_path, check=True, capture_output=True, text=True)
    where = subprocess.run(
        [str(installed.with_name("python")), "-c", "import bot; print(bot.__file__)"],
        cwd=tmp_path, check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
    ).stdout  # fmt: skip

    assert answer.stdout == f"encore {__version__}\n"
    assert Path(where).is_relative_to(installed.parents[1])


async def test_without_a_token_the_installed_program_is_a_sandbox_in_an_empty_folder(
    installed: Path, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        installed, "run", "--or-sandbox", cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, stdout=PIPE, stderr=STDOUT
    )
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "ready as encore" not in said:
            line = (await process.stdout.readline()).decode()
            assert line, said
            said += line
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert f"{known_migrations()[-1].name} applied" in said
    assert process.returncode == 0
