"""What the documents promise: cited sections exist, links lead somewhere, and no setting is left out."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from bot.settings import _PARSERS, Settings

ROOT = Path(__file__).parents[2]
TEXTS = {".md", ".py", ".sql", ".sh", ".toml", ".example", ".cfg"}

MOST_BYTES = 150_000

NUMBER = r"\d+(?:\.\d+)?"
CITATION = re.compile(rf"docs/(provider|discord)\.md ({NUMBER}(?:(?:, | and | to ){NUMBER})*)")
HEADING = re.compile(rf"^#{{2,3}} ({NUMBER})\.? ", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# The words by which a page used to be cited that was never part of the repository.
UNKNOWN_PAGES = ("fact " + "sheet", "Discord " + "reference", "docs/" + "facts.md")


@cache
def files() -> tuple[Path, ...]:
    """The texts that are tracked, or would be."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    listed = subprocess.run(  # our own arguments
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.suffix in TEXTS and path.is_file())


def sections(page: str) -> set[str]:
    return set(HEADING.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")))


def cited(text: str) -> list[tuple[str, str]]:
    """The page and the number of each cited section."""
    joined = re.sub(r"\s+(?:#|--)?\s*", " ", text)  # a citation may be broken over two lines of a comment
    return [(match[1], number) for match in CITATION.finditer(joined) for number in re.findall(NUMBER, match[2])]


def anchors(markdown: str) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(path: Path, markdown: str) -> list[str]:
    dead = []
    for link in LINK.findall(markdown):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            dead.append(link)
    return dead


def test_every_cited_section_exists() -> None:
    there = {page: sections(page) for page in ("provider", "discord")}

    wrong = {
        (str(path.relative_to(ROOT)), page, number)
        for path in files()
        for page, number in cited(path.read_text(encoding="utf-8"))
        if number not in there[page]
    }

    assert wrong == set()


def test_no_page_is_cited_that_is_not_here() -> None:
    found = {
        (str(path.relative_to(ROOT)), words)
        for path in files()
        for words in UNKNOWN_PAGES
        if words.lower() in path.read_text(encoding="utf-8").lower()
    }

    assert found == set(), "cite docs/provider.md or docs/discord.md with the number of a section"


def test_the_sections_that_the_code_relies_on_are_cited() -> None:
    numbers = {pair for path in files() if path.suffix == ".py" for pair in cited(path.read_text(encoding="utf-8"))}

    assert {("provider", "1.4"), ("discord", "2.1")} <= numbers
    assert len(numbers) > 20


def test_links_between_documents_lead_somewhere() -> None:
    dead = {
        (str(path.relative_to(ROOT)), link)
        for path in files()
        if path.suffix == ".md"
        for link in dead_links(path, path.read_text(encoding="utf-8"))
    }

    assert dead == set()


def pictures() -> list[tuple[Path, str, Path]]:
    """Each picture that a document shows: the document, what it says to those who can't see it, and the file."""
    return [
        (path, words, path.parent / name)
        for path in files()
        if path.suffix == ".md"
        for words, name in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    ]


def test_every_picture_is_there_is_shown_and_is_small() -> None:
    there = set((ROOT / "docs" / "pictures").iterdir())

    assert {file.resolve() for _, _, file in pictures()} == there
    assert {file.name: file.stat().st_size for file in there if file.stat().st_size > MOST_BYTES} == {}


def test_every_picture_is_described_to_those_who_cannot_see_it() -> None:
    assert [file.name for _, words, file in pictures() if len(words.split()) < 4] == []


def test_make_pictures_takes_every_picture() -> None:
    taken = (ROOT / "tools" / "pictures.py").read_text(encoding="utf-8")

    assert [file.name for _, _, file in pictures() if f'"{file.stem}")' not in taken] == []


@pytest.mark.parametrize("guide", ["README.md", "docs/operating.md", "docs/moderating.md", "docs/contributing.md"])
def test_every_guide_has_pictures(guide: str) -> None:
    assert ROOT / guide in {path for path, _, _ in pictures()}


def settings_table() -> dict[str, str]:
    """The default of each setting, as docs/settings.md gives it."""
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return {
        name: default.strip("`") for name, default in re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", table, re.MULTILINE)
    }


@pytest.mark.parametrize("name", _PARSERS)
def test_a_setting_is_explained_to_operators(name: str) -> None:
    assert name in settings_table(), "add it to the table in docs/settings.md"
    assert re.search(rf"^#?{name}=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_settings_page_names_no_other_setting_and_the_true_defaults() -> None:
    table = settings_table()
    needed = {name: "x" for name, default in table.items() if default == "needed"}
    written = {name: default for name, default in table.items() if default not in {"needed", "none"}}

    assert sorted(table) == sorted(_PARSERS)
    assert Settings.from_environ(needed | written) == Settings.from_environ(needed)


def test_citations_are_read_one_by_one_over_line_ends() -> None:
    text = "# see docs/provider.md 1.1 to 1.4, 2\n    # and 4; (docs/discord.md 2.1). docs/provider.md\n-- 9."

    assert cited(text) == [
        *(("provider", number) for number in ("1.1", "1.4", "2", "4")),
        ("discord", "2.1"),
        ("provider", "9"),
    ]


def test_dead_links_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# What it *is*\n", encoding="utf-8")
    markdown = "[1](b.md) [2](c.md) [3](b.md#what-it-is) [4](b.md#what) [5](https://x.example/) [6](#here)\n## Here\n"

    (tmp_path / "a.md").write_text(markdown, encoding="utf-8")

    assert dead_links(tmp_path / "a.md", markdown) == ["c.md", "b.md#what"]
