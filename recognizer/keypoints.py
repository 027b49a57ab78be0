"""Local features of a picture: RootSIFT keypoints inside the pin's outline.

SIFT after Lowe, "Distinctive image features from scale-invariant keypoints" (2004), from OpenCV; descriptors made
comparable as in Arandjelović and Zisserman, "Three things everyone should know to improve object retrieval" (2012).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Keypoints, UInt8Image

SIDE: Final = 512
"""Long side in pixels that every picture is brought to first; small crops are enlarged, for a lot's pin of 112 px has
no octaves of its own. On `pins/` 512 found as much as 640 in two thirds of the time."""

MOST: Final = 600
"""Keypoints kept, those of strongest contrast. On `pins/` the votes of 500 to 600 were right as often as those of
1000 or more often (recall at 1: .905 and .886 against .855): weak keypoints come from cloth and grain."""

CONTRAST: Final = 0.02
"""SIFT's contrast threshold, half of OpenCV's: worn and bare metal has little contrast."""

SETTINGS: Final = f"rootsift-{SIDE}-{MOST}-{CONTRAST}"
"""What the features depend on; an index made with other settings is of no use."""

_MARGIN: Final = 0.02  # of the long side that the outline is widened by: the rim of a pin is part of its drawing


def extract(image: UInt8Image, outline: Float32 | None = None) -> Keypoints:
    """Return the RootSIFT keypoints of an RGB image (h, w, 3), strongest first, at most `MOST`.

    Places and scales are in pixels of `image`. With an `outline` (n, 2) of x, y only keypoints inside it are kept. A
    picture without texture gives none.
    """
    height, width = image.shape[:2]
    factor = SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=interpolation), cv2.COLOR_RGB2GRAY)
    mask = None if outline is None else _inside(outline * factor, grey.shape)
    sift = cv2.SIFT_create(nfeatures=MOST, contrastThreshold=CONTRAST)  # type: ignore[attr-defined]  # not in its stubs
    found, descriptors = sift.detectAndCompute(grey, mask)
    if descriptors is None or not found:
        return none()
    # OpenCV keeps all keypoints that tie with the last one.
    found, descriptors = found[:MOST], np.asarray(descriptors[:MOST], np.float32)
    geometry = np.array([(*point.pt, point.size, point.angle) for point in found], np.float32)
    return Keypoints(
        places=geometry[:, :2] / np.float32(factor),
        scales=geometry[:, 2] / np.float32(factor),
        angles=geometry[:, 3],
        descriptors=_root(descriptors),
    )


def none() -> Keypoints:
    """Return the keypoints of a picture that has none."""
    empty = np.zeros(0, np.float32)
    return Keypoints(np.zeros((0, 2), np.float32), empty, empty, np.zeros((0, 128), np.float32))


def _root(descriptors: Float32) -> Float32:
    """Square root of the L1-normalised rows: unit rows whose dot product is the Hellinger kernel of the histograms."""
    total: Float32 = np.maximum(descriptors.sum(axis=1, keepdims=True), np.float32(1e-9))
    rows: Float32 = np.sqrt(descriptors / total)
    return rows


def _inside(outline: Float32, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255)
    reach = round(_MARGIN * max(shape[:2]))
    return np.asarray(cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)
