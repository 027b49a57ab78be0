"""Discovery: pins that the catalogue lacks, put together from the unknown crops of many lots.

    FOLDER/
      crops/<sha256>.jpg, .json      a crop as a picture, and where it was seen
      features/, embeddings/         what is compared, as an index keeps it of its photos
      discover.json, report.html     the proposed entries, those seen most often first

A crop is worked on once, however often its lot is given again. Two crops show one pin where the model finds them alike
and their keypoints agree both ways on one pose; a pin is seen as often as it is on pictures that are not copies of one
another, and in as many lots as these are from. Crops that were accepted are photos of an entry, and propose no more.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.jobs import Job
from recognizer.collecting.picture_answers import PictureAnswer, PinAnswer, number_pins
from recognizer.errors import CatalogueError, EntryNotFound, IndexError_, PhotoError, ZnachkiError
from recognizer.files import make_folder, write_whole
from recognizer.search import index
from recognizer.search.agreement import Agreement, agreement, is_copy, nearest
from recognizer.search.embedder import Embedder
from recognizer.search.features import SETTINGS, embedding_settings, reference_of
from recognizer.search.similarity import OF_BASE, Scale
from recognizer.types import Box, CatalogueEntry, CatalogueImage, Crop, Float32, Photo, Reference, Role, Verdict
from recognizer.vision.crops import lifted, single
from recognizer.vision.photos import encode_jpeg, open_photo, read_photo

Progress = Callable[[int, int], None]

NEIGHBOURS: Final = 16
"""Crops that each is compared with point by point: those most like it to the model."""

SIMILAR: Final = 0.55
INLIERS: Final = 12
APPEARANCE: Final = 0.4
"""What a pair of crops must have at least, all three, to show one pin.

Fitted to pairs of the queries of `pins/` among each other and with its catalogue photos, a wrong link weighing three
missed ones: 142 of 150 pairs of one pin are linked, and 9 of others, near twins in another plating or enamel. In ten
folds over entries, thresholds fitted to the others link .947 of the pairs of one pin, and .882 of what they link is
right, a wrong link counted in both its folds. Of the 36 pins that the 63 unknown queries show, 23 are there twice or
more: 22 come out whole, none mixed with another, and so they do with thresholds fitted to known entries alone.
"""

SEEN: Final = 2
"""Pictures that a pin must be on to be proposed."""

_FORMAT: Final = 1
_OVERLAP: Final = 0.5  # of two boxes on one photo, their intersection over union: the same pin
_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class Seen:
    """A crop and where it was seen: `crop` is the sha256 of its picture, `photo` that of the photo it is from.

    `lot` and `title` are of the listing, `picture` its picture as the job names it, `box` in pixels of that.
    """

    crop: str
    photo: str
    box: tuple[int, int, int, int]
    lot: str
    title: str
    picture: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Crops of one pin: its name, the crops with the clearest first, how often and in which lots it was seen.

    `seen` counts pictures, copies once; `copies` are the crops, by name, that are copies of others before them;
    `entry_id` is the entry that it was accepted as, "" for none.
    """

    cluster: str
    crops: tuple[Seen, ...]
    seen: int
    lots: tuple[str, ...]
    copies: tuple[str, ...] = ()
    entry_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the cluster as plain data."""
        return asdict(self) | {"lots": list(self.lots), "copies": list(self.copies)}


def gather(
    folder: Path, jobs: Sequence[Path], model: Embedder, *, progress: Progress | None = None
) -> tuple[int, list[str]]:
    """Take the unknown crops of job folders into `folder`, those that are not there yet.

    Returns how many are new, and notes on pictures that could not be used. Killed, it goes on where it stopped. Raises
    ZnachkiError where a folder holds no job, or `folder` cannot be written.
    """
    found = [one for path in jobs for one in _unknown(path)]
    there: dict[str, list[Seen]] = defaultdict(list)
    for seen in crops_of(folder):
        there[seen.photo].append(seen)
    new, notes = 0, []
    for done, one in enumerate(found, 1):
        photo, box = one.answer["sha256"], _box(one.pin["box"])
        if not any(_overlap(other.box, box) >= _OVERLAP for other in there[photo]):
            try:
                crop = _crop(one)
            except PhotoError as error:
                notes.append(str(error))
                continue
            there[photo].append(_keep(folder, crop, Seen("", photo, box, one.lot, one.title, str(one.picture)), model))
            new += 1
        if progress is not None:
            progress(done, len(found))
    return new, notes


def crops_of(folder: Path) -> list[Seen]:
    """List the crops that a folder holds, by name; one that a kill left half written does not count."""
    found = []
    for path in sorted((folder / "crops").glob("*.json")):
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            one = Seen(**held | {"box": _box(held["box"])})
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if picture_of(folder, one).is_file():
            found.append(one)
    return found


def picture_of(folder: Path, seen: Seen) -> Path:
    """Say where a crop's picture lies."""
    return folder / "crops" / f"{seen.crop}.jpg"


