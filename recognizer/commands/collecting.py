"""`znachki own`, `wish`, `swap`, `sold`, `missing`, `wants` and `swaps`: what a collector has, and what not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from recognizer.collecting.condition import Condition
from recognizer.commands import collector_option, data_option, json_option, plural, print_json

if TYPE_CHECKING:
    from recognizer.collecting.holdings import Collection, Holding, Missing
    from recognizer.types import CatalogueEntry

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _saying_options(command: _Command) -> _Command:
    """What own, wish and swap have in common."""
    for option in (
        click.option("--note", help="Words to keep with it."),
        click.option("--price", help="The price, as it is to be written."),
        click.option("--count", type=click.IntRange(min=0), default=1, show_default=True, help="So many; 0 for none."),
        click.option("--from", "table", type=click.Path(path_type=Path), help="Say it of every row of a CSV table."),
        click.argument("numbers", nargs=-1, metavar="NUMBER..."),
    ):
        command = option(command)
    return collector_option(data_option(json_option(command)))


@contextmanager
def _collection(data: Path, collector: str) -> Iterator[Collection]:
    from recognizer.catalogue.store import Catalogue
    from recognizer.collecting.holdings import Collection

    with Catalogue.open(data) as catalogue:
        yield Collection(catalogue, collector)


@click.command()
@_saying_options
@click.option("--jar", help="The jar, box or board that they lie in.")
@click.option(
    "--condition",
    type=click.Choice([grade.value for grade in Condition]),
    help="How well they are kept, from the worst to the best.",
)
def own(jar: str | None, condition: str | None, **asked: Any) -> None:
    """Say which pins are owned; NUMBER is an entry_id or any number.

    Saying it again changes nothing: --count sets how many there are. A table for --from has a column `number`, and may
    have count, jar, price, note and condition.
    """
    _say("own", jar=jar, condition=condition, **asked)


@click.command()
@_saying_options
def wish(**asked: Any) -> None:
    """Say which pins are wished for; --count 0 takes the wish back."""
    _say("wish", jar=None, **asked)


@click.command()
@_saying_options
def swap(**asked: Any) -> None:
    """Say how many of the owned pins would be swapped."""
    _say("swap", jar=None, **asked)


def _say(
    kind: str,
    numbers: Sequence[str],
    table: Path | None,
    count: int,
    jar: str | None,
    price: str | None,
    note: str | None,
    data: Path,
    collector: str,
    as_json: bool,
    condition: str | None = None,
) -> None:
    from recognizer.collecting.holdings import Kind

    if (table is None) == (not numbers):
        raise click.UsageError("name pins by NUMBER, or a table with --from")
    with _collection(data, collector) as collection:
        if table is not None:
            rows = collection.take_table(table, Kind(kind), jar)
            if as_json:
                print_json({"rows": rows})
            else:
                click.echo(f"{plural(rows, 'row')} taken from {table.name}")
            return
        said: list[Holding] = []
        with collection.catalogue.transaction(f"{kind} {' '.join(numbers)}: {count}"):
            for number in numbers:
                if kind == "own":
                    said.append(collection.own(number, count, jar, price=price, note=note, condition=condition))
                else:
                    say = collection.wish if kind == "wish" else collection.swap
                    said.append(say(number, count, price=price, note=note))
        _tell(collection, said, as_json)


@click.command()
@click.argument("number")
@click.option("--count", type=click.IntRange(min=1), default=1, show_default=True, help="So many were sold.")
@click.option("--jar", help="The jar that they came from.")
@click.option("--price", help="The price, as it is to be written.")
@click.option("--note", help="Words to keep with it.")
@collector_option
@data_option
@json_option
def sold(
    number: str,
    count: int,
    jar: str | None,
    price: str | None,
    note: str | None,
    data: Path,
    collector: str,
    as_json: bool,
) -> None:
    """Count owned pins as sold: they leave the collection and, where too few are left, the swap-list."""
    with _collection(data, collector) as collection:
        _tell(collection, [collection.sell(number, count, jar, price=price, note=note)], as_json)


@click.command()
@click.option("--series", help="Of this series.")
@click.option("--theme", help="Under this theme; a path is written THEME / PART.")
@click.option("--by", type=click.Choice(["series", "theme"]), default="series", show_default=True, help="Overview by.")
@collector_option
@data_option
@json_option
def missing(series: str | None, theme: str | None, by: str, data: Path, collector: str, as_json: bool) -> None:
    """List the pins that are missing from a series or theme; without one, how far each is collected."""
    with _collection(data, collector) as collection:
        if series is None and theme is None:
            groups = collection.progress(by)
            if as_json:
                print_json([_missing_json(group) for group in groups])
            else:
                click.echo("\n".join(map(_percent, groups)) or f"no entry has a {by}")
            return
        found = collection.missing(series, theme)
    if as_json:
        print_json(_missing_json(found))
        return
    lines = [f"{entry.number}  {entry.title or entry.title_en}".rstrip() for entry in found.missing]
    click.echo("\n".join([*lines, _percent(found)]))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.csv|FILE.html")
@click.option("--series", help="With what is missing from this series.")
@click.option("--theme", help="With what is missing under this theme.")
@collector_option
@data_option
def wants(file: Path, series: str | None, theme: str | None, data: Path, collector: str) -> None:
    """Write the want-list: the pins wished for, or those missing from a series or theme.

    A file that ends in .html is a sheet to print, with pictures and QR codes of the numbers; any other is CSV.
    """
    with _collection(data, collector) as collection:
        title = " · ".join(text for text in ("Want-list", series, theme) if text)
        _write(file, collection, title, collection.wanted(series, theme))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.csv|FILE.html")
@collector_option
@data_option
def swaps(file: Path, data: Path, collector: str) -> None:
    """Write the swap-list; a file that ends in .html is a sheet to print, any other is CSV."""
    with _collection(data, collector) as collection:
        _write(file, collection, "Swap-list", collection.offered())


def _write(file: Path, collection: Collection, title: str, rows: Sequence[tuple[CatalogueEntry, Holding]]) -> None:
    if file.suffix.lower() in (".html", ".htm"):
        from recognizer.reports.want_sheet import write_sheet

        count = write_sheet(file, collection.catalogue, title, rows)
    else:
        from recognizer.collecting.holdings import write_list

        count = write_list(file, rows)
    click.echo(f"{plural(count, 'pin')} written to {file}")


def _tell(collection: Collection, said: Sequence[Holding], as_json: bool) -> None:
    if as_json:
        print_json([asdict(holding) for holding in said])
        return
    entries = collection.catalogue.known(holding.entry_id for holding in said)
    for holding in said:
        entry = entries[holding.entry_id]
        where = (f" in {holding.jar}" if holding.jar else "") + (f", {holding.condition}" if holding.condition else "")
        click.echo(f"{holding.kind}: {holding.count}{where}  {entry.number}  {entry.title or entry.title_en}".rstrip())


def _percent(group: Missing) -> str:
    owned, total = len(group.owned), len(group.owned) + len(group.missing)
    return f"{group.name or 'all'}: {owned} of {total}, {group.percent:.0f}% complete"


def _missing_json(group: Missing) -> dict[str, Any]:
    return {
        "name": group.name,
        "owned": [entry.entry_id for entry in group.owned],
        "missing": [entry.entry_id for entry in group.missing],
        "percent": round(group.percent, 2),
    }
