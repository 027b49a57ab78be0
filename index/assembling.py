"""Assembles an index from what is kept of its photos: both FAISS indexes, from the old ones or anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from index.spread import of_model
from recognizer.errors import IndexError_
from recognizer.search import index
from recognizer.search.embedder import Embedder
from recognizer.search.features import SETTINGS, embedding_settings
from recognizer.search.index import Index, Manifest, making, records
from recognizer.types import Keypoints

LARGE: Final = 2_500
"""Photos of a catalogue past which it is large: its index then has the largest keypoints of a photo, features are coded
and embeddings kept in half precision. Up to here all is kept as it was taken: 250 MB are no burden."""


def assemble(
    folder: Path,
    old: Manifest | None,
    model: Embedder,
    wanted: Mapping[int, str],
    fresh: Mapping[int, str],
    gone: set[int],
) -> None:
    """Write both FAISS indexes: from the old ones by adding and removing, or from the features of all photos."""
    keypoints = records.KEPT if len(wanted) > LARGE or (old is not None and old.keypoints) else 0
    held, trained_on = _opened(folder, old, gone)
    if held is not None and old is not None and old.keypoints == keypoints:
        embeddings, descriptors = held
        added = dict(fresh)
        total = int(descriptors.ntotal) + _count(folder, added.values(), keypoints)
        outgrown = total > (making.REGROWN * trained_on if trained_on else making.FLAT_UP_TO)
    if held is None or old is None or old.keypoints != keypoints or outgrown:
        added = dict(wanted)
        total = _count(folder, added.values(), keypoints)
        embeddings = index.new_vectors(model.dim)
        descriptors, trained_on = _new_descriptors(folder, list(added.values()), total, keypoints)
    for image_id, sha256 in added.items():
        zooms = index.read_embeddings(folder, embedding_settings(model.fingerprint), sha256)
        index.add_image(embeddings, descriptors, image_id, zooms, _keypoints(folder, sha256, keypoints))
    generation = _next_generation(folder)
    scale = old.scale if old is not None else of_model(model)
    manifest = Manifest(
        model=model.name,
        fingerprint=model.fingerprint,
        settings=SETTINGS,
        generation=generation,
        dim=model.dim,
        images=tuple(sorted(wanted.items())),
        vectors=f"vectors-{generation}.faiss",
        descriptors=f"descriptors-{generation}.faiss",
        trained_on=trained_on,
        keypoints=keypoints,
        scale=scale,
    )
    index.write(folder, manifest, embeddings, descriptors)


def _opened(folder: Path, old: Manifest | None, gone: set[int]) -> tuple[tuple[Any, Any] | None, int]:
    """The old FAISS indexes without the photos that are gone, and what they were trained on; None when unusable."""
    if old is None:
        return None, 0
    try:
        parts = Index.open(folder).parts
    except IndexError_:
        return None, 0  # damaged: the features are still there, and the index is made of them anew
    index.remove_images(*parts, gone)
    return parts, old.trained_on


def _keypoints(folder: Path, sha256: str, most: int) -> Keypoints:
    points = index.read_features(folder, SETTINGS, sha256).keypoints
    return records.largest(points, most) if most else points


def _count(folder: Path, sums: Iterable[str], most: int) -> int:
    """How many descriptors the index has of these photos."""
    counts = (index.count_features(folder, SETTINGS, sha256) for sha256 in sums)
    return sum(min(count, most) if most else count for count in counts)


def _new_descriptors(folder: Path, sums: Sequence[str], total: int, most: int) -> tuple[Any, int]:
    """An empty descriptor index, trained where it is to hold lists: on rows of photos that lie evenly over the
    catalogue, for one photo's features are all that is held in memory beside the rows."""
    rows = index.training_rows(total)
    if not rows:
        return index.new_descriptors(np.zeros((0, 128), np.float32), total), 0
    step = max(1, total // rows)
    sample = [_keypoints(folder, sha256, most).descriptors[::step] for sha256 in sums]
    return index.new_descriptors(np.concatenate(sample), total), total


def _next_generation(folder: Path) -> int:
    taken = [int(path.stem.rsplit("-", 1)[1]) for path in folder.glob("vectors-*.faiss")]
    return max(taken, default=0) + 1
