"""The numbers of a text tower, as either runtime computes with them: how they are kept small, and the fixed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32

STEEP: Final = 4.0  # how far apart meanings are spread before the features are cut at 0
_TABLES, _SCALES = ("pieces.weight", "inmost.weight", "out.weight"), ".scales"


def signs(rows: int, columns: int) -> Float32:
    """Return (rows, columns) of 1 and -1 that are the same on every machine: bits of SplitMix64 of their numbers."""
    with np.errstate(over="ignore"):
        mixed = (np.arange(1, rows * columns + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    bits = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(63)).astype(np.float32)
    return np.asarray(2 * bits - 1, np.float32).reshape(rows, columns)


def packed(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return weights small: the large tables as int8 with a scale for each row, the rest as float16."""
    found: dict[str, NDArray[Any]] = {}
    for name, value in weights.items():
        if name in _TABLES:
            scales = np.maximum(np.abs(value).max(axis=1, keepdims=True) / 127, 1e-6)
            found |= {name: np.round(value / scales).astype(np.int8), name + _SCALES: scales.astype(np.float16)}
        else:
            found[name] = value.astype(np.float16)
    return found


def unpacked(held: Mapping[str, NDArray[Any]]) -> dict[str, Float32]:
    """Return the weights, float32, from what `packed` made of them, or from plain ones."""
    found = {name: value.astype(np.float32) for name, value in held.items() if not name.endswith(_SCALES)}
    return {name: value * held[name + _SCALES] if name + _SCALES in held else value for name, value in found.items()}
