"""`znachki export-opennumismat`: the catalogue as a collection of another program."""

from __future__ import annotations

from pathlib import Path

import click

from recognizer.commands import data_option, plural


@click.command("export-opennumismat")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.db")
@data_option
def export_opennumismat(file: Path, data: Path) -> None:
    """Write the catalogue as a new collection that OpenNumismat opens.

    `znachki import FILE.db` brings it back with what was changed there; photos beyond the places that a coin has stay
    out.
    """
    from recognizer.catalogue.imports.sources.write_opennumismat import write_opennumismat
    from recognizer.catalogue.store import Catalogue

    with Catalogue.open(data) as catalogue:
        count = write_opennumismat(catalogue, file)
    click.echo(f"{plural(count, 'entry', 'entries')} written to {file}")
