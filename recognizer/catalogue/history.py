"""History: who changed what and when, kept with every change so that it can be undone.

A change is all that one transaction did. It holds a row for each entry, photo, relation and holding that became
another: what it was before and what after, as JSON, null where there was none; of an entry that was there before and
after, only the fields that differ. Undoing a change is a change like any other, so that it can be undone as well.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recognizer.catalogue import tables
from recognizer.catalogue.tables import State
from recognizer.errors import CatalogueError
from recognizer.types import CatalogueEntry

Key = tuple[str, ...]

KINDS: Final[Mapping[str, tuple[sa.Table, Key, str | None]]] = {
    "image": (tables.image, ("entry_id", "sha256"), "image_id"),
    "relation": (tables.relation, ("entry_id", "kind", "other_entry_id"), None),
    "holding": (tables.holding, ("collector", "entry_id", "kind", "jar"), None),
}
"""Tables beside that of the entries whose rows have a history: what tells rows apart, and the number that they keep."""

BATCH: Final = 2000
"""Rows that a transaction notes before it writes them down: an import of any size holds no more."""

_ENTRY: Final = "entry"
_NONE: Final = "null"


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """One row that a change made another: its kind, its entry, and what it held; None where there was none."""

    kind: str
    entry_id: str
    before: State | None
    after: State | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `at` is UTC in ISO 8601; `undoes` and `undone_by` are change_ids of the changes that answer it."""

    change_id: int
    at: str
    who: str
    what: str
    rows: int
    undoes: int | None = None
    undone_by: int | None = None


@dataclass(slots=True)
class Notes:
    """What a transaction has changed and not yet written down, a row once however often it was changed.

    `change_id` is that of the change as far as it is written.
    """

    what: str = ""
    undoes: int | None = None
    change_id: int | None = None
    entries: dict[str, tuple[CatalogueEntry | None, CatalogueEntry | None]] = field(default_factory=dict)
    rows: dict[tuple[str, Key], tuple[State | None, State | None]] = field(default_factory=dict)

    def entry(self, before: CatalogueEntry | None, after: CatalogueEntry | None) -> None:
        """Note that an entry became another one, came, or went."""
        one = before or after
        assert one is not None
        self.entries[one.entry_id] = (self.entries[one.entry_id][0] if one.entry_id in self.entries else before, after)

    def row(self, kind: str, before: State | None, after: State | None) -> None:
        """Note that a row of one of KINDS became another one, came, or went."""
        _, columns, _ = KINDS[kind]
        key = (kind, tuple((before or after or {})[column] for column in columns))
        self.rows[key] = (_first(self.rows[key][0], before) if key in self.rows else before, after)


def _first(first: State | None, before: State | None) -> State | None:
    """What a row was before two changes of it; only the second one may know its number."""
    return None if first is None else {**(before or {}), **first}


def user() -> str:
    """Name who is at work: ZNACHKI_USER, or the name that the system knows; "" where there is none."""
    if name := os.environ.get("ZNACHKI_USER"):
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def record(connection: Connection, notes: Notes) -> int | None:
    """Write what was noted as one change and return its change_id, None where nothing became another."""
    write(connection, notes)
    if notes.change_id is None:
        return None
    of_change = tables.change.c.change_id == notes.change_id
    rows = sa.select(tables.change_row.c.change_id).where(tables.change_row.c.change_id == notes.change_id)
    if connection.execute(rows.limit(1)).first() is None:  # what was changed became again what it was
        connection.execute(sa.delete(tables.change).where(of_change))
        return None
    connection.execute(sa.update(tables.change).where(of_change).values(_about(notes)))
    return notes.change_id


def write_some(connection: Connection, notes: Notes) -> None:
    """Write down what was noted so far, where it is much, so that it need not be held."""
    if len(notes.entries) + len(notes.rows) >= BATCH:
        write(connection, notes)


