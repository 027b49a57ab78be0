"""How others search the photos of `scale.py`, on the same photos and by the same clock; none of them verifies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import faiss
import made_photos
import numpy as np
from looked_at import Looked, Query, batches, median_ms, most_keypoints

from recognizer.catalogue.store import Catalogue
from recognizer.search.index import Index


def beside(looked: Looked, photos: int) -> dict[str, Any]:
    """Measure the other ways on the same photos."""
    alone = Index.open(looked.data / "index")
    ids = [image_id for image_id, _ in alone.manifest.images]
    with Catalogue.open(looked.data) as catalogue:
        owners = {image.image_id: image.entry_id for image in catalogue.images()}
    first = alone.zooms(ids)[:, 0]
    flat, graph = faiss.IndexFlatIP(first.shape[1]), faiss.IndexHNSWFlat(first.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    numbers = range(photos // made_photos.BATCH)
    names = np.concatenate([ids, *(made_photos.image_ids(number) for number in numbers)]).astype(np.int64)
    rows = np.concatenate([first, *(made_photos.zooms(looked.sources, number)[:, 0] for number in numbers)])
    found: dict[str, Any] = {}
    for name, made in (("flat embeddings", flat), ("HNSW32", graph)):
        start = time.perf_counter()
        made.add(rows)
        found[name] = asked(looked, lambda query, made=made: names[made.search(query.zooms[:1], 1)[1][0, 0]], owners)
        found[name]["made_in_s"] = round(time.perf_counter() - start, 1)
        found[name]["index_mb"] = round(len(faiss.serialize_index(made)) / 1e6, 1)
    found["plain FAISS"] = plain(looked, photos, alone, owners)
    return found


def plain(looked: Looked, photos: int, alone: Index, owners: Mapping[int, str]) -> dict[str, Any]:
    """Keypoints in an index by FAISS's guidelines, each voting for the photo of its nearest."""
    start = time.perf_counter()
    counts = {image_id: alone.reference(image_id).keypoints for image_id, _ in alone.manifest.images}
    rows = np.concatenate([points.descriptors[: most_keypoints(photos)] for points in counts.values()])
    held = np.repeat(list(counts), [min(most_keypoints(photos), len(points)) for points in counts.values()])
    total = len(rows) + sum(int(one.counts.sum()) for one in batches(looked, photos))
    lists = int(4 * np.sqrt(total))
    made = faiss.index_factory(128, f"IVF{lists},PQ32np")
    step = max(1, total // (40 * lists))
    made.train(np.concatenate([rows[::step], *(one.descriptors[::step] for one in batches(looked, photos))]))
    made.add_with_ids(rows, held)
    for one in batches(looked, photos):
        made.add_with_ids(one.descriptors, np.repeat(one.image_ids, one.counts))
    made.nprobe = 16

    def first(query: Query) -> int:
        assert query.crop.keypoints is not None
        nearest = made.search(query.crop.keypoints.descriptors, 1)[1][:, 0]
        ids, counted = np.unique(nearest, return_counts=True)
        return int(ids[counted.argmax()])

    found = asked(looked, first, owners)
    return found | {
        "made_in_s": round(time.perf_counter() - start, 1),
        "index_mb": round(len(faiss.serialize_index(made)) / 1e6, 1),
    }


def asked(looked: Looked, first: Callable[[Query], Any], owners: Mapping[int, str]) -> dict[str, Any]:
    """R@1 and times of one way."""
    right, wall, cpu = 0, [], []
    for query in looked.queries:
        starts = time.perf_counter(), time.process_time()
        image_id = first(query)
        wall.append(time.perf_counter() - starts[0])
        cpu.append(time.process_time() - starts[1])
        right += owners.get(int(image_id)) == query.entry_id
    return {
        "R@1": round(right / len(looked.queries), 4),
        "search_wall_ms": median_ms(wall),
        "search_cpu_ms": median_ms(cpu),
    }
