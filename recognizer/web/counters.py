"""Counters: what the service did, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as MEDIA

__all__ = ["MEDIA", "Counters"]

# When a counter began tells nobody anything here, and doubles the lines; the function has no types.
disable_created_metrics()  # type: ignore[no-untyped-call]

# name -> what it counts, the names of its labels
_COUNTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "znachki_requests_total": ("Requests answered, by method, route and status.", ("method", "route", "status")),
    "znachki_pins_total": ("Pins answered, by verdict.", ("verdict",)),
    "znachki_refused_total": ("Requests refused before they were worked on, by reason.", ("reason",)),
    "znachki_index_loads_total": ("How often an index was taken into use.", ()),
}
# name -> what it measures, the names of its labels, the upper bounds of its classes
_TIMES: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[float, ...]]]] = {
    "znachki_request_seconds": (
        *("Seconds from a request to its whole answer, by route.", ("route",)),
        (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    ),
    "znachki_identify_seconds": (
        *("Seconds that a photo waited for and took to be identified.", ()),
        (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
    ),
    "znachki_batch_pins": ("Pins that were asked together.", (), (1, 2, 4, 8, 16)),
}
_NOW: Final[Mapping[str, str]] = {
    "znachki_waiting_photos": "Photos that wait for their turn.",
    "znachki_index_photos": "Photos in the index in use.",
    "znachki_index_generation": "Generation of the index in use.",
    "znachki_ready": "1 once photos are answered.",
    "znachki_resident_bytes": "Memory of the process.",
}


class Counters:
    """All counters of one service; may be used from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counts = {
            name: Counter(name, what, labels, registry=self._registry) for name, (what, labels) in _COUNTS.items()
        }
        self._times = {
            name: Histogram(name, what, labels, buckets=bounds, registry=self._registry)
            for name, (what, labels, bounds) in _TIMES.items()
        }
        self._now = {name: Gauge(name, what, registry=self._registry) for name, what in _NOW.items()}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        counter = self._counts[name]
        (counter.labels(**labels) if labels else counter).inc(by)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        histogram = self._times[name]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def text(self, gauges: Mapping[str, float]) -> bytes:
        """Write everything down, with values that are of this moment."""
        for name, value in gauges.items():
            self._now[name].set(value)
        return generate_latest(self._registry)
