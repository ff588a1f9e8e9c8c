"""The tables of docs/capacity.md are what its script computes."""

import runpy

from tests.support.process import ROOT

SCRIPT = ROOT / "tools" / "capacity.py"


def test_the_page_shows_what_the_script_computes() -> None:
    page = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
    tables = runpy.run_path(str(SCRIPT))["tables"]()

    assert [table for table in tables if table not in page] == [], "python tools/capacity.py --write"
    assert len(tables) == 2


def test_the_smallest_limit_is_the_first_bottleneck() -> None:
    script = runpy.run_path(str(SCRIPT))
    slow = script["Figures"](sqlite_cpu_ms=10_000)
    *_, one_machine = list(script["rows"](slow, script["Limits"](), script["Assumptions"]()))[:2]

    assert one_machine[-2:] == ["CPU", "the provider's rate"]
