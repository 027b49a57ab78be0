"""What `scale.py` looks at once for all sizes: index of the catalogue, queries, and what made photos are mixed of."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import made_photos
import numpy as np
from made_photos import BATCH, Sources

from index.build import build
from recognizer.catalogue.imports import import_csv, read_queries
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.search import embedder
from recognizer.search.embedder import Embedder
from recognizer.search.index import Index, records
from recognizer.types import Box, Crop, Float32, Keypoints
from recognizer.vision import keypoints
from recognizer.vision.crops import lifted, single
from recognizer.vision.photos import open_photo

REAL = Path(os.environ.get("ZNACHKI_REAL_DATA") or Path(__file__).resolve().parent.parent.parent / "shared" / "data")


@dataclass(frozen=True)
class Query:
    """A photo that is asked: its crop with keypoints, its embeddings, and the entry that it shows."""

    crop: Crop
    zooms: Float32
    entry_id: str


@dataclass(frozen=True)
class Looked:
    """What was looked at once for all sizes: a data folder with the catalogue alone, the queries, what is mixed."""

    data: Path
    queries: Sequence[Query]
    sources: Sources


def look(folder: Path, most: int) -> Looked:
    """Index the catalogue, look at the queries and at what is mixed; taken from `folder` where it is there."""
    data, queries, mixed = folder / "data", folder / "queries.npz", folder / "sources.npz"
    real = REAL if (REAL / "pins" / "catalogue.csv").is_file() else None
    if real:
        table_file, query_file = real / "pins" / "catalogue.csv", real / "pins" / "queries.csv"
    else:
        files = sample.write(folder / "sample", 150, known=40, lacking=0)
        table_file, query_file = files.catalogue, files.queries
    if not (data / "index" / "index.json").is_file():
        with Catalogue.open(data, create=True) as catalogue:
            import_csv(catalogue, table_file)
        build(data)
    model = embedder.load()
    if not queries.is_file():
        held = [_query(path, entry_id, model) for path, entry_id in read_queries(query_file) if entry_id]
        keep_queries(queries, held)
    if not mixed.is_file():
        alone = Index.open(data / "index")
        middle = alone.zooms([image_id for image_id, _ in alone.manifest.images]).mean(axis=0)
        made_photos.sources(real, model, middle).save(mixed)
    return Looked(data, read_queries_kept(queries)[:most], Sources.load(mixed))


def keep_queries(path: Path, queries: Sequence[Query]) -> None:
    """Keep queries for `read_queries_kept`."""
    held: dict[str, Any] = {"entry_ids": np.array([query.entry_id for query in queries])}
    for at, query in enumerate(queries):
        points, crop = query.crop.keypoints, query.crop
        assert points is not None
        box = np.array([crop.box.left, crop.box.top, crop.box.right, crop.box.bottom])
        outline = np.zeros((0, 2), np.float32) if crop.outline is None else crop.outline
        parts = (crop.image, box, outline, query.zooms, points.places, points.scales, points.angles, points.descriptors)
        held |= {f"{at}-{number}": part for number, part in enumerate(parts)}
    np.savez(path, **held)


def read_queries_kept(path: Path, most: int | None = None) -> list[Query]:
    """Return what `keep_queries` kept, the first `most` of them."""
    with np.load(path) as held:
        found = []
        for at, entry_id in enumerate(held["entry_ids"].tolist()[:most]):
            image, box, outline, zooms, *points = (held[f"{at}-{number}"] for number in range(8))
            crop = Crop(image, Box(*box.tolist()), outline if len(outline) else None, keypoints=Keypoints(*points))
            found.append(Query(crop, zooms, entry_id))
    return found


def _query(path: Path, entry_id: str, model: Embedder) -> Query:
    crop = single(open_photo(path))
    crop = replace(crop, keypoints=keypoints.extract(crop.image, crop.outline))
    return Query(crop, model.embed_zooms([crop.whole], [lifted(crop)])[0], entry_id)


def most_keypoints(photos: int) -> int:
    """How many keypoints of a photo are kept among so many."""
    return records.KEPT if photos else 1024


def voting_keypoints(photos: int) -> int:
    """How many of these an index of so many has."""
    return records.VOTING if photos else 1024


def batches(looked: Looked, photos: int) -> Iterator[made_photos.Made]:
    """Yield the made photos of a size."""
    for number in range(photos // BATCH):
        yield made_photos.batch(looked.sources, number, most_keypoints(photos))


def median_ms(seconds: Sequence[float]) -> float:
    """Middling milliseconds."""
    return round(1000 * statistics.median(seconds), 1)
