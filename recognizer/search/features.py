"""Features: what is taken of a photo to compare it, and the names that `index` keeps it under.

The names tell how pins are cut out and keypoints taken, so that nothing is compared with what was taken in another way.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from recognizer.search import index
from recognizer.types import Crop, Keypoints, Reference, UInt8Image
from recognizer.vision import crops, keypoints

SETTINGS: Final = f"{crops.SETTINGS}/{keypoints.SETTINGS}/outline"
"""What the features of a photo are kept under."""


def embedding_settings(fingerprint: str) -> str:
    """Return what embeddings by a model are kept under: they depend on how pins are cut out too."""
    return f"{fingerprint}-{crops.SETTINGS}"


def reference_of(crop: Crop) -> Reference:
    """Take what is kept of a catalogue photo from its crop; places are in pixels of the photo."""
    points = keypoints.extract(crop.image, crop.outline)
    corner = (float(crop.box.left), float(crop.box.top))
    moved = Keypoints(points.places + np.array(corner, np.float32), points.scales, points.angles, points.descriptors)
    height, width = crop.image.shape[:2]
    factor = min(1.0, index.THUMBNAIL / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    thumbnail: UInt8Image = np.asarray(cv2.resize(crop.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    outline = None if crop.outline is None else crop.outline + np.array(corner, np.float32)
    return Reference(moved, thumbnail, factor, corner, outline)