def write(connection: Connection, notes: Notes) -> None:
    """Write down what was noted so far, as part of one change, and forget it."""
    before = _written(connection, notes)
    new: list[dict[str, str]] = []
    for row in (*_entry_rows(notes, before), *_other_rows(notes, before)):
        there = before.get((row["kind"], row["entry_id"], row["row_key"]))
        if there is None:
            if row["before"] != row["after"]:
                new.append(row)
            continue
        is_it = tables.change_row.c.change_row_key == there.change_row_key
        if row["before"] == row["after"]:
            connection.execute(sa.delete(tables.change_row).where(is_it))
        else:
            connection.execute(sa.update(tables.change_row).where(is_it).values(row))
    notes.entries.clear()
    notes.rows.clear()
    if not new:
        return
    if notes.change_id is None:
        key = connection.execute(sa.insert(tables.change).values(_about(notes))).inserted_primary_key
        assert key is not None
        notes.change_id = int(key[0])
    connection.execute(sa.insert(tables.change_row), [{"change_id": notes.change_id, **row} for row in new])


def _about(notes: Notes) -> dict[str, Any]:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"at": at, "who": user(), "what": notes.what or "edit", "undoes": notes.undoes}


def _written(connection: Connection, notes: Notes) -> dict[tuple[str, str, str], sa.Row[Any]]:
    """The rows that the transaction wrote down before of what is noted now, by kind, entry and row_key."""
    if notes.change_id is None:
        return {}
    row = tables.change_row
    ids = {*notes.entries, *(_entry_of(kind, key) for kind, key in notes.rows)}
    query = sa.select(row).where(row.c.change_id == notes.change_id)
    return {
        (one.kind, one.entry_id, one.row_key): one
        for some in tables.chunks(list(ids))
        for one in connection.execute(query.where(row.c.entry_id.in_(some)))
    }


def changes(connection: Connection, entry_id: str | None = None, limit: int | None = None) -> list[Change]:
    """List changes, the latest first; those of one entry where `entry_id` names it."""
    row, change, later = tables.change_row, tables.change, tables.change.alias("later")
    count = sa.select(sa.func.count()).where(row.c.change_id == change.c.change_id).scalar_subquery()
    undone = sa.select(sa.func.max(later.c.change_id)).where(later.c.undoes == change.c.change_id).scalar_subquery()
    query = sa.select(change, count.label("rows"), undone.label("undone_by")).order_by(change.c.change_id.desc())
    if entry_id is not None:
        of_entry = sa.select(row.c.change_id).where(row.c.entry_id == entry_id)
        query = query.where(change.c.change_id.in_(of_entry))
    return [
        Change(one.change_id, one.at, one.who, one.what, one.rows, one.undoes, one.undone_by)
        for one in connection.execute(query.limit(limit) if limit is not None else query)
    ]


def changed_rows(connection: Connection, change_id: int, entry_id: str | None = None) -> list[ChangedRow]:
    """List what a change did, to one entry where `entry_id` names it."""
    row = tables.change_row
    query = sa.select(row).where(row.c.change_id == change_id).order_by(row.c.change_row_key)
    if entry_id is not None:
        query = query.where(row.c.entry_id == entry_id)
    return [
        ChangedRow(one.kind, one.entry_id, json.loads(one.before), json.loads(one.after))
        for one in connection.execute(query)
    ]


def undo(connection: Connection, change_id: int, notes: Notes) -> tuple[list[str], list[str]]:
    """Bring back what was before a change; return the pictures that are needed again and those that may go.

    Nothing is undone, and CatalogueError raised, where there is no such change, where it was undone already, and where
    something that it touched was changed again since: it names the later changes, to be undone first.
    """
    found = connection.execute(sa.select(tables.change).where(tables.change.c.change_id == change_id)).one_or_none()
    if found is None:
        raise CatalogueError(f"no change {change_id} in the history; `znachki history` lists them")
    _check_not_undone(connection, change_id)
    rows = changed_rows(connection, change_id)
    if not rows:
        raise CatalogueError(f"change {change_id} ({found.what}) keeps no rows; it cannot be undone")
    undone = f"undo of {change_id}: {found.what}"
    notes.what, notes.undoes = f"{notes.what}: {undone}" if notes.what else undone, change_id
    there = tables.entries_by_id(connection, {row.entry_id for row in rows if row.kind == _ENTRY})
    others = _states(connection, rows)
    if wrong := _changed_since(rows, there, others):
        raise CatalogueError(
            f"change {change_id} cannot be undone: {wrong} was changed again since"
            f"{_by(connection, change_id, rows)}; undo the later changes first"
        )
    return _bring_back(connection, change_id, rows, there, others, notes)


