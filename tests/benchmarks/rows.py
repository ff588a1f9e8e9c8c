"""One measurement with its reference, and the table of all of them."""

from dataclasses import dataclass

HEAD = ("what", "measured", "reference", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound on the ratio, or on the measurement itself if the goal is a time."""

    at_least_ratio: float | None = None
    at_most_ratio: float | None = None
    below: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`measured` and `reference` are in `unit` and from one run; `beside` says what the reference is."""

    what: str
    measured: float
    reference: float
    unit: str
    beside: str
    goal: Goal | None = None

    @property
    def ratio(self) -> float:
        return self.measured / self.reference

    @property
    def is_met(self) -> bool | None:
        """None if there is no goal."""
        goal = self.goal
        if goal is None:
            return None
        return (
            (goal.at_least_ratio is None or self.ratio >= goal.at_least_ratio)
            and (goal.at_most_ratio is None or self.ratio <= goal.at_most_ratio)
            and (goal.below is None or self.measured < goal.below)
        )


def table(rows: list[Row]) -> str:
    """The rows as lines with aligned columns."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def percentile(amounts: list[float], percent: int) -> float:
    """The smallest of `amounts` that at least this percentage do not exceed."""
    at = -(-len(amounts) * percent // 100) - 1
    return sorted(amounts)[max(0, at)]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        _amount(row.measured, row.unit),
        f"{_amount(row.reference, row.unit)}, {row.beside}",
        f"{row.ratio:.2f}",
        _bound(row),
        {None: "-", True: "met", False: "NOT met"}[row.is_met],
    )


def _bound(row: Row) -> str:
    goal = row.goal
    if goal is None:
        return "-"
    words = []
    if goal.at_least_ratio is not None:
        words.append(f"ratio >= {goal.at_least_ratio:g}")
    if goal.at_most_ratio is not None:
        words.append(f"ratio <= {goal.at_most_ratio:g}")
    if goal.below is not None:
        words.append(f"< {goal.below:g} {row.unit}")
    return ", ".join(words)


def _amount(amount: float, unit: str) -> str:
    digits = 0 if amount >= 100 else 1
    return f"{amount:,.{digits}f} {unit}"
