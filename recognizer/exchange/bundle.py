"""Bundles: a catalogue to publish as one file, which another machine identifies with, offline and read-only.

A bundle is a ZIP file of `catalogue.db`, `entries.jsonl` (the same entries and photos as text, a line an entry, to be
compared), `index/` with the vectors, descriptors and features of the photos, `images/` with their thumbnails,
`models/` with the index's model where it is a folder, and `manifest.json` with name, version, licences and the sha256
of everything. Only photos whose licence allows altered copies may be in it; history and collections never are.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from recognizer import program_version
from recognizer.catalogue import tables
from recognizer.catalogue.store import BUNDLE, DATABASE, PICTURES, Catalogue
from recognizer.decision import same_drawing
from recognizer.errors import CatalogueError, IndexError_
from recognizer.exchange import archive
from recognizer.exchange.archive import Progress
from recognizer.exchange.copying import transfer
from recognizer.files import write_whole
from recognizer.search.index import Index, copy_embeddings, copy_features, remove_images, write
from recognizer.types import CatalogueEntry, CatalogueImage, Role
from recognizer.vision.photos import encode_jpeg

KIND: Final = "bundle"
FORMAT: Final = 1
ENTRIES: Final = "entries.jsonl"
PARTS: Final = (DATABASE, ENTRIES, PICTURES, "index", "models")

_FREE: Final = re.compile(r"cc0|public domain|pd\b|pdm\b|no known copyright|cc[ -]?by\b")
_KEPT_WHOLE: Final = re.compile(r"\bnd\b|no ?deriv")
"""Licences that allow a photo to be passed on, made smaller: CC0, public domain, CC BY with SA or NC, never ND."""


@dataclass(slots=True)
class BundleReport:
    """What a bundle holds, its checksum, and (entry_id, why) of the entries that were left out or stand in the way."""

    entries: int = 0
    images: int = 0
    sha256: str = ""
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BundleDifference:
    """How a bundle differs from an older one: entry_ids that came, went, and changed, each with the fields."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, tuple[str, ...]], ...]


def allows_publishing(licence: str, also: Iterable[str] = ()) -> bool:
    """Say whether a photo's licence allows a bundle to hold it; `also` are licences that the publisher vouches for."""
    said = " ".join(licence.casefold().replace("_", " ").split())
    return said in {" ".join(one.casefold().split()) for one in also} or bool(
        _FREE.match(said) and not _KEPT_WHOLE.search(said)
    )


def make_bundle(
    data: Path,
    path: Path,
    *,
    name: str,
    version: str = "1",
    also: Sequence[str] = (),
    leave_out: bool = False,
    progress: Progress | None = None,
) -> BundleReport:
    """Write the catalogue of a data folder as a bundle, and its checksum beside it in `path`.sha256.

    An entry with a photo whose licence does not allow it stands in the way: CatalogueError names them; with `leave_out`
    such photos are left out, and entries that have no other. Raises IndexError_ where the index is not up to date.
    """
    report = BundleReport()
    with Catalogue.open(data) as catalogue, tempfile.TemporaryDirectory(prefix=".znachki-", dir=path.parent) as made:
        scratch = Path(made)
        index = Index.open(data / "index")
        _check_index(catalogue, index)
        kept = _permitted(catalogue, also, leave_out, report)
        files = _thumbnails(index, kept, scratch / PICTURES, progress)
        _write_index(index, kept, scratch / "index", _take_model(index, data, scratch))
        entries = _write_catalogue(catalogue, kept, files, {one for one, _ in report.refused}, scratch)
        licences = Counter(image.licence for image in kept)
        about = {
            "kind": KIND,
            "format": FORMAT,
            "name": name,
            "version": version,
            "made_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "znachki": program_version(),
            "entries": entries,
            "images": len(kept),
            "licences": dict(sorted(licences.items())),
            "model": {"name": index.manifest.model, "fingerprint": index.manifest.fingerprint},
        }
        with archive.writing(path) as file:
            for source in sorted(one for one in scratch.rglob("*") if one.is_file()):
                inside = source.relative_to(scratch).as_posix()
                file.put(inside, source, small=inside in (DATABASE, ENTRIES))
            file.finish(**about)
    report.entries, report.images, report.sha256 = entries, len(kept), archive.sha256_of(path)
    write_whole(path.with_name(path.name + ".sha256"), f"{report.sha256}  {path.name}\n".encode(), CatalogueError)
    return report


