"""Records: what is kept of one photo in a pack, as bytes; the first says in which form.

`WHOLE` is to the bit what was taken of the photo, but for its descriptors, of which each number is a byte. A catalogue
of many photos keeps the `CODED` form, a seventh as large: the KEPT largest keypoints, their descriptors by a product
quantizer (Jégou, Douze and Schmid 2011) trained on the catalogue's own, places to a 65,535th of the keypoints' reach,
scales to a 32nd of an octave, angles to 1.4 degrees, all far below what verification tells apart, and a thumbnail of
less quality.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Keypoints, Reference, UInt8Image

WHOLE: Final = 0
CODED: Final = 1

KEPT: Final = 300
"""Keypoints of a photo, of up to 600, that an index of many photos holds, see `largest`. Among 3,000 made photos
the votes of the 216 known queries of `pins/` put the right photo first for .958 with all and with the 300 largest, for
.940 and .931 with the first and the last 300; among the first 24 for .981, .991, .986 and .977."""

VOTING: Final = 150
"""Keypoints of a photo that vote in an index of many photos, the largest of those that are KEPT to verify with. Among
10,000 made photos, which were not the same, R@1 of 108 queries of `pins/` was .982 with all that are kept and .972 with
these, one query; among 100,000 .972 and .972. The index has half the size, and is made and searched faster."""

CODE_BYTES: Final = 16
WEBP_QUALITY: Final = 50
"""A photo of `pins/` then takes 15.0 KB, of 106 whole. `znachki evaluate` on its 277 queries with the whole form, with
32 bytes a descriptor and quality 60 (20.7 KB), and with these: R@1 .977, .986, .986; AUROC .969, .961, .965; known
ones called a match .912, .898, .894, all rightly; unknown ones 3, 4 and 3 of 61."""

_HEAD: Final = struct.Struct("<BHHIddd")  # form, keypoints, outline's corners, bytes of the thumbnail, factor, corner
_OCTAVE: Final = 16  # steps of a coded scale
_ANGLE: Final = 256 / 360


class Codebook:
    """A product quantizer of descriptors: `centroids` are (CODE_BYTES, 256, 128 / CODE_BYTES) float32."""

    def __init__(self, centroids: Float32) -> None:
        self.centroids = centroids

    @cached_property
    def _squared(self) -> Float32:
        return np.asarray((self.centroids**2).sum(axis=2)[:, None], np.float32)

    def decoded(self, codes: NDArray[np.uint8]) -> Float32:
        """Return the descriptors (n, 128) of codes (n, CODE_BYTES), as unit rows."""
        return unit(self.centroids[np.arange(len(self.centroids)), codes].reshape(len(codes), 128))

    def coded(self, rows: Float32) -> NDArray[np.uint8]:
        """Return the codes (n, CODE_BYTES) of descriptors (n, 128)."""
        parts = len(self.centroids)
        split = rows.reshape(len(rows), parts, 128 // parts).transpose(1, 0, 2)
        away = self._squared - 2 * np.matmul(split, self.centroids.transpose(0, 2, 1))
        return np.ascontiguousarray(away.argmin(axis=2).T.astype(np.uint8))

    def to_bytes(self) -> bytes:
        """Return it as bytes for `from_bytes`."""
        return self.centroids.astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Codebook:
        """Return the codebook of bytes."""
        return cls(np.frombuffer(content, "<f4").reshape(CODE_BYTES, 256, -1))


def largest(points: Keypoints, most: int) -> Keypoints:
    """Return the keypoints of largest scale, at most `most`, in their order: small ones are seen less often again."""
    return points if len(points) <= most else points.take(of_largest(points, most))


def of_largest(points: Keypoints, most: int) -> NDArray[np.int64]:
    """Return the rows of the keypoints that `largest` takes."""
    return np.sort(np.argsort(-points.scales, kind="stable")[:most])


def unit(rows: Float32) -> Float32:
    """Return descriptors (n, 128) brought to length 1; rows of nothing stay."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def as_bytes(descriptors: Float32) -> NDArray[np.uint8]:
    """Return descriptors as bytes, a quarter of the size at a loss below that of SIFT itself."""
    return np.clip(np.round(descriptors * 512), 0, 255).astype(np.uint8)


