"""The index: two FAISS indexes and the features of every catalogue photo, in one readable folder.

    index/
      index.json                    what it was made from and with; replaced in one step, and with it the whole index
      vectors-<generation>.faiss    embeddings, exact inner product; key = image_id * 8 + zoom
      descriptors-<generation>.faiss  RootSIFT, exact while few, IVF-PQ later; key = image_id * 1024 + keypoint
      features/<settings>/<sha256>.npz    keypoints, outline and thumbnail of one photo, to verify and rebuild
      embeddings/<fingerprint>/<sha256>.npy    embeddings of one photo by one model

Keys travel with the vectors inside FAISS. Features are named by the photo's content, so a photo is never worked on
twice and a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import IndexError_, IndexMismatch
from recognizer.files import DRAFT, HERE, beside, make_folder, write_whole
from recognizer.search.similarity import REFERENCE, Scale, similarities
from recognizer.types import Float32, Hit, Keypoints, Neighbours, Reference

FORMAT: Final = 1
NEIGHBOURS: Final = 5
"""Descriptors that a query keypoint votes with; the next one is the background that their votes are measured
against."""

FLAT_UP_TO: Final = 100_000
"""Descriptors that are searched exactly; from there on IVF-PQ, which is faster and 16 times smaller."""

PROBED: Final = 8
"""Lists of the IVF that a search reads; 4, 8 and 24 gave recall at 5 of .98 on `pins/` in 37, 63 and 183 ms."""

faiss.cvar.distance_compute_blas_threshold = 20 * 128
"""From how many numbers of all queries on FAISS compares by matrix products: 20 descriptors. Its own 128,000 leaves the
600 descriptors of a photo to its slower loop; among 69,000 others .078 s by products, .36 to .53 s by the loop."""

REGROWN: Final = 4
"""The IVF-PQ is trained anew when it holds this many times the descriptors that it was trained on."""

THUMBNAIL: Final = 256
"""Long side of the pictures kept for comparison after alignment, a little over what `alignment` compares at."""

MOST_LISTS: Final = 16_384
_ROWS_A_LIST: Final = 40  # that k-means asks for

_LISTS: Final = 128  # of a search by lists of what is else searched exactly
_ZOOMS: Final = 8
LIFTED: Final = 1
"""Which of `embedder.ZOOMS` is the pin lifted from its ground."""

_KEYPOINTS: Final = 1024
_CACHED: Final = 2048  # references held in memory, about 200 KB each


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `index.json` says: with what the index was made, from which photos, and where its files lie.

    `images` are (image_id, sha256), by image_id. `sums` has the sha256 of each of the two files, by name; nothing reads
    them but who looks for damage. `trained_on` is how many descriptors the IVF-PQ was trained on, 0 while exact.
    `scale` is that of the model's similarities.
    """

    model: str
    fingerprint: str
    settings: str
    generation: int
    dim: int
    images: tuple[tuple[int, str], ...]
    vectors: str
    descriptors: str
    sums: Mapping[str, str] = field(default_factory=dict)
    trained_on: int = 0
    scale: Scale = REFERENCE
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """Name this index in 16 hexadecimal digits: another model, other settings or other photos give another name."""
        held = (self.fingerprint, self.settings, self.images)
        return hashlib.sha256(json.dumps(held).encode()).hexdigest()[:16]


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
        found = np.unique(keys[keys >= 0] // _ZOOMS)
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
        lifted = keys % _ZOOMS == min(LIFTED, int(keys.max() % _ZOOMS))
        likeness, images = (rows @ row)[lifted], keys[lifted] // _ZOOMS
        order = np.lexsort((images, -likeness))[:most]
        return [(int(images[at]), float(likeness[at])) for at in order]

    def zooms(self, image_ids: Sequence[int]) -> Float32:
        """Return the embeddings (n, zooms, dim) of photos that the index holds, in their order."""
        depth = int(self._vectors.ntotal) // max(1, len(self))
        if not image_ids:
            return np.zeros((0, depth, self.manifest.dim), np.float32)
        return self._zooms_of(np.asarray(image_ids, np.int64), depth)

    def _zooms_of(self, image_ids: NDArray[np.int64], zooms: int) -> Float32:
        keys = (image_ids[:, None] * _ZOOMS + np.arange(zooms)).ravel()
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
        owners = np.where(keys[:, :-1] >= 0, keys[:, :-1] // _KEYPOINTS, -1)
        for later in range(1, owners.shape[1]):  # a photo gets one vote a descriptor, that of its nearest
            repeated = (owners[:, :later] == owners[:, later : later + 1]).any(axis=1)
            weights[repeated, later] = 0
        numbers = np.where(owners >= 0, keys[:, :-1] % _KEYPOINTS, -1)
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


def read_manifest(folder: Path) -> Manifest | None:
    """Return what `index.json` of a folder says, None when there is none; IndexError_ when it is damaged."""
    path = folder / "index.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IndexError_(f"{path}: not readable ({error}); run `znachki index --rebuild`") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise IndexMismatch(f"{path}: not of format {FORMAT}; run `znachki index --rebuild`")
    try:
        images = tuple((int(image_id), str(sha256)) for image_id, sha256 in about.pop("images"))
        scale = Scale(**{name: float(value) for name, value in about.pop("scale", asdict(REFERENCE)).items()})
        return Manifest(images=images, scale=scale, **about)
    except (KeyError, TypeError, ValueError) as error:
        raise IndexError_(f"{path}: incomplete ({error}); run `znachki index --rebuild`") from error


def write(folder: Path, manifest: Manifest, vectors: Any, descriptors: Any) -> None:
    """Put an index in the place of the one in `folder`: files beside it, then one rename of `index.json`.

    A run that is killed leaves the old index. Files of former generations are removed at the end.
    """
    sums: dict[str, str] = {}
    for name, part in ((manifest.vectors, vectors), (manifest.descriptors, descriptors)):
        with beside(folder / name, IndexError_, cure=HERE) as draft:
            faiss.write_index(part, str(draft))
            with draft.open("rb") as file:
                sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
    about = asdict(replace(manifest, sums=sums))
    _write_beside(folder / "index.json", (json.dumps(about, ensure_ascii=False) + "\n").encode())
    for path in [*folder.glob("*.faiss"), *folder.glob(f"*{DRAFT}")]:
        if path.name not in (manifest.vectors, manifest.descriptors):
            path.unlink(missing_ok=True)


def new_vectors(dim: int) -> Any:
    """Return an empty exact inner-product index that keeps our keys."""
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dim))