def _bring_back(
    connection: Connection,
    change_id: int,
    rows: Sequence[ChangedRow],
    there: Mapping[str, CatalogueEntry],
    others: Mapping[tuple[str, Key], State],
    notes: Notes,
) -> tuple[list[str], list[str]]:
    """Carry the undoing out: rows that came go, before the entries that they belong to; what went comes after them."""
    beside = [row for row in rows if row.kind != _ENTRY]
    for row in beside:
        state = others.get(_key(row))
        notes.row(row.kind, state, row.before if state is None or row.before is None else {**state, **row.before})
    for kind in KINDS:
        _delete(connection, kind, [row.after for row in beside if row.kind == kind and row.after is not None])
    gone: list[str] = []
    new: list[CatalogueEntry] = []
    changed: list[CatalogueEntry] = []
    for row in rows:
        if row.kind != _ENTRY:
            continue
        now = there.get(row.entry_id)
        was = None if row.before is None else tables.entry_with(row.before, now or CatalogueEntry(row.entry_id))
        notes.entry(now, was)
        if was is None:
            gone.append(row.entry_id)
        else:
            (new if now is None else changed).append(was)
    _check_bare(connection, change_id, gone)
    tables.delete_entries(connection, gone)
    tables.insert_entries(connection, new)
    tables.update_entries(connection, changed)
    for kind in KINDS:
        _insert(connection, kind, [_whole(row, others) for row in beside if row.kind == kind and row.before])
    needed = [row.before["file"] for row in beside if row.kind == "image" and row.before]
    spare = [row.after["file"] for row in beside if row.kind == "image" and row.after]
    return needed, spare


def _whole(row: ChangedRow, others: Mapping[tuple[str, Key], State]) -> State:
    """What a row was before: a photo that is there keeps the number that it has."""
    return {**others.get(_key(row), {}), **(row.before or {})}


Written = Mapping[tuple[str, str, str], sa.Row[Any]]


def _entry_rows(notes: Notes, written: Written) -> Iterable[dict[str, str]]:
    """A row for each noted entry, from what it was before the transaction; before and after are alike for no change."""
    for entry_id, (before, after) in notes.entries.items():
        if (there := written.get((_ENTRY, entry_id, ""))) is not None:
            state = json.loads(there.before)
            before = None if state is None else tables.entry_with(state, before or CatalogueEntry(entry_id))
        was, now = (None if one is None else tables.entry_state(one) for one in (before, after))
        if before is not None and after is not None:
            was, now = tables.entry_difference(before, after)
        yield {"kind": _ENTRY, "entry_id": entry_id, "row_key": "", "before": _json(was), "after": _json(now)}


def _other_rows(notes: Notes, written: Written) -> Iterable[dict[str, str]]:
    for (kind, key), (before, after) in notes.rows.items():
        about = {"kind": kind, "entry_id": _entry_of(kind, key), "row_key": _json(key)}
        if (there := written.get((kind, about["entry_id"], about["row_key"]))) is not None:
            before = _first(json.loads(there.before), before)
        alike = {"before": _NONE, "after": _NONE}
        yield about | (alike if before == after else {"before": _json(before), "after": _json(after)})


def _entry_of(kind: str, key: Key) -> str:
    return key[KINDS[kind][1].index("entry_id")]


def _json(value: Any) -> str:
    return _NONE if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _key(row: ChangedRow) -> tuple[str, Key]:
    state = row.before or row.after or {}
    return row.kind, tuple(state[column] for column in KINDS[row.kind][1])


