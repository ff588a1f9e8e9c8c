from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database import AnotherProgram, another_program


@pytest.fixture
def other(tmp_path: Path) -> Iterator[AnotherProgram]:
    """Another program on the same database as the pipeline."""
    with another_program(tmp_path / "encore.db") as program:
        yield program
