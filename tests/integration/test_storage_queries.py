"""No query gets slower because the bot has run for years. Finds and plans every SQL statement in `storage`."""

import ast
import importlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeGuard

import pytest

import storage
from storage.migrate import REMEMBER_MIGRATIONS, known_migrations

pytestmark = pytest.mark.sqlite

FOLDER = Path(storage.__file__).parent
VERBS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "REPLACE ")

STAYS_SMALL = {
    "queue": "one row",
    "memo": "one row for each name",
    "callback_body": "one row for each callback that is still to be applied or was set aside",
    "migration": "one row for each file in storage/migrations",
    "shard": "one row for each shard",
    "gateway_process": "one row for each process that is alive",
}
HOLDS_ONLY_WORK_LEFT = {
    "intake_in_turn": "commands that wait",
    "job_queue": "jobs that wait",
    "job_waiting": "jobs that wait",
    "job_live": "jobs that have not ended",
    "job_due": "jobs with work to do",
    "job_set_aside": "jobs that cannot be read, a handful",
    "progress_due": "progress messages that are behind",
    "complaint_untold": "complaints of which the operator has not been told",
}
MAY_READ_ON = {
    "inbox.NEWEST_ID": "the greatest key is one step from the end of its index",
    "inbox.TAKE_IDS": "a table of one row",
    "jobs.LATEST_DURATIONS": "reads job_finished from its end, as far as its LIMIT",
    "jobs.AHEAD": "reads job_queue from its beginning, as far as its LIMIT",
    "library.PUBLIC": "reads job_public from its end, as far as its LIMIT",
    "library.PUBLIC_IN": "as library.PUBLIC",
    "progress.HASTEN": "only when the clock was set back",
    "held_back.HOLD_BACK": "only when an operator restores a backup, while the bot is stopped",
    "held_back.SHOW_HOLD": "as held_back.HOLD_BACK",
    "held_back.OFFER_AGAIN": "as held_back.HOLD_BACK",
    "held_back.DO_NOT_POST_AGAIN": "as held_back.HOLD_BACK",
}
"""Queries that look expensive in their plan, each with the reason why it is cheap."""


def is_sql(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and (" ".join(value.split()) + " ").startswith(VERBS)


def constants_in(tree: ast.Module) -> dict[str, ast.expr]:
    """The module-level assignments."""
    return {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def hidden_in(source: str) -> list[str]:
    """SQL statements outside the module's constants, where nobody would find them."""
    tree = ast.parse(source)
    open_to_all = {id(inner) for value in constants_in(tree).values() for inner in ast.walk(value)}
    return [
        str(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and is_sql(node.value) and id(node) not in open_to_all
    ]


def queries_of(module: str, source: str) -> Iterator[tuple[str, str]]:
    """Each SQL statement in the module's constants, alone or among others, with a name for it.

    A name that starts with an underscore holds part of other statements.
    """
    values = vars(importlib.import_module(f"storage.{module}"))
    for name in constants_in(ast.parse(source)):
        value = None if name.startswith("_") else values[name]
        if is_sql(value):
            yield f"{module}.{name}", value
        elif isinstance(value, tuple | list):
            yield from ((f"{module}.{name}[{at}]", each) for at, each in enumerate(value) if is_sql(each))


SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
QUERIES = dict(query for module, source in SOURCES.items() for query in queries_of(module, source))


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    """A database with today's schema."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(REMEMBER_MIGRATIONS)
        for migration in known_migrations():
            connection.executescript(migration.sql)
        yield connection


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    parameters = dict.fromkeys(re.findall(r"\$(\d+)", sql), 1)
    # SQLite before 3.36 writes "SCAN TABLE job".
    return [str(row[3]).replace(" TABLE ", " ") for row in connection.execute("EXPLAIN QUERY PLAN " + sql, parameters)]


def reads_on(step: str) -> bool:
    """Whether a step of a plan reads rows that keep piling up."""
    words = step.split()
    if "AUTOMATIC" in words:
        return True  # SQLite would read the whole table to build an index for this one query
    if words[0] != "SCAN" or "CONSTANT" in words or words[1] == "given":
        return False  # the rows that a statement brings along
    return words[1] not in STAYS_SMALL and words[-1] not in HOLDS_ONLY_WORK_LEFT


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_reads_no_more_as_the_years_go_by(database: sqlite3.Connection, name: str) -> None:
    steps = plan(database, QUERIES[name])

    assert name in MAY_READ_ON or not any(map(reads_on, steps)), steps


def test_every_statement_is_a_constant_that_this_test_finds() -> None:
    assert {module: sql for module, source in SOURCES.items() if (sql := hidden_in(source))} == {}
    assert len(QUERIES) > 40
    asking = {module for module, source in SOURCES.items() if "_connection.fetch_" in source}
    assert asking <= {name.partition(".")[0] for name in QUERIES}


def test_every_exception_is_a_query() -> None:
    assert [name for name in MAY_READ_ON if name not in QUERIES] == []


def test_every_named_table_and_index_exists(database: sqlite3.Connection) -> None:
    there = {str(row[0]) for row in database.execute("SELECT name FROM sqlite_schema")}

    assert {*STAYS_SMALL, *HOLDS_ONLY_WORK_LEFT} - there == set()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM job WHERE locale = $1",
        "SELECT count(*) FROM callback",
        "UPDATE job SET due_ms = $1",
        "SELECT * FROM job AS other WHERE other.locale = $1",
        "SELECT * FROM track WHERE search_words LIKE $1",
        "DELETE FROM intake WHERE payload IS NULL",
    ],
)
def test_a_query_over_everything_is_noticed(database: sqlite3.Connection, sql: str) -> None:
    assert any(map(reads_on, plan(database, sql)))


def test_a_statement_that_is_no_constant_is_noticed() -> None:
    source = 'GET = f"SELECT {1}", "SELECT 2"\nasync def get(c): await c.fetch_one("""\n  UPDATE job SET state = 1""")'

    assert hidden_in(source) == ["\n  UPDATE job SET state = 1"]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("jobs.CLAIM_TURN", "job_queue"),
        ("jobs.CLAIM_DUE", "job_due"),
        ("jobs.NEXT_DUE", "job_due"),
        ("jobs.LIVE", "job_live"),
        ("jobs.OLDEST_WAITING", "job_waiting"),
        ("jobs.OF_MEMBER", "job_of_member"),
        ("jobs.BY_PREFIX", "job_id_of_member"),
        ("jobs.CANCELLABLE", "job_waiting_of_member"),
        ("jobs.LAST_TURN", "job_turn_of_member"),
        ("tracks.OF_MEMBER", "job_delivered_to_member"),
        ("tracks.ONE_OF_MEMBER", "track_by_id"),
        ("library.OLDER", "job_delivered_to_member"),
        ("library.NEWER", "job_delivered_to_member"),
        ("library.PUBLIC", "job_public"),
        ("songs.OF_SONG", "job_song"),
        ("votes.OF_SONG", "job_song"),
        ("ledger.HOLD", "quota_unit_of_member"),
        ("inbox.COUNT_SET_ASIDE", "callback_set_aside"),
    ],
)
def test_each_list_has_its_index(database: sqlite3.Connection, name: str, index: str) -> None:
    steps = plan(database, QUERIES[name])

    assert any(index in step.split() for step in steps), steps
