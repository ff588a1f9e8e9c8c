"""The guides name only what exists: commands, make targets, settings, files, and lines of the log."""

import re
from functools import cache
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.settings import SETTINGS

ROOT = Path(__file__).parents[2]
GUIDES = (
    *("README.md", "CONTRIBUTING.md"),
    *(f"docs/{name}.md" for name in ("operating", "upgrading", "moderating", "contributing", "troubleshooting")),
)
OF_OTHERS = re.compile(r"POSTGRES_PASSWORD|CREDENTIALS_DIRECTORY|NNNN_NAME|LC_\w+|LOCALE_PROVIDER")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(name: str) -> list[str]:
    """The lines and words of a guide that are set as code."""
    return re.findall(r"^ {4,}([^ ].*)$|`([^`\n]+)`", read(name), re.MULTILINE)


def commands(name: str) -> set[tuple[str, ...]]:
    """What follows `encore` where it is called: its words up to the first that is no command and no option."""
    found = set()
    for line in map("".join, code(name)):
        call = re.search(r"(?:^|/| )encore((?: --?[a-z-]+| [a-z-]+(?= |$))+)", line)
        if call and not line.startswith(("docker", "install", "CREATE", "cp ", "apt-get")):
            found.add(tuple(call[1].split()))
    return found


@cache
def sources() -> str:
    """The program as text; strings that are broken over lines are joined."""
    folders = ("bot", "cogs", "storage")
    text = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return re.sub(r'"\s*\n\s*f?"', "", text)


@pytest.mark.parametrize("name", GUIDES)
def test_every_command_is_one_that_encore_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(name):
        command = [word for word in words if not word.startswith("-")][:1]
        with pytest.raises(SystemExit) as ended:
            main([*command, "--help"])
        said = capsys.readouterr()
        assert ended.value.code == 0, (words, said.err)
        assert [word for word in words if word.startswith("--") and word not in said.out] == [], words


def test_the_guides_name_the_commands_of_operators() -> None:
    named = {words[0] for name in GUIDES for words in commands(name)}

    assert {"run", "backup", "restore", "move-database", "upgrade-database", "after-restore", "commands"} <= named


@pytest.mark.parametrize("name", GUIDES)
def test_every_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = {target for line in map("".join, code(name)) for target in re.findall(r"(?:^|&& )make ([a-z-]+)", line)}

    assert {target for target in named if f"make {target} there" not in read(name)} <= targets


@pytest.mark.parametrize("name", GUIDES)
def test_every_setting_exists(name: str) -> None:
    named = set(re.findall(r"\b[A-Z][A-Z]+(?:_[A-Z]+)+\b", read(name)))

    assert {word for word in named if not OF_OTHERS.fullmatch(word)} <= SETTINGS


@pytest.mark.parametrize("name", GUIDES)
def test_every_file_of_the_project_exists(name: str) -> None:
    named = re.findall(r"`((?:bot|cogs|storage|docs|ops|tests|tools)/[\w./@-]+|[a-z]+\.(?:md|toml|yaml))`", read(name))

    assert {each for each in named if not (ROOT / each).exists() and "/de/" not in each} == set()


def test_what_the_guide_for_contributors_says_of_a_file_is_in_that_file() -> None:
    """Adding a rule, a command or a language begins in these places."""
    guide = read("docs/contributing.md")
    places = {
        "bot/domain/rules.py": "RULES: ",
        "tests/unit/test_rules.py": "def test_every_rule_has_been_seen_broken(",
        "tests/unit/test_sandbox_suno_rules.py": "BROKEN: ",
        "storage/ledger.py": "class Ledger:",
        "bot/services/common/aggregates.py": "class Ledger(Protocol):",
        "bot/chat/job_list.py": "def quota_content(",
        "cogs/members.py": "class MembersCog(",
    }

    assert {path for path in places if f"`{path}`" not in guide} == set()
    assert {path for path, words in places.items() if words not in read(path)} == set()


def test_every_line_of_the_log_that_operators_are_to_watch_is_written() -> None:
    table = read("docs/operating.md").partition("## What to watch")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)

    assert len(lines) > 5
    assert [line for line in lines if line not in sources() and not line.startswith("Fatal Python error")] == []
