"""The form of a network's input: the values that it expects of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes the network's input: padded to a square of `size` pixels, (value / 255 - mean) / std."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


OUTLINES: Final = Preprocessing(384, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What the outline networks expect; their pictures may have any size, `size` is that of the training."""
