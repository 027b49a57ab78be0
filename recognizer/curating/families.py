"""Families: entries that their photos hardly part, found from the catalogue itself.

Entries whose photos are kin (`same_drawing`), and kin of kin, are one family. The curator accepts one by giving it a
name. An answer names the kin of a pin with or without that: a name also joins what the photos do not, and two names
part what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from recognizer.catalogue.store import Catalogue
from recognizer.decision import same_drawing
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.search.index import Index
from recognizer.types import CatalogueEntry, Role, Status


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
    images = [one for one in catalogue.images(Role.FACE) if one.entry_id in entries]
    owners = {image.image_id: image.entry_id for image in images}
    known = same_drawing.completed(index, owners, same_drawing.read(index.folder, index.manifest.settings), progress)
    alike = same_drawing.groups(known, [(image.sha256, image.entry_id) for image in images])
    found = [_family([entries[one] for one in ids], least) for ids, least in alike]
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


def _family(members: Sequence[CatalogueEntry], alike: float) -> Family | None:
    names = {entry.family for entry in members}
    if len(names - {""}) > 1 or (len(names) == 1 and "" not in names):
        return None
    return Family(tuple(entry.entry_id for entry in members), max(names), alike)
