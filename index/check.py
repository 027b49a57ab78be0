"""Compares an index with its catalogue: what is stale, missing or orphaned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recognizer.catalogue.store import Catalogue
from recognizer.search.features import SETTINGS
from recognizer.search.index import FEATURES, Index, read_manifest, short
from recognizer.search.index import held as kept
from recognizer.types import Role


@dataclass(frozen=True, slots=True)
class IndexState:
    """What is wrong with an index: `missing` photos are in the catalogue only, `orphaned` ones in the index only.

    `stale` says that the index answers no longer, or not for the catalogue as it is; `message` says why, and the cure.
    """

    stale: bool
    missing: tuple[int, ...]
    orphaned: tuple[int, ...]
    message: str


def check(data: Path) -> IndexState:
    """Return the state of the index of a data folder; IndexError_ when its files are damaged, CatalogueError without
    catalogue."""
    folder = data / "index"
    with Catalogue.open(data) as catalogue:
        wanted = {(image.image_id, image.sha256) for image in catalogue.images(role=Role.FACE)}
    manifest = read_manifest(folder)
    if manifest is None:
        return IndexState(True, tuple(sorted(image_id for image_id, _ in wanted)), (), "no index; run `znachki index`")
    index = Index.open(folder)
    held = set(manifest.images)
    described = kept(folder, FEATURES, short(manifest.settings))
    bare = {(image_id, sha256) for image_id, sha256 in held & wanted if sha256 not in described}
    missing = tuple(sorted(image_id for image_id, _ in (wanted - held) | bare))
    orphaned = tuple(sorted(image_id for image_id, _ in held - wanted))
    faults = []
    if manifest.settings != SETTINGS:
        faults.append(f"features were taken as {manifest.settings}, this version takes {SETTINGS}")
    if missing:
        faults.append(f"{len(missing)} photos of the catalogue are missing")
    if orphaned:
        faults.append(f"{len(orphaned)} photos are no longer in the catalogue")
    message = "; ".join(faults) + "; run `znachki index`" if faults else f"up to date: {len(index)} photos"
    return IndexState(bool(faults), missing, orphaned, message)
