"""Further photos of one pin: its reverse, clasp or hallmark choose between the entries that its face left open.

Only the entries that the face offers are asked, by their own photos of the same role: most backs say nothing of the
drawing, and many pins share one. Each photo is compared as a face is, with embeddings, keypoints and alignment; what it
says for an entry over the mean of the entries that have such a photo is added to what the face said, bounded so that a
back never outvotes a clear face. An entry without a photo of the role gets neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from recognizer.catalogue.store import Catalogue
from recognizer.decision import verdict
from recognizer.decision.verdict import Ranking
from recognizer.errors import PhotoError
from recognizer.search.embedder import Embedder
from recognizer.search.similarity import OF_BASE, Scale, similarities
from recognizer.types import (
    CatalogueImage,
    Crop,
    Hit,
    Photo,
    Recognition,
    Reference,
    Role,
)
from recognizer.vision import crops, keypoints
from recognizer.vision.comparing.alignment import verify
from recognizer.vision.photos import open_photo

MOST_ENTRIES: Final = 12
"""Entries of the face's answer whose other photos are looked at."""

STRONGEST: Final = 3.0
"""Log-odds that one further photo may add or take at most: as much as makes 95% of 50%, and no more."""


def fused(
    answer: Recognition,
    others: Sequence[tuple[Photo, Role]],
    catalogue: Catalogue,
    model: Embedder,
    ranking: Ranking,
    scale: Scale = OF_BASE,
) -> Recognition:
    """Return the answer for a pin's face with what further photos of the pin say, entries in their new order.

    `scale` is that of the model's similarities.
    `others` are photos of the same pin with their roles; faces among them are left out, they are asked on their own. A
    catalogue photo that cannot be read says nothing.
    """
    offered = [match.entry.entry_id for match in answer.matches[:MOST_ENTRIES]]
    log_odds = dict.fromkeys((match.entry.entry_id for match in answer.matches), 0.0)
    for photo, role in others:
        if role is Role.FACE:
            continue
        images = [image for entry_id in offered for image in catalogue.images(role, entry_id)]
        for entry_id, value in _said(crops.single(photo), images, catalogue, model, ranking, scale).items():
            log_odds[entry_id] += value
    return verdict.with_evidence(answer, log_odds, ranking)


def _said(
    crop: Crop,
    images: Sequence[CatalogueImage],
    catalogue: Catalogue,
    model: Embedder,
    ranking: Ranking,
    scale: Scale,
) -> dict[str, float]:
    """What one photo says for each entry that has photos of its role, as log-odds around their mean."""
    held = [(image, found) for image in images if (found := _opened(catalogue, image)) is not None]
    if len({image.entry_id for image, _ in held}) < 2:
        return {}
    zooms = model.embed_zooms(
        [crop.whole, *(other.whole for _, other in held)],
        [crops.lifted(crop), *(crops.lifted(other) for _, other in held)],
    )
    points = keypoints.extract(crop.image, crop.outline)
    likeness = similarities(zooms[0], zooms[1:], scale).tolist()
    hits = [Hit(image.image_id, like) for (image, _), like in zip(held, likeness, strict=True)]
    checked = verify(crop.image, points, hits, [_reference(other) for _, other in held], crop.outline)
    best: dict[str, float] = {}
    for (image, _), score in zip(held, verdict.scores(checked, ranking).tolist(), strict=True):
        best[image.entry_id] = max(score, best.get(image.entry_id, score))
    mean = float(np.mean(list(best.values())))
    return {entry_id: float(np.clip(score - mean, -STRONGEST, STRONGEST)) for entry_id, score in best.items()}


def _opened(catalogue: Catalogue, image: CatalogueImage) -> Crop | None:
    try:
        return crops.single(open_photo(catalogue.picture_path(image)))
    except PhotoError:
        return None


def _reference(crop: Crop) -> Reference:
    return Reference(keypoints.extract(crop.image, crop.outline), crop.image, 1.0)