def cluster(
    folder: Path,
    catalogue: Catalogue,
    fingerprint: str,
    *,
    scale: Scale = OF_BASE,
    progress: Progress | None = None,
) -> list[Cluster]:
    """Put the crops of a folder together that show one pin, those seen most often first.

    Every crop is in one cluster. `fingerprint` names the model that looked at them, `scale` is of its similarities.
    Crops that another model looked at are left out: gather them again. `progress` is called with the crops compared and
    all of them.
    """
    settings = embedding_settings(fingerprint)
    crops, zooms, references = [], [], []
    for one in crops_of(folder):
        try:
            zooms.append(index.read_embeddings(folder, settings, one.crop))
            references.append(index.read_features(folder, SETTINGS, one.crop))
        except IndexError_:
            continue
        crops.append(one)
    if not crops:
        return []
    pairs = compared(np.stack(zooms), references, scale=scale, progress=progress)
    links = [pair for pair in pairs if shows_one_pin(pair[2], pair[3])]
    copies = [pair for pair in pairs if is_copy(pair[3])]
    accepted = _accepted(catalogue, crops)
    groups = grouped(len(crops), [(first, second, float(found.inliers)) for first, second, _, found in links])
    found = [_cluster([crops[at] for at in group], group, links, copies, accepted, crops) for group in groups]
    return sorted(found, key=lambda one: (-one.seen, -len(one.lots), one.cluster))


def compared(
    zooms: Float32, references: Sequence[Reference], *, scale: Scale = OF_BASE, progress: Progress | None = None
) -> list[tuple[int, int, float, Agreement]]:
    """Return (row, row, similarity, agreement) of the pairs of crops that are near enough to be looked at.

    `zooms` is (n, zooms, dim), `references` belong to it row by row; each pair is given once, the lower row first.
    """
    pairs: dict[tuple[int, int], float] = {}
    for row, near in enumerate(nearest(zooms, NEIGHBOURS, scale)):
        pairs |= {(min(row, other), max(row, other)): likeness for other, likeness in near if likeness >= SIMILAR}
    found = []
    for done, ((first, second), likeness) in enumerate(sorted(pairs.items()), 1):
        found.append((first, second, likeness, agreement(references[first], references[second])))
        if progress is not None:
            progress(done, len(pairs))
    return found


def shows_one_pin(similarity: float, found: Agreement) -> bool:
    """Say whether two crops show one pin, by what they agree in."""
    return similarity >= SIMILAR and found.inliers >= INLIERS and found.appearance >= APPEARANCE


def grouped(count: int, links: Iterable[tuple[int, int, float]]) -> list[list[int]]:
    """Put `count` rows into groups by links (row, row, strength): the strongest first, a group where half its pairs
    are linked.

    So that one wrong link between two pins does not make one of them.
    """
    linked = {(min(a, b), max(a, b)) for a, b, _ in links}
    group_of = list(range(count))
    members = {row: [row] for row in range(count)}
    for first, second, _ in sorted(links, key=lambda link: (-link[2], link[0], link[1])):
        one, other = group_of[first], group_of[second]
        if one == other:
            continue
        across = [(min(a, b), max(a, b)) for a in members[one] for b in members[other]]
        if 2 * sum(pair in linked for pair in across) < len(across):
            continue
        for row in members[other]:
            group_of[row] = one
        members[one] += members.pop(other)
    return [sorted(group) for group in members.values()]


def accept(folder: Path, catalogue: Catalogue, chosen: Cluster, number: str, title: str) -> CatalogueEntry:
    """Make an entry of a cluster, its crops as photos, copies of one picture once, and return it.

    One transaction: the entry with all its photos, or nothing. Raises CatalogueError where the number is taken or the
    cluster was accepted already.
    """
    with _accepting(catalogue, chosen, number):
        try:
            held = catalogue.entry(number)
        except EntryNotFound:
            held = None
        if held is not None:
            raise CatalogueError(f"number {number!r} is that of {held.entry_id} already; give another --number")
        entry = CatalogueEntry(number, number=number, title=title)
        catalogue.upsert([entry])
        _take_photos(folder, catalogue, chosen, entry.entry_id)
        return catalogue.entry(entry.entry_id)


