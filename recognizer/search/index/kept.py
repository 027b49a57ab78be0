"""What is kept of single photos: features and embeddings, one file a photo while they are taken, then packed.

A photo's own file counts before what a pack says of it.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import IndexError_
from recognizer.files import HERE, make_folder, write_whole
from recognizer.search.index import packs, records
from recognizer.search.index.packs import CURE, Pack
from recognizer.types import Float32, Keypoints, Reference

FEATURES: Final = "features"
EMBEDDINGS: Final = "embeddings"

CODEBOOK: Final = "0" * 64
"""The name of the record in a pack of features that has the codebook of its coded records; of no photo's content."""

_VECTORS: Final = struct.Struct("<HHH")  # bytes a number, zooms, dim


def features_path(folder: Path, settings: str, sha256: str) -> Path:
    """Return where the features of a photo lie that is not packed yet."""
    return folder / FEATURES / short(settings) / f"{sha256}.npz"


def embeddings_path(folder: Path, fingerprint: str, sha256: str) -> Path:
    """Return where the embeddings of a photo by a model lie that is not packed yet."""
    return folder / EMBEDDINGS / fingerprint / f"{sha256}.npy"


def short(settings: str) -> str:
    """Return the kind under which features of these settings are kept."""
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def held(folder: Path, part: str, kind: str) -> set[str]:
    """Return the sha256 of the photos of which something is kept: `part` FEATURES with the `short` of settings, or
    EMBEDDINGS with the fingerprint. Packs that are damaged as a whole are passed over."""
    found = loose(folder, part, kind)
    for pack in whole_packs(folder / part, kind):
        found.update(pack.names)
    found.discard(CODEBOOK)
    return found


def holds(folder: Path, part: str, kind: str, sha256: str) -> bool:
    """Say whether `held` has a photo."""
    ending = ".npz" if part == FEATURES else ".npy"
    alone = folder / part / kind / f"{sha256}{ending}"
    return alone.exists() or any(sha256 in pack for pack in whole_packs(folder / part, kind))


def loose(folder: Path, part: str, kind: str) -> set[str]:
    """Return the sha256 of the photos that are not packed yet."""
    return {path.stem for path in (folder / part / kind).glob("[0-9a-f]*.np[yz]")}


def whole_packs(folder: Path, kind: str) -> list[Pack]:
    """Return the packs of a kind that can be opened, that of the highest number first."""
    found = []
    for path in packs.of_kind(folder, kind):
        try:
            found.append(packs.opened(path))
        except (IndexError_, FileNotFoundError):
            continue
    return found


