"""No bell rings inside a transaction: the worker would look before there is anything to see (decision 23)."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[2]
RINGING = {"ring", "job_changed", "all_due"}
MODULES = sorted((ROOT / "bot" / "services").rglob("*.py"))


def rings_inside(source: str) -> list[int]:
    """The lines that ring within a piece: a function of some `work`, or a method that it calls on its own object."""
    tree = ast.parse(source)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    pieces: list[ast.AST] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and _takes_work(node.args)
    ]
    for piece in pieces:  # grows meanwhile
        called = {call.func.attr for call in _calls(piece) if _is_own_method(call.func)}
        pieces += [functions[name] for name in called & functions.keys() if functions[name] not in pieces]
    return sorted(
        {
            call.lineno
            for piece in pieces
            for call in _calls(piece)
            if isinstance(call.func, ast.Attribute) and call.func.attr in RINGING
        }
    )


def _takes_work(arguments: ast.arguments) -> bool:
    return any(argument.arg in {"work", "memos"} for argument in arguments.args)


def _is_own_method(function: ast.expr) -> TypeGuard[ast.Attribute]:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(node) if isinstance(each, ast.Call))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_bells_ring_after_the_commit(path: Path) -> None:
    assert rings_inside(path.read_text(encoding="utf-8")) == []


def test_a_ring_inside_a_transaction_is_noticed() -> None:
    source = """
async def act(self):
    async def changed(work):
        if await work.jobs.get(1):
            self._bells.job_changed(job)
        self._note()

    await self._storage.write(changed)
    self._bells.submit.ring()

def _note(self):
    self._bells.all_due()
"""
    assert rings_inside(source) == [5, 12]
