"""Views: answers and entries as the templates show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from recognizer.catalogue.store import Catalogue
from recognizer.locales.words import phrase
from recognizer.reports.answers import WORTH_SAYING, percent
from recognizer.reports.near import Near, closer
from recognizer.reports.pictures import thumbnail
from recognizer.types import NAMED, CatalogueEntry, Match, Photo, Recognition, Verdict
from recognizer.vision.photos import jpeg_uri
from recognizer.web.answering.shelf import Shelf
from recognizer.web.service import matched_points

VALUES: Final = (
    *(phrase("face"), phrase("reverse"), phrase("clasp"), phrase("mark")),
    *(phrase("damaged"), phrase("worn"), phrase("good"), phrase("fine"), phrase("mint")),
    *(phrase("split"), phrase("join"), phrase("delete"), phrase("draw")),
    *(phrase("folder"), phrase("opennumismat"), phrase("goskatalog"), phrase("smithsonian"), phrase("commons")),
    *(phrase("colnect"), phrase("table")),
    *(phrase("line"), phrase("row"), phrase("record"), phrase("coin")),
)
"""Values of the data that pages say as they are: what a photo shows, grades, changes of a lot, kinds of sources, and
what a place in a source is called."""

PHOTO_SIDE: Final = 720
_PAIR: Final = 400  # height of the drawing of matched points, in units of its own
_MOST_LINES: Final = 40
_MOST_FAMILY: Final = 12


@dataclass(frozen=True, slots=True)
class Drawing:
    """Matched points as lines between two pictures that stand side by side, in units of an SVG's viewBox.

    `count` is that of the evidence, the points that agree on one pose; those that are joined lie in one plane.
    """

    width: float
    height: float
    left: tuple[float, float, float, float]
    right: tuple[float, float, float, float]
    lines: list[tuple[float, float, float, float]]
    count: int


@dataclass(frozen=True, slots=True)
class Offered:
    """One entry offered for a pin."""

    entry: CatalogueEntry
    image_id: int | None
    percent: str
    drawing: Drawing | None = None

    @property
    def number(self) -> str:
        """What a collector reads."""
        return self.entry.number or self.entry.entry_id


@dataclass(frozen=True, slots=True)
class Pin:
    """The answer for one pin; `closer` is the place to compare by eye, as number, "" for the photo, data URI and
    colour, "" where that is the same. `reverse` is where on the photo its back is: left, top, right, bottom in pixels,
    None where the photo has none.
    """

    number: int
    verdict: Verdict
    box: tuple[int, int, int, int]
    outline: str
    offered: list[Offered]
    family: list[Offered]
    checks: tuple[str, ...]
    closer: list[tuple[str, str, str]]
    drawing: str = ""
    lacking: str = ""
    reverse: tuple[int, int, int, int] | None = None

    @property
    def sure(self) -> bool:
        """Whether the first entry is said to be this pin, or its drawing."""
        return self.verdict in NAMED and bool(self.offered)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one photo, with the photo itself as a small JPEG."""

    name: str
    sha256: str
    width: int
    height: int
    uri: str
    pins: list[Pin]
    upload_id: str = ""


def answered(
    photo: Photo,
    found: Sequence[Recognition],
    shelf: Shelf,
    catalogue: Catalogue,
    sizes: Mapping[int, tuple[int, int]],
    upload_id: str = "",
) -> Answered:
    """Make a photo's answer ready to be shown; `sizes` are those of the catalogue photos."""
    height, width = photo.image.shape[:2]
    uri = jpeg_uri(thumbnail(photo.image, PHOTO_SIDE), 82)
    pins = [
        _pin(number, one, (width, height), shelf, sizes, closer(photo, one, catalogue))
        for number, one in enumerate(found, 1)
    ]
    return Answered(photo.source, photo.sha256, width, height, uri, pins, upload_id)


