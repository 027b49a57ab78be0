"""Imports: sources of many kinds into the catalogue, a whole source or nothing of it.

Each kind is a module of its own that yields rows (`rows.Importer`); what the rows ask for together is planned
(`plan.Plan`) and then carried out (`carrying.carry_out`).
"""

from __future__ import annotations

from pathlib import Path

from recognizer.catalogue import Catalogue
from recognizer.imports import folder as folder_of_pictures
from recognizer.imports import table
from recognizer.imports.carrying import ImportReport, Progress, carry_out
from recognizer.imports.cells import COLUMNS, parse_years
from recognizer.imports.plan import Plan
from recognizer.imports.table import read_queries

__all__ = ["COLUMNS", "ImportReport", "Progress", "import_csv", "import_folder", "parse_years", "read_queries"]


def import_csv(catalogue: Catalogue, path: Path, progress: Progress | None = None) -> ImportReport:
    """Bring a catalogue table and its pictures into the catalogue: all of the file, or nothing where a row is wrong.

    The table is UTF-8, separated by commas, semicolons or tabs, with a header of COLUMNS; paths of pictures are
    relative to it. Rows with one entry_id are photos of one entry: what they say of it must agree or be empty. Empty
    cells leave what the catalogue has. A second import changes nothing. Raises CatalogueError that lists what is wrong
    by line.
    """
    plan = Plan(path.name)
    plan.take(table.read(path, plan.notes))
    return carry_out(catalogue, plan, progress)


def import_folder(catalogue: Catalogue, folder: Path, progress: Progress | None = None) -> ImportReport:
    """Bring a folder of pictures into the catalogue: all of it, or nothing where a picture cannot be read.

    A folder with a catalogue.csv is imported by that. Otherwise the pictures' names tell: `<number>.jpg`,
    `<number>_<role>.jpg`, `<number>_<role>_2.jpg`, `<number>/<role>.jpg`, `<number>/<role>_2.jpg`; what names no role
    (face, reverse, clasp, mark) is a face. Entries that are there keep their fields. Raises CatalogueError.
    """
    listed = folder / "catalogue.csv"
    if listed.is_file():
        return import_csv(catalogue, listed, progress)
    plan = Plan(folder.name or str(folder))
    plan.take(folder_of_pictures.read(folder, plan.notes))
    return carry_out(catalogue, plan, progress)
