"""No bell rings inside a transaction: the worker would look before there is anything to see (decision 23)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RINGING = {"ring", "job_changed", "all_due"}
MODULES = sorted((ROOT / "bot" / "services").rglob("*.py"))


def rings_inside(source: str) -> list[int]:
    """The lines that ring within an `async with … .transaction()`."""
    return [
        node.lineno
        for block in ast.walk(ast.parse(source))
        if isinstance(block, ast.AsyncWith) and any(_is_transaction(item.context_expr) for item in block.items)
        for node in _calls(block.body)
        if isinstance(node.func, ast.Attribute) and node.func.attr in RINGING
    ]


def _is_transaction(context: ast.expr) -> bool:
    return (
        isinstance(context, ast.Call) and isinstance(context.func, ast.Attribute) and context.func.attr == "transaction"
    )


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    for statement in body:
        yield from (node for node in ast.walk(statement) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_bells_ring_after_the_commit(path: Path) -> None:
    assert rings_inside(path.read_text(encoding="utf-8")) == []


def test_a_ring_inside_a_transaction_is_noticed() -> None:
    source = """
async def act(self):
    async with self._storage.transaction() as work:
        if await work.jobs.get(1):
            self._bells.job_changed(job)
    self._bells.submit.ring()
"""
    assert rings_inside(source) == [5]
