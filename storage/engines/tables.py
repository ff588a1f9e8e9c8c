"""Encore's tables, as the migrations make them, and the SQL that copies any of them. For moving a database."""

from collections.abc import AsyncIterator, Sequence
from graphlib import TopologicalSorter

import msgspec

from storage.engines.base import Connection, Row, Value

BATCH_ROWS = 1000
"""A callback's body takes up to 64 KiB, so a batch takes up to 64 MiB."""

COLUMNS = """
SELECT made.name AS table_name, columns.name AS name, columns.type AS type, columns.pk AS place_in_key
  FROM sqlite_master AS made JOIN pragma_table_info(made.name) AS columns
 WHERE made.type = 'table' AND made.name NOT LIKE 'sqlite%'
 ORDER BY made.name, columns.cid
"""

REFERENCES = """
SELECT made.name AS table_name, named."table" AS refers_to
  FROM sqlite_master AS made JOIN pragma_foreign_key_list(made.name) AS named
 WHERE made.type = 'table'
"""


class Table(msgspec.Struct, frozen=True):
    """`key` are the columns of the primary key. Both engines sort them in the same order, byte by byte."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def insert(self) -> str:
        values = ", ".join(f"${number}" for number in range(1, len(self.columns) + 1))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({values})"  # noqa: S608  # our own names

    @property
    def delete(self) -> str:
        return f"DELETE FROM {self.name}"  # noqa: S608  # our own names

    def page(self, after: Sequence[Value]) -> str:
        key = ", ".join(self.key)
        values = ", ".join(f"${number}" for number in range(1, len(after) + 1))
        where = f"WHERE ({key}) > ({values}) " if after else ""
        return f"SELECT {', '.join(self.columns)} FROM {self.name} {where}ORDER BY {key} LIMIT {BATCH_ROWS}"  # noqa: S608  # our own names


async def tables_in(sqlite: Connection) -> tuple[Table, ...]:
    """All tables of an SQLite database, each after those that it refers to."""
    names: dict[str, list[Row]] = {}
    for row in await sqlite.fetch_all(COLUMNS):
        names.setdefault(str(row["table_name"]), []).append(row)
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(names, ()))
    for row in await sqlite.fetch_all(REFERENCES):
        order.add(str(row["table_name"]), str(row["refers_to"]))
    return tuple(_table(name, names[name]) for name in order.static_order())


def _table(name: str, columns: Sequence[Row]) -> Table:
    in_key = sorted((int(row["place_in_key"]), str(row["name"])) for row in columns if row["place_in_key"])
    return Table(
        name=name,
        columns=tuple(str(row["name"]) for row in columns),
        key=tuple(column for _, column in in_key),
        texts=tuple(str(row["name"]) for row in columns if row["type"] == "TEXT"),
    )


async def pages(table: Table, connection: Connection) -> AsyncIterator[list[tuple[Value, ...]]]:
    """All rows in the order of their key, a batch at a time; the last batch is empty."""
    after: tuple[Value, ...] = ()
    while True:
        found = await connection.fetch_all(table.page(after), *after)
        yield [tuple(row[column] for column in table.columns) for row in found]
        if not found:
            return
        after = tuple(found[-1][column] for column in table.key)
