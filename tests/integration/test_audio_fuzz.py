"""Damaged files give properties or a reason, never a crash."""

import asyncio
import os
import random
import sys
from pathlib import Path

import msgspec

from bot.audio.questions import Answer, Found, Problem, Refusal
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.sounds import compose

ROOT = Path(__file__).parents[2]
SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".webm", ".mp4")
EACH = 8
SEED = 20261122

# One audio process for all files: it answers like the real one, equally confined, one file after the other.
SCRIPT = """
import fcntl, os, sys
import msgspec
from bot.audio.confinement import bound, confine
from bot.audio.questions import Limits, Probe
from bot.audio.worker import answer_to
files = []
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        files.append(fcntl.fcntl(file, fcntl.F_DUPFD, 100))  # the few low numbers are for FFmpeg
bound(memory_bytes=1 << 29, cpu_seconds=60, file_bytes=0)
confine()
for file in files:
    sys.stdout.buffer.write(msgspec.json.encode(answer_to(Probe(limits=Limits(cpu_seconds=60)), file)) + b"\\n")
"""

# Likewise for what is made of files: a picture, a trimmed part, a join with itself, and a preview of that.
MAKING = """
import fcntl, os, sys
import msgspec
from bot.audio.confinement import bound, confine
from bot.audio.questions import Draw, Join, Limits, Preview, Stretch, Trim, WrittenTags
from bot.audio.worker import answer_to
from bot.domain.joins import JoinFormat
files = []
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        files.append(fcntl.fcntl(file, fcntl.F_DUPFD, 100))
to = os.open(sys.argv[1], os.O_RDWR)
bound(memory_bytes=1 << 29, cpu_seconds=100, file_bytes=1 << 24)
confine()
common = dict(limits=Limits(cpu_seconds=100), limit_bytes=1 << 24, to=to)
for file in files:
    pieces = (Stretch(descriptor=file, until_seconds=1.0), Stretch(descriptor=file, until_seconds=0.7))
    for question in (
        Draw(**common),
        Trim(**common, until_seconds=1.2, at_most_seconds=0.8),
        Join(**common, pieces=pieces, audio_format=JoinFormat.WAV, tags=WrittenTags(cover=file)),
        Preview(**common, pieces=pieces),
    ):
        os.lseek(file, 0, os.SEEK_SET)
        os.ftruncate(to, 0)
        os.lseek(to, 0, os.SEEK_SET)
        sys.stdout.buffer.write(msgspec.json.encode(answer_to(question, file)) + b"\\n")
"""


def damaged(data: bytes, dice: random.Random) -> bytes:
    """One to ten bytes or stretches changed, doubled or dropped, more often near the start, where the structure is."""
    damage = bytearray(data)
    for _ in range(dice.choice((1, 2, 10))):
        at = dice.randrange(min(400, len(damage)) if dice.random() < 0.6 else len(damage))
        match dice.randrange(4):
            case 0:
                damage[at] ^= 1 << dice.randrange(8)
            case 1:
                damage[at : at + 4] = dice.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", dice.randbytes(4)))
            case 2:
                damage[at:at] = damage[at : at + dice.randrange(1, 800)]
            case _:
                del damage[at : at + dice.randrange(1, 800)]
    return bytes(damage)


def damaged_files(folder: Path, each: int) -> list[str]:
    dice, paths = random.Random(SEED), []
    for suffix in SUFFIXES:
        compose(folder / f"whole{suffix}", seconds=1.5)
        whole = (folder / f"whole{suffix}").read_bytes()
        for number in range(each):
            path = folder / f"{number}{suffix}"
            path.write_bytes(damaged(whole, dice))
            paths.append(os.fspath(path))
    return paths


async def test_damaged_files_give_properties_or_a_reason(tmp_path: Path) -> None:
    paths = damaged_files(tmp_path, EACH)

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, *paths, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(3 * PATIENCE_SECONDS):
        output, _ = await process.communicate()

    answers: list[Answer] = [msgspec.json.decode(line, type=Answer) for line in output.splitlines()]
    assert process.returncode == 0
    assert len(answers) == len(paths)
    # "Too costly" is what an unforeseen exception becomes: there must be none.
    assert not [a for a in answers if isinstance(a, Refusal) and a.problem is Problem.TOO_COSTLY]
    assert any(isinstance(answer, Found) for answer in answers)
    assert any(isinstance(answer, Refusal) for answer in answers)


async def test_damaged_files_make_something_or_give_a_reason(tmp_path: Path) -> None:
    paths = damaged_files(tmp_path, 4)
    (tmp_path / "made").touch()

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MAKING, os.fspath(tmp_path / "made"), *paths), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(3 * PATIENCE_SECONDS):
        output, _ = await process.communicate()

    answers: list[Answer] = [msgspec.json.decode(line, type=Answer) for line in output.splitlines()]
    assert process.returncode == 0
    assert len(answers) == 4 * len(paths)
    assert not [a for a in answers if isinstance(a, Refusal) and a.problem is Problem.TOO_COSTLY]
    assert sum(not isinstance(a, Refusal) for a in answers) > len(paths)
