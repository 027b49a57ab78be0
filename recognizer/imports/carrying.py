"""Carrying out: what a plan asks for, entered into the catalogue as a whole or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue import Catalogue, Stored
from recognizer.errors import CatalogueError, PhotoError
from recognizer.imports.plan import Plan, name_of
from recognizer.imports.rows import Held, Picture
from recognizer.photos import check_photo, read_photo
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status

Progress = Callable[[int, int], None]
"""Called with the pictures done and the pictures in all."""

WORKERS: Final = 2
"""Threads that read and check pictures; hashing and decoding both run beside each other in them."""

BATCH: Final = 2000
"""Entries that are compared and written at a time: the memory that an import takes beside its plan."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: rows read, entries and photos by what became of them, and notes on what was passed over."""

    rows: int
    entries_new: int
    entries_changed: int
    entries_same: int
    images_new: int
    images_changed: int
    images_same: int
    notes: tuple[str, ...] = ()


def carry_out(catalogue: Catalogue, plan: Plan, progress: Progress | None = None) -> ImportReport:
    """Enter what a plan asks for, all of it, or raise CatalogueError with what is wrong and leave nothing."""
    written: list[str] = []
    try:
        kept = _keep_pictures(catalogue, plan, progress, written)
        _check_merges(catalogue, plan)
        plan.refuse("nothing imported")
        with catalogue.transaction():
            entries, images = Stored(), Stored()
            for some in _batches(list(plan.entries)):
                there = catalogue.known(some)
                entries = _sum(entries, catalogue.upsert(_after(there, plan, entry_id) for entry_id in some))
            for photos in _batches(_images(catalogue, plan, kept)):
                images = _sum(images, catalogue.add_images(photos))
    except BaseException:
        with suppress(CatalogueError):  # the first error is the one to tell; pictures left over do no harm
            catalogue.drop_pictures(written)
        raise
    return ImportReport(
        *(plan.rows, entries.new, entries.changed, entries.same, images.new, images.changed, images.same),
        notes=tuple(plan.notes),
    )


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


def _keep_pictures(
    catalogue: Catalogue, plan: Plan, progress: Progress | None, written: list[str]
) -> list[tuple[str, Picture, str]]:
    """Check every picture and keep those that the catalogue lacks; with each its entry_id and the name of its file.

    What is wrong goes to the plan; once something is, pictures are still checked but no longer kept.
    """
    held = catalogue.pictures_held()
    wrong = threading.Event()
    if plan.errors:
        wrong.set()

    def keep(where: Path | Held) -> str | PhotoError:
        try:
            data, name = _read(where)
            sha256 = hashlib.sha256(data).hexdigest()
            file = held.get(sha256) or sha256 + check_photo(data, name)
        except PhotoError as error:
            wrong.set()
            return error
        if not wrong.is_set() and not (catalogue.picture_folder / file).is_file():
            written.append(file)
            catalogue.add_picture(data, Path(file).suffix)
        return file

    here = [(key, where) for key in plan.pictures if not isinstance(where := key[1], str)]
    wanted = list(dict.fromkeys(where for _, where in here))
    done: dict[Path | Held, str | PhotoError] = {}
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for where, outcome in zip(wanted, pool.map(keep, wanted), strict=True):
            done[where] = outcome
            if progress is not None:
                progress(len(done), len(wanted))
    finally:
        pool.shutdown(cancel_futures=True)
    kept: list[tuple[str, Picture, str]] = []
    for key, where in here:
        outcome = done[where]
        if isinstance(outcome, PhotoError):
            plan.errors.append((plan.places[key], str(outcome)))
        else:
            kept.append((key[0], plan.pictures[key], outcome))
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
