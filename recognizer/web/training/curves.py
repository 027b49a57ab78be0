"""Curves: what a run of training has learned so far, as lines to draw."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recognizer.locales.words import phrase

WIDTH: Final = 600.0
HEIGHT: Final = 200.0
"""Size of a drawing, in units of an SVG's viewBox."""

LINES: Final = {"loss": phrase("loss"), "recall": phrase("recall on held-out pins")}
"""The columns of a curve that are drawn, and what they are called."""

STAGES: Final = {"pictures": phrase("Pictures"), "": phrase("Words")}
"""The parts of a run in their order, by the folder that each has in the run's own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its column and name, the points of an SVG polyline, and its least, greatest and last value."""

    column: str
    name: str
    points: str
    least: float
    greatest: float
    last: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The curve of one part of a run: its name, its last step, its lines, and all rows as (step, loss, recall)."""

    name: str
    step: int
    lines: tuple[Line, ...]
    rows: tuple[tuple[int, float, float], ...]


def curves(run: Path, steps: int) -> list[Curve]:
    """Read the curves of a run of so many steps, in the order in which they were begun."""
    found = []
    for folder, name in STAGES.items():
        rows = _rows(run / folder / "curve.csv")
        if rows:
            found.append(Curve(name, rows[-1][0], tuple(_line(rows, column, steps) for column in LINES), tuple(rows)))
    return found


def _rows(path: Path) -> list[tuple[int, float, float]]:
    """The rows of a curve; one that is being written does not count yet."""
    found = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                try:
                    found.append((int(row["step"]), float(row["loss"]), float(row["recall"])))
                except (KeyError, TypeError, ValueError):
                    continue
    except OSError:
        return []
    return found


def _line(rows: list[tuple[int, float, float]], column: str, steps: int) -> Line:
    values = [row[1 + list(LINES).index(column)] for row in rows]
    least, greatest = min(values), max(values)
    if column == "recall":
        least, greatest = 0.0, 1.0
    span = greatest - least or 1.0
    end = max(steps, rows[-1][0], 1)
    points = " ".join(
        f"{row[0] / end * WIDTH:.1f},{HEIGHT - (value - least) / span * HEIGHT:.1f}"
        for row, value in zip(rows, values, strict=True)
    )
    return Line(column, LINES[column], points, least, greatest, values[-1])
