"""`znachki families`: entries that their photos hardly part, proposed and accepted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from recognizer.commands import data_option, json_option, plural, print_json, progress_bar


@click.command()
@click.argument("entries", nargs=-1, metavar="[ENTRY...]")
@click.option("--accept", is_flag=True, help="Make the entries named a family; all that are proposed where none is.")
@click.option("--name", default="", help="The family's name; without it, the first number's.")
@data_option
@json_option
def families(entries: tuple[str, ...], accept: bool, name: str, data: Path, as_json: bool) -> None:
    """Propose families: entries whose photos show one drawing, in another plating, year or word.

    An answer that cannot choose between the members of a family names them all. `--accept ENTRY ENTRY` makes a family
    of these entries, `--accept` alone accepts all that are proposed; `znachki undo` takes it back.
    """
    from recognizer.catalogue.store import Catalogue
    from recognizer.curating import families as kin
    from recognizer.search.index import Index

    if entries and not accept:
        raise click.UsageError("name entries together with --accept")
    with Catalogue.open(data) as catalogue:
        if entries:
            ids = [catalogue.lookup(one).entry.entry_id for one in entries]
            made = kin.accept(catalogue, ids, name)
            members = [entry.entry_id for entry in made]
            if as_json:
                print_json({"family": made[0].family, "entry_ids": members})
            else:
                click.echo(f"{made[0].family}: {', '.join(members)}")
            return
        if name:
            raise click.UsageError("--name goes with the entries of one family; name them")
        with progress_bar("families") as progress:
            found = kin.propose(catalogue, Index.open(data / "index"), progress)
        if accept:
            for family in found:
                kin.accept(catalogue, family.entry_ids)
    if as_json:
        print_json({"accepted": accept, "families": [asdict(family) for family in found]})
        return
    for family in found:
        click.echo(f"{family.alike:.2f}  {', '.join(family.entry_ids)}{'  ' + family.name if family.name else ''}")
    click.echo(plural(len(found), "family", "families") + (" accepted" if accept else " proposed"))
