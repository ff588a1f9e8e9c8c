"""The metrics of this process, as prometheus-client keeps them."""

import math
import os
from collections.abc import Callable
from typing import cast

import prometheus_client as prometheus

from bot.metrics.definitions import METRICS, Kind, Metric

# A series more for each counter, which nobody asks for.
cast("Callable[[], None]", prometheus.disable_created_metrics)()

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Meters:
    """Each by its full name; labels come in the order of their definition."""

    def __init__(self) -> None:
        self._registry = prometheus.CollectorRegistry()
        # Memory, CPU and files of this process.
        prometheus.ProcessCollector(pid=os.getpid, registry=self._registry)
        self._counters: dict[str, prometheus.Counter] = {}
        self._gauges: dict[str, prometheus.Gauge] = {}
        self._histograms: dict[str, prometheus.Histogram] = {}
        for metric in METRICS:
            self._add(metric)

    def _add(self, metric: Metric) -> None:
        labels, registry = tuple(metric.labels), self._registry
        if metric.kind is Kind.COUNTER:
            self._counters[metric.name] = prometheus.Counter(metric.name, metric.help, labels, registry=registry)
        elif metric.kind is Kind.GAUGE:
            self._gauges[metric.name] = prometheus.Gauge(metric.name, metric.help, labels, registry=registry)
        else:
            self._histograms[metric.name] = prometheus.Histogram(
                metric.name, metric.help, labels, registry=registry, buckets=metric.buckets
            )

    def count(self, name: str, *labels: str) -> None:
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc()

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(seconds)

    def set(self, name: str, value: float, *labels: str) -> None:
        gauge = self._gauges[name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def forget(self, metric: Metric) -> None:
        """The gauge's value is not known."""
        gauge = self._gauges[metric.name]
        if metric.labels:
            gauge.clear()
        else:
            gauge.set(math.nan)

    def page(self) -> bytes:
        """Everything in Prometheus' text format."""
        return bytes(prometheus.generate_latest(self._registry))
