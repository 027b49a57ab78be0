"""Cases: what the ranking is fitted to and judged by, each a query photo with the evidences of its candidates.

A known query is asked twice: as it is, and as if the catalogue lacked its entry. The second is an unknown pin, and
where the catalogue keeps another entry with the same drawing, a variant that it lacks; so every known query stands
behind the operating points too. What was collected is kept as JSON in a folder, under what it depends on, for a fit
takes seconds and the evidences minutes.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from recognizer.catalogue.imports import read_queries
from recognizer.errors import CatalogueError
from recognizer.files import write_whole
from recognizer.identify import Recognizer, placed
from recognizer.measuring import lot_measures
from recognizer.networks import weights
from recognizer.types import Crop, Hit, Photo, Recognition, Verdict
from recognizer.vision.comparing import variants
from recognizer.vision.crops import single
from recognizer.vision.photos import open_photo

_FORMAT: Final = 2
_NUMBERS: Final = (
    *("image_id", "similarity", "votes", "inliers", "appearance", "colour", "overlap", "same", "silhouette"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One query: the hits of its candidates, the entry_id of each, and the right one, None for an unknown pin.

    `families` names the family of those entries that have one, as the recognizer knows it; `alike` are the entries that
    truly show the drawing of this pin in another variant. `hidden` are the hits with the right entry left out, None
    where they are those of `hits` without it. `source` names the photo.
    """

    group: int
    hits: tuple[Hit, ...]
    owners: tuple[str, ...]
    answer: str | None
    families: Mapping[str, str] = field(default_factory=dict)
    alike: frozenset[str] = frozenset()
    hidden: tuple[Hit, ...] | None = None
    source: str = ""

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which hits are of the right entry, (n,)."""
        return np.array([owner == self.answer for owner in self.owners])


def left_out(case: Case) -> Case:
    """Return the case as it would be if the catalogue lacked the pin: the hits of its entry are gone."""
    kept = [at for at, owner in enumerate(case.owners) if owner != case.answer]
    hits = tuple(case.hits[at] for at in kept) if case.hidden is None else case.hidden
    return replace(case, hits=hits, owners=tuple(case.owners[at] for at in kept), answer=None, hidden=None)


def case_of(
    recognizer: Recognizer, photo: Photo, answer: str | None, group: int = 0, alike: Collection[str] = ()
) -> Case:
    """Return the case of a photo of one pin; `answer` is its entry_id, None where the catalogue lacks it."""
    return cases_of(recognizer, [single(photo)], [answer], group, [alike], photo.source)[0]


def cases_of(
    recognizer: Recognizer,
    crops: Sequence[Crop],
    answers: Sequence[str | None],
    group: int = 0,
    alike: Sequence[Collection[str]] = (),
    source: str = "",
) -> list[Case]:
    """Return the case of each crop, of which `answers` and `alike` tell the truth one by one."""
    found = []
    for at, (crop, hits) in enumerate(zip(crops, recognizer.hits(crops), strict=True)):
        offered = [(hit, entry.entry_id) for hit in hits if (entry := recognizer.entry_of(hit.image_id)) is not None]
        owners = tuple(owner for _, owner in offered)
        families = {entry_id: name for entry_id in owners if (name := recognizer.families.get(entry_id))}
        kept = [hit for hit, owner in offered if owner != answers[at]]
        hidden = None
        if len(kept) < len(offered):
            hidden = tuple(_bare(hit) for hit in recognizer.without_others(crop, hits, kept))
        true = frozenset(alike[at]) if alike else frozenset()
        bare = tuple(_bare(hit) for hit, _ in offered)
        found.append(Case(group, bare, owners, answers[at], families, true, hidden, source))
    return found


def _bare(hit: Hit) -> Hit:
    """The numbers of a hit alone: alignments of thousands of cases would fill the memory."""
    return replace(hit, homography=None, matched=None)


def shrunk(photo: Photo, px: int) -> Photo:
    """Return the photo with its long side at most `px` pixels, as it is for 0."""
    height, width = photo.image.shape[:2]
    if not px or max(height, width) <= px:
        return photo
    size = (max(1, round(width * px / max(height, width))), max(1, round(height * px / max(height, width))))
    return Photo(
        np.asarray(cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA), np.uint8), photo.sha256, photo.source
    )


# Collecting


def collect(
    data: Path,
    queries: Path,
    px: int,
    group: int,
    alike: Mapping[str, Collection[str]] = MappingProxyType({}),
    kept: Path | None = None,
) -> list[Case]:
    """Return a case a query photo, which shows one pin, with the evidences as `identify` takes them.

    `alike` names the pins that show the drawing of a pin, by the name of an unknown one's photo before "__" too. With
    `kept`, a folder, what was collected before with the same index and models is read from there.
    """
    asked = read_queries(queries)
    with Recognizer.open(data) as recognizer:
        file = None if kept is None else kept / f"cases-{_key(recognizer, queries, px)}.json"
        if file is not None and file.exists():
            return read(file, group)
        cases = [
            case_of(recognizer, shrunk(open_photo(path), px), answer, group, alike.get(answer or _pin_of(path), ()))
            for path, answer in tqdm(asked, desc=f"{queries.parent.name} {px or ''}", disable=None)
        ]
    if file is not None:
        write(file, cases)
    return cases


def collect_places(
    data: Path,
    places: Path,
    group: int,
    alike: Mapping[str, Collection[str]] = MappingProxyType({}),
    kept: Path | None = None,
) -> list[Case]:
    """Return a case a place of `lots.csv` at which a pin was found, found as `Recognizer.find` finds pins."""
    with Recognizer.open(data) as recognizer:
        file = None if kept is None else kept / f"cases-{_key(recognizer, places, 0)}.json"
        if file is not None and file.exists():
            return read(file, group)
        cases = []
        for truth in tqdm(lot_measures.read_places(places), desc=places.parent.name, disable=None):
            photo = open_photo(truth.picture)
            crops = recognizer.find(photo)
            boxes = [placed(crop, Recognition(crop.box, (), Verdict.UNKNOWN)) for crop in crops]
            at = lot_measures.pins_at(boxes, truth.boxes)
            found = [
                (crops[pin], entry_id) for pin, entry_id in zip(at, truth.entry_ids, strict=True) if pin is not None
            ]
            answers = [entry_id for _, entry_id in found]
            held = [alike.get(entry_id or "", ()) for entry_id in answers]
            cases += cases_of(recognizer, [crop for crop, _ in found], answers, group, held, str(truth.picture))
    if file is not None:
        write(file, cases)
    return cases


def variants_in(sets: Path) -> dict[str, set[str]]:
    """Return which pins show the drawing of each, from every `variants.csv` (pin, other) in the folders of `sets`."""
    found: dict[str, set[str]] = {}
    for path in sorted(sets.glob("*/variants.csv")):
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                found.setdefault(row["pin"], set()).add(row["other"])
                found.setdefault(row["other"], set()).add(row["pin"])
    for pin in list(found):  # variants of a variant are variants
        reached, waiting = {pin}, [pin]
        while waiting:
            new = found.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        found[pin] = reached - {pin}
    return found


def _pin_of(photo: Path) -> str:
    """The pin that a photo of an unknown one is named after."""
    return photo.name.split("__")[0]


def _key(recognizer: Recognizer, queries: Path, px: int) -> str:
    """Name what the evidences of these queries depend on."""
    manifest = recognizer.index.manifest
    parts = [manifest.fingerprint, manifest.settings, str(len(manifest.images))]
    parts += [weights.digest(variants.SHIPPED), str(px)]
    parts += [queries.parent.name, hashlib.sha256(queries.read_bytes()).hexdigest(), str(_FORMAT)]
    return f"{queries.parent.name}-{px}-" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:12]


# On the disk


def write(file: Path, cases: Iterable[Case]) -> None:
    """Keep cases as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    held = [
        {
            "source": case.source,
            "answer": case.answer,
            "alike": sorted(case.alike),
            "families": dict(case.families),
            "owners": case.owners,
            "hits": [_row(hit) for hit in case.hits],
            "hidden": None if case.hidden is None else [_row(hit) for hit in case.hidden],
        }
        for case in cases
    ]
    write_whole(file, json.dumps(held, ensure_ascii=False).encode())


def read(file: Path, group: int = 0) -> list[Case]:
    """Return the cases of a file that `write` made; raises CatalogueError where it is damaged."""
    try:
        return [_case_from(kept, group) for kept in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogueError(f"{file}: no cases ({error!r}); delete it to have them collected again") from error


def _case_from(kept: dict[str, Any], group: int) -> Case:
    hidden = kept["hidden"]
    return Case(
        group,
        tuple(map(_hit, kept["hits"])),
        tuple(kept["owners"]),
        kept["answer"],
        kept["families"],
        frozenset(kept["alike"]),
        None if hidden is None else tuple(map(_hit, hidden)),
        kept["source"],
    )


def _row(hit: Hit) -> list[float]:
    values = [getattr(hit, name) for name in _NUMBERS]
    return [value if isinstance(value, int) else round(float(value), 6) for value in values]


def _hit(row: Sequence[float]) -> Hit:
    return Hit(**dict(zip(_NUMBERS, row, strict=True)))  # type: ignore[arg-type]  # whole numbers were kept whole
