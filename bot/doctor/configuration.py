"""The settings. Bad ones are left out, so that whatever needs only the good ones can still be checked."""

import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bot.doctor.finding import Found, Problem, failed, summed_up
from bot.env_file import from_file, misspelt
from bot.settings import Settings, SettingsError

NEEDED = ("DISCORD_TOKEN", "SUNO_API_KEY")


class Usable(msgspec.Struct, frozen=True, kw_only=True):
    """`bad`: the problem with each bad setting, by its name; `settings` has its default instead."""

    settings: Settings
    bad: Mapping[str, str]


def usable(environ: Mapping[str, str]) -> Usable:
    """What can be used of `environ`."""
    bad: dict[str, str] = {}
    good = {name: value for name, value in environ.items() if value.strip()}
    while True:
        try:
            settings = Settings.from_environ(good)
        except SettingsError as error:
            problems = {problem.partition(" ")[0]: problem for problem in error.problems}
            bad |= {name: problem for name, problem in problems.items() if name not in bad}
            good = _without(good, problems)
        else:
            return Usable(settings=settings, bad=bad)


def _without(environ: Mapping[str, str], problems: Mapping[str, str]) -> dict[str, str]:
    """A setting that is bad only beside another one, such as a default that MODELS leaves out, takes all with it."""
    rest = {name: value for name, value in environ.items() if name not in problems}
    rest |= {name: "missing" for name in NEEDED if name in problems}
    if rest == dict(environ):
        rest = {name: value for name, value in rest.items() if name in NEEDED}
    return rest


def check_settings(found: Usable, file: Path) -> Found:
    """`file`: the `.env`, which need not exist."""
    tried = f"reading {file} and the environment" if file.exists() else f"reading the environment; there is no {file}"
    if found.bad:
        return failed(tried, "; ".join(found.bad.values()), "correct these settings; docs/settings.md has all of them")
    problems = [
        Problem(
            what=f"{name} in {file} is not a setting; did you mean {similar}?",
            remedy=f"write {similar} instead",
            is_fault=False,
        )
        for name, similar in misspelt(from_file(file, is_named=False)).items()
    ]
    if file.exists() and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = f"other users of this machine can read {file}, which holds secrets"
        problems.append(Problem(what=what, remedy=f"chmod 600 {file}", is_fault=False))
    return summed_up(tried, problems, "all settings are good")
