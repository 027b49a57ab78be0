"""Carrying out: what a plan asks for, entered into the catalogue as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from recognizer import wanted
from recognizer.catalogue import Catalogue, Stored
from recognizer.errors import CatalogueError, PhotoError
from recognizer.imports.cells import shown
from recognizer.imports.plan import Plan, name_of
from recognizer.imports.rows import Held, Picture
from recognizer.photos import check_photo, read_photo
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status
from recognizer.wanted import WantedPicture

Progress = Callable[[int, int], None]
"""Called with the pictures done and the pictures in all."""

WORKERS: Final = 2
"""Threads that read and check pictures; hashing and decoding both run beside each other in them."""

BATCH: Final = 2000
"""Entries that are compared and written at a time: the memory that an import takes beside its plan."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that an import would change: of an entry a field, itself ("entry"), a "photo" or an "address".

    `before` is empty for what is new.
    """

    entry_id: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: rows read, entries and photos by what became of them, and notes on what was passed over.

    `wanted_new` counts the addresses from which pictures are still to be fetched; `differences` is filled where the
    import was only foreseen.
    """

    rows: int
    entries_new: int
    entries_changed: int
    entries_same: int
    images_new: int
    images_changed: int
    images_same: int
    notes: tuple[str, ...] = ()
    wanted_new: int = 0
    differences: tuple[Difference, ...] = ()


def carry_out(
    catalogue: Catalogue, plan: Plan, progress: Progress | None = None
) -> tuple[ImportReport, dict[Path | Held, str]]:
    """Enter what a plan asks for, all of it, or raise CatalogueError with what is wrong and leave nothing.

    Returns the report, and the name in `images/` of each picture.
    """
    written: list[str] = []
    try:
        done = _checked(catalogue, plan, progress, written)
        kept = _kept(plan, done)
        _check_merges(catalogue, plan)
        plan.refuse("nothing imported")
        with catalogue.transaction(f"import {plan.name}"):
            entries, images = Stored(), Stored()
            for some in _batches(list(plan.entries)):
                there = catalogue.known(some)
                entries = _sum(entries, catalogue.upsert(_after(there, plan, entry_id) for entry_id in some))
                for entry_id in some:
                    del plan.entries[entry_id]  # what is entered need not be held twice
            for photos in _batches(_images(catalogue, plan, kept)):
                images = _sum(images, catalogue.add_images(photos))
            asked = wanted.want(catalogue, _wanted(plan))
    except BaseException:
        with suppress(CatalogueError):  # the first error is the one to tell; pictures left over do no harm
            catalogue.drop_pictures(written)
        raise
    return _report(plan, entries, images, asked), {where: str(file) for where, file in done.items()}


def foresee(catalogue: Catalogue, plan: Plan, progress: Progress | None = None) -> ImportReport:
    """Report what carrying a plan out would do, with every difference; nothing is written."""
    kept = _kept(plan, _checked(catalogue, plan, progress, None))
    _check_merges(catalogue, plan)
    plan.refuse("nothing would be imported")
    differences: list[Difference] = []
    entries = images = Stored()
    for some in _batches(list(plan.entries)):
        there = catalogue.known(some)
        found = [_differences(there.get(entry_id), _after(there, plan, entry_id)) for entry_id in some]
        new = sum(1 for entry_id in some if entry_id not in there)
        changed = sum(1 for entry_id, parts in zip(some, found, strict=True) if parts and entry_id in there)
        entries = _sum(entries, Stored(new, changed, len(some) - new - changed))
        differences += [difference for parts in found for difference in parts]
    held = {(image.entry_id, image.file): image for image in catalogue.images()} if kept else {}
    for image in _images(catalogue, plan, kept):
        before = held.get((image.entry_id, image.file))
        images = _sum(images, Stored(before is None, before not in (None, image), before == image))
        if before != image:
            differences.append(Difference(image.entry_id, "photo", _about(before), _about(image)))
    known = wanted.known(catalogue)
    asked = [one for one in _wanted(plan) if (one.entry_id, one.address) not in known]
    differences += [Difference(one.entry_id, "address", "", one.address) for one in asked]
    return _report(plan, entries, images, len(asked), tuple(differences))


def _report(
    plan: Plan, entries: Stored, images: Stored, asked: int, differences: tuple[Difference, ...] = ()
) -> ImportReport:
    return ImportReport(
        *(plan.rows, entries.new, entries.changed, entries.same, images.new, images.changed, images.same),
        *(tuple(plan.notes), asked, differences),
    )


def _differences(before: CatalogueEntry | None, after: CatalogueEntry) -> list[Difference]:
    if before is None:
        return [Difference(after.entry_id, "entry", "", after.title or after.title_en)]
    after = replace(after, number=after.number or after.entry_id)
    names = [one.name for one in fields(CatalogueEntry) if getattr(before, one.name) != getattr(after, one.name)]
    return [Difference(after.entry_id, name, _shown(before, name), _shown(after, name)) for name in names]


def _shown(entry: CatalogueEntry, name: str) -> str:
    value = getattr(entry, name)
    if name in ("year_from", "year_to"):
        return "" if value is None else str(value)
    return shown(name, {name: value})


def _about(image: CatalogueImage | None) -> str:
    if image is None:
        return ""
    return ", ".join(part for part in (image.role.value, image.file, image.licence, image.source) if part)


