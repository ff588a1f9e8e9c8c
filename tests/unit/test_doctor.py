"""The decisions of `encore doctor`: what a finding means, what is skipped, what is printed."""

import asyncio
import errno
import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from bot.doctor.configuration import check_settings, usable
from bot.doctor.decoder import judge_isolation
from bot.doctor.examination import Check, examine
from bot.doctor.finding import Finding, Found, Status, ok
from bot.doctor.installation import LIBRARIES, OPTIONAL, check_libraries
from bot.doctor.machine import judge_clocks, judge_disk
from bot.doctor.provider import judge_credits
from bot.doctor.rehearsal import rehearsal_check
from bot.doctor.report import as_json, as_lines, in_sum
from bot.doctor.servers import Look, judge_servers
from bot.settings import Settings
from tests.support.doctor import failed, warned

ROOT = Path(__file__).parents[2]
NO_FILE = Path("/no/such/.env")
GOOD = {"DISCORD_TOKEN": "invented-token", "SUNO_API_KEY": "invented-key"}
NOTHING = Found(status=Status.FAILED, tried="something", came_back="nothing", remedy="do this")


def unchanged(words: str) -> str:
    return words


# Which checks are made


def check_of(name: str, found: Found, *needs: str, settings: tuple[str, ...] = ()) -> Check:
    async def run() -> Found:
        return found

    return Check(name=name, run=run, needs=needs, settings=settings)


async def statuses(*checks: Check, bad: tuple[str, ...] = ()) -> dict[str, Finding]:
    return {finding.name: finding async for finding in examine(checks, bad)}


async def test_what_depends_on_a_failed_check_is_skipped_and_names_the_first_cause() -> None:
    fine = ok("something", "well")
    found = await statuses(
        check_of("token", NOTHING), check_of("servers", fine, "token"), check_of("roles", fine, "servers"),
        check_of("disk", fine),
    )  # fmt: skip

    assert [each.status for each in found.values()] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED, Status.OK]
    assert found["roles"].came_back == "not checked: “token” has to be fixed first"


async def test_what_needs_a_bad_setting_is_skipped_and_names_it() -> None:
    found = await statuses(check_of("port", ok("a", "b"), settings=("WEB_HOST", "WEB_PORT")), bad=("WEB_PORT",))

    assert found["port"].status is Status.SKIPPED
    assert found["port"].came_back == "not checked: WEB_PORT has to be corrected first"


async def test_a_check_that_fails_itself_does_not_end_the_others() -> None:
    async def broken() -> Found:
        raise ZeroDivisionError("by nothing")

    found = await statuses(Check(name="broken", run=broken), check_of("disk", ok("a", "b")))

    failed(found["broken"], "the check itself failed")
    assert found["disk"].status is Status.OK


async def test_a_check_that_takes_too_long_is_ended() -> None:
    async def endless() -> Found:
        await asyncio.Event().wait()
        raise AssertionError

    found = await statuses(Check(name="endless", run=endless, seconds=0.01))

    failed(found["endless"], "it took longer than")


# The libraries


def test_the_libraries_and_their_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {}
    everywhere = [line for line in project["dependencies"] if ";" not in line]
    for line in (*everywhere, *extras["postgres"], *extras["interactions"]):
        name, oldest, below = re.fullmatch(r"([\w.-]+)>=([\d.]+)(?:,<([\d.]+))?", line).groups()  # type: ignore[union-attr]
        wanted[name] = (oldest, below or "")

    assert wanted == {**LIBRARIES, **OPTIONAL}


def test_what_is_installed_here_is_fine() -> None:
    assert check_libraries(with_postgres=True, with_http=True).status is Status.OK


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("aiohttp", None, "aiohttp is not installed"),
        ("aiohttp", "3.9.1", "aiohttp 3.9.1 is older than 3.14.5"),
        ("discord.py", "2.8.0a1", "is newer than Encore knows"),
        ("asyncpg", None, "pip install 'encore-bot[postgres]'"),
        ("pynacl", None, "pip install 'encore-bot[interactions]'"),
    ],
)
def test_a_library_that_is_missing_or_of_another_version_is_named(name: str, version: str | None, words: str) -> None:
    versions: dict[str, str | None] = {each: oldest for each, (oldest, _) in {**LIBRARIES, **OPTIONAL}.items()}
    versions[name] = version

    found = check_libraries(with_postgres=True, with_http=True, version_of=versions.get)

    assert found.status is Status.FAILED
    assert words in f"{found.came_back}; {found.remedy}"


def test_optional_libraries_are_only_missed_where_the_settings_need_them() -> None:
    versions = {name: oldest for name, (oldest, _) in LIBRARIES.items()}

    assert check_libraries(with_postgres=False, with_http=False, version_of=versions.get).status is Status.OK


# The settings


def test_good_settings_are_fine() -> None:
    found = usable(GOOD)

    assert found.bad == {}
    assert found.settings == Settings.from_environ(GOOD)
    assert check_settings(found, NO_FILE).status is Status.OK


def test_every_bad_setting_is_named_and_the_others_are_used() -> None:
    found = usable({"SUNO_API_KEY": "invented-key", "WEB_PORT": "many", "QUOTA_PER_DAY": "3", "DEFAULT_MODEL": "V99"})

    assert found.bad.keys() == {"DISCORD_TOKEN", "WEB_PORT", "DEFAULT_MODEL"}
    assert found.settings.quota_per_day == 3
    assert found.settings.web_port == 8080
    failed(check_settings(found, NO_FILE), "correct these settings")


