"""An index that was opened for searching."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import IndexError_, IndexMismatch
from recognizer.search.index.kept import read_features
from recognizer.search.index.making import KEYPOINTS, PROBED, ZOOMS
from recognizer.search.index.manifest import Manifest, read_manifest
from recognizer.search.index.records import largest
from recognizer.search.similarity import similarities
from recognizer.types import Float32, Hit, Neighbours, Reference

NEIGHBOURS: Final = 5
"""Descriptors that a query keypoint votes with; the next one is the background that their votes are measured
against."""

LIFTED: Final = 1
"""Which of `embedder.ZOOMS` is the pin lifted from its ground."""

_LISTS: Final = 128  # of a search by lists of what is else searched exactly
_CACHED: Final = 2048  # references held in memory, about 200 KB each


class Index:
    """An index that was opened for searching; it stays as it is when another is put in its place."""

    def __init__(self, folder: Path, manifest: Manifest, vectors: Any, descriptors: Any) -> None:
        self.folder = folder
        self.manifest = manifest
        self._vectors = vectors
        self._descriptors = descriptors
        self._hashes = dict(manifest.images)
        self._references: OrderedDict[int, Reference] = OrderedDict()
        if manifest.trained_on:
            faiss.extract_index_ivf(descriptors).nprobe = PROBED

    @classmethod
    def open(cls, folder: Path) -> Index:
        """Open the index of a folder; IndexError_ with the cure when there is none or a file is missing or damaged."""
        manifest = read_manifest(folder)
        if manifest is None:
            raise IndexError_(f"{folder}: no index in it; run `znachki index`")
        parts = []
        for name in (manifest.vectors, manifest.descriptors):
            try:
                parts.append(faiss.read_index(str(folder / name)))
            except RuntimeError as error:
                raise IndexError_(f"{folder / name}: missing or damaged; run `znachki index --rebuild`") from error
        return cls(folder, manifest, *parts)

    def __len__(self) -> int:
        return len(self.manifest.images)

    @property
    def parts(self) -> tuple[Any, Any]:
        """The FAISS indexes of embeddings and of descriptors, for adding and removing."""
        return self._vectors, self._descriptors

    def check_model(self, fingerprint: str, name: str) -> None:
        """Raise IndexMismatch unless the index was made by the model with this fingerprint."""
        if fingerprint == self.manifest.fingerprint:
            return
        if name == self.manifest.model:  # as where this version ships another base than the one before
            raise IndexMismatch(
                f"{self.folder}: made by another version of model {name} ({self.manifest.fingerprint}, now "
                f"{fingerprint}); run `znachki index`"
            )
        raise IndexMismatch(
            f"{self.folder}: made by model {self.manifest.model} ({self.manifest.fingerprint}), asked with {name} "
            f"({fingerprint}); run `znachki index --model {name}`, or identify without --model"
        )

    def similar(self, zooms: Float32, most: int) -> list[tuple[int, float]]:
        """Return (image_id, similarity), best first, at most `most`, for one query's embeddings (zooms, dim).

        What a similarity is says `similarity.of_cosines`; it is brought to the one scale `similarity.REFERENCE`.
        """
        total = int(self._vectors.ntotal)
        if total == 0:
            return []
        _, keys = self._vectors.search(np.ascontiguousarray(zooms), min(total, most * len(zooms)))
        found = np.unique(keys[keys >= 0] // ZOOMS)
        stored = self._zooms_of(found, len(zooms))
        similarity = similarities(zooms, stored, self.manifest.scale)
        order = np.argsort(-similarity, kind="stable")[:most]
        return [(int(found[at]), float(similarity[at])) for at in order]

    def similarity(self, zooms: Float32, image_ids: Sequence[int]) -> list[float]:
        """Return the similarity of `similar` for these photos, in their order."""
        if not image_ids:
            return []
        stored = self._zooms_of(np.asarray(image_ids, np.int64), len(zooms))
        return [float(value) for value in similarities(zooms, stored, self.manifest.scale)]

    def shows(self, row: Float32, most: int) -> list[tuple[int, float]]:
        """Return (image_id, likeness), best first, at most `most`, for the row (dim,) of a text.

        A text is held against the pin lifted from its ground, which is what text towers learn from; the whole photo,
        where the model has no such zoom.
        """
        total = int(self._vectors.ntotal)
        if total == 0:
            return []
        flat: Any = faiss.downcast_index(self._vectors.index)
        rows = faiss.rev_swig_ptr(flat.get_xb(), total * flat.d).reshape(total, flat.d)
        keys = faiss.vector_to_array(self._vectors.id_map)
        lifted = keys % ZOOMS == min(LIFTED, int(keys.max() % ZOOMS))
        likeness, images = (rows @ row)[lifted], keys[lifted] // ZOOMS
        order = np.lexsort((images, -likeness))[:most]
        return [(int(images[at]), float(likeness[at])) for at in order]

    def zooms(self, image_ids: Sequence[int]) -> Float32:
        """Return the embeddings (n, zooms, dim) of photos that the index holds, in their order."""
        depth = int(self._vectors.ntotal) // max(1, len(self))
        if not image_ids:
            return np.zeros((0, depth, self.manifest.dim), np.float32)
        return self._zooms_of(np.asarray(image_ids, np.int64), depth)

    def _zooms_of(self, image_ids: NDArray[np.int64], zooms: int) -> Float32:
        keys = (image_ids[:, None] * ZOOMS + np.arange(zooms)).ravel()
        rows = np.stack([self._vectors.reconstruct(int(key)) for key in keys])
        return np.asarray(rows, np.float32).reshape(len(image_ids), zooms, -1)

    def vote(self, descriptors: Float32) -> list[tuple[int, float]]:
        """Return (image_id, votes), most first, for a query's descriptors (n, 128): every photo that got any.

        Each query descriptor votes for the photos of its nearest neighbours by how much nearer they are than the first
        one past them: local naive Bayes nearest neighbour, McCann and Lowe (2012). Votes are divided by n.
        """
        return tallied(self.neighbours(descriptors))

    def neighbours(self, descriptors: Float32) -> Neighbours:
        """Return the nearest catalogue keypoints of each descriptor (n, 128) with their votes, see `vote`."""
        total = int(self._descriptors.ntotal)
        if total == 0 or len(descriptors) == 0:
            none = np.full((len(descriptors), 0), -1, np.int64)
            return Neighbours(none, none, none.astype(np.float32), self.manifest.generation)
        distances, keys = self._descriptors.search(np.ascontiguousarray(descriptors), min(NEIGHBOURS + 1, total))
        background = np.where(keys[:, -1:] >= 0, distances[:, -1:], 4.0)
        weights = np.maximum(background - distances[:, :-1], 0)
        owners = np.where(keys[:, :-1] >= 0, keys[:, :-1] // KEYPOINTS, -1)
        for later in range(1, owners.shape[1]):  # a photo gets one vote a descriptor, that of its nearest
            repeated = (owners[:, :later] == owners[:, later : later + 1]).any(axis=1)
            weights[repeated, later] = 0
        numbers = np.where(owners >= 0, keys[:, :-1] % KEYPOINTS, -1)
        return Neighbours(owners, numbers, np.asarray(weights, np.float32), self.manifest.generation)

    def by_lists(self) -> Index:
        """Return this index with descriptors that were searched exactly held in lists, to ask for hundreds of photos.

        A search reads PROBED of its lists, a sixteenth of the descriptors, and is that much faster; making the lists
        takes as long as asking for about ten photos exactly. One that is searched by lists already is returned itself.
        """
        total = int(self._descriptors.ntotal)
        if self.manifest.trained_on or total < _LISTS * 40:
            return self
        exact: Any = faiss.downcast_index(self._descriptors.index)
        rows = faiss.rev_swig_ptr(exact.get_xb(), total * exact.d).reshape(total, exact.d)
        quantizer = faiss.IndexFlatL2(exact.d)
        lists = faiss.IndexIVFFlat(quantizer, exact.d, _LISTS)
        lists.cp.niter, lists.cp.max_points_per_centroid = 10, 40
        lists.train(rows)
        lists.add_with_ids(rows, faiss.vector_to_array(self._descriptors.id_map))
        lists.nprobe = PROBED
        return Index(self.folder, self.manifest, self._vectors, lists)

    def reference(self, image_id: int) -> Reference:
        """Return what verification needs of a photo; IndexError_ when its features are missing or damaged."""
        held = self._references.get(image_id)
        if held is None:
            held = read_features(self.folder, self.manifest.settings, self._hashes[image_id])
            if self.manifest.keypoints:  # neighbours are numbered among these
                held = replace(held, keypoints=largest(held.keypoints, self.manifest.keypoints))
            self._references[image_id] = held
            if len(self._references) > _CACHED:
                self._references.popitem(last=False)
        else:
            self._references.move_to_end(image_id)
        return held

    def replaced(self) -> bool:
        """Say whether another index was put in the place of this one, which then may miss photos that are gone."""
        now = read_manifest(self.folder)
        return now is None or now.generation != self.manifest.generation

    def candidates(
        self, zooms: Float32, descriptors: Float32 | Neighbours, by_votes: int, by_similarity: int
    ) -> list[Hit]:
        """Return the union of the best photos by votes and by similarity, both evidences filled in for all of them.

        Descriptors that were searched before are given as what was said of them.
        """
        votes = tallied(descriptors) if isinstance(descriptors, Neighbours) else self.vote(descriptors)
        nearest = self.similar(zooms, by_similarity) if len(zooms) else []
        chosen = dict.fromkeys([image_id for image_id, _ in votes[:by_votes]] + [image_id for image_id, _ in nearest])
        held = dict(votes)
        similarity = self.similarity(zooms, list(chosen)) if len(zooms) else [0.0] * len(chosen)
        return [
            Hit(image_id, similarity=likeness, votes=held.get(image_id, 0.0))
            for image_id, likeness in zip(chosen, similarity, strict=True)
        ]


def tallied(neighbours: Neighbours) -> list[tuple[int, float]]:
    """Return (image_id, votes), most first, of what an index said of the descriptors of one query, see `Index.vote`."""
    voted = neighbours.image_ids >= 0
    image_ids, places = np.unique(neighbours.image_ids[voted], return_inverse=True)
    votes = np.bincount(places, weights=neighbours.weights[voted]) / max(1, len(neighbours))
    order = np.argsort(-votes, kind="stable")
    return [(int(image_ids[at]), float(votes[at])) for at in order if votes[at] > 0]