def _wanted(plan: Plan) -> list[WantedPicture]:
    """The pictures that are to be fetched."""
    return [
        WantedPicture(0, entry_id, where, picture.role or Role.FACE, picture.licence, picture.source)
        for (entry_id, where), picture in plan.pictures.items()
        if isinstance(where, str)
    ]


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _sum(one: Stored, other: Stored) -> Stored:
    return Stored(one.new + other.new, one.changed + other.changed, one.same + other.same)


def _after(there: dict[str, CatalogueEntry], plan: Plan, entry_id: str) -> CatalogueEntry:
    """An entry as it will be: what the source leaves open stays as the catalogue has it."""
    return replace(there.get(entry_id) or CatalogueEntry(entry_id), **plan.entries[entry_id])


def _images(catalogue: Catalogue, plan: Plan, kept: list[tuple[str, Picture, str]]) -> list[CatalogueImage]:
    """The photos to enter: what a row leaves open stays as the catalogue has it, a new photo's role is face."""
    there = {(image.entry_id, image.file): image for image in catalogue.images()} if kept else {}
    images: dict[tuple[str, str], CatalogueImage] = {}
    for entry_id, picture, file in kept:
        key = (entry_id, file)
        if key in images:
            place = plan.places[entry_id, picture.where]
            plan.notes.append(f"{place}: {name_of(picture)} is the same photo as one above, entered once")
            continue
        old = there.get(key, CatalogueImage(0, entry_id, Role.FACE, file.partition(".")[0], file))
        role, licence, source = picture.role or old.role, picture.licence or old.licence, picture.source or old.source
        images[key] = replace(old, role=role, licence=licence, source=source)
    return list(images.values())


def _read(where: Path | Held) -> tuple[bytes, str]:
    return read_photo(where) if isinstance(where, Path) else read_photo(where.read(), where.name)


def _checked(
    catalogue: Catalogue, plan: Plan, progress: Progress | None, written: list[str] | None
) -> dict[Path | Held, str | PhotoError]:
    """Check every picture and keep those that the catalogue lacks; with each the name of its file, or its error.

    A picture that lies in `images/` already was checked before, by this import or by one that was cut off. Once
    something is wrong pictures are still checked but no longer kept; with `written` None they never are.
    """
    held = catalogue.pictures_held() | _lying(catalogue.picture_folder)
    wrong = threading.Event()
    if plan.errors or written is None:
        wrong.set()

    def keep(where: Path | Held) -> str | PhotoError:
        try:
            data, name = _read(where)
            sha256 = hashlib.sha256(data).hexdigest()
            file = held.get(sha256) or sha256 + check_photo(data, name)
        except PhotoError as error:
            wrong.set()
            return error
        if not wrong.is_set() and not _lies(catalogue.picture_folder / file, len(data)):
            if written is not None:
                written.append(file)
            catalogue.add_picture(data, Path(file).suffix)
        return file

    here = list(dict.fromkeys(where for _, where in plan.pictures if not isinstance(where, str)))
    done: dict[Path | Held, str | PhotoError] = {}
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for some in _batches(here):  # a batch at a time, so that few outcomes wait for their turn
            for where, outcome in zip(some, pool.map(keep, some), strict=True):
                done[where] = outcome
                if progress is not None:
                    progress(len(done), len(here))
    finally:
        pool.shutdown(cancel_futures=True)
    return done


def _lying(folder: Path) -> dict[str, str]:
    """Map the sha256 of each picture in a folder, as its name says, to that name."""
    with suppress(FileNotFoundError):
        names = [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")]
        return {name.partition(".")[0]: name for name in names}
    return {}


def _lies(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _kept(plan: Plan, done: dict[Path | Held, str | PhotoError]) -> list[tuple[str, Picture, str]]:
    """The pictures that are good, with the entry and the name of the file of each; the others go to the errors."""
    kept: list[tuple[str, Picture, str]] = []
    for key, picture in plan.pictures.items():
        entry_id, where = key
        if isinstance(where, str):
            continue
        outcome = done[where]
        if isinstance(outcome, PhotoError):
            plan.errors.append((plan.places[key], str(outcome)))
        else:
            kept.append((entry_id, picture, outcome))
    return kept


def _check_merges(catalogue: Catalogue, plan: Plan) -> None:
    """An entry that another one took over must name one that is there, and not in a circle."""
    asked = [entry_id for entry_id, fields in plan.entries.items() if fields.keys() & {"status", "merged_into"}]
    there = catalogue.known(asked)
    after = {entry_id: _after(there, plan, entry_id) for entry_id in asked}
    there = catalogue.known(entry.merged_into for entry in after.values() if entry.merged_into)
    for entry_id, entry in after.items():
        into = entry.merged_into
        if into and into not in plan.entries and into not in there:
            what = f"merged_into {into!r} is no entry, here or in the catalogue"
        elif into and entry.status is not Status.MERGED:
            what = f"merged_into {into!r}, but status {entry.status}; make it merged"
        elif entry.status is Status.MERGED and not into:
            what = "status merged, but no merged_into; name the entry that took it over"
        elif into and _comes_back(catalogue, after, entry_id):
            what = f"merged_into {into!r} leads back to {entry_id!r}; name the entry that stays"
        else:
            continue
        plan.errors.append((plan.places.get(entry_id, entry_id), what))


def _comes_back(catalogue: Catalogue, after: dict[str, CatalogueEntry], entry_id: str) -> bool:
    """Whether following merged_into from an entry ends where it has been."""
    seen: set[str] = set()
    while entry_id and entry_id not in seen:
        seen.add(entry_id)
        entry = after.get(entry_id) or catalogue.known([entry_id]).get(entry_id)
        entry_id = entry.merged_into if entry else ""
    return bool(entry_id)
