"""The project speaks of itself alone: its files name neither a machine it was made on nor where packages come from."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# In pieces, so that this file does not hold what it looks for.
MACHINES = (*(f"/{folder}/" for folder in ("home", "root", "Users", "work", "workspace")), "C:" + "\\Users\\")
REGISTRIES = tuple(
    "".join(parts)
    for parts in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("registry.", "npmjs"),
        ("crates", ".io"),
        ("arti", "factory"),
        ("index-url", "="),
        ("index-url", " http"),
        ("find-links", "="),
        ("/api/", "pypi"),
    )
)
# A folder counts where a path begins with it, and as it is spelled there: Discord's own addresses hold `/users/`.
FORBIDDEN = re.compile(
    "|".join([*(rf"(?<![\w.-]){re.escape(name)}" for name in MACHINES), *map(re.escape, REGISTRIES)])
)
LOCKS = ("requirements.lock", "requirements-all.lock", "requirements-dev.lock")


def files() -> list[Path]:
    """What is tracked, or would be: everything that is not ignored."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    listed = subprocess.run(  # our own arguments
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def named_in(path: Path) -> list[str]:
    """The forbidden words in a text file; a file that is no text has none."""
    content = path.read_bytes()
    return [] if b"\0" in content else FORBIDDEN.findall(content.decode("utf-8", "replace"))


def test_no_file_names_a_machine_or_a_registry() -> None:
    listed = files()

    assert len(listed) > 50
    assert {str(path.relative_to(ROOT)): words for path in listed if (words := named_in(path))} == {}


@pytest.mark.parametrize("word", [*MACHINES, *REGISTRIES])
def test_such_a_name_is_noticed(tmp_path: Path, word: str) -> None:
    file = tmp_path / "notes.md"
    file.write_text(f"see {word}x", encoding="utf-8")

    assert named_in(file)


def requirements(lock: str) -> list[str]:
    """One logical line for each requirement of the lock file."""
    joined = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_exact_versions_with_hashes_and_nothing_else(lock: str) -> None:
    exact = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ; [^#]*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")

    lines = requirements(lock)

    assert len(lines) > 10  # the pattern above found the file's entries
    assert [line for line in lines if not exact.fullmatch(line)] == []


def test_what_runs_is_what_is_developed_with() -> None:
    running, with_extras, developing = ({line.split()[0] for line in requirements(lock)} for lock in LOCKS)

    assert running < with_extras < developing


def test_the_lock_for_containers_has_every_extra() -> None:
    """And nothing that only developers need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {name_of(line) for extra in extras.keys() - {"browser", "dev"} for line in extras[extra]}
    only_developers = {name_of(line) for line in extras["dev"]} - {"encore-bot"}
    locked = {name_of(line) for line in requirements("requirements-all.lock")}

    assert wanted <= locked
    assert not only_developers & locked


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-").replace(".", "-")
