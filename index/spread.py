"""Measures the scale of a model's similarities, on drawn pins that no catalogue has.

The model's own catalogue would not do: it tells the pins that it was trained on apart better than others.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from recognizer.drawn import sample
from recognizer.search import agreement
from recognizer.search.embedder import Embedder
from recognizer.search.model_folder import BASE
from recognizer.search.similarity import OF_BASE, REFERENCE, Scale

PINS: Final = 24
"""Drawn pins that are compared, each with each; with 16 to 48 the spread of a trained model against that of the base
differed by .02."""

_LEAST: Final = REFERENCE.spread / 2  # a model to which all pins are alike says nothing, however it is stretched


def of_model(model: Embedder) -> Scale:
    """Return the scale of a model, that of the base without measuring it."""
    return OF_BASE if model.name == BASE else measured(model)


def measured(model: Embedder) -> Scale:
    """Measure the scale of a model; takes a second or two."""
    zooms = model.embed_zooms([sample.phone_view(at, shot=1) for at in range(PINS)])
    found = np.array([[similarity for _, similarity in near] for near in agreement.nearest(zooms, PINS, REFERENCE)])
    return Scale(float(found.mean()), max(float(found.std(axis=1).mean()), _LEAST))
