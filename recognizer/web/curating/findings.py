"""Findings: what the audit found wrong in the catalogue, with the buttons that mend each.

web/curating/audit.json   what the last audit found, and when that was
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.store import Catalogue
from recognizer.curating.audit import Audit, Kind
from recognizer.errors import CatalogueError
from recognizer.files import make_folder, write_whole
from recognizer.locales.words import phrase
from recognizer.types import CatalogueImage, Role
from recognizer.web.answering.shelf import Shelf
from recognizer.web.curating.passed import FOLDER


@dataclass(frozen=True, slots=True)
class Mend:
    """One button: what it does, to which photo or entry, the other entry or the role that it names, and its words."""

    do: str
    subject: str
    to: str
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """One finding as a page shows it: its name, kind, the photos and entries it is about, and its buttons."""

    name: str
    kind: Kind
    images: tuple[CatalogueImage, ...]
    entry_ids: tuple[str, ...]
    mends: tuple[Mend, ...]
    why: str = ""


def keep_audit(folder: Path, found: Audit) -> None:
    """Keep what an audit found."""
    path = folder / FOLDER / "audit.json"
    make_folder(path.parent)
    about = found.as_json() | {"made": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    write_whole(path, json.dumps(about, ensure_ascii=False).encode())


def read_audit(folder: Path) -> Mapping[str, Any] | None:
    """What the last audit found, None where there was none, or none that can be read: it is made again then."""
    try:
        held: dict[str, Any] = json.loads((folder / FOLDER / "audit.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held


def findings(held: Mapping[str, Any], shelf: Shelf, passed: set[str]) -> list[Found]:
    """List the findings of an audit that still hold: those whose photos are where they were, and that nobody passed."""
    found = []
    for row in held["findings"]:
        kind = Kind(row["kind"])
        if kind is Kind.ONE_PHOTO:
            continue  # no fault: most catalogues have one of most pins
        name = " ".join(["audit", row["kind"], *row["entry_ids"], *map(str, row["image_ids"])])
        images = [shelf.images.get(image_id) for image_id in row["image_ids"]]
        there = tuple(image for image in images if image is not None and image.entry_id in row["entry_ids"])
        entries = [shelf.entries.get(entry_id) for entry_id in row["entry_ids"]]
        gone = any(entry is None or entry.status.value != "active" for entry in entries)
        if name in passed or gone or len(there) != len(images) or _settled(kind, row, there, shelf):
            continue
        ids = tuple(row["entry_ids"])
        why = str(row["what"]) if kind is Kind.UNREADABLE else ""
        found.append(Found(name, kind, there, ids, _mends(kind, ids, there, shelf), why))
    return found


def _settled(kind: Kind, row: Mapping[str, Any], images: tuple[CatalogueImage, ...], shelf: Shelf) -> bool:
    """Whether somebody has mended since what was found."""
    faces = [one for one in shelf.photos.get(row["entry_ids"][0], ()) if one.role is Role.FACE]
    if kind is Kind.NO_PHOTO:
        return bool(faces)
    if kind is Kind.MIXED_ROLES:
        return not str(row["command"]).endswith(f"--role {_other(images[0].role).value}")
    # of two photos each is to be where it was found: both under one entry is another finding
    return kind in (Kind.SAME_PHOTO, Kind.NEARER_TO_ANOTHER) and images[0].entry_id != row["entry_ids"][0]


def _other(role: Role) -> Role:
    return Role.REVERSE if role is Role.FACE else Role.FACE


def _mends(kind: Kind, ids: tuple[str, ...], images: tuple[CatalogueImage, ...], shelf: Shelf) -> tuple[Mend, ...]:
    """The buttons of a finding, the likeliest first."""
    photo = str(images[0].image_id) if images else ""
    remove = Mend("remove", photo, "", phrase("Take the first photo out"))
    if kind is Kind.SAME_PHOTO:
        return (remove, Mend("merge", ids[0], ids[1], phrase("They are one pin: put the entries together")))
    if kind is Kind.NEARER_TO_ANOTHER:
        return (Mend("move", photo, ids[1], phrase("Give the first photo to the other entry")), remove)
    if kind is Kind.MIXED_ROLES:
        words = phrase("It shows the reverse") if images[0].role is Role.FACE else phrase("It shows the face")
        return (Mend("role", photo, _other(images[0].role).value, words), remove)
    if kind in (Kind.DUPLICATE, Kind.UNREADABLE):
        return (remove,)
    if kind is Kind.TINY and len(shelf.photos.get(ids[0], ())) > 1:
        return (remove,)
    return ()  # it wants a photo, which is added on the page of the entry


DO: Final = ("remove", "merge", "move", "role")
"""What the button of a finding may do."""


def mend(catalogue: Catalogue, do: str, subject: str, to: str) -> None:
    """Do what the button of a finding says; raises CatalogueError where that cannot be done any more."""
    if do == "merge":
        catalogue.merge(subject, to)
        return
    if not subject.isdecimal():
        raise CatalogueError(f"photo {subject[:40]!r} is no number; load the page anew")
    if do == "remove":
        catalogue.remove_image(int(subject))
    elif do == "move":
        catalogue.move_image(int(subject), to)
    elif do == "role" and to in list(Role):
        catalogue.change_role(int(subject), Role(to))
    else:
        raise CatalogueError(f"{do[:40]!r} {to[:40]!r} is nothing that mends; load the page anew")