def _states(connection: Connection, rows: Sequence[ChangedRow]) -> dict[tuple[str, Key], State]:
    """What the rows beside entries that a change touched hold now."""
    found: dict[tuple[str, Key], State] = {}
    for kind, (table, columns, number) in KINDS.items():
        hidden = next(iter(table.primary_key)).name
        ids = list({row.entry_id: None for row in rows if row.kind == kind})
        for some in tables.chunks(ids):
            for row in connection.execute(sa.select(table).where(table.c.entry_id.in_(some))).mappings():
                state = {name: row[name] for name in row if name == number or name != hidden}
                found[kind, tuple(state[column] for column in columns)] = state
    return found


def _changed_since(
    rows: Sequence[ChangedRow], there: Mapping[str, CatalogueEntry], others: Mapping[tuple[str, Key], State]
) -> str:
    """Name the first row that no longer is what a change left, "" where all are."""
    for row in rows:
        if row.kind != _ENTRY:
            now = others.get(_key(row))
        else:
            entry = there.get(row.entry_id)
            now = None if entry is None else _as_kept(tables.entry_state(entry))
            if now is not None and row.before is not None and row.after is not None:
                assert entry is not None
                now = _as_kept({name: getattr(entry, name) for name in row.after})
        if row.after is None or now is None:
            same = row.after is now
        elif row.kind == _ENTRY:
            same = now == row.after
        else:
            same = all(now.get(name) == value for name, value in row.after.items())
        if not same:
            return f"{row.kind} of {row.entry_id!r}" if row.kind != _ENTRY else f"entry {row.entry_id!r}"
    return ""


def _as_kept(state: State) -> State:
    """A state as it comes back from JSON, tuples as lists."""
    kept: State = json.loads(json.dumps(state))
    return kept


def _by(connection: Connection, change_id: int, rows: Sequence[ChangedRow]) -> str:
    """Say which later changes touched the same entries."""
    row = tables.change_row
    later: set[int] = set()
    for some in tables.chunks(list({row.entry_id for row in rows})):
        query = sa.select(row.c.change_id).where(row.c.entry_id.in_(some), row.c.change_id > change_id).distinct()
        later |= set(connection.execute(query).scalars())
    newest = sorted(later, reverse=True)[:5]
    return f" by change {', '.join(map(str, newest))}" if newest else ""


def _check_not_undone(connection: Connection, change_id: int) -> None:
    """Raise CatalogueError where a change was undone, and the undoing itself was not."""
    change = tables.change
    by: int | None = change_id
    depth = 0
    while by is not None:
        last, by = (
            by,
            connection.execute(sa.select(sa.func.max(change.c.change_id)).where(change.c.undoes == by)).scalar(),
        )
        depth += by is not None
    if depth % 2:
        raise CatalogueError(f"change {change_id} was undone already; undo change {last} to bring it back")


def _check_bare(connection: Connection, change_id: int, ids: Sequence[str]) -> None:
    """Raise CatalogueError where an entry that is to go still has photos, relations or holdings that came later."""
    tied = [(tables.relation, "other_entry_id")]
    for table, column in [*((table, "entry_id") for table, _, _ in KINDS.values()), *tied]:
        for some in tables.chunks(ids):
            held = connection.execute(sa.select(table.c[column]).where(table.c[column].in_(some)).limit(1)).scalar()
            if held is not None:
                raise CatalogueError(
                    f"change {change_id} cannot be undone: entry {held!r} has since got a row in {table.name}; "
                    f"`znachki history {held}` tells by which changes, undo those first"
                )


def _delete(connection: Connection, kind: str, states: Sequence[State]) -> None:
    table, columns, _ = KINDS[kind]
    if states:
        where = (table.c[column] == sa.bindparam(f"old_{column}") for column in columns)
        keys = [{f"old_{column}": state[column] for column in columns} for state in states]
        connection.execute(sa.delete(table).where(*where), keys)


def _insert(connection: Connection, kind: str, states: Sequence[State]) -> None:
    """Write rows anew, those that had a number under it: it is theirs for ever, nothing else ever got it."""
    table, _, number = KINDS[kind]
    for some in ([s for s in states if number in s], [s for s in states if number not in s]):
        if some:
            connection.execute(sa.insert(table), some)
