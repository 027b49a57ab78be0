"""Sizes: what museums and collectors write of a pin's measures, as millimetres."""

from __future__ import annotations

import re
from typing import Final

_MILLIMETRES: Final = {"мм": 1.0, "mm": 1.0, "см": 10.0, "cm": 10.0, "in": 25.4, '"': 25.4, "″": 25.4}
_NUMBER: Final = r"(\d+/\d+|\d+(?:[.,]\d+)?(?:\s+\d+/\d+)?)\s*(мм|mm|см|cm|in\b|[\"″])?\.?"
_TIMES: Final = r"\s*(?:[xх×*]|by|на)\s*"
_MEASURE: Final = re.compile(
    rf"(?<![\d.,/]){_NUMBER}(?:{_TIMES}{_NUMBER})?(?:{_TIMES}{_NUMBER})?(?![\d-])", re.IGNORECASE
)

LARGEST_MM: Final = 500.0
"""No pin is larger: a measure above it was read wrongly, or is not of the pin."""

LARGEST_CM: Final = 15.0
"""Up to here a number without a unit is taken for centimetres, which museums write; above, for millimetres."""


def parse_millimetres(text: str) -> str:
    """Read a size such as "2,5х1,8 см", "Диаметр: 30 мм" or "overall: 1 in x 3/4 in" as millimetres: "25 x 18", "30".

    Of several sizes the first in metric units counts, else the first without any, else the first in inches; two single
    measures, height and width, make one size. Raises ValueError where no size is read or one is over LARGEST_MM.
    """
    groups = [_millimetres(match) for match in _MEASURE.finditer(text)]
    if not groups:
        raise ValueError(f"no size in {text!r}")
    best = min(rank for _, rank in groups)
    alike = [sizes for sizes, rank in groups if rank == best]
    sizes = alike[0]
    if len(sizes) == 1 and len(alike) > 1 and len(alike[1]) == 1:
        sizes = sizes + alike[1]
    if not all(0 < size <= LARGEST_MM for size in sizes):
        raise ValueError(f"size {text!r} is not that of a pin")
    return " x ".join(f"{round(size, 1):g}" for size in sizes)


def _millimetres(match: re.Match[str]) -> tuple[list[float], int]:
    """The measures of one group in millimetres, and 0 where they have a metric unit, 1 where none, 2 where inches."""
    parts = [(match[i], (match[i + 1] or "").lower()) for i in (1, 3, 5) if match[i]]
    numbers = [_value(number) for number, _ in parts]
    units = [unit for _, unit in parts]
    last = next((unit for unit in reversed(units) if unit), "")
    assumed = 10.0 if max(numbers) <= LARGEST_CM else 1.0
    factors = [_MILLIMETRES.get(unit or last, assumed) for unit in units]
    sizes = [number * factor for number, factor in zip(numbers, factors, strict=True)]
    return sizes, 2 if last in ("in", '"', "″") else 0 if last else 1


def _value(number: str) -> float:
    """A number that may be a fraction, "31/32" or "1 1/4"."""
    value = 0.0
    for part in number.replace(",", ".").split():
        above, stroke, below = part.partition("/")
        value += float(above) / (float(below) or 1.0) if stroke else float(part)
    return value
