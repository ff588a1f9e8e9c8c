"""Whether throw-away files go into memory."""

from pathlib import Path

import pytest

from bot.sandbox import memory
from bot.sandbox.memory import folder_in_memory


@pytest.fixture(autouse=True)
def shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(memory, "ROOM_BYTES", 0)
    return tmp_path


def test_files_go_into_memory_where_there_is_room(shared_memory: Path) -> None:
    assert folder_in_memory() == shared_memory


def test_a_small_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ROOM_BYTES", 1 << 60)

    assert folder_in_memory() is None


def test_a_machine_without_such_a_folder_is_none_the_worse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "SHARED_MEMORY", tmp_path / "missing")

    assert folder_in_memory() is None
