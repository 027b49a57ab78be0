"""Geometry of pictures: contours filled, places and pictures carried by a homography, poses that agree.

Every module that lays one picture onto another does it with these, so that a mask, a warp or a pose means the same
everywhere. Places are (n, 2) float32 of x, y in pixels; shapes are (height, width), sizes (width, height), as OpenCV
has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Mask, Reference, UInt8Image

Homography = NDArray[np.float64]
"""(3, 3), from pixels of one picture to pixels of another."""

_FAR: Final = 10  # times the picture's side: farther places make OpenCV draw at random, or for long
_SMOOTH: Final = 1.2  # pixels: colours are compared coarser than grain and compression


def hull(places: Float32) -> Float32:
    """Return the convex hull (m, 2) of places."""
    return np.asarray(cv2.convexHull(places)[:, 0], np.float32)


def filled(contours: Float32 | Sequence[Float32], shape: Sequence[int]) -> UInt8Image:
    """Return one contour (n, 2), or several, filled with ones: (height, width) uint8 of the shape's first two."""
    mask: UInt8Image = np.zeros((shape[0], shape[1]), np.uint8)
    far = _FAR * max(mask.shape)
    several = [contours] if isinstance(contours, np.ndarray) and contours.ndim == 2 else list(contours)
    cv2.fillPoly(mask, [np.round(np.clip(one, -far, far)).astype(np.int32) for one in several], 1)
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The pixels of a picture inside a contour: `mask` (h, w) bool, its top left at `corner` (x, y) of the picture.

    Only the contour's own box is held: a picture of 250 pins has 250 of these.
    """

    mask: Mask
    corner: tuple[int, int]
    area: int

    @classmethod
    def of(cls, contour: Float32, shape: Sequence[int]) -> Region:
        """Return the inside of a contour (n, 2) on a picture of `shape` (height, width); empty where it lies beside."""
        low = np.clip(np.floor(contour.min(axis=0)).astype(int), 0, (shape[1], shape[0]))
        high = np.clip(np.ceil(contour.max(axis=0)).astype(int) + 1, low, (shape[1], shape[0]))
        size = (int(high[1] - low[1]), int(high[0] - low[0]))
        mask = filled(contour - low.astype(np.float32), size) > 0 if all(size) else np.zeros(size, np.bool_)
        return cls(mask, (int(low[0]), int(low[1])), int(np.count_nonzero(mask)))

    def shared(self, other: Region) -> int:
        """Return how many pixels two regions of one picture have in common."""
        here, there = self._overlap(other)
        return int(np.count_nonzero(self.mask[here] & other.mask[there]))

    def without(self, others: Sequence[Region]) -> Region:
        """Return what is left once other regions of the picture are taken out."""
        left = self.mask.copy()
        for other in others:
            here, there = self._overlap(other)
            left[here] &= ~other.mask[there]
        return Region(left, self.corner, int(np.count_nonzero(left)))

    def _overlap(self, other: Region) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The places of either mask that both boxes cover, perhaps none."""
        spans = []
        for axis in (1, 0):  # rows, then columns
            start = max(self.corner[axis], other.corner[axis])
            ends = (one.corner[axis] + one.mask.shape[1 - axis] for one in (self, other))
            stop = max(start, min(ends))
            spans.append([slice(start - one.corner[axis], stop - one.corner[axis]) for one in (self, other)])
        (rows, other_rows), (columns, other_columns) = spans
        return (rows, columns), (other_rows, other_columns)


def lab(image: cv2.typing.MatLike) -> Float32:
    """Return an RGB picture (h, w, 3) as CIELAB in OpenCV's levels of 0 to 255, smoothed against grain."""
    return np.asarray(cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), _SMOOTH), cv2.COLOR_RGB2LAB), np.float32)


def from_thumbnail(reference: Reference) -> Homography:
    """Return the transform from pixels of a reference's thumbnail to pixels of its photo."""
    transform = np.diag([1 / reference.factor, 1 / reference.factor, 1.0])
    transform[:2, 2] = reference.corner
    return transform


def carried(places: Float32, homography: Homography) -> Float32:
    """Return places carried by a homography."""
    return np.asarray(cv2.perspectiveTransform(places[None].astype(np.float64), homography)[0], np.float32)


