"""Pairs of photos: which are most alike to the model, and how far two of them agree point by point.

Both sides are what the index keeps of a photo, so that two photos are compared without opening either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.search.similarity import OF_BASE, Scale, of_cosines
from recognizer.types import Float32, Hit, Keypoints, Mask, Reference, UInt8Image
from recognizer.vision import geometry
from recognizer.vision.comparing.alignment import verify

APART: Final = 18.0
"""Levels apart up to which two photos are copies of one picture. 48 copies of photos of `pins/`, encoded anew, halved,
cut at the edges or brightened, were 4 to 15 apart; other photos of the same pin 35 and more, photos of other pins, near
twins among them, 61 and more, but for two entries of that catalogue that share a picture."""

ALIGNED: Final = 15
"""Inliers from which an alignment of two copies is believed."""

_STRAIGHT: Final = 0.05  # how far a copy's alignment may be from shifting and scaling, for the keypoints' faults
_BLOCK: Final = 256
_SIDE: Final = 128  # long side in pixels at which whole pictures are compared
_BLOCK_SIDE: Final = 7  # side of the blocks, in these pixels
_COVERED: Final = 0.5  # of the picture, by the one laid onto it


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two photos agree, asked both ways, the weaker answer of the two.

    `inliers` counts the keypoints that agree on one pose, `appearance` is how alike the two are after alignment (-1 to
    1), 0 where they could not be aligned. `apart` is how far the whole pictures, ground and all, are apart where they
    differ most, in levels of 0 to 255, once one is laid onto the other and brought to its brightness and contrast: next
    to nothing for copies of one picture. Infinite where it takes more than shifting and scaling to align them.
    """

    inliers: int
    appearance: float
    apart: float


def nearest(zooms: Float32, most: int, scale: Scale = OF_BASE) -> Iterator[list[tuple[int, float]]]:
    """Yield for each photo's embeddings, of (n, zooms, dim), the rows of those most like it with their similarity.

    At most `most`, best first, itself left out; the similarity is that of `index.Index.similar`, with the `scale` of
    the model that made the embeddings. Worked in blocks, so that memory grows with n and not with its square.
    """
    if len(zooms) < 2:
        yield from ([] for _ in zooms)
        return
    count, depth, dim = zooms.shape
    flat = zooms.reshape(count * depth, dim)
    for start in range(0, count, _BLOCK):
        block = zooms[start : start + _BLOCK]
        cosines = (block.reshape(-1, dim) @ flat.T).reshape(len(block), depth, count, depth)
        similarity = of_cosines(cosines.transpose(0, 2, 1, 3), scale)
        for at, row in enumerate(similarity):
            row[start + at] = -np.inf
            best = np.argsort(-row, kind="stable")[: min(most, count - 1)]
            yield [(int(other), float(row[other])) for other in best]


def agreement(first: Reference, second: Reference) -> Agreement:
    """Compare two photos point by point and after alignment, each laid onto the other."""
    one = _onto(first, second)
    if one.inliers == 0:
        return Agreement(0, 0.0, float("inf"))
    other = _onto(second, first)
    return Agreement(
        min(one.inliers, other.inliers),
        min(one.appearance, other.appearance),
        min(_apart(first, second, one), _apart(second, first, other)),
    )


def is_copy(found: Agreement) -> bool:
    """Say whether two photos are copies of one picture, however they were shrunk, cut or encoded."""
    return found.inliers >= ALIGNED and found.apart <= APART


def as_query(reference: Reference) -> tuple[UInt8Image, Keypoints]:
    """Return a photo as `alignment` takes a query: the picture of its pin, the keypoints in its pixels."""
    points, factor = reference.keypoints, np.float32(reference.factor)
    places = (points.places - np.array(reference.corner, np.float32)) * factor
    return reference.thumbnail, Keypoints(places, points.scales * factor, points.angles, points.descriptors)


def _onto(query: Reference, reference: Reference) -> Hit:
    image, points = as_query(query)
    return verify(image, points, [Hit(0)], [reference])[0]


def _apart(query: Reference, reference: Reference, hit: Hit) -> float:
    """How far a query's picture and a photo laid onto it are apart, in the blocks where they differ most."""
    if hit.homography is None or not _as_copied(hit.homography, max(query.thumbnail.shape[:2])):
        return float("inf")
    factor = _SIDE / max(query.thumbnail.shape[:2])
    size = (max(1, round(query.thumbnail.shape[1] * factor)), max(1, round(query.thumbnail.shape[0] * factor)))
    transform = np.diag([factor, factor, 1.0]) @ hit.homography @ geometry.from_thumbnail(reference)
    here = cv2.resize(query.thumbnail, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    there = cv2.warpPerspective(reference.thumbnail, transform, size, flags=cv2.INTER_AREA).astype(np.float32)
    covered = cv2.warpPerspective(np.ones(reference.thumbnail.shape[:2], np.uint8), transform, size)
    covered = cv2.erode(covered, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    inside: Mask = covered.astype(np.bool_)
    if inside.mean() < _COVERED:
        return float("inf")
    here, there = (np.asarray(cv2.GaussianBlur(one, (0, 0), 2.0), np.float32) for one in (here, there))
    away = np.zeros(inside.shape, np.float32)
    for channel in range(3):
        one, other = here[..., channel], there[..., channel]
        gain, offset = np.polyfit(other[inside], one[inside], 1)
        away = np.maximum(away, np.abs(one - (gain * other + offset)))
    away[~inside] = 0
    blocks = cv2.blur(away, (_BLOCK_SIDE, _BLOCK_SIDE))
    return float(np.percentile(blocks[inside], 99))


def _as_copied(homography: NDArray[np.float64], side: int) -> bool:
    """Whether a homography only shifts and scales, as a copy is: another photo of a pin turns it, or leans it."""
    exact = homography / homography[2, 2]
    scale = float(np.sqrt(abs(np.linalg.det(exact[:2, :2]))))
    turned = np.abs(exact[:2, :2] / max(scale, 1e-9) - np.eye(2)).max()
    leant = np.abs(exact[2, :2]).max() * side / max(scale, 1e-9)
    return bool(turned < _STRAIGHT and leant < _STRAIGHT)