def accept_into(folder: Path, catalogue: Catalogue, chosen: Cluster, number: str) -> CatalogueEntry:
    """Make the crops of a cluster photos of an entry that the catalogue has, by any of its numbers, and return it.

    One transaction. Raises EntryNotFound, and CatalogueError where the cluster was accepted already.
    """
    entry = catalogue.entry(number)
    with _accepting(catalogue, chosen, entry.entry_id):
        _take_photos(folder, catalogue, chosen, entry.entry_id)
    return entry


@contextmanager
def _accepting(catalogue: Catalogue, chosen: Cluster, number: str) -> Iterator[None]:
    if chosen.entry_id:
        raise CatalogueError(f"cluster {chosen.cluster} was accepted already, as {chosen.entry_id}")
    held = catalogue.pictures_held()
    if any(one.crop in held for one in chosen.crops):  # since the clusters were made
        raise CatalogueError(f"cluster {chosen.cluster} was accepted already; run `znachki discover` for what is left")
    with catalogue.transaction(f"discover {chosen.cluster} as {number}"):
        yield


def _take_photos(folder: Path, catalogue: Catalogue, chosen: Cluster, entry_id: str) -> None:
    images = []
    for one in chosen.crops:
        if one.crop in chosen.copies:
            continue
        data, _ = read_photo(picture_of(folder, one))
        file = catalogue.add_picture(data, ".jpg")
        source = f"{one.title or one.lot}: {Path(one.picture).name}"
        images.append(CatalogueImage(0, entry_id, Role.FACE, one.crop, file, source=source))
    catalogue.add_images(images)


def write_json(folder: Path, clusters: Sequence[Cluster]) -> dict[str, Any]:
    """Write discover.json whole and return what it says; raises ZnachkiError where it cannot be written."""
    make_folder(folder)
    held = {"format": _FORMAT, "clusters": [one.as_json() for one in clusters]}
    write_whole(folder / "discover.json", (json.dumps(held, ensure_ascii=False, indent=1) + "\n").encode())
    return held


def read_cluster(folder: Path, name: str) -> Cluster:
    """Read one cluster of discover.json by its name or the beginning of it; raises ZnachkiError, with those near."""
    clusters = read_clusters(folder)
    fitting = [one for one in clusters if one.cluster.startswith(name)]
    if len(fitting) != 1 or not name:
        few = ", ".join(one.cluster for one in (fitting or clusters)[:5])
        raise ZnachkiError(f"cluster {name!r}: {len(fitting)} of that name; {folder / 'discover.json'} has {few}")
    return fitting[0]


def read_clusters(folder: Path) -> list[Cluster]:
    """Read all clusters of discover.json, in its order; raises EntryNotFound where there is none yet, ZnachkiError."""
    path = folder / "discover.json"
    try:
        held = json.loads(path.read_text(encoding="utf-8"))["clusters"]
        return [
            Cluster(
                one["cluster"],
                tuple(Seen(**crop | {"box": _box(crop["box"])}) for crop in one["crops"]),
                one["seen"],
                tuple(one["lots"]),
                tuple(one["copies"]),
                one["entry_id"],
            )
            for one in held
        ]
    except FileNotFoundError:
        raise EntryNotFound(f"{path}: nothing discovered yet; run `znachki discover JOB_FOLDER` first") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ZnachkiError(f"{path}: not readable ({error}); run `znachki discover JOB_FOLDER` again") from error


@dataclass(frozen=True, slots=True)
class _Found:
    """An unknown pin of a job: the job's folder, the picture with its key and answer, and the pin with its number."""

    folder: Path
    key: str
    lot: str
    title: str
    picture: Path
    answer: PictureAnswer
    pin: PinAnswer

    @property
    def number(self) -> int:
        """Its number on the picture, by which its small picture is named."""
        number: int = self.pin["pin"]
        return number


def _unknown(folder: Path) -> list[_Found]:
    """The unknown pins of a job folder, or of the job folders in it."""
    inside = sorted(path.parent for path in folder.glob("*/job.json"))
    folders = [folder] if (folder / "job.json").is_file() else inside
    if not folders:
        raise ZnachkiError(f"{folder}: no job in it; make one with `znachki lot PICTURES --out {folder}`")
    found = []
    for one in folders:
        answered = _answers(one)
        for key, (lot, title, picture, answer) in answered.items():
            for pin in number_pins(answer.copy()).get("recognitions", ()):
                if pin["verdict"] == Verdict.UNKNOWN:
                    found.append(_Found(one, key, lot, title, picture, answer, pin))
    return found


