import asyncio
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.scratch import PREFIX, ScratchUnavailable, folder_passed_over, scratch_folder
from tests.support.process import ROOT

HOLD_ONE = """
import sys
from pathlib import Path
from bot.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "piece.mp3").write_bytes(b"sound")
    print(folder, flush=True)
    sys.stdin.read()
"""


def folders_in(parent: Path) -> list[Path]:
    return sorted(parent.glob(f"{PREFIX}*"))


async def process_holding_one(parent: Path) -> tuple[asyncio.subprocess.Process, Path]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD_ONE, str(parent)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, Path((await process.stdout.readline()).decode().strip())


def test_the_folder_is_removed_afterwards_with_everything_in_it(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        (folder / "tracks").mkdir()
        (folder / "tracks" / "0.mp3").write_bytes(b"sound")

    assert not folders_in(tmp_path)


async def test_the_folder_of_a_killed_process_is_removed_but_not_that_of_a_living_one(
    tmp_path: Path,
) -> None:
    killed, left = await process_holding_one(tmp_path)
    alive, used = await process_holding_one(tmp_path)
    killed.kill()
    await killed.wait()
    assert (left / "piece.mp3").exists()

    with scratch_folder(tmp_path) as own:
        assert folders_in(tmp_path) == sorted([used, own])
        assert (used / "piece.mp3").exists()
    await alive.communicate(b"")  # it ends with its input

    assert alive.returncode == 0
    assert not folders_in(tmp_path)


def test_processes_that_start_together_leave_each_others_folders_alone(tmp_path: Path) -> None:
    def work(number: int) -> bool:
        with scratch_folder(tmp_path) as folder:
            (folder / str(number)).touch()
            return [path.name for path in folder.iterdir()] == [str(number)]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(400)))

    assert not folders_in(tmp_path)


def test_a_link_with_such_a_name_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(precious)

    with scratch_folder(tmp_path):
        pass

    assert (precious / "file").exists()


def test_if_no_folder_can_be_made_the_error_names_the_setting_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ScratchUnavailable, match="set TMPDIR to a folder with room"), scratch_folder(tmp_path / "gone"):
        pass


def test_a_folder_of_tmpdir_that_python_passes_over_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)  # let Python choose again
    monkeypatch.setenv("TMPDIR", "/proc")

    told = folder_passed_over("/proc")

    assert told == f"TMPDIR is /proc, but nothing can be written there: {tempfile.gettempdir()} is used instead"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_of_tmpdir_that_is_used_is_nothing_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", f"{tmp_path}{end}")

    assert folder_passed_over(f"{tmp_path}{end}") == ""


def test_without_tmpdir_there_is_nothing_to_tell() -> None:
    assert folder_passed_over("") == ""
