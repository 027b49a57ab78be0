"""How search, memory and disk grow with a catalogue: its photos hidden among made ones, see `made_photos`.

    python benchmarks/scale.py                     the 300 pins of ZNACHKI_REAL_DATA or ../shared/data, or drawn ones,
                                                   among 10,000 made photos
    python benchmarks/scale.py --photos 100000     among as many as you say; several numbers make several runs
    python benchmarks/scale.py --keep DIR          keep what was looked at, and take it from there the next time
    python benchmarks/scale.py --ours              without the other ways below, which take as long again
    python benchmarks/scale.py --json              print JSON

Every index is made, asked and changed by the functions that `znachki index` and `identify` call; the photos are not
looked at again for each size. `wall` is the clock's time and `cpu` the processor's, which other work on the machine
lengthens less; both are medians a photo. `R@1` is the whole way, votes and similarity, verification and ranking;
`alone` is the same without made photos. `votes` is by how much of an exact search's nearest keypoint is found among the
first five, and how often the first photo by votes is that of an exact search, for EXACT of the queries.

Beside it, on the same photos and by the same clock:

- `plain FAISS`: the descriptors of all keypoints in `IVF,PQ32`, 4 sqrt(n) lists as FAISS's guidelines have it, 16
  probed, votes by nearest neighbour, no verification;
- `flat embeddings`: one embedding a photo, searched exactly, no verification, as clip-retrieval does up to a size;
- `HNSW32`: the same in a graph, as PP-ShiTu does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import made_photos
import numpy as np
from looked_at import Looked, batches, look, median_ms, most_keypoints, read_queries_kept, voting_keypoints
from made_photos import BATCH, FIRST
from other_ways import beside

from index.assembling import assemble
from recognizer.catalogue.store import Catalogue
from recognizer.identify import Recognizer
from recognizer.measuring.machine import machine
from recognizer.search import embedder, index
from recognizer.search.embedder import Embedder
from recognizer.search.features import SETTINGS, embedding_settings
from recognizer.search.index import Index, coding, kept, making, packs, records
from recognizer.types import CatalogueEntry, Float32

EXACT = 12
CHANGED = 100


class Replayed:
    """The model of a Recognizer, with the embeddings that it gave before."""

    def __init__(self, model: Embedder) -> None:
        self.fingerprint, self.name, self.dim = model.fingerprint, model.name, model.dim
        self.asked = np.zeros((0, model.dim), np.float32)

    def embed_zooms(self, images: Sequence[Any], pins: Sequence[Any]) -> Float32:
        """Return the embeddings of the crop that is `asked`."""
        return np.stack([self.asked for _ in images])


class Offered(Mapping[int, CatalogueEntry]):
    """The entries of a catalogue's photos, and of every made photo one of its own."""

    def __init__(self, real: Mapping[int, CatalogueEntry], made: int) -> None:
        self._real, self._made = real, made

    def __getitem__(self, image_id: int) -> CatalogueEntry:
        if image_id in self._real:
            return self._real[image_id]
        if FIRST <= image_id < FIRST + self._made:
            return CatalogueEntry(f"made-{image_id}", f"made-{image_id}")
        raise KeyError(image_id)

    def __iter__(self) -> Iterator[int]:
        yield from self._real
        yield from range(FIRST, FIRST + self._made)

    def __len__(self) -> int:
        return len(self._real) + self._made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000], help="made photos (10,000)")
    parser.add_argument("--keep", type=Path, help="keep what was looked at here; only what you made yourself is safe")
    parser.add_argument("--queries", type=int, default=1000, help="most queries that are asked")
    parser.add_argument("--ours", action="store_true", help="leave out what else could be done with the same photos")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--opened", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.opened:
        print(json.dumps(opened(asked.opened, asked.keep)))
        return
    found: dict[str, Any] = {"machine": machine(), "sizes": {}}
    with tempfile.TemporaryDirectory(dir=asked.keep) as scratch:
        looked = look(asked.keep or Path(scratch), asked.queries)
        alone = index_of(looked, Path(scratch) / "alone", 0)
        found["alone"] = answers(looked, alone, 0)
        found["likeness"] = likeness(looked)
        for photos in asked.photos:
            start = time.perf_counter()
            folder = index_of(looked, Path(scratch) / str(photos), photos)
            one: dict[str, Any] = {"made_in_s": round(time.perf_counter() - start, 1)}
            one |= sizes(folder, photos) | opening(folder, looked, asked.keep or Path(scratch))
            one |= answers(looked, folder, photos) | {"votes": exactness(looked, folder, photos)}
            one |= changing(looked, folder, photos)
            one["beside"] = {} if asked.ours else beside(looked, photos)
            found["sizes"][photos] = one
            print(json.dumps({photos: one}), file=sys.stderr, flush=True)
            shutil.rmtree(folder.parent)
    print(json.dumps(found, indent=2) if asked.json else table(found))


