"""The shelf: the catalogue in memory, ordered to be browsed by theme, series and years.

A shelf is of one moment and never changes; when the catalogue does, another one takes its place.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from recognizer.catalogue.folding import fold
from recognizer.catalogue.imports.years import is_open
from recognizer.catalogue.store import Catalogue
from recognizer.collecting.picture_answers import EntryOffered
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status


class Sort(StrEnum):
    """The order of a list: as entries came, the latest first, by number, by title, by year."""

    CAME = "came"
    NEWEST = "newest"
    NUMBER = "number"
    TITLE = "title"
    YEAR = "year"


def _by_number(entry: CatalogueEntry) -> list[tuple[int, int, str]]:
    """The number with its digits as numbers, so that 12-9 comes before 12-10; letters after digits."""
    parts = re.findall(r"\d+|\D+", entry.number or entry.entry_id)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]


def _by_title(entry: CatalogueEntry) -> tuple[bool, str]:
    title = entry.title or entry.title_en
    return not title, fold(title)


def _by_year(entry: CatalogueEntry) -> tuple[bool, int]:
    year = entry.year_from if entry.year_from is not None else entry.year_to
    return year is None, year or 0


_KEYS: Final[Mapping[Sort, Callable[[CatalogueEntry], Any]]] = {
    Sort.NUMBER: _by_number,
    Sort.TITLE: _by_title,
    Sort.YEAR: _by_year,
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """All entries by entry_id and all photos by image_id, in the order in which they came, and how they are grouped.

    `themes` maps each theme, and each theme above it, to its entry_ids; `decades` maps 1960 to those of 1960 to 1969.
    Only entries in use are grouped.
    """

    change_id: int
    entries: Mapping[str, CatalogueEntry]
    images: Mapping[int, CatalogueImage]
    photos: Mapping[str, Sequence[CatalogueImage]]
    active: Sequence[str] = ()
    themes: Mapping[tuple[str, ...], Sequence[str]] = field(default_factory=dict)
    series: Mapping[str, Sequence[str]] = field(default_factory=dict)
    decades: Mapping[int, Sequence[str]] = field(default_factory=dict)
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    materials: Mapping[str, Sequence[str]] = field(default_factory=dict)
    places: Mapping[str, Sequence[str]] = field(default_factory=dict)
    languages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _orders: dict[Sort, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, catalogue: Catalogue) -> Shelf:
        """Read a catalogue."""
        change_id = newest_change(catalogue)
        entries = {entry.entry_id: entry for entry in catalogue.entries()}
        images = {image.image_id: image for image in catalogue.images(unused=True)}
        photos: dict[str, list[CatalogueImage]] = defaultdict(list)
        for image in images.values():
            photos[image.entry_id].append(image)
        for held in photos.values():  # the face first: it is what an entry is known by
            held.sort(key=lambda image: (image.role is not Role.FACE, image.image_id))
        themes: dict[tuple[str, ...], list[str]] = defaultdict(list)
        series: dict[str, list[str]] = defaultdict(list)
        decades: dict[int, list[str]] = defaultdict(list)
        families: dict[str, list[str]] = defaultdict(list)
        materials: dict[str, list[str]] = defaultdict(list)
        places: dict[str, list[str]] = defaultdict(list)
        languages: dict[str, list[str]] = defaultdict(list)
        active = [entry for entry in entries.values() if entry.status is Status.ACTIVE]
        for entry in active:
            for depth in range(1, len(entry.theme) + 1):
                themes[entry.theme[:depth]].append(entry.entry_id)
            if entry.series:
                series[entry.series].append(entry.entry_id)
            if entry.family:
                families[entry.family].append(entry.entry_id)
            if entry.material:
                materials[entry.material].append(entry.entry_id)
            if entry.place:
                places[entry.place].append(entry.entry_id)
            for language in entry.languages:
                languages[language].append(entry.entry_id)
            for decade in _decades(entry):
                decades[decade].append(entry.entry_id)
        ids = [entry.entry_id for entry in active]
        grouped = (themes, series, dict(sorted(decades.items())), families, materials, places, languages)
        return cls(change_id, entries, images, photos, ids, *grouped)

    def face(self, entry_id: str) -> CatalogueImage | None:
        """The photo that an entry is known by, None where it has none."""
        held = self.photos.get(entry_id, ())
        return held[0] if held else None

    def photo_of(self, match: EntryOffered) -> int | None:
        """The image_id of the photo that came nearest in a kept answer; where that has gone, of the one that the entry
        is known by, None where it has none."""
        image_id = int(match["image_id"] or 0)
        if image_id in self.images:
            return image_id
        face = self.face(match["entry_id"])
        return None if face is None else face.image_id

    def chosen(
        self,
        theme: tuple[str, ...] = (),
        series: str = "",
        decade: int | None = None,
        family: str = "",
        material: str = "",
        place: str = "",
        language: str = "",
    ) -> list[str]:
        """The entry_ids in use that are of all that is asked."""
        groups: list[Sequence[str]] = []
        if theme:
            groups.append(self.themes.get(theme, ()))
        if series:
            groups.append(self.series.get(series, ()))
        if decade is not None:
            groups.append(self.decades.get(decade, ()))
        if family:
            groups.append(self.families.get(family, ()))
        if material:
            groups.append(self.materials.get(material, ()))
        if place:
            groups.append(self.places.get(place, ()))
        if language:
            groups.append(self.languages.get(language, ()))
        if not groups:
            return list(self.active)
        both = set(groups[0]).intersection(*groups[1:])
        return [entry_id for entry_id in groups[0] if entry_id in both]

    def ordered(self, ids: Sequence[str], by: Sort) -> list[str]:
        """Some of the entry_ids in another order; what has no title or year comes last."""
        if by is Sort.CAME:
            return list(ids)
        if by is Sort.NEWEST:
            return list(reversed(ids))
        whole = self._orders.get(by)
        if whole is None:  # all entries are put in order once; of a list, its own are taken out of that
            entries = sorted(self.entries.values(), key=_KEYS[by])
            whole = self._orders[by] = [entry.entry_id for entry in entries]
        of = set(ids)
        return [entry_id for entry_id in whole if entry_id in of]

    def below(self, theme: tuple[str, ...]) -> list[tuple[tuple[str, ...], int]]:
        """The themes one step under a theme, each with how many entries it has, the fullest first."""
        found = Counter(
            {path: len(ids) for path, ids in self.themes.items() if len(path) == len(theme) + 1 and path[:-1] == theme}
        )
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def newest_change(catalogue: Catalogue) -> int:
    """The number of the last change of a catalogue, 0 where there was none."""
    last = catalogue.history(limit=1)
    return last[0].change_id if last else 0


def _decades(entry: CatalogueEntry) -> Iterable[int]:
    first = entry.year_from if entry.year_from is not None else entry.year_to
    last = entry.year_to if entry.year_to is not None else entry.year_from
    if entry.year_to is None and is_open(entry.years_text):
        last = datetime.now(UTC).year
    if first is None or last is None:
        return ()
    return range(first // 10 * 10, min(max(first, last), first + 200) + 1, 10)
