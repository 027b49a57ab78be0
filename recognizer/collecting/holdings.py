"""A collector's collection: what is owned and in which jar, wished for, to swap and sold, and what is missing."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from recognizer.catalogue import tables
from recognizer.catalogue.folding import fold
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.table_cells import plain_cell, safe_cell
from recognizer.catalogue.tables import holding as _holding
from recognizer.collecting.condition import condition_of
from recognizer.errors import CatalogueError
from recognizer.files import write_whole
from recognizer.types import CatalogueEntry, Status

LIST_COLUMNS: Final = ("number", "title", "entry_id", "count", "jar", "price", "note", "condition")
"""Columns of a table of holdings; only `number` must be there: an entry_id or any number."""


class Kind(StrEnum):
    """What a collector says of an entry."""

    OWN = "own"
    WISH = "wish"
    SWAP = "swap"
    SOLD = "sold"


@dataclass(frozen=True, slots=True)
class Holding:
    """So many pins of one entry that a collector owns (in one jar), wishes for, would swap, or has sold.

    `jar` is where owned pins lie, "" where that was not said, and "" for the other kinds. `price` is as written,
    `condition` a grade of `condition.Condition` that the collector gave to owned pins, "" where he gave none.
    """

    entry_id: str
    kind: Kind
    count: int
    jar: str = ""
    price: str = ""
    note: str = ""
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """How far a series, a theme or the whole catalogue is collected: the entries owned and those that are lacking."""

    name: str
    owned: tuple[CatalogueEntry, ...]
    missing: tuple[CatalogueEntry, ...]

    @property
    def percent(self) -> float:
        """Owned entries in a hundred, 0 to 100; of nothing, all is there."""
        total = len(self.owned) + len(self.missing)
        return 100.0 * len(self.owned) / total if total else 100.0


class Collection:
    """What one collector has of a catalogue; `collector` parts the collections that share one database.

    Entries are named by entry_id or any number; a merged one stands for the entry that took it over, which has got
    its holdings too. Counts are set, not added, so that saying a thing twice changes nothing; only `sell` counts on.
    Every change is in the catalogue's history.
    """

    def __init__(self, catalogue: Catalogue, collector: str = "") -> None:
        self.catalogue = catalogue
        self.collector = collector

    def own(
        self,
        number: str,
        count: int = 1,
        jar: str | None = None,
        *,
        price: str | None = None,
        note: str | None = None,
        condition: str | None = None,
    ) -> Holding:
        """Say how many of a pin are owned, in a jar: 0 for none. A wish for the pin is thereby fulfilled.

        Without `jar` the pins stay in the jar that they are in. Pins that were in no jar go to the one that is named.
        Price, note and condition stay as they are unless given. Raises CatalogueError where the pin lies in several
        jars and none is named, where the count is below what is to be swapped, and where the condition is no grade.
        """
        with self.catalogue.transaction():
            entry_id = self._entry(number)
            there = self._of(entry_id, Kind.OWN)
            if jar is None and len(there) > 1:
                jars = ", ".join(repr(jar) for jar in there)
                raise CatalogueError(f"{number!r} is in several jars ({jars}); say which with --jar")
            where = next(iter(there), "") if jar is None else jar.strip()
            old = there.get(where, there.get("")) or Holding(entry_id, Kind.OWN, 0, where)
            grade = str(condition_of(condition)) if condition else condition
            new = replace(old, count=_counted(count), jar=where, **_given(price=price, note=note, condition=grade))
            self._set([(old, new)], f"own {entry_id}: {count}" + (f" in {where}" if where else ""))
            if count:
                self._drop(self._of(entry_id, Kind.WISH).values(), f"own {entry_id}: {count}")
            self._check_swaps(entry_id)
            return new

    def wish(self, number: str, count: int = 1, *, price: str | None = None, note: str | None = None) -> Holding:
        """Say that a pin is wished for; 0 takes the wish back."""
        return self._say(number, Kind.WISH, count, price, note)

    def swap(self, number: str, count: int = 1, *, price: str | None = None, note: str | None = None) -> Holding:
        """Say how many of the owned pins would be swapped; raises CatalogueError where fewer are owned."""
        with self.catalogue.transaction():
            new = self._say(number, Kind.SWAP, count, price, note)
            self._check_swaps(new.entry_id)
            return new

    def sell(
        self, number: str, count: int = 1, jar: str | None = None, *, price: str | None = None, note: str | None = None
    ) -> Holding:
        """Count owned pins as sold: they leave their jar, and the swap-list where too few are left.

        Raises CatalogueError where fewer are owned, and where the pin lies in several jars and none is named.
        """
        with self.catalogue.transaction():
            entry_id = self._entry(number)
            there = self._of(entry_id, Kind.OWN)
            jars = [*there] if jar is None else [jar.strip()]
            if len(jars) > 1:
                raise CatalogueError(
                    f"{number!r} is in several jars ({', '.join(map(repr, jars))}); say which with --jar"
                )
            lying = there.get(jars[0]) if jars else None
            if lying is None or lying.count < _counted(count, least=1):
                raise CatalogueError(f"{number!r}: {lying.count if lying else 0} owned there, {count} cannot be sold")
            what = f"sold {entry_id}: {count}" + (f" for {price}" if price else "")
            self._set([(lying, replace(lying, count=lying.count - count))], what)
            swapped = self._of(entry_id, Kind.SWAP).get("")
            left = sum(holding.count for holding in self._of(entry_id, Kind.OWN).values())
            if swapped is not None and swapped.count > left:
                self._set([(swapped, replace(swapped, count=left))], what)
            old = self._of(entry_id, Kind.SOLD).get("") or Holding(entry_id, Kind.SOLD, 0)
            new = replace(old, count=old.count + count, **_given(price=price, note=note))
            self._set([(old, new)], what)
            return new

    def gain(self, number: str, count: int = 1, jar: str | None = None) -> Holding:
        """Count pins that came to those owned, in a jar; raises CatalogueError as `own` does."""
        with self.catalogue.transaction():
            there = self._of(self._entry(number), Kind.OWN)
            where = next(iter(there), "") if jar is None else jar.strip()
            lying = there.get(where, there.get(""))
            return self.own(number, (lying.count if lying else 0) + _counted(count, least=1), jar)

    def move(self, number: str, jar: str, to: str) -> Holding:
        """Put all pins of an entry that lie in one jar into another one, "" for none; those that lie there stay.

        Raises CatalogueError where none lie in the jar.
        """
        with self.catalogue.transaction():
            entry_id = self._entry(number)
            there, to = self._of(entry_id, Kind.OWN), to.strip()
            lying = there.get(jar)
            if lying is None:
                raise CatalogueError(f"{number!r}: none in jar {jar!r}")
            if to == jar:
                return lying
            old = there.get(to, replace(lying, count=0, jar=to))
            new = replace(old, count=_counted(old.count + lying.count))
            self._set([(lying, replace(lying, count=0)), (old, new)], f"own {entry_id}: from {jar!r} to {to!r}")
            return new

    def take_lot(self, path: Path, jar: str | None = None) -> int:
        """Count the pins of a lot that was bought to those owned, as a reviewed pins.csv tells; return how many.

        A row counts where its column `own` holds a number above 0, for so many of its entry_id. All of them count, or
        none: raises CatalogueError that lists what is wrong by line, and where this very table was counted before and
        that was not undone.
        """
        content = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""
        return self.take_rows(_read_table(path), path.name, content, jar)

    def take_rows(
        self, rows: Iterable[tuple[int, Mapping[str, str]]], name: str, content: str, jar: str | None = None
    ) -> int:
        """Count the pins of a lot that was bought, given as rows with their lines; `name` and `content` tell it from
        others. As `take_lot` does."""
        what = f"lot {name} {content}"
        errors: list[str] = []
        taken = 0
        with self.catalogue.transaction(what):
            if before := self._counted_before(what):
                raise CatalogueError(f"{name}: counted before; `znachki undo {before}` takes that back")
            for line, row in rows:
                if not (own := row.get("own", "")) or own == "0":
                    continue
                try:
                    if not own.isdecimal():
                        raise CatalogueError(f"own {own!r} is no number; write 1, or nothing to leave the pin out")
                    if not row.get("entry_id"):
                        raise CatalogueError("no entry_id; name the pin, or leave `own` empty")
                    self.gain(row["entry_id"], int(own), jar)
                    taken += int(own)
                except CatalogueError as error:
                    errors.append(f"  line {line}: {error}")
            if errors:
                raise CatalogueError("\n".join([f"{name}: {len(errors)} rows wrong, nothing changed", *errors[:20]]))
        return taken

    def _counted_before(self, what: str) -> int | None:
        """The change that counted a lot, None where there is none or it was undone."""
        with self.catalogue.database.reading() as connection:
            query = sa.select(tables.change.c.change_id).where(tables.change.c.what == what)
            numbers = set(connection.execute(query).scalars())
        found = (change for change in self.catalogue.history() if change.change_id in numbers) if numbers else ()
        return next((change.change_id for change in found if change.undone_by is None), None)

    def take_table(self, path: Path, kind: Kind, jar: str | None = None) -> int:
        """Say of every row of a table that its pin is owned, wished for or to be swapped; return how many rows.

        The table is a UTF-8 CSV with a header of LIST_COLUMNS; `jar` is that of rows that name none. All of it is said,
        or nothing where a row is wrong: raises CatalogueError that lists what is wrong by line. A pin sold is not said
        again, so that Kind.SOLD is refused.
        """
        if kind is Kind.SOLD:
            raise CatalogueError("sales are counted one at a time; `znachki sold NUMBER`")
        rows = list(_read_table(path))
        errors: list[str] = []
        with self.catalogue.transaction(f"{kind} {path.name}"):
            for line, row in rows:
                try:
                    self._take_row(row, kind, jar)
                except CatalogueError as error:
                    errors.append(f"  line {line}: {error}")
            if errors:
                raise CatalogueError(
                    "\n".join([f"{path.name}: {len(errors)} rows wrong, nothing changed", *errors[:20]])
                )
        return len(rows)

    def _take_row(self, row: Mapping[str, str], kind: Kind, jar: str | None) -> None:
        count = row.get("count") or "1"
        if not count.isdecimal():
            raise CatalogueError(f"count {count!r} is no number")
        number = row.get("entry_id") or row["number"]
        about = {"price": row.get("price") or None, "note": row.get("note") or None}
        if kind is Kind.OWN:
            self.own(number, int(count), row.get("jar") or jar, **about, condition=row.get("condition") or None)
        else:
            (self.wish if kind is Kind.WISH else self.swap)(number, int(count), **about)

    def holdings(self, kind: Kind | None = None, ids: Iterable[str] | None = None) -> dict[str, list[Holding]]:
        """Map entry_ids to what is held of them, in the order in which it was said; all of them, or those of `ids`."""
        query = sa.select(_holding).where(_holding.c.collector == self.collector).order_by(_holding.c.holding_key)
        if kind is not None:
            query = query.where(_holding.c.kind == kind.value)
        parts = [query] if ids is None else [query.where(_holding.c.entry_id.in_(s)) for s in tables.chunks(list(ids))]
        found: dict[str, list[Holding]] = {}
        with self.catalogue.database.reading() as connection:
            for part in parts:
                for row in connection.execute(part):
                    found.setdefault(row.entry_id, []).append(_as_holding(row))
        return found

    def owned(self) -> dict[str, int]:
        """Map the entry_id of every owned pin to how many there are."""
        held = self.holdings(Kind.OWN)
        return {entry_id: sum(holding.count for holding in holdings) for entry_id, holdings in held.items()}

    def missing(
        self, series: str | None = None, theme: str | None = None, entries: Iterable[CatalogueEntry] | None = None
    ) -> Missing:
        """Say which active entries of a series or a theme, or of the whole catalogue, are owned and which are not.

        Case and marks do not matter. A theme counts with all that lies under it, "Космос / Спутники" is a path; a
        single word finds it at any depth. `entries` are those of the catalogue where they are held already. Raises
        CatalogueError where no entry is of that series or theme.
        """
        asked = [entry for entry in self._all(entries) if entry.status is Status.ACTIVE]
        if series is not None:
            asked = [entry for entry in asked if fold(entry.series) == fold(series)]
        if theme is not None:
            asked = [entry for entry in asked if _is_under(entry.theme, theme)]
        name = series if series is not None else theme if theme is not None else ""
        if not asked and name:
            raise CatalogueError(f"no entry of {name!r}; `znachki missing` lists the series and themes that there are")
        return self._parted(name, asked)

    def progress(self, by: str = "series", entries: Iterable[CatalogueEntry] | None = None) -> list[Missing]:
        """Say for each series, or each outermost theme (`by` = "theme"), how far it is collected; by name.

        `entries` are those of the catalogue where they are held already.
        """
        groups: dict[str, list[CatalogueEntry]] = {}
        for entry in self._all(entries):
            name = entry.series if by == "series" else entry.theme[0] if entry.theme else ""
            if entry.status is Status.ACTIVE and name:
                groups.setdefault(name, []).append(entry)
        owned = self.owned()
        return [self._parted(name, groups[name], owned) for name in sorted(groups)]

    def wanted(self, series: str | None = None, theme: str | None = None) -> list[tuple[CatalogueEntry, Holding]]:
        """List the pins to look for: those wished for, and those missing from a series or theme where one is named."""
        if series is None and theme is None:
            return self.listed(Kind.WISH)
        return self.looked_for(self.missing(series, theme).missing)

    def looked_for(self, entries: Iterable[CatalogueEntry]) -> list[tuple[CatalogueEntry, Holding]]:
        """Pair entries that are missing with the wish for each, one that says nothing where there is none."""
        wishes = {entry_id: held[0] for entry_id, held in self.holdings(Kind.WISH).items()}
        return [(entry, wishes.get(entry.entry_id) or Holding(entry.entry_id, Kind.WISH, 1)) for entry in entries]

    def listed(self, kind: Kind) -> list[tuple[CatalogueEntry, Holding]]:
        """List all that is held of a kind, an entry again for each jar that it lies in."""
        held = self.holdings(kind)
        known = self.catalogue.known(held)
        return [(known[entry_id], holding) for entry_id, holdings in held.items() for holding in holdings]

    def offered(self) -> list[tuple[CatalogueEntry, Holding]]:
        """List the pins that would be swapped."""
        return self.listed(Kind.SWAP)

    # How it is kept

    def _all(self, entries: Iterable[CatalogueEntry] | None) -> Iterable[CatalogueEntry]:
        return self.catalogue.entries() if entries is None else entries

    def _parted(self, name: str, entries: Sequence[CatalogueEntry], owned: Mapping[str, int] | None = None) -> Missing:
        held = self.owned() if owned is None else owned
        have = tuple(entry for entry in entries if entry.entry_id in held)
        return Missing(name, have, tuple(entry for entry in entries if entry.entry_id not in held))

    def _say(self, number: str, kind: Kind, count: int, price: str | None, note: str | None) -> Holding:
        with self.catalogue.transaction():
            entry_id = self._entry(number)
            old = self._of(entry_id, kind).get("") or Holding(entry_id, kind, 0)
            new = replace(old, count=_counted(count), **_given(price=price, note=note))
            self._set([(old, new)], f"{kind} {entry_id}: {count}")
            return new

    def _entry(self, number: str) -> str:
        answer = self.catalogue.lookup(number)
        if answer.entry.status is Status.WITHDRAWN:
            raise CatalogueError(f"entry {answer.entry.entry_id!r} was withdrawn; name one that is in use")
        return answer.entry.entry_id

    def _of(self, entry_id: str, kind: Kind) -> dict[str, Holding]:
        """What is held of an entry, by jar."""
        is_it = (_holding.c.entry_id == entry_id, _holding.c.kind == kind.value)
        query = sa.select(_holding).where(_holding.c.collector == self.collector, *is_it)
        with self.catalogue.database.reading() as connection:
            rows = connection.execute(query.order_by(_holding.c.holding_key))
            return {row.jar: _as_holding(row) for row in rows}

    def _set(self, pairs: Iterable[tuple[Holding, Holding]], what: str) -> None:
        """Write holdings in place of what they were; a count of 0 is none."""
        connection = self.catalogue.database.connection
        assert connection is not None
        with self.catalogue.transaction(what):
            for old, new in pairs:
                if old == new:
                    continue
                before, after = self._state(old), self._state(new)
                if before is not None and (after is None or old.jar != new.jar):
                    connection.execute(sa.delete(_holding).where(*self._is(old)))
                    self.catalogue.note("holding", before, None)
                    before = None
                if after is not None and before is not None:
                    connection.execute(sa.update(_holding).where(*self._is(old)).values(after))
                elif after is not None:
                    connection.execute(sa.insert(_holding), [after])
                if after is not None:
                    self.catalogue.note("holding", before, after)

    def _drop(self, holdings: Iterable[Holding], what: str) -> None:
        self._set([(holding, replace(holding, count=0)) for holding in holdings], what)

    def _is(self, holding: Holding) -> Iterator[sa.ColumnElement[bool]]:
        yield _holding.c.collector == self.collector
        for name in ("entry_id", "kind", "jar"):
            yield _holding.c[name] == getattr(holding, name)

    def _state(self, holding: Holding) -> tables.State | None:
        """The row of a holding, None where it is of no pin."""
        if holding.count == 0:
            return None
        values: dict[str, Any] = {
            name: getattr(holding, name) for name in ("entry_id", "count", "jar", "price", "note", "condition")
        }
        return {"collector": self.collector, "kind": holding.kind.value, **values}

    def _check_swaps(self, entry_id: str) -> None:
        owned = sum(holding.count for holding in self._of(entry_id, Kind.OWN).values())
        swapped = sum(holding.count for holding in self._of(entry_id, Kind.SWAP).values())
        if swapped > owned:
            raise CatalogueError(f"entry {entry_id!r}: {swapped} to swap, but {owned} owned; own more or swap fewer")


def _as_holding(row: sa.Row[Any]) -> Holding:
    return Holding(row.entry_id, Kind(row.kind), row._mapping["count"], row.jar, row.price, row.note, row.condition)


def _counted(count: int, least: int = 0) -> int:
    if not least <= count <= 1_000_000:
        raise CatalogueError(f"count {count}: give a number from {least} to 1,000,000")
    return count


def _given(**values: str | None) -> dict[str, Any]:
    return {name: value.strip() for name, value in values.items() if value is not None}


def _is_under(path: Sequence[str], theme: str) -> bool:
    parts = [fold(part) for part in theme.split(" / ")]
    folded = [fold(part) for part in path]
    return folded[: len(parts)] == parts or (len(parts) == 1 and parts[0] in folded)


def _read_table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table of holdings with their lines; raises CatalogueError where it is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: cannot be read as UTF-8 ({error}); check the file") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="")
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    if "number" not in reader.fieldnames:
        raise CatalogueError(f"{path.name}: no column number; its first line must name {', '.join(LIST_COLUMNS)}")
    for row in reader:
        cells = {name: plain_cell((value or "").strip()) for name, value in row.items() if name}
        if any(cells.values()):
            yield reader.line_num, cells


def write_list(path: Path, rows: Iterable[tuple[CatalogueEntry, Holding]]) -> int:
    """Write holdings as a table of LIST_COLUMNS and return how many; the file is whole or not there."""
    listed = list(rows)
    write_whole(path, list_text(listed).encode(), CatalogueError)
    return len(listed)


def list_text(rows: Iterable[tuple[CatalogueEntry, Holding]]) -> str:
    """Holdings as the text of a table of LIST_COLUMNS."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LIST_COLUMNS)
    for entry, held in rows:
        said = [held.count, held.jar, held.price, held.note, held.condition]
        cells = [entry.number, entry.title or entry.title_en, entry.entry_id, *said]
        writer.writerow([safe_cell(cell) for cell in cells])
    return text.getvalue()
