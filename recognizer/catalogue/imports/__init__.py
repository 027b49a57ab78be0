"""Imports: sources of many kinds into the catalogue, a whole source or nothing of it.

Each kind is a module of its own that yields rows (`rows.Importer`); what the rows ask for together is planned
(`plan.Plan`) and then carried out (`carrying.carry_out`).
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from recognizer.catalogue.imports.carrying import Difference, ImportReport, Progress, carry_out, foresee
from recognizer.catalogue.imports.cells import COLUMNS
from recognizer.catalogue.imports.column_map import ColumnMap, guess_map, read_map, write_map
from recognizer.catalogue.imports.memory import Memory
from recognizer.catalogue.imports.plan import Plan, by_number
from recognizer.catalogue.imports.rows import Importer, Row
from recognizer.catalogue.imports.sources import colnect, commons, goskatalog, opennumismat, smithsonian, table
from recognizer.catalogue.imports.sources import folder as folder_of_pictures
from recognizer.catalogue.imports.sources.json_records import head_of
from recognizer.catalogue.imports.sources.table import read_queries
from recognizer.catalogue.imports.spool import Spool
from recognizer.catalogue.imports.years import parse_years
from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError

__all__ = [
    "COLUMNS",
    "FORMATS",
    "ColumnMap",
    "Difference",
    "ImportReport",
    "Progress",
    "format_of",
    "guess_map",
    "import_csv",
    "import_folder",
    "import_source",
    "parse_years",
    "read_map",
    "read_queries",
    "write_map",
]

FORMATS: Final[dict[str, Importer]] = {
    "folder": folder_of_pictures,
    "opennumismat": opennumismat,
    "goskatalog": goskatalog,
    "smithsonian": smithsonian,
    "commons": commons,
    "colnect": colnect,
    "table": table,
}
"""The kinds of sources that are read; the first that takes a source reads it."""

_HEAD: Final = 1 << 16


def import_source(
    catalogue: Catalogue,
    source: Path,
    kind: str | None = None,
    mapping: ColumnMap | None = None,
    progress: Progress | None = None,
    *,
    dry_run: bool = False,
    encoding: str = "",
    leave_out: Collection[str] = (),
    within: Path | None = None,
) -> ImportReport:
    """Bring a source of any kind into the catalogue: all of it, or nothing where a row is wrong.

    `kind` is one of FORMATS, found out where it is left out; `mapping` tells the columns of a table that has a header
    of its own, `encoding` how its text is written where that is not to be found out. Entries that are there keep what
    the source says nothing of; a second import changes nothing, and where neither the source nor the catalogue changed
    since, it is over at once. With `dry_run` nothing is written, and the report tells each difference that the import
    would make. Rows at the places in `leave_out`, as RowsWrong names them ("line 7"), are passed over. Of a source
    that somebody else sent, `within` is the folder that its pictures must lie in. Raises RowsWrong that lists what is
    wrong by row, and CatalogueError where the source as a whole cannot be read.
    """
    source = _inside(source, kind)
    kind = kind or ("table" if mapping else format_of(source))
    if mapping is not None and kind != "table":
        raise CatalogueError(f"{source.name}: a column map is for tables, not for {kind}; leave it out")
    if encoding and kind != "table":
        raise CatalogueError(f"{source.name}: an encoding is for tables, not for {kind}; leave it out")
    if kind not in FORMATS:
        raise CatalogueError(f"no format {kind!r}; it is one of {', '.join(FORMATS)}")
    passed_over = f" without {sorted(leave_out)}" if leave_out else ""
    memory = Memory(catalogue, source, f"{kind} {mapping} {encoding}{passed_over}")
    if not dry_run and (report := memory.recall()) is not None:
        return report
    with closing(Spool()) as spool:
        plan = Plan(source.name or str(source), spool)
        notes = plan.notes
        read = table.read(source, notes, mapping, encoding) if kind == "table" else FORMATS[kind].read(source, notes)
        if within is not None:
            read = map(partial(_kept_within, within.resolve()), read)
        if leave_out:
            notes.append(f"rows left out: {', '.join(sorted(leave_out, key=by_number))}")
            read = (row for row in read if row.place not in leave_out)
        plan.take(read)
        if dry_run:
            return foresee(catalogue, plan, progress)
        memory.watch(where for some in spool.files() for where in some if isinstance(where, Path))
        report = carry_out(catalogue, plan, progress)
        memory.keep(report, spool.names())
    return report


def format_of(source: Path) -> str:
    """Say which of FORMATS a source is; raises CatalogueError where it is none, or cannot be read."""
    head = b""
    if not source.is_dir():
        try:
            with source.open("rb") as file:
                head = file.read(_HEAD)
        except OSError as error:
            raise CatalogueError(f"{source}: cannot be read ({error.strerror}); check the name") from error
        if head[:2] == b"\x1f\x8b" or head[:3] == b"BZh" or source.suffix.lower() == ".zip":
            head = head_of(source, _HEAD)
    for kind, importer in FORMATS.items():
        if importer.takes(source, head):
            return kind
    raise CatalogueError(f"{source.name}: of no known kind; name it with --format: {', '.join(FORMATS)}")


def import_csv(catalogue: Catalogue, path: Path, progress: Progress | None = None) -> ImportReport:
    """Bring a catalogue table and its pictures into the catalogue: all of the file, or nothing where a row is wrong.

    The table is UTF-8, separated by commas, semicolons or tabs, with a header of COLUMNS; paths of pictures are
    relative to it. Rows with one entry_id are photos of one entry: what they say of it must agree or be empty. Empty
    cells leave what the catalogue has. A second import changes nothing. Raises CatalogueError that lists what is wrong
    by line.
    """
    return import_source(catalogue, path, "table", progress=progress)


def import_folder(catalogue: Catalogue, folder: Path, progress: Progress | None = None) -> ImportReport:
    """Bring a folder of pictures into the catalogue: all of it, or nothing where a picture cannot be read.

    A folder with a catalogue.csv is imported by that. Otherwise the pictures' names tell: `<number>.jpg`,
    `<number>_<role>.jpg`, `<number>_<role>_2.jpg`, `<number>/<role>.jpg`, `<number>/<role>_2.jpg`; what names no role
    (face, reverse, clasp, mark) is a face. Entries that are there keep their fields. Raises CatalogueError.
    """
    inside = _inside(folder, None)
    return import_source(catalogue, inside, "folder" if inside is folder else "table", progress=progress)


def _kept_within(folder: Path, row: Row) -> Row:
    """A row as it is, or one that is wrong where it names a picture outside of a folder."""
    for picture in row.pictures:
        if isinstance(picture.where, Path) and not picture.where.resolve().is_relative_to(folder):
            return Row(row.place, wrong=f"picture {picture.where.name!r} does not lie beside the table; send it along")
    return row


def _inside(source: Path, kind: str | None) -> Path:
    """The table by which a folder is imported, if it has one."""
    listed = source / "catalogue.csv"
    return listed if kind is None and listed.is_file() else source
