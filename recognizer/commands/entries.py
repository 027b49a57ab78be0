"""`znachki import`, `fetch` and `show`: the catalogue, filled and read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import click

from recognizer.commands import data_option, json_option, plural, print_json, progress_bar

if TYPE_CHECKING:
    from recognizer.catalogue.fetching import FetchReport
    from recognizer.catalogue.imports import Difference, ImportReport
    from recognizer.catalogue.store import Catalogue
    from recognizer.types import CatalogueEntry, CatalogueImage


FORMATS: Final = ("table", "folder", "goskatalog", "smithsonian", "commons", "colnect", "opennumismat")
"""The names of `recognizer.catalogue.imports.FORMATS`, which loads longer than `--help` may; a test compares."""


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="What the source is, where that is not found out.")
@click.option(
    "--map", "map_", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.toml", help="Its columns."
)
@click.option(
    "--guess", is_flag=True, help="Print a column map for a table with a header of its own, to be looked over."
)
@click.option(
    "--encoding", default="", metavar="NAME", help="How a text table is written, where that is not found out."
)
@click.option("--leave-out", multiple=True, metavar="PLACE", help="Pass a row over, such as 'line 7'; again for more.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@data_option
@json_option
def import_(
    source: Path,
    kind: str | None,
    map_: Path | None,
    guess: bool,
    encoding: str,
    leave_out: tuple[str, ...],
    dry_run: bool,
    data: Path,
    as_json: bool,
) -> None:
    """Bring a catalogue table, a folder of pictures or another program's data into the catalogue.

    A table is CSV or XLSX with a header; of its columns only entry_id must be there, `image` is a path relative to the
    table or an address, from which `znachki fetch` brings the picture. A table whose columns have other names is read
    by a guess where those leave no doubt, else by a map: `znachki import --guess FILE > map.toml`, then `znachki import
    FILE --map map.toml`. A folder without catalogue.csv is read by the pictures' names: NUMBER.jpg, NUMBER_reverse.jpg,
    NUMBER/face_2.jpg. The whole source enters or, where a row is wrong, nothing of it. Importing again changes nothing.
    """
    from recognizer.catalogue.imports import guess_map, import_source, read_map, write_map

    if guess:
        if map_ is not None or dry_run:
            raise click.UsageError("--guess prints a map and imports nothing; give it alone")
        click.echo(write_map(guess_map(source, encoding=encoding)), nl=False)
        return
    mapping = None if map_ is None else read_map(map_)
    with _opened(data, dry_run) as catalogue, progress_bar("import") as progress:
        report = import_source(
            catalogue, source, kind, mapping, progress, dry_run=dry_run, encoding=encoding, leave_out=leave_out
        )
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(import_lines(report))
        if not dry_run and (report.images_new or report.images_changed):
            click.echo("now `znachki index`, and the photos can be found")
    if dry_run and not as_json:
        click.echo("\n".join([*map(_difference, report.differences), "nothing was changed"]))


@contextmanager
def _opened(data: Path, dry_run: bool) -> Iterator[Catalogue]:
    """Open the catalogue to import into; where there is none, one that is gone afterwards for a dry run."""
    from recognizer.catalogue.database import assigned
    from recognizer.catalogue.store import DATABASE, Catalogue

    with ExitStack() as stack:
        there = (data / DATABASE).is_file() or assigned(data) is not None
        folder = data if there or not dry_run else Path(stack.enter_context(TemporaryDirectory()))
        yield stack.enter_context(Catalogue.open(folder, create=not (dry_run and there)))


def import_lines(report: ImportReport) -> str:
    """Say what an import did."""
    wanted = f"wanted:  {plural(report.wanted_new, 'address', 'addresses')} more; `znachki fetch` brings the pictures"
    return "\n".join(
        [
            f"{plural(report.rows, 'row')} read",
            f"entries: {report.entries_new} new, {report.entries_changed} changed, {report.entries_same} the same",
            f"photos:  {report.images_new} new, {report.images_changed} changed, {report.images_same} the same",
            *([wanted] if report.wanted_new else []),
            *(f"note: {note}" for note in report.notes),
        ]
    )


def _difference(one: Difference) -> str:
    if not one.before:
        return f"+ {one.entry_id}  {one.what}{f': {one.after}' if one.after else ''}"
    return f"~ {one.entry_id}  {one.what}: {one.before} -> {one.after}"


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
    from recognizer.catalogue.store import Catalogue

    if entry is not None and words is not None:
        raise click.UsageError("ENTRY and --search at once; give one of them")
    with Catalogue.open(data) as catalogue:
        if entry is not None:
            answer = catalogue.lookup(entry)
            found = answer.entry
            if answer.note:
                click.echo(f"note: {answer.note}", err=True)
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
            for image in catalogue.images(unused=True):
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


@click.command()
@click.argument("listings", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--pictures", type=click.Path(file_okay=False, path_type=Path), help="Where pictures of LISTINGS go; beside them."
)
@click.option("--parallel", type=click.IntRange(1, 64), default=8, show_default=True, help="Pictures at once, in all.")
@click.option("--per-host", type=click.IntRange(1, 8), default=2, show_default=True, help="Of these from one host.")
@click.option("--pause", type=click.FloatRange(0), default=0.5, show_default=True, help="Seconds between requests.")
@click.option("--tries", type=click.IntRange(1, 10), default=4, show_default=True, help="Requests a picture.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=20.0, show_default=True, help="Seconds without an answer."
)
@click.option("--max-mb", type=click.FloatRange(0.01), default=40.0, show_default=True, help="Megabytes a picture.")
@click.option("--any-licence", is_flag=True, help="Also fetch what has no open licence; for who may copy it.")
@click.option("--private", is_flag=True, help="Also ask hosts inside the own network.")
@click.option("--again", is_flag=True, help="Ask once more for what was refused.")
@click.option("--contact", default="", metavar="TEXT", help="An address or page, told to the hosts.")
@data_option
@json_option
def fetch(
    listings: tuple[Path, ...],
    pictures: Path | None,
    parallel: int,
    per_host: int,
    pause: float,
    tries: int,
    timeout: float,
    max_mb: float,
    any_licence: bool,
    private: bool,
    again: bool,
    contact: str,
    data: Path,
    as_json: bool,
) -> None:
    """Fetch the pictures that imports gave as addresses, or those of LISTINGS: saved answers of eBay's Browse search.

    Pictures of listings come beside their file, for `znachki lot`, and enter no catalogue. For the catalogue, only
    pictures with an open licence are asked for, and none that the host's robots.txt forbids. Each picture enters
    the catalogue as it comes; a run that was cut off is gone on with by calling it again. What fails for now is tried
    again by the next run.
    """
    from recognizer.catalogue.fetching import Manners
    from recognizer.catalogue.fetching import fetch as fetch_pictures
    from recognizer.catalogue.store import Catalogue
    from recognizer.catalogue.wanted import want_again
    from recognizer.collecting.listing_pictures import fetch_listings

    manners = Manners(
        parallel=parallel,
        per_host=per_host,
        pause=pause,
        tries=tries,
        timeout=timeout,
        max_bytes=int(max_mb * 1e6),
        any_licence=any_licence,
        private=private,
        contact=contact,
    )
    if listings:
        with progress_bar("fetch") as progress:
            report = fetch_listings(listings, manners, pictures, progress)
    else:
        with Catalogue.open(data) as catalogue, progress_bar("fetch") as progress:
            if again:
                want_again(catalogue)
            report = fetch_pictures(catalogue, manners, progress)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(fetch_lines(report))


def fetch_lines(report: FetchReport) -> str:
    """Say what a run did."""
    counts = (f"{report.new} new", f"{report.same} known", f"{report.refused} refused", f"{report.later} for later")
    lines = [f"pictures: {', '.join(counts)}"]
    if report.licence:
        lines.append(f"not asked for: {plural(report.licence, 'picture')} without an open licence; see --any-licence")
    lines += [f"{count} x {reason}" for reason, count in sorted(report.reasons.items(), key=lambda pair: -pair[1])]
    return "\n".join(lines)
