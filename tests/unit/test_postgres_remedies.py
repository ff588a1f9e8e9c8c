"""What PostgreSQL's outages ask an operator to do, which docs/troubleshooting.md explains."""

import re
from pathlib import Path

import pytest

from storage.engines import postgres_outages
from storage.engines.postgres_outages import server_in

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
REMEDIES = {
    *postgres_outages._OUTAGES.values(),
    *postgres_outages._WHILE_CONNECTING.values(),
    postgres_outages._TLS,
    postgres_outages._NOT_LISTED,
}


@pytest.mark.parametrize("remedy", sorted(REMEDIES))
def test_each_remedy_is_explained(remedy: str) -> None:
    parts = re.split(r"[;:,]", remedy)

    assert any(part.strip() in PAGE for part in parts), f"docs/troubleshooting.md does not explain “{remedy}”"


@pytest.mark.parametrize("words", ["did not answer in time", "is too old", "check DATABASE_URL", "name the primary"])
def test_so_are_the_other_lines_about_a_server(words: str) -> None:
    assert words in PAGE


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("postgresql://encore:invented@db.example:5432/encore", "db.example:5432"),
        ("postgresql://encore:invented@a:1,b:2/encore", "a:1,b:2"),
        ("postgresql://db/encore", "db"),
        ("postgresql://encore:invented@/encore?host=/run/postgresql&port=5433", "/run/postgresql"),
        ("postgresql://encore:invented@/encore?host=%2Frun%2Fpg", "/run/pg"),
        ("postgresql://encore:invented@%2Frun%2Fpg/encore", "/run/pg"),
        ("postgresql:///encore", ""),
    ],
)
def test_a_server_is_named_without_user_and_password(url: str, server: str) -> None:
    assert server_in(url) == server
