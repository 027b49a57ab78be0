"""Making an index: its two FAISS indexes, filled, emptied and written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np

from recognizer.errors import IndexError_
from recognizer.files import DRAFT, HERE, beside, make_folder, write_whole
from recognizer.search.index.manifest import Manifest, as_json
from recognizer.search.index.records import of_largest
from recognizer.types import Float32, Keypoints

FLAT_UP_TO: Final = 100_000
"""Descriptors that are searched exactly; from there on IVF-PQ, which is faster and 16 times smaller."""

PROBED: Final = 8
"""Lists of the IVF that a search reads; 4, 8 and 24 gave recall at 5 of .98 on `pins/` in 37, 63 and 183 ms."""

faiss.cvar.distance_compute_blas_threshold = 20 * 128
"""From how many numbers of all queries on FAISS compares by matrix products: 20 descriptors. Its own 128,000 leaves the
600 descriptors of a photo to its slower loop; among 69,000 others .078 s by products, .36 to .53 s by the loop."""

REGROWN: Final = 4
"""The IVF-PQ is trained anew when it holds this many times the descriptors that it was trained on."""

LISTED: Final = 400
"""Descriptors of a list in the middle, so that a search reads as many of them whatever the size of the catalogue. Among
10,000 made photos (`benchmarks/scale.py`) the 1.2 sqrt(n) lists of before, 1,430 descriptors each, took twice the time
for 8 more of 100 nearest keypoints, and the same first photos."""

MOST_LISTS: Final = 131_072

FLAT_LISTS: Final = 2_048
"""Lists whose middles are all compared with a descriptor, which takes 1 us for each 80; more are held in a graph
(HNSW), in which it took 31 us among 8,000 and 85 among 131,000, all at random, which is the hardest."""

EXACT_PHOTOS: Final = 10_000
"""Photos whose embeddings are compared one by one. Past them they are coded, to be found among and compared by what is
kept of a photo (`kept.read_vectors`): reading all of 100,000 photos takes 90 ms a query, their codes 1.2."""

PHOTOS_A_LIST: Final = 100
MOST_EMBEDDING_LISTS: Final = 4_096

EMBEDDINGS_PROBED: Final = 32
"""Lists of coded embeddings that a search reads. Of the 16 made photos of 100,000 most alike to 108 queries of `pins/`,
16, 32 and 64 found .959, .979 and .983, and the first of them for .991, 1 and 1, in .9, 1.2 and 2.2 ms."""

CODED: Final = 128
"""Numbers of a coded embedding, a byte each, of its principal components: half as many found .917. They are compared by
distance, which the components keep; products of what is left of a vector once its mean is gone found .823."""

_ROWS_A_LIST: Final = 40  # that k-means asks for
_ROWS_OF_MANY: Final = 20  # the same past FLAT_LISTS: half the time of training

ZOOMS: Final = 8
"""Keys of embeddings a photo: key = image_id * ZOOMS + zoom."""

KEYPOINTS: Final = 1024
"""Keys of descriptors a photo: key = image_id * KEYPOINTS + keypoint."""


def write(folder: Path, manifest: Manifest, vectors: Any, descriptors: Any) -> None:
    """Put an index of one part in the place of the one in `folder`, see `put`."""
    put(folder, manifest, {manifest.vectors: vectors, manifest.descriptors: descriptors})


def put(folder: Path, manifest: Manifest, written: Mapping[str, Any]) -> None:
    """Put an index in the place of the one in `folder`: files beside it, then one rename of `index.json`.

    `written` are the FAISS indexes to write, by the name of their file; the others of the manifest's `files` are there.
    A run that is killed leaves the old index. Files of former generations are removed at the end.
    """
    make_folder(folder, IndexError_, cure=HERE)
    sums = {name: told for name, told in manifest.sums.items() if name in manifest.files}
    for name, part in written.items():
        with beside(folder / name, IndexError_, cure=HERE) as draft:
            faiss.write_index(part, str(draft))
            with draft.open("rb") as file:
                sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
    text = as_json(replace(manifest, sums=sums))
    write_whole(folder / "index.json", text.encode(), IndexError_, cure=HERE)
    for path in [*folder.glob("*.faiss"), *folder.glob(f"*{DRAFT}")]:
        if path.name not in manifest.files:
            path.unlink(missing_ok=True)


def new_vectors(dim: int, *, half: bool = False) -> Any:
    """Return an empty inner-product index of all embeddings that keeps our keys; in half precision it takes half the
    room and reading, and a cosine is off by less than .001."""
    if half:
        return faiss.IndexIDMap2(
            faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        )
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dim))


def embedding_lists(photos: int) -> int:
    """Return into how many lists the embeddings of so many photos are parted, 0 where they are compared one by one."""
    return 0 if photos <= EXACT_PHOTOS else max(1, min(photos // PHOTOS_A_LIST, MOST_EMBEDDING_LISTS))


def taught_rows(photos: int) -> int:
    """Return how many embeddings the lists of so many photos are to be trained on, 0 where there are none."""
    return embedding_lists(photos) * _ROWS_A_LIST


def new_coded_vectors(sample: Float32, photos: int) -> Any:
    """Return an empty index of coded embeddings for so many photos, trained on `sample` (n, dim)."""
    dim = sample.shape[1]
    lists = max(1, min(embedding_lists(photos), len(sample) // _ROWS_A_LIST))
    index: Any = faiss.index_factory(dim, f"PCA{min(CODED, dim, len(sample))},IVF{lists},SQ8", faiss.METRIC_L2)
    held = faiss.extract_index_ivf(index)
    held.cp.niter, held.cp.min_points_per_centroid = 10, 1
    index.train(np.ascontiguousarray(sample))
    return index


def are_coded(vectors: Any) -> bool:
    """Say whether an index of embeddings has them coded."""
    return isinstance(vectors, faiss.IndexPreTransform)


def outgrown(vectors: Any, photos: int) -> bool:
    """Say whether an index of embeddings is to be made anew for so many photos."""
    lists = faiss.extract_index_ivf(vectors).nlist if are_coded(vectors) else 0
    return embedding_lists(photos) > REGROWN * lists


def lists_of(total: int) -> int:
    """Return into how many lists `total` descriptors are parted, 0 where they are searched exactly."""
    return 0 if total <= FLAT_UP_TO else min(max(total // LISTED, int(1.2 * np.sqrt(total))), MOST_LISTS)


def training_rows(total: int) -> int:
    """Return how many of `total` descriptors the lists are to be trained on, 0 where there are none."""
    lists = lists_of(total)
    return lists * _rows_a_list(lists)


def _rows_a_list(lists: int) -> int:
    return _ROWS_A_LIST if lists <= FLAT_LISTS else _ROWS_OF_MANY


def new_descriptors(sample: Float32, total: int) -> Any:
    """Return an empty descriptor index for `total` rows, trained on `sample` (n, 128) when it is to be an IVF-PQ."""
    if total <= FLAT_UP_TO:
        return faiss.IndexIDMap2(faiss.IndexFlatL2(128))
    lists = lists_of(total)
    lists = max(1, min(lists, len(sample) // _rows_a_list(lists)))
    # "np": without FAISS's polysemous training, which takes a minute and serves a search that we do not use; and PQ's
    # k-means in ten rounds over 40 rows a centroid, which gave the same recall of votes on `pins/` as its defaults.
    graph = "_HNSW32" if lists > FLAT_LISTS else ""
    index: Any = faiss.index_factory(128, f"IVF{lists}{graph},PQ32np")
    index.pq.cp.niter = 10
    index.pq.cp.max_points_per_centroid = 40
    middles = faiss.IndexHNSWFlat(128, 16)
    if graph:  # k-means itself looks for the nearest middles in a graph: comparing all would take hours
        index.clustering_index, index.cp.niter = middles, 5
        index.cp.min_points_per_centroid = 1  # fewer than it likes are told of on the terminal
    index.train(np.ascontiguousarray(sample))
    index.clustering_index = None  # it is not FAISS's to keep
    return index


def add_image(
    vectors: Any, descriptors: Any, image_id: int, zooms: Float32, keypoints: Keypoints, voting: int = 0
) -> None:
    """Add one photo to both FAISS indexes under its keys, of its keypoints the `voting` largest, 0 for all."""
    vectors.add_with_ids(np.ascontiguousarray(zooms), image_id * ZOOMS + np.arange(len(zooms), dtype=np.int64))
    if len(keypoints):
        chosen = of_largest(keypoints, voting) if voting else np.arange(len(keypoints))
        keys = image_id * KEYPOINTS + chosen.astype(np.int64)
        descriptors.add_with_ids(np.ascontiguousarray(keypoints.descriptors[chosen]), keys)


def remove_images(vectors: Any, descriptors: Any, image_ids: Iterable[int]) -> None:
    """Remove photos from both FAISS indexes by their keys."""
    gone = np.asarray(sorted(image_ids), np.int64)
    if not len(gone):
        return
    for index, span in ((vectors, ZOOMS), (descriptors, KEYPOINTS)):
        index.remove_ids((gone[:, None] * span + np.arange(span)).ravel())
