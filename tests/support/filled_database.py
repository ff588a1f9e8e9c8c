"""An SQLite database with rows in every table, also of kinds that seldom occur, and the rows of any database."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.storage import open_storage
from tests.support.database import rows
from tests.support.process import ROOT

FIRST_RELEASE = ROOT / "tests/fixtures/databases/0001.sql"
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'migration'"

MORE = """
INSERT INTO memo (name, value) VALUES ('announced', 'a1b2'), ('empty', ''), ('quoted', 'it''s \\ $1 ? %s');
INSERT INTO discord_budget (name, state, used_ms) VALUES ('channel 300', 'a-1 1795348800.123 {}', 1795348800123);
INSERT INTO shard (number, owner, until_ms, successor, successor_until_ms) VALUES (0, 'gateway a', 1, NULL, NULL);
INSERT INTO gateway_process (name, until_ms) VALUES ('gateway a', 1795348800123);
INSERT INTO identify_turn (bucket, next_ms) VALUES (0, 1795348800123);
INSERT INTO spending (day, guild_id, submissions) VALUES ('2026-11-24', 0, 7), ('2026-11-24', 200, 1);
INSERT INTO quota_sum (month, guild_id, member_id, outcome, units) VALUES
    ('2026-10', 0, 1000, 'spent', 3),
    ('2026-10', 0, 1000, 'returned', 9223372036854775807),
    ('2026-10', 0, 999, 'spent', -9223372036854775808);
INSERT INTO intake (interaction_id, payload, due_ms) VALUES (5, NULL, NULL), (6, '{"words":"öde 🌊"}', 1);
INSERT INTO sending (job_id, member_id, claimed_by, until_ms) VALUES ('00000000000000000000000000000002', 1000, 'x', 1);
INSERT INTO vote (message_id, member_id, job_id, take, at_ms) VALUES (9, 8, '00000000000000000000000000000002', 2, 1);
INSERT INTO vote_message (message_id, job_id, channel_id, version) VALUES (9, '00000000000000000000000000000002', 7, 1);
INSERT INTO click (message_id, member_id, action, interaction_id, at_ms) VALUES (9, 8, 'vote 2', 7, 1);
INSERT INTO complaint (message_id, member_id, job_id, channel_id, at_ms)
VALUES (9, 8, '00000000000000000000000000000002', 7, 1);
INSERT INTO whole_song (interaction_id, job_id, member_id, message_id, payload, due_ms)
VALUES (6, '00000000000000000000000000000002', 8, 9, '{"words":"öde 🌊"}', 1);
INSERT INTO draft (id, member_id, payload, problems, made_ms) VALUES ('r6', 1000, '{"words":"öde 🌊"}', '[]', 1);
INSERT INTO lyrics_order (id, state, member_id, payload, made_ms) VALUES ('7', 'offered', 1000, '{"idea":"öde 🌊"}', 1);
INSERT INTO lyrics_order (id, state, member_id, day, callback_token, task_id, payload, due_ms, claimed_by, made_ms)
VALUES ('8', 'running', 1000, '2026-11-24', 'invented-token', 'task-8', '{"idea":"x"}', 1795348800123, 'lyrics a', 2);
UPDATE spending SET lyrics = 3 WHERE guild_id = 200;
INSERT INTO timed_lyrics (job_id, track_id, member_id, day, asked_ms, lines)
VALUES ('00000000000000000000000000000002', 'track-1', 8, '2026-11-24', 1, '[{"begins_at":0.5,"text":"öde 🌊"}]');
INSERT INTO preset (member_id, name_folded, name, options) VALUES (1000, 'öde', 'Öde', '{"style":"öde 🌊"}');
INSERT INTO relay (id, guild_id, channel_id, starter_id, payload, started_ms, touched_ms)
VALUES ('r1', 200, 300, 1000, '{"words":"öde 🌊"}', 1, 2);
INSERT INTO relay_turn (relay_id, number, member_id, until_ms, job_id) VALUES ('r1', 1, 1000, 5, NULL);
UPDATE job SET continue_at = 0.1 + 0.2, source_name = 'Ёлка 海 🎄', attempts = 2147483648
 WHERE id = '00000000000000000000000000000002';
UPDATE track SET length_seconds = 1e308 WHERE position = 0;
UPDATE track SET length_seconds = NULL WHERE position = 1;
"""


async def fill(path: Path) -> None:
    """What the first release wrote, brought up to date, and more."""
    change(path, FIRST_RELEASE.read_text(encoding="utf-8"))
    async with open_storage(path):
        pass
    change(path, MORE)


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(script)


def rows_in_file(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of each table but `migration`, sorted, with the values of their columns in the order of the names."""
    with closing(sqlite3.connect(path)) as file:
        return {name: sorted(map(by_name, table(file, name)), key=repr) for (name,) in file.execute(TABLES)}


def table(file: sqlite3.Connection, name: str) -> list[dict[str, Any]]:
    cursor = file.execute(f"SELECT * FROM {name}")  # noqa: S608  # our own names
    columns = [str(column[0]) for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


def by_name(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for _, value in sorted(row.items()))


async def rows_on_server(path: Path, names: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """As `rows_in_file`, in the PostgreSQL database that `path` stands for."""
    columns: dict[str, list[str]] = {}
    for name, column in await rows(path, COLUMNS):
        columns.setdefault(name, []).append(column)
    return {name: sorted(await rows(path, select(name, columns[name])), key=repr) for name in names}


def select(name: str, columns: list[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {name}"  # noqa: S608  # our own names


COLUMNS = """
SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'
 ORDER BY table_name::text, column_name::text
"""
