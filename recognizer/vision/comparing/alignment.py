"""Verification: does a catalogue photo show the same drawing as the crop, point by point and after alignment.

Two steps. Descriptors of crop and catalogue photo are matched directly with Lowe's ratio test, and each match
proposes a similarity transform by its places, scales and angles; the matches that agree with the best one are the
`inliers` (the pose clustering of Lowe 2004, without bins). Then a homography (MAGSAC, Barath et al. 2020, from
OpenCV) carries the catalogue photo onto the crop, where three things are compared: luminance and colour around the
matched points, colour all over the pin, and how far the two pins cover one another; and a network (`variants`) looks at
both for what parts variants. Inliers say that the drawing is the same; colour and `variants` part its platings, enamels
and words; a pin that lies half outside the crop is a neighbour of the one asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Hit, Keypoints, Mask, Reference, UInt8Image
from recognizer.vision import geometry
from recognizer.vision.comparing import variants

RATIO: Final = 0.8
"""Lowe's ratio of the nearest to the second nearest distance inside one catalogue photo."""

ALIGNED: Final = 12
"""Candidates that are aligned and compared, those of most inliers; past these an alignment never changed an answer."""

_REACH: Final = 0.06  # of the crop's long side: how far a match may lie from where another's transform puts it
_ALIKE: Final = geometry.Tolerance(octaves=0.6, radians=0.5)  # of matches inside one photo, which the ratio test chose
_EXACT: Final = 0.012  # of the crop's long side: MAGSAC's threshold for the homography
_STRETCH: Final = 10  # between the areas that two matched places are magnified by; a phone held aslant gives about 3
_LEAST: Final = 5  # matches behind a homography, one more than define it
_FEWEST: Final = 50  # pixels that say anything of colour
_LEAST_SEEN: Final = 0.025  # of the frame of `variants`
_MOST_SEEN: Final = 0.5  # overlap from which on `variants` saw enough of both: a neighbour's rim shows no variant
_SURE: Final = 4.0  # log-odds past which it does not matter how sure `variants` is
_SIDE: Final = 192  # long side in pixels at which aligned pictures are compared: coarser than scratches and grain


def verify(
    image: UInt8Image,
    keypoints: Keypoints,
    hits: Sequence[Hit],
    references: Sequence[Reference],
    outline: Float32 | None = None,
) -> list[Hit]:
    """Return the hits with inliers, appearance, colour, overlap, same, homography and matched points, in their order.

    `image` is the crop (h, w, 3), `keypoints` its own and `outline` (n, 2) the pin's contour in it, where it is None
    the hull of the keypoints; `references` belong to `hits` one by one. A hit without enough agreement keeps 0:
    that is evidence too.
    """
    side = float(max(image.shape[:2]))
    pairs = _matches(keypoints, [reference.keypoints for reference in references])
    agreeing = [
        _agreeing(reference.keypoints, keypoints, pair, _REACH * side)
        for reference, pair in zip(references, pairs, strict=True)
    ]
    counted = [replace(hit, inliers=len(found)) for hit, found in zip(hits, agreeing, strict=True)]
    order = sorted(range(len(hits)), key=lambda at: -len(agreeing[at]))[:ALIGNED]
    canvas = _Canvas(image, geometry.hull(keypoints.places) if outline is None and len(keypoints) > 2 else outline)
    pairs_of: dict[int, Float32] = {}
    for at in order:
        aligned = _align(references[at].keypoints, keypoints, pairs[at], _EXACT * side)
        if aligned is None:
            continue
        homography, inside = aligned
        here, there = keypoints.places[inside[:, 0]], references[at].keypoints.places[inside[:, 1]]
        appearance, colour, overlap = canvas.compare(references[at], homography, here)
        trust = _trust(counted[at].inliers)
        counted[at] = replace(
            counted[at],
            appearance=appearance * trust,
            colour=colour * trust,
            overlap=overlap,
            homography=homography,
            matched=np.hstack([here, there]),
        )
        laid = _laid(image, canvas.outline, references[at], homography)
        if laid is not None:
            pairs_of[at] = variants.paired(*laid)
    if pairs_of:
        said = variants.load().same(np.stack(list(pairs_of.values())))
        for at, value in zip(pairs_of, said.tolist(), strict=True):
            trust = _trust(counted[at].inliers) * min(counted[at].overlap / _MOST_SEEN, 1.0)
            counted[at] = replace(counted[at], same=float(np.clip(value, -_SURE, _SURE)) * trust)
    return counted


def _laid(
    image: UInt8Image, outline: Float32 | None, reference: Reference, homography: NDArray[np.float64]
) -> tuple[UInt8Image, UInt8Image, Mask] | None:
    """Crop and catalogue photo laid over one another for `variants`, and where both pins are seen; None if hardly."""
    pin = geometry.carried_hull(reference.keypoints.places, homography)
    place = variants.frame(image.shape[:2], pin)
    size = (variants.SIDE, variants.SIDE)
    of_thumbnail = place @ homography @ geometry.from_thumbnail(reference)
    whole = np.ones(reference.thumbnail.shape[:2], np.uint8)
    covered = cv2.warpPerspective(whole, of_thumbnail, size, flags=cv2.INTER_NEAREST)
    inside = np.logical_and(covered, geometry.filled(geometry.carried(pin, place), size))
    if outline is not None:
        inside &= geometry.filled(geometry.carried(outline, place), size) > 0
    if inside.mean() < _LEAST_SEEN:
        return None
    return geometry.warped(image, place, size), geometry.warped(reference.thumbnail, of_thumbnail, size), inside


