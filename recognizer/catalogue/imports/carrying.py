"""Carrying out: what a plan asks for, entered into the catalogue as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from recognizer.catalogue import wanted
from recognizer.catalogue.imports.cells import shown
from recognizer.catalogue.imports.plan import Plan, name_of
from recognizer.catalogue.imports.rows import Held, Picture
from recognizer.catalogue.imports.spool import Asked, Fields
from recognizer.catalogue.store import Catalogue, Stored
from recognizer.catalogue.wanted import WantedPicture
from recognizer.errors import CatalogueError, PhotoError
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status
from recognizer.vision.photos import check_photo, read_photo

Progress = Callable[[int, int], None]
"""Called with the pictures done and the pictures in all."""

WORKERS: Final = 2
"""Threads that read and check pictures; hashing and decoding both run beside each other in them."""


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


def carry_out(catalogue: Catalogue, plan: Plan, progress: Progress | None = None) -> ImportReport:
    """Enter what a plan asks for, all of it, or raise CatalogueError with what is wrong and leave nothing.

    The plan's spool knows afterwards the name in `images/` of each picture.
    """
    written: list[str] = []
    try:
        _check_pictures(catalogue, plan, progress, written)
        _check_merges(catalogue, plan)
        plan.refuse("nothing imported")
        with catalogue.transaction(f"import {plan.name}"):
            entries, images, asked = Stored(), Stored(), 0
            for some in plan.spool.entries():
                there = catalogue.known(some)
                entries = _sum(
                    entries, catalogue.upsert(_after(there, entry_id, some[entry_id][0]) for entry_id in some)
                )
            for photos in plan.spool.photos():
                images = _sum(images, catalogue.add_images(_images(catalogue, plan, photos)))
            for photos in plan.spool.addresses():
                asked += wanted.want(catalogue, _wanted(photos))
    except BaseException:
        with suppress(CatalogueError):  # the first error is the one to tell; pictures left over do no harm
            catalogue.drop_pictures(written)
        raise
    return _report(plan, entries, images, asked)


def foresee(catalogue: Catalogue, plan: Plan, progress: Progress | None = None) -> ImportReport:
    """Report what carrying a plan out would do, with every difference; nothing is written."""
    _check_pictures(catalogue, plan, progress, None)
    _check_merges(catalogue, plan)
    plan.refuse("nothing would be imported")
    differences: list[Difference] = []
    entries = images = Stored()
    for some in plan.spool.entries():
        there = catalogue.known(some)
        after = {entry_id: _after(there, entry_id, said) for entry_id, (said, _) in some.items()}
        found = [_differences(there.get(entry_id), entry) for entry_id, entry in after.items()]
        new = sum(1 for entry_id in some if entry_id not in there)
        changed = sum(1 for entry_id, parts in zip(some, found, strict=True) if parts and entry_id in there)
        entries = _sum(entries, Stored(new, changed, len(some) - new - changed))
        differences += [difference for parts in found for difference in parts]
    for photos in plan.spool.photos():
        held = _held(catalogue, photos)
        for image in _images(catalogue, plan, photos):
            before = held.get((image.entry_id, image.file))
            images = _sum(images, Stored(before is None, before not in (None, image), before == image))
            if before != image:
                differences.append(Difference(image.entry_id, "photo", _about(before), _about(image)))
    asked = 0
    for photos in plan.spool.addresses():
        known = wanted.known(catalogue, {one.entry_id for one in photos})
        new_ones = [one for one in _wanted(photos) if (one.entry_id, one.address) not in known]
        differences += [Difference(one.entry_id, "address", "", one.address) for one in new_ones]
        asked += len(new_ones)
    return _report(plan, entries, images, asked, tuple(differences))


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


def _wanted(photos: Sequence[Asked]) -> list[WantedPicture]:
    """The pictures that are to be fetched."""
    return [
        WantedPicture(0, one.entry_id, name_of(one.picture), one.picture.role or Role.FACE, *_told(one.picture))
        for one in photos
    ]


def _told(picture: Picture) -> tuple[str, str]:
    return picture.licence, picture.source


def _sum(one: Stored, other: Stored) -> Stored:
    return Stored(one.new + other.new, one.changed + other.changed, one.same + other.same)


def _after(there: Mapping[str, CatalogueEntry], entry_id: str, fields: Fields) -> CatalogueEntry:
    """An entry as it will be: what the source leaves open stays as the catalogue has it."""
    return replace(there.get(entry_id) or CatalogueEntry(entry_id), **fields)


def _held(catalogue: Catalogue, photos: Sequence[Asked]) -> dict[tuple[str, str], CatalogueImage]:
    """The photos that the catalogue has of the same entries, by entry_id and name of the file."""
    found = catalogue.images_of({one.entry_id for one in photos})
    return {(image.entry_id, image.file): image for image in found}


def _images(catalogue: Catalogue, plan: Plan, photos: Sequence[Asked]) -> list[CatalogueImage]:
    """The photos to enter: what a row leaves open stays as the catalogue has it, a new photo's role is face."""
    there = _held(catalogue, photos)
    images: list[CatalogueImage] = []
    for one in photos:
        if one.again:
            plan.notes.append(f"{one.place}: {name_of(one.picture)} is the same photo as one above, entered once")
            continue
        new = CatalogueImage(0, one.entry_id, Role.FACE, one.file.partition(".")[0], one.file)
        old, said = there.get((one.entry_id, one.file), new), one.picture
        role, licence, source = said.role or old.role, said.licence or old.licence, said.source or old.source
        images.append(replace(old, role=role, licence=licence, source=source))
    return images