def open_bundle(path: Path, folder: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Unpack a bundle as a data folder that only reads, every sha256 checked, and return its manifest.

    The checksum beside the file, where there is one, must be the file's. Raises CatalogueError, leaving no folder,
    where anything is damaged or `folder` exists.
    """
    folder = folder.resolve()
    if folder.exists():
        raise CatalogueError(f"{folder}: is there already; name another folder")
    signed = path.with_name(path.name + ".sha256")
    if (
        signed.is_file()
        and path.is_file()
        and signed.read_text(encoding="utf-8").split(" ")[0] != archive.sha256_of(path)
    ):
        raise CatalogueError(f"{path.name}: not the file that {signed.name} was made for; fetch both again")
    beside = folder.with_name(f".{folder.name}.unpacking")
    with archive.reading(path, KIND, FORMAT, PARTS) as (file, manifest):
        damaged = archive.unpack(file, manifest["files"], beside, progress)
    if damaged:
        shutil.rmtree(beside)
        listed = "\n".join(f"  {name}: {why}" for name, why in damaged[:20])
        raise CatalogueError(f"{path.name}: {len(damaged)} damaged, fetch it again\n{listed}")
    _settle(beside, folder, manifest)
    beside.replace(folder)
    return manifest


def read_entries(path: Path) -> dict[str, dict[str, Any]]:
    """Read the entries of a bundle with their photos, by entry_id; raises CatalogueError where it is damaged."""
    with archive.reading(path, KIND, FORMAT, PARTS) as (file, manifest):
        try:
            data = file.read(ENTRIES)
        except Exception as error:  # a damaged archive raises anything
            raise CatalogueError(f"{path.name}: {ENTRIES} is damaged ({error}); fetch it again") from error
        if hashlib.sha256(data).hexdigest() != manifest["files"].get(ENTRIES, {}).get("sha256"):
            raise CatalogueError(f"{path.name}: {ENTRIES} is damaged; fetch it again")
    return {one["entry_id"]: one for one in map(json.loads, data.decode().splitlines())}


def compare(old: Path, new: Path) -> BundleDifference:
    """Say how a bundle differs from an older one."""
    before, after = read_entries(old), read_entries(new)
    changed = []
    for entry_id in sorted(before.keys() & after.keys()):
        one, other = before[entry_id], after[entry_id]
        if names := sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)):
            changed.append((entry_id, tuple(names)))
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    return BundleDifference(tuple(added), tuple(removed), tuple(changed))


def _check_index(catalogue: Catalogue, index: Index) -> None:
    wanted = set(catalogue.image_keys(Role.FACE))
    if wanted != set(index.manifest.images):
        raise IndexError_(f"{index.folder}: not of the catalogue as it is; run `znachki index` first")


def _permitted(
    catalogue: Catalogue, also: Sequence[str], leave_out: bool, report: BundleReport
) -> list[CatalogueImage]:
    """The photos that may be in a bundle; entries without any that may are told as refused."""
    kept: list[CatalogueImage] = []
    wrong: dict[str, str] = {}
    for image in catalogue.images(Role.FACE):
        if allows_publishing(image.licence, also):
            kept.append(image)
        else:
            wrong[image.entry_id] = (
                f"licence {image.licence!r} of a photo" if image.licence else "a photo without licence"
            )
    if wrong and not leave_out:
        listed = "\n".join(f"  {entry_id}: {why}" for entry_id, why in list(wrong.items())[:20])
        cure = "--leave-out does without them, --allow LICENCE vouches for one"
        raise CatalogueError(f"{len(wrong)} entries may not be published; {cure}\n{listed}")
    shown = {image.entry_id for image in kept}
    report.refused = [(entry_id, why) for entry_id, why in wrong.items() if entry_id not in shown]
    return kept


def _thumbnails(
    index: Index, kept: Sequence[CatalogueImage], folder: Path, progress: Progress | None
) -> dict[int, str]:
    """Write the photos' thumbnails, named by their content, and map image_ids to the names."""
    folder.mkdir(parents=True)
    files: dict[int, str] = {}
    for done, image in enumerate(kept, 1):
        data = encode_jpeg(index.reference(image.image_id).thumbnail, 88)
        files[image.image_id] = f"{hashlib.sha256(data).hexdigest()}.jpg"
        (folder / files[image.image_id]).write_bytes(data)
        if progress is not None:
            progress(done, len(kept))
    return files


def _take_model(index: Index, data: Path, scratch: Path) -> str:
    """Copy the index's model where it is a folder, and return the name that the bundle gives it."""
    places = (Path(index.manifest.model), data / "models" / index.manifest.model)
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        return index.manifest.model
    shutil.copytree(folder, scratch / "models" / folder.name)
    return f"models/{folder.name}"


def _write_index(index: Index, kept: Sequence[CatalogueImage], folder: Path, model: str) -> None:
    """Write the index of the photos that are kept, without those that are not."""
    manifest, images = index.manifest, {image.image_id: image.sha256 for image in kept}
    parts = Index.open(index.folder, to_change=True).joined()
    remove_images(*parts, {image_id for image_id, _ in manifest.images if image_id not in images})
    folder.mkdir(parents=True)
    own = replace(
        manifest.of_one_part(),
        model=model,
        generation=1,
        images=tuple(sorted(images.items())),
        vectors="vectors-1.faiss",
        descriptors="descriptors-1.faiss",
    )
    write(folder, own, *parts)
    same_drawing.write(
        folder, own.settings, same_drawing.read(index.folder, manifest.settings).among(set(images.values()))
    )
    copy_features(index.folder, folder, manifest.settings, set(images.values()))
    if manifest.embeddings:
        copy_embeddings(index.folder, folder, manifest.embeddings, set(images.values()))


def _write_catalogue(
    catalogue: Catalogue, kept: Sequence[CatalogueImage], files: dict[int, str], refused: set[str], scratch: Path
) -> int:
    """Write the entries and photos that are kept as a database and as text, and return how many entries."""
    with Catalogue.open(scratch, create=True) as copy:
        transfer(catalogue, copy, pictures=False)
    with closing(sqlite3.connect(scratch / DATABASE)) as raw:
        raw.execute("PRAGMA foreign_keys = ON")
        names = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        public = {"entry", "identifier", "image", "relation", "alembic_version"}
        for name in names:
            if name not in public and not name.startswith(("entry_words", "sqlite_")):
                raw.execute(f'DELETE FROM "{name}"')
        raw.executemany("DELETE FROM entry WHERE entry_id = ?", [(one,) for one in refused])
        held = [(file, image_id) for image_id, file in files.items()]
        raw.execute("UPDATE image SET file = ''")
        raw.executemany("UPDATE image SET file = ? WHERE image_id = ?", held)
        raw.execute("DELETE FROM image WHERE file = ''")
        raw.commit()
        raw.execute("PRAGMA journal_mode = DELETE")
        raw.execute("VACUUM")
    photos: dict[str, list[dict[str, Any]]] = {}
    for image in kept:
        about = {"image_id": image.image_id, "sha256": image.sha256, "licence": image.licence, "source": image.source}
        photos.setdefault(image.entry_id, []).append(about)
    entries = [entry for entry in catalogue.entries() if entry.entry_id not in refused]
    lines = [_line(entry, photos.get(entry.entry_id, [])) for entry in sorted(entries, key=lambda one: one.entry_id)]
    (scratch / ENTRIES).write_text("".join(lines), encoding="utf-8")
    return len(entries)


def _line(entry: CatalogueEntry, photos: list[dict[str, Any]]) -> str:
    return json.dumps({**tables.entry_state(entry), "photos": photos}, ensure_ascii=False, sort_keys=True) + "\n"


def _settle(beside: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """Make what was unpacked the data folder that it is to be: tables of today's form, the model found, read-only."""
    Catalogue.open(beside).close()
    with closing(sqlite3.connect(beside / DATABASE)) as raw:
        raw.execute("PRAGMA journal_mode = DELETE")
    about = beside / "index" / "index.json"
    said = json.loads(about.read_text(encoding="utf-8"))
    if (beside / said["model"]).is_dir():
        said["model"] = str(folder / said["model"])
        about.write_text(json.dumps(said, ensure_ascii=False) + "\n", encoding="utf-8")
    short = {name: value for name, value in manifest.items() if name != "files"}
    (beside / BUNDLE).write_text(json.dumps(short, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for file in beside.rglob("*"):
        if file.is_file():
            file.chmod(0o444)
