"""Exports: the catalogue as a table that an import reads back."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recognizer.catalogue.imports.cells import COLUMNS, OF_ENTRY, parsed, shown
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.table_cells import safe_row
from recognizer.errors import CatalogueError
from recognizer.files import write_whole
from recognizer.types import CatalogueEntry, CatalogueImage


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote, and notes on what a table cannot hold so that the import reads the same back."""

    entries: int
    images: int
    notes: tuple[str, ...] = ()


def export_csv(catalogue: Catalogue, path: Path) -> ExportReport:
    """Write the catalogue as a table with the import's columns, a row a photo, entries in the order in which they came.

    Only an entry's first row tells of the entry; paths of pictures are relative to the table. Equal catalogues make
    equal bytes. The file is whole or not there: raises CatalogueError where it cannot be written.
    """
    notes: list[str] = []
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    entries, images = catalogue.entries(), catalogue.images(unused=True)
    of: dict[str, list[CatalogueImage]] = {}
    for image in images:
        of.setdefault(image.entry_id, []).append(image)
    base = os.path.relpath(catalogue.picture_folder.resolve(), path.parent.resolve())
    for entry in entries:
        writer.writerows(map(safe_row, _rows(entry, of.get(entry.entry_id, []), Path(base).as_posix(), notes)))
    write_whole(path, text.getvalue().encode(), CatalogueError)
    return ExportReport(len(entries), len(images), tuple(notes))


def _rows(entry: CatalogueEntry, images: list[CatalogueImage], base: str, notes: list[str]) -> Iterator[dict[str, str]]:
    about = {"entry_id": entry.entry_id, **_cells(entry, notes)}
    for image in images:
        photo = {"image": f"{base}/{image.file}", "role": image.role.value}
        yield {**about, **photo, "licence": image.licence, "source": image.source}
        about = {"entry_id": entry.entry_id}
    if not images:
        yield about


def _cells(entry: CatalogueEntry, notes: list[str]) -> dict[str, str]:
    fields = {name: getattr(entry, name) for name in CatalogueEntry.__dataclass_fields__}
    if not entry.years_text and entry.year_from is not None:
        same = entry.year_from == entry.year_to or entry.year_to is None
        fields["years_text"] = str(entry.year_from) if same else f"{entry.year_from}-{entry.year_to}"
    cells: dict[str, str] = {}
    for column in OF_ENTRY:
        cells[column] = shown(column, fields)
        if column == "status":
            cells[column] = entry.status.value
        if not _reads_back(column, cells[column], fields):
            notes.append(f"{entry.entry_id}: {column} {cells[column]!r} will be read back as something else")
    return cells


def _reads_back(column: str, cell: str, fields: dict[str, object]) -> bool:
    """Whether an import would make the same of a cell; an empty one leaves what is there, which is nothing."""
    cell = cell.strip()
    try:
        return not cell or all(fields[name] == value for name, value in parsed(column, cell).items())
    except ValueError:
        return False