def lists_of(total: int) -> int:
    """Return into how many lists `total` descriptors are parted, 0 where they are searched exactly."""
    return 0 if total <= FLAT_UP_TO else min(int(1.2 * np.sqrt(total)), MOST_LISTS)


def training_rows(total: int) -> int:
    """Return how many of `total` descriptors the lists are to be trained on, 0 where there are none."""
    return _ROWS_A_LIST * lists_of(total)


def new_descriptors(sample: Float32, total: int) -> Any:
    """Return an empty descriptor index for `total` rows, trained on `sample` (n, 128) when it is to be an IVF-PQ."""
    if total <= FLAT_UP_TO:
        return faiss.IndexIDMap2(faiss.IndexFlatL2(128))
    lists = max(1, min(lists_of(total), len(sample) // _ROWS_A_LIST))
    # "np": without FAISS's polysemous training, which takes a minute and serves a search that we do not use; and PQ's
    # k-means in ten rounds over 40 rows a centroid, which gave the same recall of votes on `pins/` as its defaults.
    index: Any = faiss.index_factory(128, f"IVF{lists},PQ32np")
    index.pq.cp.niter = 10
    index.pq.cp.max_points_per_centroid = 40
    index.train(np.ascontiguousarray(sample))
    return index


def add_image(vectors: Any, descriptors: Any, image_id: int, zooms: Float32, keypoints: Keypoints) -> None:
    """Add one photo to both FAISS indexes under its keys."""
    vectors.add_with_ids(np.ascontiguousarray(zooms), image_id * _ZOOMS + np.arange(len(zooms), dtype=np.int64))
    if len(keypoints):
        keys = image_id * _KEYPOINTS + np.arange(len(keypoints), dtype=np.int64)
        descriptors.add_with_ids(np.ascontiguousarray(keypoints.descriptors), keys)


def remove_images(vectors: Any, descriptors: Any, image_ids: Iterable[int]) -> None:
    """Remove photos from both FAISS indexes by their keys."""
    gone = np.asarray(sorted(image_ids), np.int64)
    if not len(gone):
        return
    for index, span in ((vectors, _ZOOMS), (descriptors, _KEYPOINTS)):
        index.remove_ids((gone[:, None] * span + np.arange(span)).ravel())


def features_path(folder: Path, settings: str, sha256: str) -> Path:
    """Return where the features of a photo lie."""
    return folder / "features" / _short(settings) / f"{sha256}.npz"


def write_features(folder: Path, settings: str, sha256: str, features: Reference) -> None:
    """Keep the features of a photo; descriptors as bytes, a quarter of the size at a loss below that of SIFT itself."""
    points = features.keypoints
    outline = np.zeros((0, 2), np.float32) if features.outline is None else features.outline
    done, thumbnail = cv2.imencode(".jpg", features.thumbnail[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise IndexError_(f"{sha256}: its thumbnail of shape {features.thumbnail.shape} could not be encoded")
    held = io.BytesIO()
    np.savez(
        held,
        geometry=np.column_stack([points.places, points.scales, points.angles]).astype(np.float32),
        descriptors=np.clip(np.round(points.descriptors * 512), 0, 255).astype(np.uint8),
        thumbnail=thumbnail.ravel(),
        factor=np.float64(features.factor),
        corner=np.asarray(features.corner, np.float64),
        outline=np.asarray(outline, np.float32),
    )
    _write_beside(features_path(folder, settings, sha256), held.getvalue())


def read_features(folder: Path, settings: str, sha256: str) -> Reference:
    """Return the features of a photo; IndexError_ when they are missing or damaged."""
    path = features_path(folder, settings, sha256)
    try:
        # NumPy leaves a damaged file open where it opens it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            geometry, factor = held["geometry"], float(held["factor"])
            left, top = held["corner"].tolist()
            outline = np.asarray(held["outline"], np.float32)
            descriptors = held["descriptors"].astype(np.float32)
            thumbnail = cv2.imdecode(held["thumbnail"], cv2.IMREAD_COLOR)
            if thumbnail is None:
                raise ValueError("no thumbnail")
    except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged file
        raise IndexError_(f"{path}: missing or damaged ({error}); run `znachki index --rebuild`") from error
    norms = np.linalg.norm(descriptors, axis=1, keepdims=True)
    keypoints = Keypoints(
        np.ascontiguousarray(geometry[:, :2]),
        np.ascontiguousarray(geometry[:, 2]),
        np.ascontiguousarray(geometry[:, 3]),
        descriptors / np.maximum(norms, 1e-9),
    )
    return Reference(
        keypoints, np.ascontiguousarray(thumbnail[:, :, ::-1]), factor, (left, top), outline if len(outline) else None
    )


def count_features(folder: Path, settings: str, sha256: str) -> int:
    """Return how many keypoints a photo has, from the head of its file; IndexError_ when it is missing or damaged."""
    path = features_path(folder, settings, sha256)
    try:
        with zipfile.ZipFile(path) as held, held.open("geometry.npy") as part:
            np.lib.format.read_magic(part)
            shape, _, _ = np.lib.format.read_array_header_1_0(part)
            return int(shape[0])
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise IndexError_(f"{path}: missing or damaged ({error}); run `znachki index --rebuild`") from error


def embeddings_path(folder: Path, fingerprint: str, sha256: str) -> Path:
    """Return where the embeddings of a photo by a model lie."""
    return folder / "embeddings" / fingerprint / f"{sha256}.npy"


def write_embeddings(folder: Path, fingerprint: str, sha256: str, zooms: Float32) -> None:
    """Keep the embeddings (zooms, dim) of a photo by a model."""
    held = io.BytesIO()
    np.save(held, zooms.astype(np.float32), allow_pickle=False)
    _write_beside(embeddings_path(folder, fingerprint, sha256), held.getvalue())


def read_embeddings(folder: Path, fingerprint: str, sha256: str) -> Float32:
    """Return the embeddings (zooms, dim) of a photo by a model; IndexError_ when they are missing or damaged."""
    path = embeddings_path(folder, fingerprint, sha256)
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise IndexError_(f"{path}: missing or damaged ({error}); run `znachki index --rebuild`") from error


def _short(settings: str) -> str:
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def _write_beside(path: Path, content: bytes) -> None:
    make_folder(path.parent, IndexError_, cure=HERE)
    write_whole(path, content, IndexError_, cure=HERE)
