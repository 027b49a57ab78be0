"""Silhouettes: how alike crop and catalogue photo look once the outline of one pin is laid over that of the other.

For pins on which keypoints do not agree: bare relief, glitter, a photo that is small, blurred or behind a mirroring
bag. Both pins are brought to one place and one area; the crop is turned step by step, each view being compared with all
candidates at once; then the best candidates are aligned more closely, by an affine transform that maximises the
correlation of light and outline together (ECC, Evangelidis and Psarakis 2008, from OpenCV).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Hit, Reference, UInt8Image
from recognizer.vision.alignment import correlation

SIDE: Final = 64
"""Pixels of the frame in which pins are compared."""

STEP: Final = 10
"""Degrees between two views of the crop."""

CLOSER: Final = 6
"""Candidates that are aligned more closely, those that look most alike."""

_FILLS: Final = 0.55  # of the frame's side: the square root of the pin's area there
_FEWEST: Final = 150  # pixels of the frame that say anything of light and colour
_LOOKS: Final = ((slice(0, 1), 1e-3), (slice(1, 3), 4.0), (slice(3, 4), 1e-4))
"""Channels of luminance, colour and edges, and the variance of noise in them, lest two plain pictures correlate."""

_GRAIN: Final = 4.0  # levels a pixel: edges weaker than that are none, and far stronger ones not much stronger
_TURNS: Final = 30  # of ECC
_STRETCH: Final = 2.5  # of the pin's area: more is a transform that went astray


@dataclass(frozen=True, slots=True)
class Silhouette:
    """A pin in its frame.

    `look` (SIDE, SIDE, 4) float32 is L, a, b and the logarithm of how steep L is, which keeps the drawing where light
    turns dark metal bright; `cover` (SIDE, SIDE) float32 is 1 inside the outline's hull.
    """

    look: Float32
    cover: Float32

    def turned(self, degrees: float) -> Silhouette:
        """Return the pin turned about the middle of the frame, counter-clockwise."""
        return Silhouette(*(_warped(one, _turn(degrees)) for one in (self.look, self.cover)))


def silhouette(image: UInt8Image, outline: Float32 | None) -> Silhouette | None:
    """Return the pin of a picture (h, w, 3) with its contour (n, 2) in it, all of the picture where that is None.

    None where the contour holds nothing.
    """
    height, width = image.shape[:2]
    if outline is None:
        outline = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    hull = np.asarray(cv2.convexHull(outline.astype(np.float32)), np.float32)
    sums = cv2.moments(hull)
    if sums["m00"] < 1:
        return None
    scale = SIDE * _FILLS / float(np.sqrt(sums["m00"]))
    middle = np.array([sums["m10"], sums["m01"]]) / sums["m00"]
    place = np.column_stack([np.eye(2) * scale, SIDE / 2 - scale * middle])
    if scale < 0.6:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)  # a plain warp would alias
    small = cv2.GaussianBlur(cv2.warpAffine(image, place, (SIDE, SIDE)), (0, 0), 0.8)
    cover = np.zeros((SIDE, SIDE), np.uint8)
    corners = (hull[:, 0] @ place[:, :2].T + place[:, 2]) * 16  # fillConvexPoly counts in sixteenths of a pixel
    cv2.fillConvexPoly(cover, np.round(corners).astype(np.int32), 255, cv2.LINE_AA, 4)
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)
    light = cv2.GaussianBlur(lab[:, :, 0], (0, 0), 0.8)
    steep = cv2.magnitude(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    edges = np.log(cv2.GaussianBlur(steep, (0, 0), 1.0) + _GRAIN)
    return Silhouette(np.asarray(np.dstack([lab, edges]), np.float32), cover.astype(np.float32) / np.float32(255))


def compared(
    image: UInt8Image, outline: Float32 | None, hits: Sequence[Hit], references: Sequence[Reference]
) -> list[Hit]:
    """Return the hits with `silhouette`, in their order.

    `image` is the crop (h, w, 3), `outline` (n, 2) the pin's contour in it; `references` belong to `hits` one by one.
    """
    query = silhouette(image, outline)
    found = [silhouette(reference.thumbnail, _in_thumbnail(reference)) for reference in references]
    held = [(at, one) for at, one in enumerate(found) if one is not None]
    if query is None or not held:
        return list(hits)
    likeness = dict(zip((at for at, _ in held), _likeness(query, [one for _, one in held]).tolist(), strict=True))
    return [replace(hit, silhouette=likeness.get(at, 0.0)) for at, hit in enumerate(hits)]


def _in_thumbnail(reference: Reference) -> Float32 | None:
    """The outline of a catalogue photo's pin in pixels of its thumbnail."""
    if reference.outline is None:
        return None
    moved = (reference.outline - np.asarray(reference.corner, np.float32)) * np.float32(reference.factor)
    return np.asarray(moved, np.float32)