def write_features(folder: Path, settings: str, sha256: str, features: Reference) -> None:
    """Keep the features of a photo in a file of its own."""
    points = features.keypoints
    outline = np.zeros((0, 2), np.float32) if features.outline is None else features.outline
    done, thumbnail = cv2.imencode(".jpg", features.thumbnail[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise IndexError_(f"{sha256}: its thumbnail of shape {features.thumbnail.shape} could not be encoded")
    content = io.BytesIO()
    np.savez(
        content,
        geometry=np.column_stack([points.places, points.scales, points.angles]).astype(np.float32),
        descriptors=records.as_bytes(points.descriptors),
        thumbnail=thumbnail.ravel(),
        factor=np.float64(features.factor),
        corner=np.asarray(features.corner, np.float64),
        outline=np.asarray(outline, np.float32),
    )
    _write(features_path(folder, settings, sha256), content.getvalue())


def read_features(folder: Path, settings: str, sha256: str, before: Sequence[Pack] = ()) -> Reference:
    """Return the features of a photo; IndexError_ when they are missing or damaged.

    Packs opened `before` have the whole form of a photo that is kept in the coded form now, which has fewer keypoints.
    """
    path = features_path(folder, settings, sha256)
    try:
        # NumPy leaves a damaged file open where it opens it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            parts = {name: content[name] for name in content.files}
    except FileNotFoundError:
        record, pack = _packed(folder, FEATURES, short(settings), sha256, path)
        for older in before if records.is_coded(record) else ():
            found = older.record(sha256)
            if found is not None and not records.is_coded(found):
                return from_record(found, older, sha256)
        return from_record(record, pack, sha256)
    except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged file
        raise IndexError_(f"{path}: damaged ({error}); {CURE}") from error
    try:
        return _reference(parts)
    except (KeyError, ValueError, IndexError, cv2.error) as error:
        raise IndexError_(f"{path}: damaged ({error}); {CURE}") from error


def count_features(folder: Path, settings: str, sha256: str) -> int:
    """Return how many keypoints a photo has, from the head of what is kept; IndexError_ when it is missing or
    damaged."""
    path = features_path(folder, settings, sha256)
    try:
        with zipfile.ZipFile(path) as content, content.open("geometry.npy") as part:
            np.lib.format.read_magic(part)
            shape, _, _ = np.lib.format.read_array_header_1_0(part)
            return int(shape[0])
    except FileNotFoundError:
        return records.keypoints_in(_packed(folder, FEATURES, short(settings), sha256, path)[0])
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise IndexError_(f"{path}: missing or damaged ({error}); {CURE}") from error


def whole_record(folder: Path, settings: str, sha256: str) -> bytes:
    """Return the features of a photo's own file as a record of the whole form; IndexError_ when it is damaged."""
    reference = read_features(folder, settings, sha256)
    with features_path(folder, settings, sha256).open("rb") as file, np.load(file, allow_pickle=False) as content:
        return records.whole(reference, content["descriptors"], content["thumbnail"].tobytes())


def copy_features(source: Path, target: Path, settings: str, photos: Collection[str]) -> None:
    """Write the features of photos, and no others, as one pack of another folder; IndexError_ when some are missing."""
    kind = short(settings)
    books = [book for book in map(codebook_of, whole_packs(source / FEATURES, kind)) if book is not None]

    def copied() -> Iterator[tuple[str, bytes]]:
        if books:
            yield CODEBOOK, books[-1].to_bytes()
        for sha256 in sorted(photos):
            if features_path(source, settings, sha256).exists():
                yield sha256, whole_record(source, settings, sha256)
            else:
                record, pack = _packed(source, FEATURES, kind, sha256, features_path(source, settings, sha256))
                yield sha256, recoded(record, codebook_of(pack), books[-1]) if records.is_coded(record) else record

    packs.write(target / FEATURES / f"{kind}-1.pack", {"coded": bool(books)}, copied())


def copy_embeddings(source: Path, target: Path, kind: str, photos: Collection[str]) -> None:
    """Write the embeddings of photos, and no others, as one pack of another folder; IndexError_ when some are
    missing."""

    def copied() -> Iterator[tuple[str, bytes]]:
        for sha256 in sorted(photos):
            yield sha256, as_vectors(read_embeddings(source, kind, sha256), half=True)

    packs.write(target / EMBEDDINGS / f"{kind}-1.pack", {"coded": True}, copied())


def recoded(record: bytes, book: records.Codebook | None, wanted: records.Codebook) -> bytes:
    """Return a record in the coded form by the `wanted` codebook; `book` is that of the pack it comes from."""
    return record if records.is_coded(record) and book is wanted else records.coded(records.read(record, book), wanted)


def from_record(record: bytes, pack: Pack, sha256: str) -> Reference:
    """Return the features that a record of a pack keeps; IndexError_ where that cannot be read."""
    try:
        return records.read(record, codebook_of(pack))
    except (ValueError, struct.error, cv2.error) as error:
        raise IndexError_(f"{pack.path}: {sha256} in it is damaged ({error}); {CURE}") from error


def codebook_of(pack: Pack) -> records.Codebook | None:
    """Return the codebook of the coded records of a pack, None where it has none."""
    if pack.extra is None:
        content = pack.record(CODEBOOK)
        pack.extra = records.Codebook.from_bytes(content) if content else False
    return pack.extra or None


def write_embeddings(folder: Path, fingerprint: str, sha256: str, zooms: Float32) -> None:
    """Keep the embeddings (zooms, dim) of a photo by a model in a file of their own."""
    content = io.BytesIO()
    np.save(content, zooms.astype(np.float32), allow_pickle=False)
    _write(embeddings_path(folder, fingerprint, sha256), content.getvalue())


def read_embeddings(folder: Path, fingerprint: str, sha256: str) -> Float32:
    """Return the embeddings (zooms, dim) of a photo by a model; IndexError_ when they are missing or damaged."""
    path = embeddings_path(folder, fingerprint, sha256)
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except FileNotFoundError:
        record, pack = _packed(folder, EMBEDDINGS, fingerprint, sha256, path)
        try:
            return from_vectors(record)
        except (ValueError, struct.error) as error:
            raise IndexError_(f"{pack.path}: {sha256} in it is damaged ({error}); {CURE}") from error
    except (OSError, ValueError, EOFError) as error:
        raise IndexError_(f"{path}: damaged ({error}); {CURE}") from error


def read_vectors(folder: Path, kind: str, photos: Sequence[str], before: Sequence[Pack] = ()) -> Float32:
    """Return the embeddings (n, zooms, dim) of many photos, in their order; raises as `read_embeddings`.

    Packs are looked for once, and files of single photos only where there is any. Packs opened `before` have those of
    photos that left the catalogue since.
    """
    alone = loose(folder, EMBEDDINGS, kind) if (folder / EMBEDDINGS / kind).is_dir() else set()
    there = [*whole_packs(folder / EMBEDDINGS, kind), *before]
    rows = []
    for sha256 in photos:
        record = None
        if sha256 not in alone:
            record = next((found for one in there if (found := one.record(sha256)) is not None), None)
        rows.append(from_vectors(record) if record is not None else read_embeddings(folder, kind, sha256))
    return np.stack(rows) if rows else np.zeros((0, 0, 0), np.float32)


def as_vectors(zooms: Float32, *, half: bool) -> bytes:
    """Return embeddings (zooms, dim) as a record; in half precision a cosine is off by less than .001."""
    rows: NDArray[Any] = zooms.astype("<f2" if half else "<f4")
    return _VECTORS.pack(rows.itemsize, *rows.shape) + rows.tobytes()


def from_vectors(record: bytes) -> Float32:
    """Return the embeddings of a record; ValueError or struct.error where it is none."""
    size, zooms, dim = _VECTORS.unpack_from(record)
    return np.frombuffer(record, f"<f{size}", zooms * dim, _VECTORS.size).reshape(zooms, dim).astype(np.float32)


def _packed(folder: Path, part: str, kind: str, sha256: str, path: Path) -> tuple[bytes, Pack]:
    found = packs.record(folder / part, kind, sha256)
    if found is None:
        raise IndexError_(f"{path}: missing, also in the packs; {CURE}")
    return found


def _reference(parts: dict[str, NDArray[Any]]) -> Reference:
    geometry, outline = parts["geometry"], np.asarray(parts["outline"], np.float32)
    left, top = parts["corner"].tolist()
    thumbnail = cv2.imdecode(parts["thumbnail"], cv2.IMREAD_COLOR)
    if thumbnail is None:
        raise ValueError("no thumbnail")
    keypoints = Keypoints(
        np.ascontiguousarray(geometry[:, :2]),
        np.ascontiguousarray(geometry[:, 2]),
        np.ascontiguousarray(geometry[:, 3]),
        records.unit(parts["descriptors"].astype(np.float32)),
    )
    return Reference(
        keypoints,
        np.ascontiguousarray(thumbnail[:, :, ::-1]),
        float(parts["factor"]),
        (left, top),
        outline if len(outline) else None,
    )


def _write(path: Path, content: bytes) -> None:
    make_folder(path.parent, IndexError_, cure=HERE)
    write_whole(path, content, IndexError_, cure=HERE)
