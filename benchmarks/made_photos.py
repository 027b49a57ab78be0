"""Catalogues of any size for `scale.py`: what an index keeps of real photos, mixed anew into photos that nobody took.

No picture is made, only what is kept of one. A made photo has

- as many keypoints as some real photo has. Each descriptor lies between a real one and one of the NEAR nearest to it,
  at a random share of the way, with noise of NOISE; so it stays where real descriptors lie, and no two are equal.
  Places, scales and angles are drawn at random: of a true match they agree, of a made one they do not;
- embeddings between those of two real photos, with noise, drawn towards the middle of the catalogue's by LEANING: so
  they are about as like a query as the catalogue's other pins are (`scale.likeness` measures it);
- the outline-less thumbnail of a real photo, which verification compares with.

The real photos that are mixed are never those of the catalogue that is searched, nor of the pins in it: sources are 80
emblems and the cut-out pins beside `pins/`, those queries of `pins/` whose pins its catalogue lacks, and drawn pins.
Without real photos drawn pins are all there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from recognizer.catalogue.imports import read_queries
from recognizer.drawn import sample
from recognizer.search.embedder import Embedder
from recognizer.search.features import reference_of
from recognizer.types import Float32, Keypoints, Reference
from recognizer.vision.crops import lifted, single
from recognizer.vision.photos import open_photo

NEAR = 8
NOISE = 0.03
"""Of a descriptor's length 1, a component: .34 in all, about what parts two looks at one place of a pin."""
APART = 0.2
"""The same of an embedding's length 1, in all."""
LEANING = 0.35
BATCH = 200
"""Photos that are made together, from one seed: the same photos come out however many are asked for."""
DRAWN = 40
FIRST = 1_000_000
"""The image_id of the first made photo."""


@dataclass(frozen=True)
class Sources:
    """What is mixed: descriptors (n, 128) with the rows of those near (n, NEAR), keypoints a photo, embeddings
    (m, zooms, dim), the middle (zooms, dim) of the catalogue's embeddings, thumbnails."""

    descriptors: Float32
    near: Any
    counts: Any
    zooms: Float32
    middle: Float32
    thumbnails: Sequence[Any]

    def save(self, path: Path) -> None:
        """Keep them, for it takes minutes to look at the pictures."""
        shapes = np.array([one.shape for one in self.thumbnails])
        pictures = np.concatenate([one.ravel() for one in self.thumbnails])
        rows = {"descriptors": self.descriptors, "near": self.near, "counts": self.counts, "zooms": self.zooms}
        np.savez(path, **rows, middle=self.middle, shapes=shapes, pictures=pictures)

    @classmethod
    def load(cls, path: Path) -> Sources:
        """Return what `save` kept."""
        with np.load(path) as held:
            ends = np.cumsum(held["shapes"].prod(axis=1))[:-1]
            pictures = np.split(held["pictures"], ends)
            thumbnails = [one.reshape(shape) for one, shape in zip(pictures, held["shapes"], strict=True)]
            return cls(held["descriptors"], held["near"], held["counts"], held["zooms"], held["middle"], thumbnails)


@dataclass(frozen=True)
class Made:
    """BATCH made photos: image_ids, embeddings (n, zooms, dim), descriptors of all, and how many each has."""

    image_ids: Any
    zooms: Float32
    descriptors: Float32
    counts: Any

    def voting(self, most: int) -> tuple[Float32, Any]:
        """Return the descriptors of at most so many keypoints a photo, and their keys by `index.add_image`."""
        numbers = np.concatenate([np.arange(count) for count in self.counts])
        chosen = numbers < most
        return self.descriptors[chosen], (np.repeat(self.image_ids, self.counts) * 1024 + numbers)[chosen]

    def rows(self) -> Iterator[tuple[int, Float32, Float32]]:
        """Yield image_id, embeddings and descriptors of each."""
        ends = np.cumsum(self.counts)
        for at, image_id in enumerate(self.image_ids.tolist()):
            yield image_id, self.zooms[at], self.descriptors[ends[at] - self.counts[at] : ends[at]]