def _matches(query: Keypoints, references: Sequence[Keypoints]) -> list[NDArray[np.intp]]:
    """Pairs (m, 2) of query and reference keypoint that pass the ratio test, one array a reference."""
    empty = np.zeros((0, 2), np.intp)
    if len(query) == 0:
        return [empty] * len(references)
    found = []
    for reference in references:
        if len(reference) < 2:
            found.append(empty)
            continue
        likeness = query.descriptors @ reference.descriptors.T
        rows = np.arange(len(query))
        best = likeness.argmax(axis=1)
        first = likeness[rows, best]
        likeness[rows, best] = -1
        second = likeness.max(axis=1)
        good = (2 - 2 * first) < RATIO**2 * (2 - 2 * second)
        found.append(np.stack([rows[good], best[good]], axis=1))
    return found


def _agreeing(reference: Keypoints, query: Keypoints, pairs: NDArray[np.intp], reach: float) -> NDArray[np.intp]:
    """The largest set of pairs that agree with the similarity transform that one of them proposes, (m, 2)."""
    if len(pairs) == 0:
        return pairs
    here, there = query.places[pairs[:, 0]], reference.places[pairs[:, 1]]
    octaves = np.log2(query.scales[pairs[:, 0]] / reference.scales[pairs[:, 1]])
    turn = np.deg2rad(query.angles[pairs[:, 0]] - reference.angles[pairs[:, 1]])
    near = geometry.Poses(here, there, octaves, turn).agreement(reach, _ALIKE)
    best: NDArray[np.intp] = pairs[near[near.sum(axis=1).argmax()]]
    return best


def _align(
    reference: Keypoints, query: Keypoints, pairs: NDArray[np.intp], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]] | None:
    """Homography from reference to query and the pairs inside it, or None."""
    if len(pairs) < _LEAST:
        return None
    here, there = query.places[pairs[:, 0]], reference.places[pairs[:, 1]]
    found = geometry.fitted(there, here, threshold)
    if found is None:
        return None
    homography, held = found
    inner = pairs[held]
    if geometry.different_places(query.places[inner[:, 0]]) < _LEAST:
        return None
    # No matched place may be mirrored, collapsed, or magnified far more than another.
    area = geometry.magnified(homography, reference.places[inner[:, 1]])
    if area is None or not (area.min() > 0.005 and area.max() < 200 and area.max() / area.min() < _STRETCH):
        return None
    return homography, inner


def _trust(inliers: int) -> float:
    """How far an alignment is to be trusted (0 to 1): a few points hold a small place that may look alike by chance."""
    return inliers / (inliers + 8)


class _Canvas:
    """The crop at comparing size, prepared once for all its candidates."""

    def __init__(self, image: UInt8Image, outline: Float32 | None) -> None:
        height, width = image.shape[:2]
        self._factor = _SIDE / max(height, width)
        self._size = (max(1, round(width * self._factor)), max(1, round(height * self._factor)))
        self.outline = outline
        self._lab = geometry.lab(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA))
        if outline is None:
            self._pin = np.ones(self._size[::-1], np.uint8)
        else:
            self._pin = geometry.filled(outline * np.float32(self._factor), self._size[::-1])

    def compare(
        self, reference: Reference, homography: NDArray[np.float64], places: Float32
    ) -> tuple[float, float, float]:
        """Return appearance, colour and overlap of a catalogue photo that the homography carries onto the crop.

        `appearance` is the correlation of luminance and twice that of colour, over three, within the hull of the
        matched `places` (n, 2) of the crop; two to one was set on `pins/`: platings differ in colour more than in
        luminance. `colour` is the correlation of colour wherever both pins lie: where enamels differ no points match.
        Both are -1 to 1. `overlap` is the area of both pins over that of either, the catalogue's taken as the hull of
        its keypoints.
        """
        to_canvas = np.diag([self._factor, self._factor, 1.0])
        transform = to_canvas @ homography @ geometry.from_thumbnail(reference)
        warped = geometry.lab(cv2.warpPerspective(reference.thumbnail, transform, self._size, flags=cv2.INTER_AREA))
        covered = cv2.warpPerspective(np.ones(reference.thumbnail.shape[:2], np.uint8), transform, self._size)
        hull = geometry.filled(geometry.hull(places * np.float32(self._factor)), self._size[::-1])
        near = np.logical_and(cv2.dilate(hull, np.ones((7, 7), np.uint8)), covered)
        there = geometry.carried_hull(reference.keypoints.places, to_canvas @ homography)
        shape = geometry.filled(there, self._size[::-1])
        both = np.logical_and(shape, self._pin)
        either = max(float(cv2.contourArea(there)), float(shape.sum())) + float(self._pin.sum()) - float(both.sum())
        overlap = float(both.sum()) / max(either, 1.0)
        appearance = 0.0
        if near.sum() >= _FEWEST:
            luminance = correlation(self._lab[near][:, :1], warped[near][:, :1], noise=1e-3)
            appearance = (luminance + 2 * correlation(self._lab[near][:, 1:], warped[near][:, 1:], noise=4.0)) / 3
        inner = both & (covered > 0) & (cv2.erode(self._pin, np.ones((7, 7), np.uint8)) > 0)
        if inner.sum() < _FEWEST:
            return appearance, 0.0, overlap
        return appearance, correlation(self._lab[inner][:, 1:], warped[inner][:, 1:], noise=4.0), overlap


def correlation(first: Float32, second: Float32, noise: float) -> float:
    """Return the correlation of two (n, channels) arrays, -1 to 1.

    It is damped by `noise` (variance), so that two grey pictures do not correlate.
    """
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    scale = np.sqrt(float((first**2).sum()) * float((second**2).sum())) + noise * len(first)
    return float((first * second).sum()) / float(scale)
