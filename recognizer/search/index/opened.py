"""An index that was opened for searching."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import IndexError_, IndexMismatch
from recognizer.search.index.kept import EMBEDDINGS, FEATURES, read_features, read_vectors, short, whole_packs
from recognizer.search.index.making import KEYPOINTS, PROBED, ZOOMS, add_image, remove_images
from recognizer.search.index.manifest import Manifest, read_manifest
from recognizer.search.index.parts import Part
from recognizer.search.index.records import largest
from recognizer.search.similarity import similarities
from recognizer.types import Float32, Hit, Neighbours, Reference

NEIGHBOURS: Final = 5
"""Descriptors that a query keypoint votes with; the next one is the background that their votes are measured
against."""

LIFTED: Final = 1
"""Which of `embedder.ZOOMS` is the pin lifted from its ground."""

_MAPPED: Final = faiss.IO_FLAG_MMAP_IFC if os.name == "posix" else 0
"""How FAISS maps files; other systems would not let go of a file that is mapped when the next index takes its place."""

_LEAN: Final = faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
"""Without the table that FAISS makes of all lists: 240 MB for 7,400 of them, and no search is faster with it."""

_LISTS: Final = 128  # of a search by lists of what is else searched exactly
_CACHED: Final = 2048  # references held in memory, about 200 KB each


class Index:
    """An index that was opened for searching; it stays as it is when another is put in its place."""

    def __init__(
        self, folder: Path, manifest: Manifest, vectors: Any, descriptors: Any, fresh: tuple[Any, Any] | None = None
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self._main = Part(vectors, descriptors, manifest.gone, self._read_vectors)
        self._fresh = None if fresh is None else Part(*fresh, read=self._read_vectors)
        self._in_fresh = np.array(manifest.fresh, np.int64)
        self._hashes = dict(manifest.images)
        # Keypoints are numbered among all of a photo. Should the catalogue become large meanwhile, the packs that are
        # there then have fewer of each, and what was said of their numbers would be of others.
        self._packs = [] if manifest.keypoints else whole_packs(folder / FEATURES, short(manifest.settings))
        coded = manifest.embeddings
        self._packs_of_vectors = whole_packs(folder / EMBEDDINGS, coded) if coded else []
        self._references: OrderedDict[int, Reference] = OrderedDict()
        for part, trained_on in zip(self._parts, (manifest.trained_on, manifest.fresh_trained_on), strict=False):
            if trained_on:
                faiss.extract_index_ivf(part.descriptors).nprobe = PROBED

    @classmethod
    def open(cls, folder: Path, *, to_change: bool = False) -> Index:
        """Open the index of a folder; IndexError_ with the cure when there is none or a file is missing or damaged.

        Its files are mapped into memory, so that it opens at once and processes share what they read of them; one that
        is opened `to_change` is read whole.
        """
        manifest = read_manifest(folder)
        if manifest is None:
            raise IndexError_(f"{folder}: no index in it; run `znachki index`")
        flags = 0 if to_change else _MAPPED
        vectors, descriptors, *fresh = (_read(folder / name, flags) for name in manifest.files)
        return cls(folder, manifest, vectors, descriptors, (fresh[0], fresh[1]) if fresh else None)

    def __len__(self) -> int:
        return len(self.manifest.images)

    @property
    def parts(self) -> tuple[Any, Any]:
        """The FAISS indexes of embeddings and of descriptors, for adding and removing: of the large part, where there
        are two."""
        return self._main.vectors, self._main.descriptors

    @property
    def _parts(self) -> list[Part]:
        return [self._main] if self._fresh is None else [self._main, self._fresh]

    def joined(self) -> tuple[Any, Any]:
        """Return `parts` with the photos of the fresh part in them, and without those that are gone; of an index that
        was opened to be changed, which answers no more after it."""
        vectors, descriptors = self.parts
        if self._fresh is not None or self.manifest.gone:
            held = {image_id: (self.zooms([image_id])[0], self.reference(image_id)) for image_id in self.manifest.fresh}
            remove_images(vectors, descriptors, self.manifest.gone)
            for image_id, (zooms, reference) in held.items():
                add_image(vectors, descriptors, image_id, zooms, reference.keypoints, self.manifest.voting)
        return vectors, descriptors

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
        keys = np.concatenate([part.alike(zooms, most * len(zooms)).ravel() for part in self._parts])
        found = np.unique(keys[keys >= 0] // ZOOMS)
        if not len(found):
            return []
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
        told = [part.lifted(row, LIFTED, most) for part in self._parts]
        images, likeness = (np.concatenate(column) for column in zip(*told, strict=True))
        order = np.lexsort((images, -likeness))[:most]
        return [(int(images[at]), float(likeness[at])) for at in order]

    def zooms(self, image_ids: Sequence[int]) -> Float32:
        """Return the embeddings (n, zooms, dim) of photos that the index holds, in their order."""
        depth = int(self._main.vectors.ntotal) // max(1, len(self) - len(self._in_fresh) + len(self.manifest.gone))
        if not image_ids:
            return np.zeros((0, depth, self.manifest.dim), np.float32)
        return self._zooms_of(np.asarray(image_ids, np.int64), depth)

    def _zooms_of(self, image_ids: NDArray[np.int64], zooms: int) -> Float32:
        rows = np.zeros((len(image_ids), zooms, self.manifest.dim), np.float32)
        in_fresh = np.isin(image_ids, self._in_fresh)
        for part, here in zip(self._parts, (~in_fresh, in_fresh), strict=False):
            if here.any():
                rows[here] = part.embeddings(image_ids[here], zooms)
        return rows

    def _read_vectors(self, image_ids: NDArray[np.int64]) -> Float32:
        """The embeddings (n, zooms, dim) of photos as they are kept beside FAISS's."""
        names = [self._hashes[image_id] for image_id in image_ids.tolist()]
        return read_vectors(self.folder, self.manifest.embeddings, names, self._packs_of_vectors)

    def vote(self, descriptors: Float32) -> list[tuple[int, float]]:
        """Return (image_id, votes), most first, for a query's descriptors (n, 128): every photo that got any.

        Each query descriptor votes for the photos of its nearest neighbours by how much nearer they are than the first
        one past them: local naive Bayes nearest neighbour, McCann and Lowe (2012). Votes are divided by n.
        """
        return tallied(self.neighbours(descriptors))

    def neighbours(self, descriptors: Float32) -> Neighbours:
        """Return the nearest catalogue keypoints of each descriptor (n, 128) with their votes, see `vote`."""
        told = [part.nearest(descriptors, NEIGHBOURS + 1) for part in self._parts if part.descriptors.ntotal]
        if not told or len(descriptors) == 0:
            none = np.full((len(descriptors), 0), -1, np.int64)
            return Neighbours(none, none, none.astype(np.float32), self.manifest.generation)
        distances, keys = told[0] if len(told) == 1 else _merged(told)
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
        total = int(self._main.descriptors.ntotal)
        if self.manifest.trained_on or self._fresh is not None or total < _LISTS * 40:
            return self
        exact: Any = faiss.downcast_index(self._main.descriptors.index)
        rows = faiss.rev_swig_ptr(exact.get_xb(), total * exact.d).reshape(total, exact.d)
        quantizer = faiss.IndexFlatL2(exact.d)
        lists = faiss.IndexIVFFlat(quantizer, exact.d, _LISTS)
        lists.cp.niter, lists.cp.max_points_per_centroid = 10, 40
        lists.train(rows)
        lists.add_with_ids(rows, faiss.vector_to_array(self._main.descriptors.id_map))
        lists.nprobe = PROBED
        return Index(self.folder, self.manifest, self._main.vectors, lists)

    def reference(self, image_id: int) -> Reference:
        """Return what verification needs of a photo; IndexError_ when its features are missing or damaged."""
        held = self._references.get(image_id)
        if held is None:
            held = read_features(self.folder, self.manifest.settings, self._hashes[image_id], self._packs)
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


