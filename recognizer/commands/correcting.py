"""`znachki correct` and `znachki corrections`: what people say of answers, kept, listed and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recognizer.commands import data_option, json_option, plural, print_json

if TYPE_CHECKING:
    from recognizer.catalogue.corrections import Correction, Query
    from recognizer.catalogue.store import Catalogue
    from recognizer.types import Box, Crop


@click.command()
@click.argument("query", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--entry", metavar="N", help="The right entry, by entry_id or any number.")
@click.option("--unknown", is_flag=True, help="The catalogue has no such pin.")
@click.option("--not-a-pin", is_flag=True, help="There is no pin on the photo.")
@click.option("--pin", type=click.IntRange(min=1), metavar="P", help="Which pin of a photo of several, as identified.")
@click.option("--add-photo", is_flag=True, help="Make the photo one of the entry's; `znachki index` then takes it in.")
@click.option("--note", default="", help="Words to keep with it.")
@data_option
@json_option
def correct(
    query: Path,
    entry: str | None,
    unknown: bool,
    not_a_pin: bool,
    pin: int | None,
    add_photo: bool,
    note: str,
    data: Path,
    as_json: bool,
) -> None:
    """Say what the photo QUERY shows: an entry, a pin that the catalogue lacks, or no pin at all.

    Kept with the photo, with who said it, and with the model and index that had answered. `znachki corrections` lists
    them and takes them back.
    """
    from recognizer.catalogue import corrections, history
    from recognizer.catalogue.corrections import Said
    from recognizer.catalogue.store import Catalogue

    if (entry is not None) + unknown + not_a_pin != 1:
        raise click.UsageError("say one of --entry N, --unknown, --not-a-pin")
    if add_photo and entry is None:
        raise click.UsageError("--add-photo needs --entry N")
    with Catalogue.open(data) as catalogue:
        corrections.take_in(catalogue)
        right = catalogue.lookup(entry).entry.entry_id if entry is not None else ""
        asked, offered, model, index_made = _asked(query, pin, data, one=not not_a_pin)
        said = Said.UNKNOWN if unknown else Said.NOT_A_PIN if not_a_pin else Said.CORRECTED
        if right and offered == right:
            said = Said.CONFIRMED
        made = corrections.add(
            catalogue,
            asked,
            said,
            right,
            who=history.user(),
            offered=offered,
            model=model,
            index_made=index_made,
            note=note,
            add_photo=add_photo,
        )
    if as_json:
        print_json(asdict(made))
    else:
        click.echo(_line(made))
        if made.image_id:
            click.echo(f"photo {made.image_id} of {made.entry_id}; `znachki index` takes it in")


def _asked(path: Path, pin: int | None, data: Path, *, one: bool) -> tuple[Query, str, str, str]:
    """What to keep of a photo, the entry_id that is offered first for the pin, and what made model and index.

    `one` where it must be clear which pin is meant; the last three are "" where nothing answers.
    """
    from recognizer.catalogue.corrections import query_of
    from recognizer.errors import IndexError_, ModelError
    from recognizer.identify import Recognizer
    from recognizer.vision.crops import split
    from recognizer.vision.photos import check_photo, open_photo, read_photo

    held, name = read_photo(path, str(path))
    ending = check_photo(held, name)
    photo = open_photo(held, name)
    try:
        with Recognizer.open(data) as recognizer:
            crop, box = _meant(path, recognizer.find(photo), pin, one)
            (found,) = recognizer.answer([crop], k=1)
            offered = found.matches[0].entry.entry_id if found.matches else ""
            manifest = recognizer.index.manifest
            return query_of(photo, held, ending, box), offered, manifest.fingerprint, manifest.digest
    except (IndexError_, ModelError) as error:
        if pin is not None:  # another way of splitting may count other pins, or in another order
            raise click.ClickException(f"--pin counts the pins of an answer, and nothing answers: {error}") from error
        click.echo(f"note: not compared with an answer: {error}", err=True)
    _meant(path, split(photo), pin, one)  # raises where the photo shows several
    return query_of(photo, held, ending), "", "", ""


def _meant(path: Path, crops: Sequence[Crop], pin: int | None, one: bool) -> tuple[Crop, Box | None]:
    """The pin that is meant, and its box where the photo shows others too."""
    if pin is None and len(crops) > 1 and one:
        raise click.UsageError(f"{path} shows {len(crops)} pins; say which with --pin, 1 to {len(crops)}")
    if pin is not None and pin > len(crops):
        raise click.UsageError(f"{path} shows {plural(len(crops), 'pin')}; --pin {pin} is none of them")
    crop = crops[(pin or 1) - 1]
    return crop, crop.box if pin is not None and len(crops) > 1 else None


@click.command()
@click.option("--undo", "undone", type=int, metavar="ID", help="Take a correction back, and the photo that it added.")
@click.option(
    "--export",
    "table",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write the corrected photos as a table of queries that `znachki evaluate` reads.",
)
@click.option("--all", "everything", is_flag=True, help="List those that were taken back too.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Most corrections; 0 for all.")
@data_option
@json_option
def corrections(
    undone: int | None, table: Path | None, everything: bool, limit: int, data: Path, as_json: bool
) -> None:
    """List what was said of answers, the latest first; take it back, or write it as queries with known answers."""
    from recognizer.catalogue import history
    from recognizer.catalogue.corrections import take_in, undo, write_queries
    from recognizer.catalogue.store import Catalogue

    if undone is not None and table is not None:
        raise click.UsageError("--undo and --export at once; give one of them")
    with Catalogue.open(data) as catalogue:
        take_in(catalogue)
        if undone is not None:
            gone = undo(catalogue, undone, who=history.user())
            click.echo(f"taken back: {_line(gone)}")
            return
        if table is not None:
            count = write_queries(catalogue, table)
            click.echo(f"{plural(count, 'query', 'queries')} written to {table}")
            return
        _list(catalogue, everything, limit, as_json)


def _list(catalogue: Catalogue, everything: bool, limit: int, as_json: bool) -> None:
    from recognizer.catalogue.corrections import listed

    found = listed(catalogue, undone=everything)[::-1]
    shown = found[:limit] if limit else found
    if as_json:
        rows: list[dict[str, Any]] = [asdict(one) for one in shown]
        print_json({"corrections": rows, "total": len(found)})
        return
    for one in shown:
        click.echo(_line(one))
    more = f"; --limit 0 shows all {len(found):,}" if len(shown) < len(found) else ""
    click.echo(f"{plural(len(shown), 'correction')}{more}")


def _line(one: Correction) -> str:
    pin = "" if one.box is None else f" at {','.join(map(str, one.box))}"
    what = {"unknown": "not in the catalogue", "not_a_pin": "not a pin"}.get(one.said, f"{one.said}: {one.entry_id}")
    was = f", was offered {one.offered}" if one.offered and one.offered != one.entry_id else ""
    note = f", {one.note}" if one.note else ""
    gone = f" (taken back {one.undone_at})" if one.undone_at else ""
    return f"{one.correction_id}  {one.at}  {one.who}  photo {one.sha256[:12]}{pin}: {what}{was}{note}{gone}"
