"""Sightings: known pins found on a whole picture by keypoints that agree on a pose.

The second way of finding pins, beside the outline network. Every keypoint of the picture proposes, with each catalogue
keypoint near it in the index, a similarity transform from the catalogue photo onto the picture; proposals of one photo
that agree are one copy of the pin, and there may be several (the pose clustering of Lowe 2004, without bins). A
homography then lays the catalogue pin's hull onto the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Keypoints, Neighbours, Reference
from recognizer.vision import geometry

LEAST: Final = 8
"""Keypoints at different places behind a sighting. Of the 101 known pins on `boards/`, sightings of 7 and more lay on
99 and were right on 98, those of 10 and more on 97 and 96."""

_PROPOSALS: Final = 1500  # of one photo, the strongest: comparing all with all takes the square
_PHOTOS: Final = 150  # that are looked for, those of most votes
_CONVINCED: Final = 0.03  # a vote of less says nothing; .06 saw 2 known pins fewer on `boards/`
_REACH: Final = 0.06  # of the pin's long side: how far a proposal may put a keypoint from where it lies
_ALIKE: Final = geometry.Tolerance(octaves=0.5, radians=0.4)  # stricter than in one photo: nothing chose these
_EXACT: Final = 0.015  # of the pin's long side: MAGSAC's threshold for the homography
_BREADTH: Final = 0.06
"""Least spread of the keypoints behind a sighting, see `_breadth`: those of a line of words have less, and words stand
under pins too. On drawn album pages 24 of 25 sightings of captions had .007 to .035, those of pins .10 and more; on 13
pictures of `boards/` the sightings of pins had .08 and more."""
_ASLANT: Final = 2.5  # between the largest and the least enlargement at the pin's middle
_OVERLAP: Final = 0.3  # of the smaller hull: two sightings that share more are of one place, and the better one stands
_SIZES: Final = 0.15  # of the middling sighting's side: a smaller one is a part that two pins share


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One copy of a known pin on a picture.

    `image_id` names the catalogue photo; `outline` (n, 2) float32 is its hull laid onto the picture, x, y in pixels;
    `inliers` is how many keypoints at different places agree.
    """

    image_id: int
    outline: Float32
    inliers: int


def sight(
    points: Keypoints, neighbours: Neighbours, reference: Callable[[int], Reference | None], least: int = LEAST
) -> list[Sighting]:
    """Return the known pins on a picture, those of most inliers first, no two at one place.

    `neighbours` is what the index says of `points`, and `reference` gives what it keeps of a catalogue photo,
    None of one that is gone.
    """
    found: list[Sighting] = []
    for image_id, rows, numbers in _proposals(neighbours, least):
        held = reference(image_id)
        if held is not None:
            there = numbers < len(held.keypoints)  # fewer of them are kept once there are many photos
            rows, numbers = rows[there], numbers[there]
            copies = _copies(points, held.keypoints, rows, numbers, least)
            found += [Sighting(image_id, outline, inliers) for outline, inliers in copies]
    found.sort(key=lambda one: -one.inliers)
    return _apart(found)


