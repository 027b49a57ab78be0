"""Counters: what the service did, in the text format that Prometheus reads."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"

_BOUNDS: Final[Mapping[str, tuple[float, ...]]] = {
    "znachki_request_seconds": (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    "znachki_identify_seconds": (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
    "znachki_batch_pins": (1, 2, 4, 8, 16),
}
_HELP: Final[Mapping[str, str]] = {
    "znachki_requests_total": "Requests answered, by method, route and status.",
    "znachki_request_seconds": "Seconds from a request to its whole answer, by route.",
    "znachki_identify_seconds": "Seconds that a photo waited for and took to be identified.",
    "znachki_batch_pins": "Pins that were asked together.",
    "znachki_pins_total": "Pins answered, by verdict.",
    "znachki_refused_total": "Requests refused before they were worked on, by reason.",
    "znachki_index_loads_total": "How often an index was taken into use.",
    "znachki_waiting_photos": "Photos that wait for their turn.",
    "znachki_index_photos": "Photos in the index in use.",
    "znachki_index_generation": "Generation of the index in use.",
    "znachki_ready": "1 once photos are answered.",
    "znachki_resident_bytes": "Memory of the process.",
}

Labels = tuple[tuple[str, str], ...]


class Counters:
    """All counters of one service; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._times: dict[str, dict[Labels, list[float]]] = defaultdict(dict)

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name][tuple(labels.items())] += by

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        bounds = _BOUNDS[name]
        with self._lock:
            row = self._times[name].setdefault(tuple(labels.items()), [0.0] * (len(bounds) + 2))
            row[bisect_left(bounds, value)] += 1
            row[-1] += value

    def text(self, gauges: Mapping[str, float]) -> str:
        """Write everything down, with values that are of this moment."""
        with self._lock:
            return "\n".join([*self._count_lines(), *self._time_lines(), *_gauge_lines(gauges)]) + "\n"

    def _count_lines(self) -> Iterator[str]:
        for name, rows in self._counts.items():
            yield from _head(name, "counter")
            for labels, value in rows.items():
                yield f"{name}{_labels(labels)} {value:g}"

    def _time_lines(self) -> Iterator[str]:
        for name, rows in self._times.items():
            yield from _head(name, "histogram")
            for labels, row in rows.items():
                total = 0.0
                for bound, value in zip((*_BOUNDS[name], "+Inf"), row[:-1], strict=True):
                    total += value
                    yield f"{name}_bucket{_labels((*labels, ('le', str(bound))))} {total:g}"
                yield f"{name}_sum{_labels(labels)} {row[-1]:.6f}"
                yield f"{name}_count{_labels(labels)} {total:g}"


def _gauge_lines(gauges: Mapping[str, float]) -> Iterator[str]:
    for name, value in gauges.items():
        yield from _head(name, "gauge")
        yield f"{name} {value:g}" if abs(value) < 1e6 else f"{name} {value:.0f}"


def _head(name: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {_HELP[name]}"
    yield f"# TYPE {name} {kind}"


def _labels(labels: Labels) -> str:
    quoted = (f'{key}="{_escaped(value)}"' for key, value in labels)
    return "{" + ",".join(quoted) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
