"""The scale of a model's similarities: how alike different pins are to it, and how far that varies.

One model says .3 of two different pins where another says .4, and one spreads wider than the other. What weighs
similarities against the other evidences was fitted to those of the base that ships (`verdict`), so those of any other
model are brought to its mean and spread first (z-normalisation of scores: Auckenthaler et al. 2000). `index.spread`
measures both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean of the similarities between different pins, and how far they spread around a pin's own mean."""

    mean: float
    spread: float

    def onto(self, other: Scale, similarity: NDArray[Any]) -> Float32:
        """Bring similarities of this scale to another one, of any shape; their order stays."""
        return np.asarray(other.mean + (similarity - self.mean) * (other.spread / self.spread), np.float32)


OF_BASE: Final = Scale(0.318, 0.107)
"""Of the base that ships, as `index.spread` measures it: to be changed together with it and the ranking."""