def _pin(
    number: int,
    found: Recognition,
    size: tuple[int, int],
    shelf: Shelf,
    sizes: Mapping[int, tuple[int, int]],
    near: Sequence[Near],
) -> Pin:
    box = (found.box.left, found.box.top, found.box.right, found.box.bottom)
    offered = [
        Offered(
            shelf.entries.get(match.entry.entry_id, match.entry),
            match.image_id,
            percent(match.probability),
            _drawing(match, found, size, sizes.get(match.image_id)),
        )
        for match in found.matches
    ]
    said = found.verdict in NAMED
    back = found.reverse
    return Pin(
        number,
        found.verdict,
        box,
        outline_path(found.outline, box),
        offered,
        _family(found, shelf),
        found.checks,
        [(one.number, jpeg_uri(one.picture, 85), one.colour) for one in near],
        drawing=percent(found.drawing) if said else "",
        lacking=percent(found.lacking) if said and found.lacking >= WORTH_SAYING else "",
        reverse=None if back is None else (back.left, back.top, back.right, back.bottom),
    )


def outline_path(outline: Any, box: Sequence[float]) -> str:
    """The points of an SVG polygon around a pin: its outline, or its box where that is all that is known."""
    if outline is None:
        left, top, right, bottom = box
        outline = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in np.asarray(outline, float).tolist())


def _family(found: Recognition, shelf: Shelf) -> list[Offered]:
    """The members of the drawing's family, the likeliest first, where the variant is left open."""
    if found.verdict is not Verdict.FAMILY or not found.matches:
        return []
    asked = {match.entry.entry_id: match for match in found.matches}
    ids = [entry_id for entry_id in found.members if entry_id in shelf.entries]
    ids.sort(key=lambda entry_id: -asked[entry_id].probability if entry_id in asked else 0.0)
    members = []
    for entry_id in ids[:_MOST_FAMILY]:
        face = shelf.face(entry_id)
        match = asked.get(entry_id)
        shown = match.image_id if match else face.image_id if face else None
        members.append(Offered(shelf.entries[entry_id], shown, percent(match.probability) if match else ""))
    return members


def _drawing(match: Match, found: Recognition, size: tuple[int, int], other: tuple[int, int] | None) -> Drawing | None:
    if other is None:
        return None
    points = matched_points(match, found, size, other)
    if not points:
        return None
    wide = (_PAIR * size[0] / size[1], _PAIR * other[0] / other[1])
    gap = 16.0
    start = wide[0] + gap
    chosen = np.linspace(0, len(points) - 1, min(len(points), _MOST_LINES)).round().astype(int).tolist()
    ordered = sorted(points, key=lambda point: point[1])
    lines = [
        (
            round(x * wide[0], 1),
            round(y * _PAIR, 1),
            round(start + other_x * wide[1], 1),
            round(other_y * _PAIR, 1),
        )
        for x, y, other_x, other_y in (ordered[at] for at in chosen)
    ]
    left = (0.0, 0.0, round(wide[0], 1), float(_PAIR))
    right = (round(start, 1), 0.0, round(wide[1], 1), float(_PAIR))
    return Drawing(round(start + wide[1], 1), float(_PAIR), left, right, lines, match.hit.inliers)


def facts(entry: CatalogueEntry) -> list[tuple[str, str]]:
    """What the catalogue says of an entry as (label, words), empty fields left out."""
    rows = [
        (phrase("Series"), entry.series),
        (phrase("Year"), entry.years_text or _years(entry)),
        (phrase("Place"), ", ".join(part for part in (entry.place, entry.country) if part)),
        (phrase("Maker"), entry.maker),
        (phrase("Hallmark"), entry.hallmark),
        (phrase("Material"), ", ".join(part for part in (entry.material, entry.technique) if part)),
        (phrase("Size, mm"), entry.size_mm),
        (phrase("Inscriptions"), " · ".join(entry.inscriptions)),
        (phrase("Price mark"), entry.price_mark),
        (phrase("Rarity"), entry.rarity),
        (phrase("Other numbers"), ", ".join(f"{system} {number}" for system, number in entry.identifiers)),
    ]
    return [row for row in rows if row[1]]


def _years(entry: CatalogueEntry) -> str:
    years = [str(year) for year in (entry.year_from, entry.year_to) if year is not None]
    return "–".join(dict.fromkeys(years))
