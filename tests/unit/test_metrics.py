"""The metrics keep to Prometheus' conventions, and the page, the dashboard and the alerts only name what exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import errors
from bot.domain.gates import Gate
from bot.domain.rules import RULES
from bot.metrics.definitions import METRICS, REFUSALS, SOURCE_RULES, Kind, Metric

ROOT = Path(__file__).parents[2]
SCRAPED = frozenset({"job", "instance"})
"""Labels that Prometheus adds."""
OTHERS = {"up": SCRAPED, "process_resident_memory_bytes": SCRAPED, "process_cpu_seconds_total": SCRAPED}

SERIES: dict[str, Metric] = {name: metric for metric in METRICS for name in metric.series}
SELECTOR = re.compile(r"\b(?P<name>(?:encore|process)_\w+|up)\b(?:\{(?P<matchers>[^}]*)\})?")
MATCHER = re.compile(r'(?P<label>\w+)\s*(?P<how>=~|!~|!=|=)\s*"(?P<value>[^"]*)"')
GROUPING = re.compile(r"\bby \(([^)]*)\)")


def labels_of(name: str) -> frozenset[str]:
    if name in OTHERS:
        return OTHERS[name]
    return frozenset(SERIES[name].labels) | SCRAPED | (frozenset({"le"}) if name.endswith("_bucket") else frozenset())


def faults(expression: str) -> Iterator[str]:
    """What a PromQL expression names that does not exist."""
    groups = [label.strip() for found in GROUPING.findall(expression) for label in found.split(",")]
    named = list(SELECTOR.finditer(expression))
    if not named:
        yield "no metric"
    for found in named:
        name = found["name"]
        if name not in SERIES and name not in OTHERS:
            yield f"metric {name}"
            continue
        labels = labels_of(name)
        yield from (f"label {label} of {name}" for label in groups if label not in labels)
        for matcher in MATCHER.finditer(found["matchers"] or ""):
            if matcher["label"] not in labels:
                yield f"label {matcher['label']} of {name}"
            elif name in SERIES:
                values = SERIES[name].labels.get(matcher["label"], ())
                wanted = matcher["value"].split("|") if "~" in matcher["how"] else [matcher["value"]]
                yield from (f"value {value} of {name}" for value in wanted if values and value not in values)


ALERTS = (ROOT / "ops/prometheus/alerts.yml").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "ops/grafana/encore.json").read_text(encoding="utf-8"))


def alerts() -> dict[str, dict[str, str]]:
    """Each alert's lines, by the name of the alert."""
    found: dict[str, dict[str, str]] = {}
    for block in re.split(r"^ *- alert: ", ALERTS, flags=re.MULTILINE)[1:]:
        name, *lines = block.splitlines()
        found[name] = dict(re.findall(r"^ +(\w+): (.+)$", "\n".join(lines), re.MULTILINE))
    return found


def targets() -> list[tuple[str, str]]:
    return [(panel["title"], each["expr"]) for panel in DASHBOARD["panels"] for each in panel.get("targets", [])]


@pytest.mark.parametrize("name", alerts())
def test_an_alert_names_only_metrics_and_labels_that_exist(name: str) -> None:
    alert = alerts()[name]

    assert list(faults(alert["expr"])) == []
    assert {"expr", "for", "severity", "summary", "description"} <= alert.keys()
    kept = set(re.findall(r"\w+", " ".join(GROUPING.findall(alert["expr"])))) or set(
        labels_of(next(SELECTOR.finditer(alert["expr"]))["name"])
    )
    assert set(re.findall(r"\$labels\.(\w+)", alert["summary"] + alert["description"])) <= kept


@pytest.mark.parametrize(("title", "expression"), targets())
def test_a_panel_names_only_metrics_and_labels_that_exist(title: str, expression: str) -> None:
    assert list(faults(expression.replace('=~"$job"', '=~".*"'))) == [], title


def test_gauges_from_the_database_are_never_added_up_over_processes() -> None:
    expressions = [*(alert["expr"] for alert in alerts().values()), *(expression for _, expression in targets())]
    shared = "|".join(metric.name for metric in METRICS if metric.is_shared)

    assert [each for each in expressions if re.search(rf"\b(sum|avg)\b[^(]*(by [^)]*\) )?\((?:{shared})\b", each)] == []


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    everything = ALERTS + json.dumps(DASHBOARD)

    assert [metric.name for metric in METRICS if metric.name not in everything] == []


@pytest.mark.parametrize(
    "expression",
    [
        "encore_job > 1",
        'encore_jobs{status="running"} > 1',
        'encore_jobs{state="started"} > 1',
        "sum by (guild) (rate(encore_posts_total[5m])) > 1",
        "rate(encore_acknowledge_seconds[5m]) > 1",
        'up{le="1"} == 0',
        "1 > 0",
    ],
)
def test_a_mistake_in_an_expression_is_noticed(expression: str) -> None:
    assert list(faults(expression))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_and_help_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"encore(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert metric.name.endswith("_seconds") or metric.kind is not Kind.HISTOGRAM
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert re.fullmatch(r"[A-Z0-9][^\n|]*\.", metric.help)


def test_no_metric_has_more_than_a_few_hundred_series() -> None:
    for metric in METRICS:
        series = 1
        for values in metric.labels.values():
            series *= len(values) or 20
        assert series <= 400, metric.name


def test_every_rule_that_refuses_a_command_has_its_series() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.BadSource)]
    names = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower() for kind in kinds}

    assert names - {"bad_source"} == set(SOURCE_RULES)
    assert {*Gate, *(rule.name for rule in RULES)} <= set(REFUSALS)
    assert len(REFUSALS) == len(set(REFUSALS))
    written = {
        name
        for folder in ("bot", "cogs")
        for path in (ROOT / folder).rglob("*.py")
        for found in re.findall(r"rules=\[([^\]]*)\]", path.read_text(encoding="utf-8"))
        for name in re.findall(r'"(\w+)"', found)
    }
    assert written <= set(REFUSALS)


def test_the_page_of_the_docs_lists_exactly_the_metrics_that_exist() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| `(encore_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)

    described = [
        (metric.name, metric.kind.value, ", ".join(f"`{label}`" for label in metric.labels) or "-", metric.help)
        for metric in sorted(METRICS, key=lambda metric: not metric.is_shared)
    ]
    assert rows == described
