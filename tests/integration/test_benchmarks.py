"""How the benchmarks present their numbers; nothing is measured here."""

import re
from dataclasses import replace

import pytest

from tests.benchmarks.rows import Goal, Row, percentile, table

ROW = Row(what="start", measured=1200.0, reference=1000.0, unit="ms", beside="a bare client")


@pytest.mark.parametrize(
    ("goal", "is_met"),
    [
        (None, None),
        (Goal(at_most_ratio=1.2), True),
        (Goal(at_most_ratio=1.19), False),
        (Goal(at_least_ratio=1.2), True),
        (Goal(at_least_ratio=1.21), False),
        (Goal(below=1200.5), True),
        (Goal(below=1200), False),
    ],
)
def test_a_goal_binds_the_ratio_or_what_was_measured(goal: Goal | None, is_met: bool | None) -> None:
    assert replace(ROW, goal=goal).is_met is is_met


def test_the_table_has_a_line_per_row_with_its_reference_and_verdict() -> None:
    rows = [replace(ROW, goal=Goal(at_most_ratio=1.1)), replace(ROW, what="memory", measured=58.76, unit="MB")]

    lines = table(rows).splitlines()

    assert lines[0].split() == ["what", "measured", "reference", "ratio", "goal", "met"]
    assert re.split(r" {2,}", lines[1]) == [
        *("start", "1,200 ms", "1,000 ms, a bare client", "1.20", "ratio <= 1.1", "NOT met")
    ]
    assert "58.8 MB" in lines[2]
    assert lines[2].endswith("-")


@pytest.mark.parametrize(("percent", "expected"), [(1, 1.0), (50, 2.0), (95, 4.0), (100, 4.0)])
def test_a_percentile_is_one_of_the_amounts(percent: int, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == expected