def _proposals(neighbours: Neighbours, least: int) -> list[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
    """Photo, keypoints of the picture and keypoints of the photo that they are near to, for the photos of most
    votes."""
    convinced = (neighbours.image_ids >= 0) & (neighbours.weights > _CONVINCED)
    rows, columns = np.nonzero(convinced)
    owners, numbers = neighbours.image_ids[rows, columns], neighbours.numbers[rows, columns]
    weights = neighbours.weights[rows, columns]
    order = np.lexsort((-weights, owners))
    image_ids, first, counts = np.unique(owners[order], return_index=True, return_counts=True)
    enough = np.flatnonzero(counts >= least)
    enough = enough[np.argsort(-counts[enough], kind="stable")][:_PHOTOS]
    found = []
    for at in enough.tolist():
        chosen = order[first[at] : first[at] + min(counts[at], _PROPOSALS)]
        found.append((int(image_ids[at]), rows[chosen], numbers[chosen].astype(np.intp)))
    return found


def _copies(
    points: Keypoints, reference: Keypoints, rows: NDArray[np.intp], numbers: NDArray[np.intp], least: int
) -> list[tuple[Float32, int]]:
    """Hull on the picture and inliers of every copy of one photo's pin."""
    here, there = points.places[rows].astype(np.float64), reference.places[numbers].astype(np.float64)
    octaves = np.log2(points.scales[rows] / reference.scales[numbers]).astype(np.float64)
    turn = np.deg2rad(points.angles[rows] - reference.angles[numbers]).astype(np.float64)
    hull = cv2.convexHull(reference.places)[:, 0].astype(np.float64)
    side = float((hull.max(axis=0) - hull.min(axis=0)).max())
    near = geometry.Poses(here, there, octaves, turn).agreement(_REACH * side * 2**octaves, _ALIKE)
    free = np.ones(len(rows), np.bool_)  # what no copy has taken yet
    copies = []
    while int(free.sum()) >= least:
        support = near[:, free].sum(axis=1) * free
        best = int(support.argmax())
        if support[best] < least:
            break
        members = np.flatnonzero(near[best] & free)
        free[members] = False
        free[best] = False
        laid = _laid(here[members], there[members], hull, side * 2.0 ** float(np.median(octaves[members])), least)
        if laid is not None:
            copies.append(laid)
    return copies


def _laid(
    here: NDArray[np.float64], there: NDArray[np.float64], hull: NDArray[np.float64], side: float, least: int
) -> tuple[Float32, int] | None:
    """The hull carried onto the picture by the homography of matched places, and how many different ones it holds."""
    if len(here) < least:
        return None
    threshold = max(1.0, _EXACT * side)
    found = geometry.fitted(there.astype(np.float32), here.astype(np.float32), threshold)
    if found is None:
        return None
    homography, held = found
    inliers = geometry.different_places(np.asarray(here[held], np.float32))
    if inliers < least or not _plausible(homography, hull) or _breadth(there[held], hull) < _BREADTH:
        return None
    return geometry.carried(np.asarray(hull, np.float32), homography), inliers


def _breadth(places: NDArray[np.float64], hull: NDArray[np.float64]) -> float:
    """How far places (n, 2) on a pin spread across the way in which they spread most, as a share of its long side."""
    across = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)[-1] / np.sqrt(len(places))
    return float(across / np.ptp(hull, axis=0).max())


def _plausible(homography: NDArray[np.float64], hull: NDArray[np.float64]) -> bool:
    """Whether a camera before the pin could see it so: not mirrored, not edge on, nowhere near the horizon."""
    depth = np.column_stack([hull, np.ones(len(hull))]) @ homography[2]
    if depth.min() * depth.max() <= 0 or np.abs(depth).max() > 2 * np.abs(depth).min():
        return False
    slope = geometry.slope(homography, hull.mean(axis=0))
    if np.linalg.det(slope) <= 0:
        return False
    spread = np.linalg.svd(slope, compute_uv=False)
    return bool(spread[0] < _ASLANT * spread[1])


def _apart(found: list[Sighting]) -> list[Sighting]:
    """Drop sightings at the place of a better one: near twins are all seen there."""
    kept: list[Sighting] = []
    hulls: list[Float32] = []
    for one in found:
        hull = geometry.hull(one.outline)
        own = float(cv2.contourArea(hull))
        if own < 1:
            continue
        shared = [
            float(cv2.intersectConvexConvex(hull, other)[0]) / min(own, cv2.contourArea(other)) for other in hulls
        ]
        if max(shared, default=0.0) <= _OVERLAP:
            kept.append(one)
            hulls.append(hull)
    if not kept:
        return []
    sides = [float(np.sqrt(cv2.contourArea(hull))) for hull in hulls]
    typical = float(np.median(sides))
    return [one for one, side in zip(kept, sides, strict=True) if side > _SIZES * typical]
