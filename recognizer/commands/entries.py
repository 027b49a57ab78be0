"""`znachki import` and `znachki show`: the catalogue, filled and read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recognizer.commands import data_option, json_option, plural, print_json, progress_bar

if TYPE_CHECKING:
    from recognizer.catalogue import Catalogue
    from recognizer.imports import ImportReport
    from recognizer.types import CatalogueEntry, CatalogueImage


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE.csv|FOLDER")
@data_option
@json_option
def import_(source: Path, data: Path, as_json: bool) -> None:
    """Bring a catalogue table or a folder of pictures into the catalogue.

    A table is UTF-8 with a header; of its columns only entry_id must be there, `image` is a path relative to the table.
    A folder without catalogue.csv is read by the pictures' names: NUMBER.jpg, NUMBER_reverse.jpg, NUMBER/face_2.jpg.
    The whole file enters or, where a row is wrong, nothing of it. Importing again changes nothing.
    """
    from recognizer.catalogue import Catalogue
    from recognizer.imports import import_csv, import_folder

    with Catalogue.open(data, create=True) as catalogue, progress_bar("import") as progress:
        report = (import_folder if source.is_dir() else import_csv)(catalogue, source, progress)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(import_lines(report))


def import_lines(report: ImportReport) -> str:
    """Say what an import did."""
    return "\n".join(
        [
            f"{plural(report.rows, 'row')} read",
            f"entries: {report.entries_new} new, {report.entries_changed} changed, {report.entries_same} the same",
            f"photos:  {report.images_new} new, {report.images_changed} changed, {report.images_same} the same",
            *(f"note: {note}" for note in report.notes),
        ]
    )


@click.command()
@click.argument("entry", required=False)
@click.option("--search", "words", metavar="WORDS", help="Find entries by words that begin so, in any case; ё is е.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Most entries; 0 for all.")
@data_option
@json_option
def show(entry: str | None, words: str | None, limit: int, data: Path, as_json: bool) -> None:
    """Show the catalogue, one entry, or what a search finds.

    ENTRY is an entry_id, a catalogue number, or another system's number such as avers:12-345.
    """
    from recognizer.catalogue import Catalogue

    if entry is not None and words is not None:
        raise click.UsageError("ENTRY and --search at once; give one of them")
    with Catalogue.open(data) as catalogue:
        if entry is not None:
            found = catalogue.entry(entry)
            images, relations = catalogue.images(entry_id=found.entry_id), catalogue.relations(found.entry_id)
            if as_json:
                print_json(entry_json(found, images) | {"relations": [list(pair) for pair in relations]})
            else:
                click.echo(_sheet(catalogue, found, images, relations))
            return
        count = catalogue.count()
        entries = _some(catalogue, words, limit or count)
        if as_json:
            of: dict[str, list[CatalogueImage]] = {}
            for image in catalogue.images():
                of.setdefault(image.entry_id, []).append(image)
            print_json([entry_json(one, of.get(one.entry_id, [])) for one in entries])
        else:
            click.echo(_table(entries, count, searched=words is not None, limited=len(entries) == limit))


def _some(catalogue: Catalogue, words: str | None, limit: int) -> list[CatalogueEntry]:
    return catalogue.entries()[:limit] if words is None else catalogue.search(words, limit)


def entry_json(entry: CatalogueEntry, images: list[CatalogueImage]) -> dict[str, Any]:
    """An entry under the names of its fields, with its photos."""
    photos = [asdict(image) for image in images]
    for photo in photos:
        del photo["entry_id"]
    return asdict(entry) | {"images": photos}


def _table(entries: list[CatalogueEntry], count: int, *, searched: bool, limited: bool) -> str:
    if not entries:
        return "nothing found; try fewer words" if searched else "an empty catalogue; fill it: znachki import FILE.csv"
    rows = [(entry.entry_id, entry.number, entry.years_text, _title(entry)) for entry in entries]
    head = ("entry_id", "number", "years", "title")
    if all(number in ("", entry_id) for entry_id, number, *_ in rows):
        head, rows = (head[0], *head[2:]), [(row[0], *row[2:]) for row in rows]  # type: ignore[assignment, misc]
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    widths[-1] = 0
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
    if searched:
        lines.append(plural(len(entries), "entry", "entries") + (" or more; see --limit" if limited else " found"))
    else:
        shown = "" if len(entries) == count else f", {len(entries)} shown; --limit 0 shows all"
        lines.append(f"{plural(count, 'entry', 'entries')}{shown}")
    return "\n".join(lines)


def _title(entry: CatalogueEntry) -> str:
    both = entry.title and entry.title_en and entry.title != entry.title_en
    return f"{entry.title} / {entry.title_en}" if both else entry.title or entry.title_en


def _sheet(
    catalogue: Catalogue, entry: CatalogueEntry, images: list[CatalogueImage], relations: list[tuple[str, str]]
) -> str:
    """An entry as it would stand on a card: what it has, a line each."""
    said: list[tuple[str, str]] = [
        ("entry_id", entry.entry_id),
        ("number", entry.number),
        ("title", entry.title),
        ("title_en", entry.title_en),
        ("theme", " / ".join(entry.theme)),
        ("series", entry.series),
        ("years", entry.years_text),
        ("country", entry.country),
        ("place", entry.place),
        ("maker", entry.maker),
        ("hallmark", entry.hallmark),
        ("material", entry.material),
        ("technique", entry.technique),
        ("size_mm", entry.size_mm),
        ("inscriptions", " | ".join(entry.inscriptions)),
        ("languages", ", ".join(entry.languages)),
        ("price_mark", entry.price_mark),
        ("rarity", entry.rarity),
        ("status", "" if entry.status == "active" else entry.status.value),
        ("merged_into", entry.merged_into),
        ("family", entry.family),
        ("identifiers", "; ".join(f"{system}:{number}" for system, number in entry.identifiers)),
        *(("relation", f"{kind} {other}") for kind, other in relations),
        *(("photo", _photo(catalogue, image)) for image in images),
    ]
    width = max(len(name) for name, _ in said)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in said if text)


def _photo(catalogue: Catalogue, image: CatalogueImage) -> str:
    about = "; ".join(text for text in (image.licence, image.source) if text)
    return f"{image.role.value}  {catalogue.picture_path(image)}" + (f"  ({about})" if about else "")
