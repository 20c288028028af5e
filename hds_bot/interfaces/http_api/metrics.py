"""Counts for Prometheus: requests, seconds, verdicts. Never a question."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = CONTENT_TYPE_LATEST
WORKERS = "PROMETHEUS_MULTIPROC_DIR"
"""Folder where several workers add up their counts."""
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Metrics:
    """One service's counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("hds_bot_requests", "Requests.", labels, registry=self._registry)
        self._seconds = Histogram(
            "hds_bot_request_seconds", "Time taken.", ("route",), registry=self._registry, buckets=_BUCKETS
        )
        self._answers = Counter(
            "hds_bot_answers", "Answers.", ("verdict", "language"), registry=self._registry
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request by its route's pattern: what a client writes never becomes a label."""
        self._requests.labels(method if method in _METHODS else "other", route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def answered(self, verdict: str, language: str) -> None:
        """Count an answer."""
        self._answers.labels(verdict, language).inc()

    def expose(self) -> bytes:
        """Give all counts as Prometheus reads them, of all workers where there are several."""
        registry = self._registry
        if WORKERS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