def _answers(folder: Path) -> dict[str, tuple[str, str, Path, PictureAnswer]]:
    """What a job answered, by key: lot, title, picture and answer; of pictures that are gone, what its report tells."""
    found: dict[str, tuple[str, str, Path, PictureAnswer]] = {}
    job = Job.resume(folder)
    for task in job.tasks:
        answer = job.answer(task)
        if answer is not None:
            found[task.key] = (task.listing.key, task.listing.title, task.picture, answer)
    report = folder / "lots.json"
    if report.is_file():
        try:
            for lot in json.loads(report.read_text(encoding="utf-8"))["lots"]:
                for one in lot["pictures"]:
                    found.setdefault(one["key"], (lot["lot"], lot["title"], Path(one["picture"]), one))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ZnachkiError(f"{report}: not readable ({error}); run `znachki lot --out {folder}` again") from error
    return found


def _crop(found: _Found) -> Crop:
    """Cut a pin out of its picture, or take the small one that the job kept where the picture is gone."""
    box = Box(*_box(found.pin["box"]))
    try:
        photo = open_photo(found.picture)
        if photo.sha256 == found.answer["sha256"]:
            return _cut(photo, box, found.pin["outline"], alone=len(found.answer["recognitions"]) == 1)
    except PhotoError:
        pass
    return single(open_photo(found.folder / "pictures" / f"{found.key}-{found.number}.jpg"))


def _cut(photo: Photo, box: Box, outline: Sequence[Sequence[float]] | None, *, alone: bool) -> Crop:
    cut = np.ascontiguousarray(photo.image[box.top : box.bottom, box.left : box.right])
    places = None
    if outline:
        places = np.array(outline, np.float32) - np.array([box.left, box.top], np.float32)
    return Crop(cut, Box(0, 0, cut.shape[1], cut.shape[0]), places, photo.image if alone else None)


def _keep(folder: Path, crop: Crop, seen: Seen, model: Embedder) -> Seen:
    """Keep a crop with all that is compared of it; what tells that it is there is written last."""
    picture = encode_jpeg(crop.image, _QUALITY)
    name = hashlib.sha256(picture).hexdigest()
    (zooms,) = model.embed_zooms([crop.whole], [lifted(crop)])
    index.write_embeddings(folder, embedding_settings(model.fingerprint), name, zooms)
    index.write_features(folder, SETTINGS, name, reference_of(crop))
    make_folder(folder / "crops")
    kept = Seen(name, seen.photo, seen.box, seen.lot, seen.title, seen.picture)
    write_whole(picture_of(folder, kept), picture)
    write_whole(folder / "crops" / f"{name}.json", (json.dumps(asdict(kept), ensure_ascii=False) + "\n").encode())
    return kept


def _cluster(
    members: Sequence[Seen],
    rows: Sequence[int],
    links: Sequence[tuple[int, int, float, Agreement]],
    copies: Sequence[tuple[int, int, float, Agreement]],
    accepted: Mapping[str, str],
    crops: Sequence[Seen],
) -> Cluster:
    inside = set(rows)
    strength: dict[int, int] = defaultdict(int)
    for first, second, _, found in links:
        if first in inside and second in inside:
            strength[first] += found.inliers
            strength[second] += found.inliers
    order = sorted(rows, key=lambda row: (-strength[row], crops[row].crop))
    place = {row: at for at, row in enumerate(order)}
    same = [(place[first], place[second], 1.0) for first, second, *_ in copies if first in inside and second in inside]
    pictures = grouped(len(rows), same)
    entries = sorted({accepted[one.crop] for one in members if one.crop in accepted})
    return Cluster(
        cluster=min(one.crop for one in members)[:8],
        crops=tuple(crops[row] for row in order),
        seen=len(pictures),
        lots=tuple(sorted({one.lot for one in members})),
        copies=tuple(crops[order[at]].crop for picture in pictures for at in picture[1:]),
        entry_id=entries[0] if entries else "",
    )


def _accepted(catalogue: Catalogue, crops: Sequence[Seen]) -> dict[str, str]:
    """The entries that show crops as their photos, by the crop."""
    wanted = {one.crop for one in crops}
    return {image.sha256: image.entry_id for image in catalogue.images() if image.sha256 in wanted}


def _box(sides: Sequence[Any]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(side) for side in sides)
    return left, top, right, bottom


def _overlap(one: Sequence[int], other: Sequence[int]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, wide) * max(0, tall)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / max(1, areas - shared)