def _likeness(query: Silhouette, others: Sequence[Silhouette]) -> NDArray[np.float64]:
    """How alike the others (n,) look at their best: the mean of the correlations of luminance, colour and edges and of
    the outlines' intersection over union, which counts twice; -0.6 to 1.

    On the photos of `emblems/`, where hardly any keypoints agree, it alone names 131 of 203 right with edges and 120
    without, before the closer look.
    """
    angles = np.arange(0, 360, STEP)
    views = [_rows(query.turned(float(angle))) for angle in angles]
    rows = [_rows(other) for other in others]
    *looks, cover = (
        np.stack(v) @ np.stack(r).T for v, r in zip(zip(*views, strict=True), zip(*rows, strict=True), strict=True)
    )
    areas = [np.array([pin[-1].sum() for pin in pins]) for pins in (views, rows)]
    table = _alike(looks, cover / (areas[0][:, None] + areas[1] - cover))
    best = np.asarray(table.max(axis=0), np.float64)
    for at in np.argsort(-best, kind="stable")[:CLOSER]:
        closer = _closer(query, others[at], float(angles[table[:, at].argmax()]))
        best[at] = max(best[at], closer)
    return best


def _alike(looks: Sequence[NDArray[np.float64]], union: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((sum(looks) + 2 * union) / (len(looks) + 2), np.float64)


def _rows(pin: Silhouette) -> tuple[NDArray[np.float64], ...]:
    """Luminance, colour and edges within the pin as rows of length 1, less their means, and its cover."""
    cover = pin.cover[:, :, None].astype(np.float64)
    area = max(float(cover.sum()), 1.0)
    level = (pin.look - (pin.look * cover).sum(axis=(0, 1)) / area) * cover
    parts = [(level[:, :, channels].ravel(), noise) for channels, noise in _LOOKS]
    return (*(part / np.sqrt((part**2).sum() + noise * area) for part, noise in parts), cover.ravel())


def _closer(query: Silhouette, other: Silhouette, angle: float) -> float:
    """How alike the two look once the other is aligned to the query from a start at that turn; -1 where it fails."""
    start = np.asarray(_turn(angle), np.float32)
    everywhere = np.ones((SIDE, SIDE), np.uint8)
    end = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, _TURNS, 1e-3)
    try:
        _, found = cv2.findTransformECC(_lit(query), _lit(other), start, cv2.MOTION_AFFINE, end, everywhere, 5)
    except cv2.error:  # it does not converge
        return -1.0
    if not 1 / _STRETCH < abs(float(np.linalg.det(np.asarray(found)[:, :2]))) < _STRETCH:
        return -1.0
    back = cv2.invertAffineTransform(np.asarray(found, np.float64))
    look, cover = (_warped(one, back) for one in (other.look, other.cover))
    both = (cover > 0.5) & (query.cover > 0.5)
    if both.sum() < _FEWEST:
        return -1.0
    union = float(np.minimum(cover, query.cover).sum() / np.maximum(cover, query.cover).sum())
    one, another = query.look[both], look[both]
    looks = [np.array(correlation(one[:, part], another[:, part], noise)) for part, noise in _LOOKS]
    return float(_alike(looks, np.array(union)))


def _warped(picture: Float32, transform: cv2.typing.MatLike) -> Float32:
    return np.asarray(cv2.warpAffine(picture, transform, (SIDE, SIDE)), np.float32)


def _turn(degrees: float) -> NDArray[np.float64]:
    return np.asarray(cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), degrees, 1.0), np.float64)


def _lit(pin: Silhouette) -> Float32:
    """What ECC aligns: luminance, spread alike whatever the light, on a plateau in the shape of the pin."""
    inside = pin.look[:, :, 0][pin.cover > 0.5]
    spread = (pin.look[:, :, 0] - inside.mean()) / (inside.std() + 1) if len(inside) else pin.look[:, :, 0] * 0
    return np.asarray((40 * spread + 60) * pin.cover, np.float32)