def _read(where: Path | Held) -> tuple[bytes, str]:
    return read_photo(where) if isinstance(where, Path) else read_photo(where.read(), where.name)


def _check_pictures(catalogue: Catalogue, plan: Plan, progress: Progress | None, written: list[str] | None) -> None:
    """Check every picture and keep those that the catalogue lacks; what is wrong with one goes to the errors.

    A picture that lies in `images/` already was checked before, by this import or by one that was cut off. Once
    something is wrong pictures are still checked but no longer kept; with `written` None they never are.
    """
    whole, done = plan.spool.count_files(), 0
    if not whole:
        return
    held = catalogue.pictures_held() | _lying(catalogue.picture_folder)
    wrong = threading.Event()
    if plan.errors or written is None:
        wrong.set()

    def keep(where: Path | Held) -> tuple[Path | Held, str, str]:
        try:
            data, name = _read(where)
            sha256 = hashlib.sha256(data).hexdigest()
            file = held.get(sha256) or sha256 + check_photo(data, name)
        except PhotoError as error:
            wrong.set()
            return where, "", str(error)
        if not wrong.is_set() and not _lies(catalogue.picture_folder / file, len(data)):
            if written is not None:
                written.append(file)
            catalogue.add_picture(data, Path(file).suffix)
        return where, file, ""

    pool = ThreadPoolExecutor(WORKERS)
    try:
        for some in plan.spool.files():  # a batch at a time, so that few outcomes wait for their turn
            found = []
            for outcome in pool.map(keep, some):
                found.append(outcome)
                done += 1
                if progress is not None:
                    progress(done, whole)
            plan.spool.keep(found)
    finally:
        pool.shutdown(cancel_futures=True)
    plan.errors += plan.spool.wrong()


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


def _check_merges(catalogue: Catalogue, plan: Plan) -> None:
    """An entry that another one took over must name one that is there, and not in a circle."""
    after: dict[str, CatalogueEntry] = {}
    places: dict[str, str] = {}
    for some in plan.spool.entries(marked=True):
        there = catalogue.known(some)
        for entry_id, (said, place) in some.items():
            entry = _after(there, entry_id, said)
            if entry.merged_into or entry.status is Status.MERGED:  # those that stay are not held
                after[entry_id], places[entry_id] = entry, place
    there = catalogue.known(entry.merged_into for entry in after.values() if entry.merged_into)
    for entry_id, entry in after.items():
        into = entry.merged_into
        if into and into not in plan.spool and into not in there:
            what = f"merged_into {into!r} is no entry, here or in the catalogue"
        elif into and entry.status is not Status.MERGED:
            what = f"merged_into {into!r}, but status {entry.status}; make it merged"
        elif entry.status is Status.MERGED and not into:
            what = "status merged, but no merged_into; name the entry that took it over"
        elif into and _comes_back(catalogue, after, entry_id):
            what = f"merged_into {into!r} leads back to {entry_id!r}; name the entry that stays"
        else:
            continue
        plan.errors.append((places[entry_id], what))


def _comes_back(catalogue: Catalogue, after: dict[str, CatalogueEntry], entry_id: str) -> bool:
    """Whether following merged_into from an entry ends where it has been."""
    seen: set[str] = set()
    while entry_id and entry_id not in seen:
        seen.add(entry_id)
        entry = after.get(entry_id) or catalogue.known([entry_id]).get(entry_id)
        entry_id = entry.merged_into if entry else ""
    return bool(entry_id)
