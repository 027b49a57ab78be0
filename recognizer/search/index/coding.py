"""Trains the codebook that a catalogue of many photos keeps its descriptors with."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from recognizer.search.index.records import CODE_BYTES, Codebook
from recognizer.types import Keypoints


def trained(photos: Sequence[Keypoints]) -> Codebook:
    """Train a codebook on the keypoints of some photos; the same for the same photos."""
    rows = np.concatenate([points.descriptors for points in photos])
    quantizer = faiss.ProductQuantizer(128, CODE_BYTES, 8)
    quantizer.cp.niter = 10
    quantizer.cp.max_points_per_centroid = 100
    quantizer.cp.min_points_per_centroid = 1
    quantizer.train(np.ascontiguousarray(rows))
    return Codebook(faiss.vector_to_array(quantizer.centroids).reshape(CODE_BYTES, 256, -1))
