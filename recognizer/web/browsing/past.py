"""The past of an entry: who changed what of it and when, who confirmed it by a photo, and changes taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from recognizer.catalogue import corrections
from recognizer.catalogue.corrections import Said
from recognizer.catalogue.history import ChangedRow
from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError
from recognizer.locales.words import phrase
from recognizer.web.browsing.changing import EDITED

MOST: Final = 30
"""Changes that a page lists, the latest ones."""

_HOLDING: Final = "holding"
_FIELDS: Final = {
    **EDITED,
    "year_from": phrase("Years"),
    "year_to": phrase("Years"),
    "years_text": phrase("Years"),
    "status": phrase("Status"),
    "merged_into": phrase("Taken over by"),
    "languages": phrase("Languages"),
    "role": phrase("What the picture shows"),
    "entry_id": phrase("Entry"),
}


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that a change made another: its label, what it was and what it became."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Past:
    """One change of an entry; `open` says that it may be taken back, as far as is known before it is tried."""

    change_id: int
    at: str
    what: str
    open: bool
    undone: bool
    changed: list[Changed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Somebody said of a photo that it shows the entry: who, when, and whether as a correction of another answer."""

    who: str
    at: str
    corrected: bool


def past_of(catalogue: Catalogue, entry_id: str) -> list[Past]:
    """List the latest changes of an entry; what people own of it is their own business, and left out."""
    found = []
    for change in catalogue.history(entry_id, MOST):
        rows = [row for row in catalogue.changed_rows(change.change_id, entry_id) if row.kind != _HOLDING]
        if not rows:
            continue
        undone = change.undone_by is not None
        changed = [one for row in rows for one in _changed(row)]
        found.append(Past(change.change_id, change.at, change.what, not undone, undone, changed))
    return found


def _changed(row: ChangedRow) -> list[Changed]:
    if row.kind == "image":
        name = phrase("Photo")
        if row.before is None or row.after is None:
            return [Changed(name, _photo(row.before), _photo(row.after))]
    elif row.kind != "entry":
        return [Changed(phrase("Relation"), _words(row.before), _words(row.after))]
    before, after = row.before or {}, row.after or {}
    if row.before is None:
        return [Changed(phrase("new entry"), "", row.entry_id)]
    names = [name for name in {**before, **after} if name in _FIELDS and before.get(name) != after.get(name)]
    if "years_text" in names:  # which says them as they are written
        names = [name for name in names if name not in ("year_from", "year_to")]
    return [Changed(_FIELDS[name], _words(before.get(name)), _words(after.get(name))) for name in names]


def _photo(state: Mapping[str, Any] | None) -> str:
    return "" if state is None else str(state.get("role", ""))


def _words(value: Any) -> str:
    """A value of the history to read."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(_words(one) for one in value.values())
    return " / ".join(_words(one) for one in value) if isinstance(value, list | tuple) else str(value)


def confirmed_by(catalogue: Catalogue, entry_id: str) -> list[Confirmed]:
    """List who said of a photo that it shows the entry, the latest first."""
    said = corrections.listed(catalogue, entry_id=entry_id)
    return [Confirmed(one.who, one.at, one.said is Said.CORRECTED) for one in reversed(said)]


def touches_photos(catalogue: Catalogue, change_id: int) -> bool:
    """Whether taking a change back concerns the index: photos come or go, or entries come into use or leave it."""
    rows = catalogue.changed_rows(change_id)
    whole = any(row.kind == "entry" and (row.before is None or row.after is None) for row in rows)
    fields = {name for row in rows if row.kind == "entry" for name in row.after or ()}
    return whole or "status" in fields or any(row.kind == "image" for row in rows)


def take_back(catalogue: Catalogue, change_id: int, collector: str) -> None:
    """Take a change back; raises CatalogueError where that cannot be, or it is about what somebody else owns."""
    rows = catalogue.changed_rows(change_id)
    states = [row.after or row.before or {} for row in rows if row.kind == _HOLDING]
    if any(state.get("collector", "") != collector for state in states):
        raise CatalogueError(f"change {change_id} is about what somebody else owns; only they can take it back")
    catalogue.undo(change_id)