def carried_hull(places: Float32, homography: Homography) -> Float32:
    """Return the hull (m, 2) of places carried by a homography; what it carries behind the lens is left out.

    Three times (0, 0) where that is all.
    """
    bent = np.column_stack([hull(places), np.ones(len(hull(places)))]) @ homography.T
    bent = bent * np.sign(np.median(bent[:, 2]))
    bent = bent[bent[:, 2] > 1e-9]
    if len(bent) < 3:
        return np.zeros((3, 2), np.float32)
    return hull((bent[:, :2] / bent[:, 2:]).astype(np.float32))


def warped(image: UInt8Image, homography: Homography, size: tuple[int, int]) -> UInt8Image:
    """Return a picture carried into one of `size` (width, height), smoothed where it shrinks: a plain warp aliases."""
    centre = np.linalg.inv(homography) @ (size[0] / 2, size[1] / 2, 1)
    depth = float(homography[2] @ (centre / centre[2]))
    scale = float(np.sqrt(abs(np.linalg.det(homography) / depth**3)))  # of the homography's derivative there
    if scale < 0.6:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / max(scale, 0.05)), np.uint8)
    return np.asarray(cv2.warpPerspective(image, homography, size), np.uint8)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two poses may differ that are one: `octaves` in scale, `radians` in angle."""

    octaves: float
    radians: float


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """Similarity transforms that pairs of keypoints propose, one a pair, each by its places, scales and angles.

    `here` and `there` (n, 2) are the places of the pairs on either picture, `octaves` (n,) the base-2 logarithms of how
    much larger the keypoint is here, `turn` (n,) the radians that it is turned by.
    """

    here: NDArray[np.floating]
    there: NDArray[np.floating]
    octaves: NDArray[np.floating]
    turn: NDArray[np.floating]

    def agreement(self, reach: float | NDArray[np.floating], tolerance: Tolerance) -> NDArray[np.bool_]:
        """Return whether proposal i puts keypoint j within `reach` pixels of where it lies, at its scale and angle.

        (n, n); `reach` is one number or one a proposal. The pose clustering of Lowe, "Distinctive image features from
        scale-invariant keypoints" (2004), without bins.
        """
        cos, sin = np.cos(self.turn) * 2**self.octaves, np.sin(self.turn) * 2**self.octaves
        x = cos[:, None] * self.there[:, 0] - sin[:, None] * self.there[:, 1]
        y = sin[:, None] * self.there[:, 0] + cos[:, None] * self.there[:, 1]
        x += (self.here[:, 0] - x.diagonal())[:, None] - self.here[:, 0]
        y += (self.here[:, 1] - y.diagonal())[:, None] - self.here[:, 1]
        near = x**2 + y**2 < np.reshape(np.asarray(reach) ** 2, (-1, 1))
        near &= np.abs(self.octaves[:, None] - self.octaves) < tolerance.octaves
        near &= np.abs((self.turn[:, None] - self.turn + np.pi) % (2 * np.pi) - np.pi) < tolerance.radians
        return np.asarray(near)


def fitted(there: Float32, here: Float32, threshold: float) -> tuple[Homography, NDArray[np.bool_]] | None:
    """Return the homography that carries places `there` to `here` (n, 2 each), and which pairs it holds; or None.

    MAGSAC++ (Barath et al. 2020, from OpenCV) with `threshold` in pixels.
    """
    homography, inside = cv2.findHomography(there, here, cv2.USAC_MAGSAC, threshold, maxIters=1000, confidence=0.995)
    if homography is None:
        return None
    return np.asarray(homography, np.float64), inside.ravel() > 0


def different_places(places: Float32) -> int:
    """Count places that differ by a pixel: SIFT gives one place up to a few keypoints of different angle."""
    return len(np.unique(places.round(), axis=0))


def magnified(homography: Homography, places: Float32) -> NDArray[np.float64] | None:
    """Return by how much a homography magnifies areas at places (n,), below 0 where it mirrors; None at its horizon."""
    depth = np.column_stack([places, np.ones(len(places))]) @ homography[2]
    if (np.abs(depth) < 1e-9).any():
        return None
    return np.asarray(np.linalg.det(homography) / depth**3, np.float64)  # the determinant of its derivative


def slope(homography: Homography, place: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the derivative (2, 2) of a homography at a place (2,)."""
    whole = homography @ np.array([*place, 1.0])
    return np.asarray((homography[:2, :2] - np.outer(whole[:2] / whole[2], homography[2, :2])) / whole[2], np.float64)