def whole(reference: Reference, descriptors: NDArray[np.uint8], thumbnail: bytes) -> bytes:
    """Return the whole form of what is kept of a photo: `descriptors` as bytes and the `thumbnail` as it is encoded."""
    points, outline = reference.keypoints, _outline(reference)
    geometry = np.column_stack([points.places, points.scales, points.angles]).astype("<f4")
    head = _HEAD.pack(WHOLE, len(points), len(outline), len(thumbnail), reference.factor, *reference.corner)
    return b"".join((head, geometry.tobytes(), outline.astype("<f4").tobytes(), descriptors.tobytes(), thumbnail))


def picture_of(thumbnail: UInt8Image) -> bytes:
    """Return a thumbnail as the coded form has it."""
    done, encoded = cv2.imencode(".webp", thumbnail[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    if not done:
        raise ValueError(f"a thumbnail of shape {thumbnail.shape} could not be encoded")
    return encoded.tobytes()


def coded(reference: Reference, codebook: Codebook, picture: bytes | None = None) -> bytes:
    """Return the coded form of what is kept of a photo; `picture` is that of its thumbnail, where it is there."""
    points, outline = reference.keypoints, _outline(reference)
    points = largest(points, KEPT)
    reach = _reach(points.places)
    places = np.round((points.places - reach[0]) / np.maximum(reach[1] - reach[0], 1e-6) * 65535)
    scales = np.round(np.log2(np.maximum(points.scales, 0.25)) * _OCTAVE) + 2 * _OCTAVE
    angles = np.round(points.angles * _ANGLE) % 256
    picture = picture_of(reference.thumbnail) if picture is None else picture
    head = _HEAD.pack(CODED, len(points), len(outline), len(picture), reference.factor, *reference.corner)
    parts = (
        reach.astype("<f4"),
        places.astype("<u2"),
        np.clip(scales, 0, 255).astype(np.uint8),
        angles.astype(np.uint8),
        outline.astype("<f4"),
        codebook.coded(points.descriptors),
    )
    return b"".join((head, *(part.tobytes() for part in parts), picture))


def keypoints_in(record: bytes) -> int:
    """Return how many keypoints a record has."""
    return int(_HEAD.unpack_from(record)[1])


def is_coded(record: bytes) -> bool:
    """Say whether a record is of the coded form."""
    return record[0] == CODED


def read(record: bytes, codebook: Codebook | None) -> Reference:
    """Return what a record keeps of a photo; ValueError or struct.error where it is none or its codebook is missing."""
    form, count, corners, size, factor, left, top = _HEAD.unpack_from(record)
    at = _HEAD.size

    def taken(kind: str, *shape: int) -> NDArray[np.generic]:
        nonlocal at
        length = int(np.prod(shape))
        found = np.frombuffer(record, kind, length, at)
        at += found.nbytes
        return found.reshape(shape)

    if form == WHOLE:
        geometry = np.asarray(taken("<f4", count, 4), np.float32)
        places, scales, angles = geometry[:, :2], geometry[:, 2], geometry[:, 3]
        outline = np.array(taken("<f4", corners, 2), np.float32)
        descriptors = unit(taken("u1", count, 128).astype(np.float32))
    elif form == CODED and codebook is not None:
        reach = np.asarray(taken("<f4", 2, 2), np.float32)
        places = reach[0] + taken("<u2", count, 2).astype(np.float32) * ((reach[1] - reach[0]) / np.float32(65535))
        scales = np.exp2((taken("u1", count).astype(np.float32) - 2 * _OCTAVE) / _OCTAVE)
        angles = taken("u1", count).astype(np.float32) / np.float32(_ANGLE)
        outline = np.array(taken("<f4", corners, 2), np.float32)
        descriptors = codebook.decoded(np.asarray(taken("u1", count, CODE_BYTES), np.uint8))
    else:
        raise ValueError(f"of form {form}, or without its codebook")
    thumbnail = cv2.imdecode(np.frombuffer(record, np.uint8, size, at), cv2.IMREAD_COLOR)
    if thumbnail is None:
        raise ValueError("no thumbnail")
    places, scales, angles = (np.ascontiguousarray(part) for part in (places, scales, angles))
    return Reference(
        Keypoints(places, scales, angles, descriptors),
        np.ascontiguousarray(thumbnail[:, :, ::-1]),
        factor,
        (left, top),
        outline if corners else None,
    )


def _outline(reference: Reference) -> Float32:
    return np.zeros((0, 2), np.float32) if reference.outline is None else reference.outline


def _reach(places: Float32) -> Float32:
    """The corners (2, 2) of the smallest upright rectangle around places (n, 2)."""
    if not len(places):
        return np.zeros((2, 2), np.float32)
    return np.stack([places.min(axis=0), places.max(axis=0)])