@pytest.mark.parametrize("other", [{"MODELS": "V4"}, {"POLL_AFTER_SECONDS": "5000"}])
def test_settings_that_are_only_bad_together_are_named_too(other: dict[str, str]) -> None:
    found = usable({**GOOD, **other})

    assert len(found.bad) == 1
    assert found.settings.discord_token == GOOD["DISCORD_TOKEN"]


def test_a_file_with_secrets_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("")
    file.chmod(0o640)

    warned(check_settings(usable(GOOD), file), "other users of this machine can read", "chmod 600")

    file.chmod(0o600)
    assert check_settings(usable(GOOD), file).status is Status.OK


def test_a_misspelt_setting_is_a_warning_and_settings_of_others_are_not(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.touch(0o600)
    file.write_text("CREDITS_PERDAY=120\nCOMPOSE_PROJECT_NAME=music\n")

    found = check_settings(usable(GOOD), file)

    warned(found, "is not a setting; did you mean")
    assert found.remedy == "write CREDITS_PER_DAY instead"
    assert "COMPOSE" not in found.came_back


# This machine


@pytest.mark.parametrize(
    ("free", "status", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "failed", "No space left on device"),
        (0, "failed", "0 MB free"),
        (50_000_000, "failed", "50 MB free"),
        (500_000_000, "warning", "500 MB"),
    ],
)
def test_a_full_disk_is_noticed(free: int | OSError, status: str, words: str) -> None:
    found = judge_disk({"the temporary folder /tmp": free})

    assert found.status == status
    assert words in found.came_back
    assert "make room" in found.remedy


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EROFS, "mount that file system for writing"), (errno.EACCES, "give this user the right to write there")],
)
def test_a_folder_that_cannot_be_written_is_told_from_a_full_one(number: int, remedy: str) -> None:
    found = judge_disk({"the temporary folder /tmp": OSError(number, os.strerror(number))})

    failed(found, "nothing can be written in")
    assert os.strerror(number) in found.came_back
    assert remedy in found.remedy
    assert "make room" not in found.remedy


def test_a_temporary_folder_that_is_not_used_is_noticed() -> None:
    passed_over = "TMPDIR is /full, but nothing can be written there: /spare is used instead"

    warned(
        judge_disk({"the temporary folder /tmp": 10**12}, passed_over=passed_over), "but nothing can be written there"
    )


def test_a_clock_that_is_wrong_is_noticed_also_the_servers() -> None:
    right, wrong = timedelta(seconds=3), timedelta(hours=-1)

    assert judge_clocks("a look", {"this machine": right}).status is Status.OK
    found = judge_clocks("a look", {"this machine": right, "the database's server": wrong})
    failed(found, "the clock of the database's server")
    assert found.came_back.endswith("is 3600 s behind")


def test_what_the_credits_pay_for_is_said() -> None:
    assert judge_credits(1200).came_back == "1200 credits left, enough for 100 extensions of 12"
    warned(judge_credits(60), "top up the account")
    failed(judge_credits(11.5), "top up the account")


def test_missing_isolation_is_a_warning_that_names_the_layers() -> None:
    warned(judge_isolation(("Landlock", "seccomp")), "it works, but without")


async def test_a_rehearsal_that_fails_says_why() -> None:
    async def rehearse() -> float:
        raise RuntimeError("no music came")

    failed(await rehearsal_check(rehearse).run(), "no music came")


def test_of_many_bad_servers_the_first_ten_are_named() -> None:
    looks = [
        Look(server_id=number, name=f"Choir {number}", lacking=("Attach Files",), best=(), usable=0, channels=1)
        for number in range(14)
    ]

    found = judge_servers(looks, Settings.from_environ(GOOD), invite="a link")

    failed(found, "the bot can't work in any channel")
    assert "Choir 9" in found.came_back
    assert "Choir 10" not in found.came_back
    assert found.came_back.endswith("and 4 more")


# What is printed


def test_for_people_only_what_needs_attention_has_more_than_one_line() -> None:
    fine = Finding(name="disk", status=Status.OK, tried="looking", came_back="fine", remedy="")
    bad = Finding(name="token", status=Status.FAILED, tried="logging in", came_back="it is refused", remedy="reset it")

    assert as_lines(fine, unchanged) == ["ok       disk         looking: fine"]
    assert [line.strip() for line in as_lines(bad, unchanged)] == [
        "failed   token        it is refused",
        "tried: logging in",
        "to do: reset it",
    ]


def test_no_finding_moves_the_cursor_or_holds_a_secret() -> None:
    found = Finding(name="servers", status=Status.OK, tried="a\x1b[2Jb", came_back="hush\r\n", remedy="")

    def clean(words: str) -> str:
        return words.replace("hush", "[secret]")

    printed = [*as_lines(found, clean), as_json(found, clean)]

    assert not [line for line in printed if "\x1b" in line or "\r" in line or "hush" in line]


def test_the_last_line_sums_up() -> None:
    assert in_sum([Status.OK, Status.OK]) == "Everything is fine."
    assert "Nothing needs fixing" in in_sum([Status.OK, Status.WARNING])
    assert in_sum([Status.FAILED, Status.SKIPPED]).startswith("1 of 2 checks found something that needs fixing, 1")
