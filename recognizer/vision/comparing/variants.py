"""Twins: is the aligned catalogue photo the same pin, or one that differs in plating, enamel, a word or a year?

A small network of our own looks at the crop and the catalogue photo, one laid over the other, and says for every place
how likely the two pins differ there beyond light, wear and camera, and for the whole how likely they are one pin. It is
trained on struck designs and their drawn variants (`training/twins.py`), never on photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recognizer.networks import loading, weights
from recognizer.networks.loading import Compares
from recognizer.types import Float32, Mask, UInt8Image

SHIPPED: Final = weights.SHIPPED / "twins"
SIDE: Final = 128
"""Pixels of the pair's long side, as the network was trained."""

MARGIN: Final = 0.03
"""Around the pins, as a share of their box."""


def paired(first: UInt8Image, second: UInt8Image, inside: Mask) -> Float32:
    """Return the network's input, (10, h, w) float32: both pictures, the second in the first one's light, and `inside`.

    `first` and `second` (h, w, 3) show the pins in the same place, `inside` (h, w) where both are seen. The pictures
    are -1 to 1, and 0 elsewhere. Light is taken to be a gain and an offset of each colour, by means and deviations.
    """
    cover = inside.astype(np.float32)[:, :, None]
    one, other = (picture.astype(np.float32) / 127.5 - 1 for picture in (first, second))
    matched = other
    if inside.any():
        mean, deviation = other[inside].mean(axis=0), other[inside].std(axis=0)
        gain = one[inside].std(axis=0) / (deviation + 0.02)
        matched = (other - mean) * np.clip(gain, 0.3, 3) + one[inside].mean(axis=0)
    stacked = np.concatenate([one * cover, other * cover, np.clip(matched, -2, 2) * cover, cover], axis=2)
    return np.ascontiguousarray(stacked.transpose(2, 0, 1), np.float32)


def frame(shape: tuple[int, int], pin: Float32) -> NDArray[np.float64]:
    """Return the transform (3, 3) that fits a pin's contour (n, 2), bounded by its picture (h, w), into the pair."""
    height, width = shape
    low = np.clip(pin.min(axis=0), 0, (width, height))
    high = np.clip(pin.max(axis=0), 0, (width, height))
    reach = max(float((high - low).max()) * (1 + 2 * MARGIN), 1.0)
    scale = SIDE / reach
    corner = SIDE / 2 - scale * (low + high) / 2
    return np.array([[scale, 0, corner[0]], [0, scale, corner[1]], [0, 0, 1]], np.float64)


@dataclass(frozen=True, slots=True)
class Twins:
    """The trained network; `load` gives the shipped one."""

    network: Compares

    def same(self, pairs: Float32) -> Float32:
        """Return how likely each pair (n, 10, SIDE, SIDE) shows one and the same pin, (n,) log-odds float32."""
        return -self.network(pairs) if len(pairs) else np.zeros(0, np.float32)


@lru_cache(maxsize=2)
def load(folder: Path = SHIPPED) -> Twins:
    """Load the network of a folder; raises ModelError where there is none."""
    return Twins(loading.twins(folder))
