"""The unit that operators install: in step with the program, understood by systemd, and as tight as it promises."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot import app
from bot.__main__ import EXIT_SETTINGS
from bot.audio.seccomp import ALLOWED

UNIT = Path(__file__).parents[2] / "ops" / "systemd" / "encore@.service"
AS = UNIT.with_name("encore-as")
EXPOSURE = 15  # in tenths: 1.5, "OK"
CONFINING = {
    # The calls by which the decoder confines itself (bot/audio/confinement.py, landlock.py), besides those it may keep.
    *("prctl", "capset", "setpriority", "prlimit64", "dup2", "openat", "seccomp"),
    *("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"),
}


def settings(name: str) -> list[str]:
    """The values given to one of the unit's settings, in their order."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


def systemd_analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    return subprocess.run([program, *arguments], check=False, capture_output=True, text=True)


def test_a_bad_setting_is_not_tried_again_and_a_stop_gets_the_time_that_it_may_take() -> None:
    assert settings("RestartPreventExitStatus") == [str(EXIT_SETTINGS)]
    assert int(settings("TimeoutStopSec")[0]) > app.GRACE_SECONDS + app.INTERACTION_SECONDS + 2 * app.RELEASE_SECONDS


def test_it_starts_the_bot_with_the_settings_that_root_alone_can_read() -> None:
    (credential,) = settings("LoadCredential")
    name, _, source = credential.partition(":")

    assert source == "/etc/encore/%i.env"
    assert settings("ExecStart") == [f"/opt/encore/bin/encore run --env-file ${{CREDENTIALS_DIRECTORY}}/{name}"]
    assert settings("WorkingDirectory") == [f"/var/lib/{settings('StateDirectory')[0]}"]


def test_encore_as_runs_a_command_as_the_unit_runs_the_bot(tmp_path: Path) -> None:
    (tmp_path / "systemd-run").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "systemd-run").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    asked = subprocess.run([AS, "choir", "backup", "b.db"], check=True, capture_output=True, text=True, env=path)
    too_short = subprocess.run([AS, "choir"], check=False, capture_output=True, text=True, env=path)

    lines = asked.stdout.splitlines()
    same = {name: settings(name)[0].replace("%i", "choir") for name in ("User", "WorkingDirectory", "LoadCredential")}
    same["WorkingDirectory"] = same["WorkingDirectory"].replace("%S", "/var/lib")
    assert {f"--property={name}={value}" for name, value in same.items()} <= set(lines)
    assert lines[-3:] == ["encore", "backup", "b.db"]
    (bot,) = settings("ExecStart")
    assert bot.split()[0] in lines[-4]
    assert bot.split()[-1].replace("{", "").replace("}", "") in lines[-4]
    assert (too_short.returncode, too_short.stdout) == (2, "")
    assert "usage" in too_short.stderr


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    unit = UNIT.read_text(encoding="utf-8").replace("/opt/encore/bin/encore", sys.executable)
    copy.write_text(unit, encoding="utf-8")

    verified = systemd_analyze("verify", str(copy))

    about_ours = [line for line in (verified.stderr + verified.stdout).splitlines() if "encore" in line]
    assert about_ours == []


def test_it_exposes_no_more_than_it_promises() -> None:
    verdict = systemd_analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(UNIT))

    assert verdict.returncode == 0, verdict.stdout[-200:]


def filtered() -> set[str]:
    """The system calls that the unit allows, as this machine's systemd reads its filter."""
    allowed: set[str] = set()
    for line in settings("SystemCallFilter"):
        words = line.removeprefix("~").split()
        calls = {call for word in words for call in (calls_in(word) if word.startswith("@") else [word])}
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def calls_in(group: str) -> set[str]:
    listed = systemd_analyze("syscall-filter", group)
    if listed.returncode:
        return set()
    calls: set[str] = set()
    for line in listed.stdout.splitlines()[1:]:
        word = line.partition("#")[0].strip()
        calls |= calls_in(word) if word.startswith("@") else {word} - {""}
    return calls


def test_the_decoder_can_confine_itself_and_decode_under_it() -> None:
    assert (CONFINING | ALLOWED.keys()) - filtered() == set()