def sources(real: Path | None, model: Embedder, middle: Float32) -> Sources:
    """Look at all pictures that are mixed; takes some minutes. `middle` is that of the catalogue's embeddings."""
    photos: list[Any] = [sample.catalogue_view(at) for at in range(DRAWN)]
    if real is not None:
        for folder in ("emblems", "cutouts"):
            pictures = (path for path in (real / folder).rglob("*") if path.suffix in (".jpg", ".png"))
            photos += sorted(pictures)[:80]
        photos += [path for path, entry_id in read_queries(real / "pins" / "queries.csv") if entry_id is None]
    kept: list[Reference] = []
    zooms = []
    for one in photos:
        photo = open_photo(one) if isinstance(one, Path) else _as_photo(one)
        crop = single(photo)
        reference = reference_of(crop)
        if len(reference.keypoints) > 30:
            kept.append(reference)
            zooms.append(model.embed_zooms([crop.whole], [lifted(crop)])[0])
    rows = np.concatenate([one.keypoints.descriptors for one in kept])
    lists = faiss.index_factory(128, f"IVF{max(1, len(rows) // 400)},Flat")
    lists.cp.min_points_per_centroid = 1
    lists.train(rows)
    lists.add(rows)
    lists.nprobe = 8
    near = lists.search(rows, NEAR + 1)[1][:, 1:]
    near = np.where(near < 0, np.arange(len(rows))[:, None], near).astype(np.int32)
    counts = np.array([len(one.keypoints) for one in kept], np.int32)
    return Sources(rows, near, counts, np.stack(zooms), middle, [one.thumbnail for one in kept])


def _as_photo(image: Any) -> Any:
    from recognizer.types import Photo

    return Photo(image, "", "drawn")


def counts(held: Sources, number: int, keypoints: int) -> Any:
    """Return how many keypoints each photo of a batch has."""
    return np.minimum(np.random.default_rng([9, number]).choice(held.counts, BATCH), keypoints)


def batch(held: Sources, number: int, keypoints: int) -> Made:
    """Make batch `number` of photos with at most so many keypoints each; the same for the same numbers."""
    many = counts(held, number, keypoints)
    return Made(image_ids(number), zooms(held, number), _descriptors(held, number, int(many.sum())), many)


def image_ids(number: int) -> Any:
    """Return the image_ids of a batch."""
    return FIRST + number * BATCH + np.arange(BATCH)


def _descriptors(held: Sources, number: int, total: int) -> Float32:
    rng = np.random.default_rng([7, number])
    first = rng.integers(len(held.descriptors), size=total)
    second = held.near[first, rng.integers(NEAR, size=total)]
    share = rng.random((total, 1), np.float32)
    rows = held.descriptors[first] * (1 - share)
    rows += held.descriptors[second] * share
    noise = rng.normal(0, NOISE, (4096, 128)).astype(np.float32)
    rows += noise[rng.integers(4096, size=total)]
    np.maximum(rows, 0, out=rows)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows


def zooms(held: Sources, number: int) -> Float32:
    """Return the embeddings (BATCH, zooms, dim) of a batch."""
    rng = np.random.default_rng([10, number])
    pair = rng.integers(len(held.zooms), size=(2, BATCH))
    part = rng.random((BATCH, 1, 1), np.float32) * 0.5 + 0.5
    rows = held.zooms[pair[0]] * part + held.zooms[pair[1]] * (1 - part)
    rows += rng.normal(0, APART / np.sqrt(rows.shape[-1]), rows.shape).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    rows += LEANING * held.middle
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows, np.float32)


def reference(held: Sources, image_id: int, descriptors: Float32) -> Reference:
    """Return what an index would keep of a made photo with these descriptors."""
    rng = np.random.default_rng([8, image_id])
    thumbnail = held.thumbnails[image_id % len(held.thumbnails)]
    height, width = thumbnail.shape[:2]
    places = (rng.random((len(descriptors), 2)) * (width, height)).astype(np.float32)
    scales = rng.gamma(2.0, 0.02 * max(height, width), len(descriptors)).astype(np.float32) + 2
    angles = (rng.random(len(descriptors)) * 360).astype(np.float32)
    return Reference(Keypoints(places, scales, angles, descriptors), thumbnail, 1.0)
