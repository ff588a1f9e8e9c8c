"""Python, and the libraries in the versions that Encore was made for."""

import re
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from types import MappingProxyType

from bot.doctor.finding import Found, Problem, summed_up

LIBRARIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "aiohttp": ("3.14.5", "4"),
        "aiosqlite": ("0.21", "0.23"),
        "av": ("18", "20"),
        "babel": ("2.17", "3"),
        "discord.py": ("2.7.1", "2.8"),
        "msgspec": ("0.20", "0.23"),
        "python-dotenv": ("1.1", "2"),
        "resvg-py": ("0.5", "0.6"),
        "stamina": ("25.1", ""),
    }
)
"""From which version on, and below which one, as in pyproject.toml."""
OPTIONAL: Mapping[str, tuple[str, str]] = MappingProxyType({"asyncpg": ("0.32", "0.33"), "pynacl": ("1.6", "2")})

Installed = Callable[[str], str | None]


def installed(name: str) -> str | None:
    """The version of a library, if there is one."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_libraries(*, with_postgres: bool, with_http: bool, version_of: Installed = installed) -> Found:
    """`with_postgres` and `with_http`: whether the settings need the optional libraries."""
    wanted = dict(LIBRARIES)
    wanted |= {"asyncpg": OPTIONAL["asyncpg"]} if with_postgres else {}
    wanted |= {"pynacl": OPTIONAL["pynacl"]} if with_http else {}
    versions = {name: version_of(name) for name in wanted}
    python = ".".join(map(str, sys.version_info[:3]))
    problems = []
    for name, version in versions.items():
        problem = problem_with(name, version, *wanted[name])
        if problem is not None:
            problems.append(problem)
    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    return summed_up("reading the versions of Python and of the libraries", problems, f"Python {python}, {known}")


def problem_with(name: str, version: str | None, oldest: str, below: str) -> Problem | None:
    """What is wrong with a library of this `version` (None: missing), if anything."""
    extra = {"asyncpg": "postgres", "pynacl": "interactions"}.get(name)
    again = f"pip install 'encore-bot[{extra}]'" if extra else "make setup, or pip install encore-bot"
    if version is None:
        return Problem(what=f"{name} is not installed", remedy=f"install it: {again}")
    if _key(version) < _key(oldest):
        return Problem(what=f"{name} {version} is older than {oldest}", remedy=f"install Encore's libraries: {again}")
    if below and _key(version) >= _key(below):
        what = f"{name} {version} is newer than Encore knows (below {below})"
        return Problem(what=what, remedy=f"install Encore's libraries: {again}")
    return None


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])