def likeness(looked: Looked) -> dict[str, float]:
    """How alike to the model the queries are to other pins of the catalogue, and to made photos: mean and spread."""
    held = Index.open(looked.data / "index")
    made = made_photos.batch(looked.sources, 0, 1).zooms
    real = held.zooms([image_id for image_id, _ in held.manifest.images])
    told = {}
    for name, rows in (("catalogue", real), ("made", made)):
        found = np.array([rows[:, 0] @ query.zooms[0] for query in looked.queries])
        told |= {f"{name}_mean": round(float(found.mean()), 3), f"{name}_spread": round(float(found.std()), 3)}
    return told


# Making an index


def index_of(looked: Looked, data: Path, photos: int) -> Path:
    """Make the index of the catalogue and so many made photos, as `znachki index` would; returns its folder."""
    alone = Index.open(looked.data / "index")
    names, numbers = dict(alone.manifest.images), range(photos // BATCH)
    most, voting = most_keypoints(photos), voting_keypoints(photos)
    true = {image_id: (alone.zooms([image_id])[0], alone.reference(image_id)) for image_id in names}
    for number in numbers:
        names |= {image_id: name_of(image_id) for image_id in made_photos.image_ids(number).tolist()}
    total = sum(min(voting, len(reference.keypoints)) for _, reference in true.values())
    total += sum(int(made_photos.counts(looked.sources, number, voting).sum()) for number in numbers)
    own = [records.largest(reference.keypoints, voting).descriptors for _, reference in true.values()]
    descriptors = index.new_descriptors(taught(looked, photos, total, own), total)
    vectors = new_vectors(looked, alone, len(names))
    for image_id, (zooms, reference) in true.items():
        points = records.largest(reference.keypoints, most)
        index.add_image(vectors, descriptors, image_id, zooms, points, voting if photos else 0)
    folder = data / "index"
    kind = embedding_settings(alone.manifest.fingerprint)
    write_features(looked, folder, photos, alone, descriptors)
    if making.are_coded(vectors):
        packed = write_embeddings(looked, photos, {names[image_id]: zooms for image_id, (zooms, _) in true.items()})
        packs.write(folder / "embeddings" / f"{kind}-1.pack", {"coded": True}, packed)
    for number in numbers:
        add_zooms(vectors, made_photos.image_ids(number), made_photos.zooms(looked.sources, number))
    manifest = replace(
        alone.manifest, images=tuple(sorted(names.items())), generation=1, vectors="vectors-1.faiss",
        descriptors="descriptors-1.faiss", trained_on=total if index.training_rows(total) else 0,
        keypoints=most if photos else 0, voting=voting if photos else 0,
        embeddings=kind if making.are_coded(vectors) else "",
    )  # fmt: skip
    index.write(folder, manifest, vectors, descriptors)
    return folder


def taught(looked: Looked, photos: int, total: int, own: Sequence[Float32]) -> Float32:
    """What the lists are trained on: the catalogue's `own` and, of made photos that lie evenly over all, as many rows
    as `assemble` takes."""
    wanted, numbers = index.training_rows(total), photos // BATCH
    rows = [*own]
    for number in range(0, numbers, max(1, numbers // 400)):
        if sum(map(len, rows)) >= wanted:
            break
        found, _ = made_photos.batch(looked.sources, number, most_keypoints(photos)).voting(voting_keypoints(photos))
        rows.append(found[:: max(1, len(found) * min(numbers, 400) // max(1, wanted))])
    return np.concatenate(rows)


def new_vectors(looked: Looked, alone: Index, photos: int) -> Any:
    """An empty index of embeddings, trained where so many are coded."""
    wanted = making.taught_rows(photos)
    if not wanted:
        return index.new_vectors(alone.manifest.dim, half=photos > len(alone))
    some = [made_photos.zooms(looked.sources, number) for number in range(wanted // 3 // BATCH + 1)]
    return making.new_coded_vectors(np.concatenate(some).reshape(-1, alone.manifest.dim)[:wanted], photos)


def add_zooms(vectors: Any, image_ids: Any, zooms: Float32) -> None:
    """Add embeddings (n, zooms, dim) under the keys of `index.add_image`."""
    keys = image_ids[:, None] * 8 + np.arange(zooms.shape[1])
    vectors.add_with_ids(np.ascontiguousarray(zooms.reshape(-1, zooms.shape[2])), keys.ravel())


def name_of(image_id: int) -> str:
    """The sha256 that a made photo goes by."""
    return hashlib.sha256(b"made %d" % image_id).hexdigest()


def write_features(looked: Looked, folder: Path, photos: int, alone: Index, descriptors: Any) -> None:
    """Keep the features of all photos, coded where there are made ones, and add those of made ones to FAISS's."""
    if not photos:
        index.copy_features(alone.folder, folder, SETTINGS, {sha256 for _, sha256 in alone.manifest.images})
        return
    true = [(sha256, alone.reference(image_id)) for image_id, sha256 in alone.manifest.images]
    book = coding.trained([reference.keypoints for _, reference in true])
    pictures = [records.picture_of(one) for one in looked.sources.thumbnails]  # made photos share them

    def coded() -> Iterator[tuple[str, bytes]]:
        yield kept.CODEBOOK, book.to_bytes()
        for sha256, reference in true:
            yield sha256, records.coded(reference, book)
        for one in batches(looked, photos):
            descriptors.add_with_ids(*one.voting(voting_keypoints(photos)))
            for image_id, _, rows in one.rows():
                reference = made_photos.reference(looked.sources, image_id, rows)
                yield name_of(image_id), records.coded(reference, book, pictures[image_id % len(pictures)])

    packs.write(folder / "features" / f"{kept.short(SETTINGS)}-1.pack", {"coded": True}, coded())


def write_embeddings(looked: Looked, photos: int, true: Mapping[str, Float32]) -> Iterator[tuple[str, bytes]]:
    """The embeddings of all photos as they are kept."""
    for sha256, zooms in true.items():
        yield sha256, kept.as_vectors(zooms, half=True)
    for number in range(photos // BATCH):
        made = zip(made_photos.image_ids(number).tolist(), made_photos.zooms(looked.sources, number), strict=True)
        for image_id, zooms in made:
            yield name_of(image_id), kept.as_vectors(zooms, half=True)


# What is measured


def sizes(folder: Path, photos: int) -> dict[str, float]:
    """Bytes on disk, of the index and of the features, a photo."""
    held = len(index.read_manifest(folder).images)  # type: ignore[union-attr]
    told = {"index_mb": round(sum(path.stat().st_size for path in folder.glob("*.faiss")) / 1e6, 1)}
    for part in ("features", "embeddings"):
        packed = sum(path.stat().st_size for path in folder.glob(f"{part}/*.pack"))
        told[f"{part}_kb_a_photo"] = round(packed / held / 1e3, 1)
    return told


def opening(folder: Path, looked: Looked, kept_in: Path) -> dict[str, float]:
    """Open and ask in a process of its own: seconds to open, and what its memory grew by."""
    command = [sys.executable, __file__, "--opened", str(folder), "--keep", str(kept_in)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def opened(folder: Path, kept_in: Path) -> dict[str, float]:
    """What `opening` measures."""
    queries = read_queries_kept(kept_in / "queries.npz", 10)
    before = resident()
    start = time.perf_counter()
    held = Index.open(folder)
    seconds = time.perf_counter() - start
    for query in queries:
        assert query.crop.keypoints is not None
        held.candidates(query.zooms, query.crop.keypoints.descriptors, 24, 16)
    return {"open_s": round(seconds, 2), "memory_mb": round((resident() - before) / 1e6, 1)}


def resident() -> int:
    """Bytes of memory that this process holds now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def answers(looked: Looked, folder: Path, photos: int) -> dict[str, Any]:
    """Times of search, and how often the first answer is right, by votes and similarity and by the whole way."""
    held = Index.open(folder)
    model = Replayed(embedder.load())
    wall, cpu = [], []
    right = {"R@1": 0, "candidates": 0}
    with Catalogue.open(looked.data) as catalogue:
        recognizer = Recognizer(catalogue, held, model)  # type: ignore[arg-type]
        recognizer._entries = Offered(recognizer._entries, photos)
        for query in looked.queries:
            points = query.crop.keypoints
            assert points is not None
            starts = time.perf_counter(), time.process_time()
            neighbours = held.neighbours(points.descriptors)
            candidates = held.candidates(query.zooms, neighbours, 24, 16)
            wall.append(time.perf_counter() - starts[0])
            cpu.append(time.process_time() - starts[1])
            model.asked = query.zooms
            crop = replace(query.crop, neighbours=neighbours)
            (answer,) = recognizer.decided([crop], recognizer.hits([crop]))
            right["R@1"] += bool(answer.matches) and answer.matches[0].entry.entry_id == query.entry_id
            entries = (recognizer.entry_of(hit.image_id) for hit in candidates)
            right["candidates"] += any(one is not None and one.entry_id == query.entry_id for one in entries)
    told = {name: round(count / len(looked.queries), 4) for name, count in right.items()}
    return told | {"search_wall_ms": median_ms(wall[2:]), "search_cpu_ms": median_ms(cpu[2:])}


def exactness(looked: Looked, folder: Path, photos: int) -> dict[str, float]:
    """Recall of votes against an exact search, see above."""
    held, alone = Index.open(folder), Index.open(looked.data / "index")
    queries = looked.queries[:: max(1, len(looked.queries) // EXACT)][:EXACT]
    asked = [query.crop.keypoints.descriptors for query in queries if query.crop.keypoints is not None]
    best = faiss.ResultHeap(sum(map(len, asked)), 6)
    everything = np.concatenate(asked)
    for image_id, _ in alone.manifest.images:
        points = records.largest(alone.reference(image_id).keypoints, most_keypoints(photos))
        chosen = records.of_largest(points, voting_keypoints(photos))
        if len(chosen) >= 6:
            away, at = faiss.knn(everything, points.descriptors[chosen], 6)
            best.add_result(away, (image_id * 1024 + chosen)[at])
    for one in batches(looked, photos):
        rows, keys = one.voting(voting_keypoints(photos))
        away, at = faiss.knn(everything, rows, 6)
        best.add_result(away, keys[at])
    best.finalize()
    found = held.neighbours(everything)
    keys = np.where(found.image_ids >= 0, found.image_ids * 1024 + found.numbers, -1)
    nearest = float((keys == best.I[:, :1]).any(axis=1).mean())
    ends = np.cumsum([len(rows) for rows in asked])
    same = 0
    for end, rows in zip(ends, asked, strict=True):
        part = slice(end - len(rows), end)
        exactly = exact_votes(best.D[part], best.I[part] // 1024)
        ours = held.vote(rows)
        same += bool(ours) and ours[0][0] == exactly
    return {"nearest_at_5": round(nearest, 3), "first_photo": round(same / len(asked), 3)}


def exact_votes(away: Any, owners: Any) -> int:
    """The photo of most votes, by the words of `Index.vote`."""
    weights = np.maximum(away[:, -1:] - away[:, :-1], 0)
    owners = owners[:, :-1]
    for later in range(1, owners.shape[1]):
        weights[(owners[:, :later] == owners[:, later : later + 1]).any(axis=1), later] = 0
    ids, places = np.unique(owners, return_inverse=True)
    return int(ids[np.bincount(places.ravel(), weights.ravel()).argmax()])


def changing(looked: Looked, folder: Path, photos: int) -> dict[str, float]:
    """Seconds to add and to remove CHANGED photos whose features are there, to the new index in the old one's place."""
    more = made_photos.batch(looked.sources, photos // BATCH + 1, most_keypoints(photos))
    some = [*more.rows()][:CHANGED]
    manifest = index.read_manifest(folder)
    assert manifest is not None
    model = Replayed(embedder.load())
    model.name, model.fingerprint = manifest.model, manifest.fingerprint
    for image_id, zooms, rows in some:
        name, kind = name_of(image_id), embedding_settings(manifest.fingerprint)
        index.write_features(folder, SETTINGS, name, made_photos.reference(looked.sources, image_id, rows))
        index.write_embeddings(folder, kind, name, zooms)
    told = {}
    new = {image_id: name_of(image_id) for image_id, _, _ in some}
    old = dict(list(manifest.images)[-CHANGED:])
    for name, fresh, gone in (("add_100_s", new, set()), ("remove_100_s", {}, set(old))):
        start = time.perf_counter()
        now = index.read_manifest(folder)
        assert now is not None
        wanted = {key: value for key, value in {**dict(now.images), **fresh}.items() if key not in gone}
        assemble(folder, now, model, wanted, fresh, gone)  # type: ignore[arg-type]
        told[name] = round(time.perf_counter() - start, 2)
    return told


def table(found: dict[str, Any]) -> str:
    """Return the figures as lines."""
    lines = [f"alone: {found['alone']}", f"likeness of queries to other pins and to made photos: {found['likeness']}"]
    for photos, one in found["sizes"].items():
        lines.append(f"\n{int(photos):,} made photos")
        lines += [f"  {name}: {value}" for name, value in one.items() if name != "beside"]
        lines += [f"  {name}: {value}" for name, value in one["beside"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
