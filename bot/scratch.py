"""The folder for sources and tracks while they are needed; also removes what a killed process left behind."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "encore-scratch-"


class ScratchUnavailable(Exception):
    """No folder can be made; `str(error)` is one line with cause and remedy."""


@contextmanager
def scratch_folder(within: Path | None = None) -> Iterator[Path]:
    """A new folder in `within` or `TMPDIR`; removed on leaving.

    The process locks it, and the system releases the lock however the process ends (flock(2)), so the next one knows
    which folders are abandoned. Cleaners of temporary files leave locked folders alone (tmpfiles.d(5)).

    Raises:
        ScratchUnavailable: the disk is full, or the folder is not writable.
    """
    try:
        parent = within or Path(tempfile.gettempdir())
        _sweep(parent)
        folder, lock = _make(parent)
    except OSError as error:
        raise ScratchUnavailable(
            f"no folder for audio files can be made ({error}); make room, or set TMPDIR to a folder with room"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def folder_passed_over(asked: str) -> str:
    """What to say if `TMPDIR`, which asks for the folder `asked`, is not followed; empty if it is.

    Python takes another folder without a word if nothing can be written there.
    """
    try:
        used = tempfile.gettempdir()
    except FileNotFoundError:
        return ""  # there is none at all: making a folder says so
    if not asked or os.path.abspath(asked) == used:  # noqa: PTH100  # as `tempfile` makes it absolute
        return ""
    return f"TMPDIR is {asked}, but nothing can be written there: {used} is used instead"


def _make(parent: Path) -> tuple[Path, int]:
    """The folder and the descriptor that keeps it locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            lock = _opened(folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)
        # Another process removed it before it was locked.


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, in use, or already gone
            lock = _opened(folder)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