def read_fresh(folder: Path, manifest: Manifest) -> tuple[Any, Any] | None:
    """Read the FAISS indexes of the fresh part, for adding and removing; None where there is none. Raises as
    `Index.open`."""
    if not manifest.fresh_vectors:
        return None
    return _read(folder / manifest.fresh_vectors, 0), _read(folder / manifest.fresh_descriptors, 0)


def _read(path: Path, flags: int) -> Any:
    try:
        return faiss.read_index(str(path), flags | _LEAN)
    except RuntimeError as error:
        raise IndexError_(f"{path}: missing or damaged; run `znachki index --rebuild`") from error


def _merged(told: Sequence[tuple[Float32, NDArray[np.int64]]]) -> tuple[Float32, NDArray[np.int64]]:
    """The nearest descriptors of all parts, as many as one search gives."""
    away = np.concatenate([np.where(keys < 0, np.inf, far) for far, keys in told], axis=1)
    keys = np.concatenate([found for _, found in told], axis=1)
    order = np.argsort(away, axis=1, kind="stable")[:, : NEIGHBOURS + 1]
    return np.take_along_axis(away, order, axis=1).astype(np.float32), np.take_along_axis(keys, order, axis=1)


def tallied(neighbours: Neighbours) -> list[tuple[int, float]]:
    """Return (image_id, votes), most first, of what an index said of the descriptors of one query, see `Index.vote`."""
    voted = neighbours.image_ids >= 0
    image_ids, places = np.unique(neighbours.image_ids[voted], return_inverse=True)
    votes = np.bincount(places, weights=neighbours.weights[voted]) / max(1, len(neighbours))
    order = np.argsort(-votes, kind="stable")
    return [(int(image_ids[at]), float(votes[at])) for at in order if votes[at] > 0]
