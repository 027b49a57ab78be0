"""The scale of a model's similarities: how alike different pins are to it, and how far that varies.

One model says .3 of two different pins where another says .4, and one spreads wider than the other. What weighs
similarities against the other evidences, and every threshold on them, was set on one scale, `REFERENCE`; those of any
model are brought to its mean and spread first (z-normalisation of scores: Auckenthaler et al. 2000). `index.spread`
measures both. What a similarity is stands here too, once: `of_cosines`.
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


REFERENCE: Final = Scale(0.318, 0.107)
"""What all similarities are brought to. It was the scale of the first base that shipped, and stays when another ships,
so that thresholds keep their meaning."""

OF_BASE: Final = Scale(0.263, 0.105)
"""Of the base that ships, as `index.spread` measures it: to be changed together with it and the ranking."""


def of_cosines(cosines: Float32, scale: Scale = OF_BASE) -> Float32:
    """Return the similarities (...) of pairs of photos from the cosines (..., zooms, zooms) of their embeddings.

    The best cosine of any zoom of the one with any zoom of the other, and half of that of the whole pictures, over 1.5:
    the first finds a pin that is small on one of the two, the second keeps pins that fill both from being mistaken for
    one of their parts. Brought from the `scale` of the model to `REFERENCE`, on which all weights and thresholds stand.
    """
    return scale.onto(REFERENCE, (cosines.max(axis=(-2, -1)) + 0.5 * cosines[..., 0, 0]) / 1.5)


def similarities(query: Float32, stored: Float32, scale: Scale = OF_BASE) -> Float32:
    """Return the similarities (n,) of one photo's embeddings (zooms, dim) to those of others (n, zooms, dim)."""
    return of_cosines(np.einsum("qd,nzd->nqz", query, stored), scale)
