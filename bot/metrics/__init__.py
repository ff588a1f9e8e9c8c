"""Metrics for Prometheus, imported only with METRICS_ADDR."""
