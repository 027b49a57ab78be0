"""Families: entries that their photos hardly part, found from the catalogue itself.

Every face photo is asked of the index as a query is, without its own entry. Another entry whose photo shows the same
drawing in the same place, by the rule of `verdict.variants`, is kin, and kin of kin is one family. The curator accepts
one by giving it a name, or leaves it: an answer finds the variants that a photo shows by itself, a named family also
those that it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from recognizer import verdict
from recognizer.catalogue import Catalogue
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.pairs import as_query
from recognizer.types import CatalogueEntry, Hit, Role, Status
from recognizer.vectors import Index
from recognizer.verify import verify

NEIGHBOURS: Final = 12
"""Photos that each is compared with, by votes and by similarity. Families of one drawing have few members."""


@dataclass(frozen=True, slots=True)
class Family:
    """Entries that show one drawing.

    `entry_ids` in the order of the catalogue, `name` the family that a curator gave to some of them already, "" for
    none. `alike` is the least appearance after alignment (-1 to 1) by which one of them was joined to the others.
    """

    entry_ids: tuple[str, ...]
    name: str
    alike: float


def propose(catalogue: Catalogue, index: Index, progress: Callable[[int, int], None] | None = None) -> list[Family]:
    """Return the families that the photos show and the catalogue does not name yet, the most alike first.

    A family is left out where all its members have one name already; where they have two names, the photos have no say.
    """
    entries = {entry.entry_id: entry for entry in catalogue.entries() if entry.status is Status.ACTIVE}
    held = set(dict(index.manifest.images))
    images = [one for one in catalogue.images(Role.FACE) if one.entry_id in entries and one.image_id in held]
    owners = {image.image_id: image.entry_id for image in images}
    joined: dict[str, str] = {entry_id: entry_id for entry_id in entries}
    alike: dict[str, float] = {}
    for done, image in enumerate(images, 1):
        for other, appearance in _kin(index, image.image_id, owners):
            first, second = _root(joined, image.entry_id), _root(joined, other)
            if first != second:
                joined[second] = first
                alike[first] = min(alike.get(first, 1.0), alike.get(second, 1.0), appearance)
        if progress:
            progress(done, len(images))
    members: dict[str, list[str]] = {}
    for entry_id in entries:
        members.setdefault(_root(joined, entry_id), []).append(entry_id)
    found = [_family([entries[one] for one in ids], alike[root]) for root, ids in members.items() if len(ids) > 1]
    return sorted((one for one in found if one is not None), key=lambda family: -family.alike)


def accept(catalogue: Catalogue, entry_ids: Sequence[str], name: str = "") -> list[CatalogueEntry]:
    """Give entries one family, by default the one that some of them have, else the first one's number.

    Raises EntryNotFound for one that the catalogue lacks, CatalogueError where there are fewer than two or they have
    families of two names and none is given.
    """
    known = catalogue.known(set(entry_ids))
    if missing := [one for one in entry_ids if one not in known]:
        raise EntryNotFound(f"{missing[0]!r}: no such entry; see `znachki families`")
    if len(known) < 2:
        raise CatalogueError("a family has two members or more; name them")
    members = [known[one] for one in dict.fromkeys(entry_ids)]
    names = {entry.family for entry in members if entry.family}
    if len(names) > 1 and not name:
        raise CatalogueError(f"families {', '.join(sorted(names))}: give the name that all are to have")
    given = name or next(iter(names), "") or members[0].number or members[0].entry_id
    changed = [replace(entry, family=given) for entry in members]
    with catalogue.transaction(f"family {given}"):
        catalogue.upsert(changed)
    return changed


def _kin(index: Index, image_id: int, owners: Mapping[int, str]) -> list[tuple[str, float]]:
    """The other entries that a photo shows, with the appearance by which it does."""
    reference = index.reference(image_id)
    image, points = as_query(reference)
    candidates = index.candidates(index.zooms([image_id])[0], points.descriptors, NEIGHBOURS, NEIGHBOURS)
    others = [hit for hit in candidates if hit.image_id in owners and owners[hit.image_id] != owners[image_id]]
    # Its own photo stands first, so that what it shows in full sets the measure.
    asked = [Hit(image_id, 1.0, 1.0), *others]
    hits = verify(image, points, asked, [index.reference(hit.image_id) for hit in asked])
    score = np.array([1.0] + [0.0] * len(others))
    names = [owners[hit.image_id] for hit in hits]
    same = verdict.variants(hits, score, names, {}) - {owners[image_id]}
    return [
        (entry_id, max(hit.appearance for hit, name in zip(hits, names, strict=True) if name == entry_id))
        for entry_id in sorted(same)
    ]


def _root(joined: dict[str, str], entry_id: str) -> str:
    while joined[entry_id] != entry_id:
        joined[entry_id] = joined[joined[entry_id]]
        entry_id = joined[entry_id]
    return entry_id


def _family(members: Sequence[CatalogueEntry], alike: float) -> Family | None:
    names = {entry.family for entry in members}
    if len(names - {""}) > 1 or (len(names) == 1 and "" not in names):
        return None
    return Family(tuple(entry.entry_id for entry in members), max(names), alike)
