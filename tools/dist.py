"""`make dist`: the sdist and the wheel of the last commit, the same bytes wherever they are built.

Nothing is downloaded: the build backend is the one that `make setup` installed. The wheel is built from the sdist, as
others would build it. Times in both are SOURCE_DATE_EPOCH, by default the commit's.
"""

import gzip
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


def dist(into: Path) -> tuple[Path, Path]:
    """Build both into the folder `into`; returns the sdist and the wheel."""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct").decode())
    if _git("status", "--porcelain"):
        print("dist: this is the last commit; changes that are not committed are left out", file=sys.stderr)
    into.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)  # file modes are part of both
    with tempfile.TemporaryDirectory() as folder:
        checkout, unpacked = Path(folder, "checkout"), Path(folder, "unpacked")
        _unpack(_git("archive", "--format=tar", "HEAD"), checkout)
        _build("build_sdist", checkout, Path(folder), epoch)
        (built,) = Path(folder).glob("*.tar.gz")
        sdist = into / built.name
        sdist.write_bytes(_repacked(built.read_bytes(), epoch))
        _unpack(gzip.decompress(sdist.read_bytes()), unpacked)
        (source,) = unpacked.iterdir()
        _build("build_wheel", source, Path(folder), epoch)
        (built,) = Path(folder).glob("*.whl")
        wheel = into / built.name
        wheel.write_bytes(built.read_bytes())
    return sdist, wheel


def _build(what: str, source: Path, into: Path, epoch: int) -> None:
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONPATH": ""}
    subprocess.run(  # noqa: S603  # our own arguments
        [sys.executable, "-c", BUILD, what, str(into)], cwd=source, env=environ, check=True, stdout=subprocess.DEVNULL
    )


def _repacked(archive: bytes, epoch: int) -> bytes:
    """The same files in a fixed order, without the builder's name, times and rights."""
    packed = BytesIO()
    with (
        tarfile.open(fileobj=BytesIO(archive)) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=epoch) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return packed.getvalue()


def _unpack(archive: bytes, into: Path) -> None:
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        # The archives are our own; Python before 3.11.4 knows no filters, and later ones want one.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(into)  # noqa: S202  # as above


def _git(*arguments: str) -> bytes:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S603  # as above


if __name__ == "__main__":
    for path in dist(Path(sys.argv[1])):
        print(f"{path} ({path.stat().st_size // 1000} KB)")
