"""A part of an index: two FAISS indexes that are searched together, some of whose photos may count no more.

A large index has a second, small part for what came since it was made, so that adding a photo does not write it anew.
What left it is named in the manifest, and passed over here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from recognizer.search.index.making import EMBEDDINGS_PROBED, KEYPOINTS, ZOOMS, are_coded
from recognizer.types import Float32

_BLOCK: Final = 4096  # embeddings that are read together
_CODED_MORE: Final = 4  # times as many of coded embeddings are looked at, as codes put them in another order

Read = Callable[[NDArray[np.int64]], Float32]
"""Gives the embeddings (n, zooms, dim) of photos by their image_ids."""

_MORE: Final = 4  # times as many neighbours are asked for where too many of them count no more


class Part:
    """Embeddings and descriptors of some photos, searched for those that are not `gone`."""

    def __init__(self, vectors: Any, descriptors: Any, gone: Iterable[int] = (), read: Read | None = None) -> None:
        self.vectors = vectors
        self.descriptors = descriptors
        self._read = read if are_coded(vectors) else None
        if self._read is not None:
            faiss.extract_index_ivf(vectors).nprobe = EMBEDDINGS_PROBED
        self._gone = np.array(sorted(gone), np.int64)

    def alike(self, rows: Float32, most: int) -> NDArray[np.int64]:
        """Return the keys of the embeddings nearest to each row (n, dim), (n, `most` or more), -1 where there are
        fewer. Coded ones are found by their codes, in whose order the nearest may lie further back: there are more."""
        return self._standing(self.vectors, rows, most * (_CODED_MORE if self._read else 1), ZOOMS)[1]

    def nearest(self, rows: Float32, most: int) -> tuple[Float32, NDArray[np.int64]]:
        """Return squared distances and keys of the `most` descriptors nearest to each row (n, 128), nearest first; key
        -1 where there are fewer."""
        return self._standing(self.descriptors, rows, most, KEYPOINTS)

    def lifted(self, row: Float32, zoom: int, most: int) -> tuple[NDArray[np.int64], Float32]:
        """Return the image_ids and the products of a row (dim,) with their embeddings of a zoom, the last one that
        there is at most: of all photos, or of at least the `most` best where embeddings are coded."""
        total = int(self.vectors.ntotal)
        if total == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        if self._read is not None:
            return self._lifted_by_codes(row, zoom, most, self._read)
        held: Any = faiss.downcast_index(self.vectors.index)
        blocks = [(at, min(_BLOCK, total - at)) for at in range(0, total, _BLOCK)]
        products = np.concatenate([held.reconstruct_n(at, count) @ row for at, count in blocks])
        keys = faiss.vector_to_array(self.vectors.id_map)
        chosen = keys % ZOOMS == min(zoom, int(keys.max() % ZOOMS))
        chosen &= ~np.isin(keys // ZOOMS, self._gone)
        return keys[chosen] // ZOOMS, products[chosen]

    def _lifted_by_codes(self, row: Float32, zoom: int, most: int, read: Read) -> tuple[NDArray[np.int64], Float32]:
        """`lifted` of coded embeddings. A text lies apart from all pictures, so that no list is the nearest: all are
        read."""
        library: Any = faiss  # whose stubs do not know these arguments
        lists = library.SearchParametersIVF(nprobe=library.extract_index_ivf(self.vectors).nlist)
        asked = min(int(self.vectors.ntotal), most * ZOOMS * _CODED_MORE)
        _, (keys,) = self.vectors.search(
            row[None], asked, params=library.SearchParametersPreTransform(index_params=lists)
        )
        images = np.unique(keys[keys >= 0] // ZOOMS)
        images = images[~np.isin(images, self._gone)]
        if not len(images):
            return images, np.zeros(0, np.float32)
        rows = read(images)
        return images, np.asarray(rows[:, min(zoom, rows.shape[1] - 1)] @ row, np.float32)

    def embeddings(self, image_ids: NDArray[np.int64], zooms: int) -> Float32:
        """Return the embeddings (n, zooms, dim) of photos that the part has."""
        if self._read is not None:
            return self._read(image_ids)[:, :zooms]
        keys = (image_ids[:, None] * ZOOMS + np.arange(zooms)).ravel()
        rows = np.stack([self.vectors.reconstruct(int(key)) for key in keys])
        return rows.reshape(len(image_ids), zooms, rows.shape[1])

    def _standing(self, index: Any, rows: Float32, most: int, span: int) -> tuple[Float32, NDArray[np.int64]]:
        """The nearest of each row whose photos are not gone."""
        asked, total = most, int(index.ntotal)
        rows = np.ascontiguousarray(rows)
        if total == 0:
            return np.zeros((len(rows), 0), np.float32), np.zeros((len(rows), 0), np.int64)
        while True:
            away, keys = index.search(rows, min(asked, total))
            if not len(self._gone):
                return away, keys
            left_out = (keys < 0) | np.isin(keys // span, self._gone)
            if asked >= total or int((~left_out).sum(axis=1).min(initial=most)) >= most:
                break
            asked *= _MORE
        order = np.argsort(left_out, axis=1, kind="stable")[:, :most]
        left_out = np.take_along_axis(left_out, order, axis=1)
        keys = np.where(left_out, -1, np.take_along_axis(keys, order, axis=1))
        return np.take_along_axis(away, order, axis=1), keys
