"""Packs what was taken of single photos, and lets go of what no photo of the catalogue needs."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recognizer.errors import IndexError_
from recognizer.files import DRAFT
from recognizer.search.index import kept, packs, records
from recognizer.search.index.coding import trained
from recognizer.search.index.kept import CODEBOOK, EMBEDDINGS, FEATURES

TOGETHER: Final = 4_096
"""Photos in files of their own that are packed before the next are taken: 400 MB of small files at most."""

_TAUGHT: Final = 200
"""Photos, evenly over what is packed, that a codebook is trained on: 60,000 to 120,000 descriptors."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One kind of what is kept: features of some settings, or the embeddings by some model."""

    folder: Path
    part: str
    kind: str
    settings: str

    @property
    def place(self) -> Path:
        """The folder of the packs."""
        return self.folder / self.part


def pack(folder: Path, settings: str, fingerprint: str, wanted: Collection[str], *, large: bool) -> None:
    """Pack what is kept of the `wanted` photos by these settings and this model, and let go of all that others have.

    Features of a `large` catalogue are coded, and embeddings kept in half precision. Killed at any moment it leaves all
    of them readable: a pack is there before what it was made of goes.
    """
    wanted = set(wanted)
    features, embeddings = _shelves(folder, settings, fingerprint)
    for shelf in (features, embeddings):
        _pack(shelf, wanted, large)
    for kind in _other_kinds(embeddings):  # of another model, which may come back
        _pack(Shelf(folder, EMBEDDINGS, kind, ""), wanted, large)
    for kind in _other_kinds(features):  # taken in another way: nothing reads them any more
        shutil.rmtree(features.place / kind, ignore_errors=True)
        for path in packs.of_kind(features.place, kind):
            _remove(path)
    for draft in [*folder.glob(f"*{DRAFT}"), *folder.glob(f"*/*{DRAFT}"), *folder.glob(f"*/*/*{DRAFT}")]:
        draft.unlink(missing_ok=True)


def pack_fresh(folder: Path, settings: str, fingerprint: str, wanted: Collection[str], *, large: bool) -> None:
    """Pack those of the `wanted` photos that are in files of their own, by themselves: a step of many photos' way."""
    for shelf in _shelves(folder, settings, fingerprint):
        fresh = kept.loose(folder, shelf.part, shelf.kind)
        _write(
            _next(shelf), shelf, sorted(fresh & set(wanted)), fresh, kept.whole_packs(shelf.place, shelf.kind), large
        )
        _drop_loose(shelf, fresh)


def _shelves(folder: Path, settings: str, fingerprint: str) -> tuple[Shelf, Shelf]:
    return Shelf(folder, FEATURES, kept.short(settings), settings), Shelf(folder, EMBEDDINGS, fingerprint, "")


def _other_kinds(shelf: Shelf) -> set[str]:
    kinds = {path.stem.rpartition("-")[0] for path in shelf.place.glob("*.pack")}
    return (kinds | {path.name for path in shelf.place.glob("*") if path.is_dir()}) - {shelf.kind}


def _remove(path: Path) -> None:
    with suppress(PermissionError):  # read by another process, on a system that holds on to it; the next run removes it
        path.unlink(missing_ok=True)


def _pack(shelf: Shelf, wanted: set[str], large: bool) -> None:
    """Write one pack of what is new and of the packs that are to be joined with it, then remove what it was made of."""
    fresh = kept.loose(shelf.folder, shelf.part, shelf.kind)
    there = kept.whole_packs(shelf.place, shelf.kind)
    needed, sizes, unused = wanted - fresh, [len(fresh & wanted)], []
    for one in there:
        names = set(one.names) - {CODEBOOK}
        sizes.append(len(names))
        unused.append(len(names - needed))
        needed -= names
    plain = [at for at, one in enumerate(there, 1) if large and not one.about.get("coded")]
    joined = max([packs.to_join(sizes, unused), *plain])
    stays = [one.path for one in there[joined:]]
    if joined or sizes[0]:
        path = _next(shelf)
        names = fresh.union(*(one.names for one in there[:joined])) & wanted
        _write(path, shelf, sorted(names), fresh, there, large)
        stays.append(path)
    for left in packs.of_kind(shelf.place, shelf.kind):
        if left not in stays:  # joined, or damaged: what it held was taken anew
            _remove(left)
    _drop_loose(shelf, fresh)


def _next(shelf: Shelf) -> Path:
    """Where the next pack goes."""
    number = max((packs.number(path) for path in packs.of_kind(shelf.place, shelf.kind)), default=0) + 1
    return shelf.place / f"{shelf.kind}-{number}.pack"


def _write(
    path: Path,
    shelf: Shelf,
    names: Sequence[str],
    fresh: Collection[str],
    there: Sequence[packs.Pack],
    large: bool,
) -> None:
    """Write a pack of these photos, of which `fresh` ones are in files of their own; none of no photos."""
    if not names:
        return
    if shelf.part == EMBEDDINGS:
        packs.write(path, {"coded": large}, _vectors(shelf, names, large))
        return
    books = [book for book in map(kept.codebook_of, there) if book is not None]
    codebook = books[-1] if books else None
    if codebook is None and large:
        taught = names[:: max(1, len(names) // _TAUGHT)]
        codebook = trained([kept.read_features(shelf.folder, shelf.settings, name).keypoints for name in taught])
    packs.write(path, {"coded": large}, _features(shelf, names, fresh, codebook, large))


def _features(
    shelf: Shelf, names: Sequence[str], fresh: Collection[str], codebook: records.Codebook | None, large: bool
) -> Iterator[tuple[str, bytes]]:
    """Records of features; a photo's damaged ones are left out, and missed by the next run, which takes them anew."""
    if codebook is not None:
        yield CODEBOOK, codebook.to_bytes()
    for name in names:
        book = None
        with suppress(IndexError_):
            if name in fresh:
                record = kept.whole_record(shelf.folder, shelf.settings, name)
            else:
                found = packs.record(shelf.place, shelf.kind, name)
                if found is None:
                    continue
                record, pack = found
                book = kept.codebook_of(pack)
            if codebook is not None and (large or records.is_coded(record)):
                record = kept.recoded(record, book, codebook)
            yield name, record


def _vectors(shelf: Shelf, names: Sequence[str], large: bool) -> Iterator[tuple[str, bytes]]:
    for name in names:
        with suppress(IndexError_):
            yield name, kept.as_vectors(kept.read_embeddings(shelf.folder, shelf.kind, name), half=large)


def _drop_loose(shelf: Shelf, names: Collection[str]) -> None:
    folder = shelf.place / shelf.kind
    ending = ".npz" if shelf.part == FEATURES else ".npy"
    for name in names:
        (folder / f"{name}{ending}").unlink(missing_ok=True)
