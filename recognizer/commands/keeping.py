"""`znachki export`, `copy`, `backup`, `bundle` and their like: the catalogue, taken elsewhere and kept safe."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recognizer.commands import data_option, folder_option, json_option, plural, print_json, progress_bar

if TYPE_CHECKING:
    from recognizer.catalogue.store import Catalogue


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.csv")
@data_option
def export(file: Path, data: Path) -> None:
    """Write the catalogue as a table that `znachki import` reads; paths of pictures are relative to the table."""
    from recognizer.catalogue.exports import export_csv
    from recognizer.catalogue.store import Catalogue

    with Catalogue.open(data) as catalogue:
        report = export_csv(catalogue, file)
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{plural(report.entries, 'entry', 'entries')}, {plural(report.images, 'photo')} written to {file}")


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@data_option
@json_option
def copy(source: str, target: str, data: Path, as_json: bool) -> None:
    """Copy a whole catalogue, FROM and TO each a data folder or the address of a server database.

    The pictures of a catalogue on a server lie in the folder that --data names; without it, in that of the other side.
    TO must be empty. Ids, history and collection stay as they are.
    """
    from recognizer.exchange.copying import transfer

    named = click.get_current_context().get_parameter_source("data") is not click.core.ParameterSource.DEFAULT
    sides = [source, target]
    folders = [Path(side) for side in sides if not _is_address(side)]
    home = data if named or not folders else folders[0]
    with ExitStack() as stack:
        one = stack.enter_context(_open(source, home, create=False))
        other = stack.enter_context(_open(target, home, create=True))
        report = transfer(one, other)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(f"{plural(sum(report.rows.values()), 'row')} and {plural(report.pictures, 'picture')} copied")
    for file in report.missing:
        click.echo(f"missing picture: {file}", err=True)
    if report.missing:
        raise click.exceptions.Exit(1)


def _open(side: str, home: Path, *, create: bool) -> Catalogue:
    from recognizer.catalogue.store import DATABASE, Catalogue

    if _is_address(side):
        return Catalogue.open(home, url=side, create=create)
    file = Path(side) / DATABASE
    if not create and not file.is_file():
        return Catalogue.open(side)  # says what is missing
    return Catalogue.open(side, url=f"sqlite:///{file.absolute()}", create=create)


def _is_address(side: str) -> bool:
    return "://" in side


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_option
@json_option
def backup(file: Path, data: Path, as_json: bool) -> None:
    """Write catalogue, pictures, models and index to one FILE, a ZIP with the sha256 of each, while they are in use.

    A damaged or missing picture is named and left out; the exit code is 1 then.
    """
    from recognizer.catalogue.store import Catalogue
    from recognizer.exchange.backup import back_up

    with Catalogue.open(data) as catalogue, progress_bar("backup") as progress:
        report = back_up(catalogue, file, progress)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(f"{plural(report.files, 'file')}, {report.bytes / 1e6:,.1f} MB written to {file}")
    _tell_damage(report.damaged)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the catalogue that is there; it is moved aside, not deleted.")
@click.option("--partial", is_flag=True, help="Restore what is whole, though some of the backup is damaged.")
@data_option
@json_option
def restore(file: Path, force: bool, partial: bool, data: Path, as_json: bool) -> None:
    """Bring a backup back as the data folder, once the sha256 of everything in it was checked.

    With --database, the catalogue goes to that server, whose database must be empty, and the rest to the folder.
    Called again after it was cut off, it goes on.
    """
    from recognizer.catalogue import database
    from recognizer.exchange.backup import restore as bring_back

    with progress_bar("restore") as progress:
        report = bring_back(file, data, force=force, partial=partial, progress=progress, url=database.assigned(data))
    if as_json:
        print_json(asdict(report) | {"moved": None if report.moved is None else str(report.moved)})
    else:
        click.echo(f"{plural(report.files, 'file')} restored to {data}")
        if report.moved is not None:
            click.echo(f"what was there is now in {report.moved}")
    _tell_damage(report.damaged)


@click.command()
@click.option("--tidy", is_flag=True, help="Remove pictures that nothing names, as a killed import leaves them.")
@data_option
@json_option
def check(tidy: bool, data: Path, as_json: bool) -> None:
    """Look for damage in the database, every picture, the models and the index; the exit code is 1 where there is some.

    Each damaged file is named with the cure; what else works goes on working. `znachki index --check` says whether the
    index is up to date.
    """
    from index.damage import damaged
    from recognizer.errors import CatalogueError
    from recognizer.exchange import backup as saving

    with progress_bar("check") as progress:
        found = saving.check_folder(data, progress)
    with progress_bar("check index") as progress:
        found += damaged(data, progress)
    left: list[str] = []
    with suppress(CatalogueError):  # a damaged database was told above
        left = saving.tidy(data) if tidy else saving.left_over(data)
    if as_json:
        print_json({"damaged": [list(one) for one in found], "left_over": left})
    elif not found:
        click.echo("database, pictures, models and index are whole")
    if not as_json:
        for name, what in found:
            click.echo(f"{name}: {what}")
    if left and not as_json:
        what = "removed" if tidy else "named by nothing; `znachki check --tidy` removes them"
        click.echo(f"{plural(len(left), 'picture')} {what}: {', '.join(left[:3])}{', ...' if len(left) > 3 else ''}")
    if found:
        raise click.exceptions.Exit(1)


def _tell_damage(damaged: list[tuple[str, str]]) -> None:
    for name, why in damaged:
        click.echo(f"{name}: {why}", err=True)
    if damaged:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="What the bundle is called; without it, as the file is.")
@click.option("--version", default="1", show_default=True, help="Its version.")
@click.option(
    "--allow", "also", multiple=True, metavar="LICENCE", help="Vouch that this licence allows publishing, too."
)
@click.option("--leave-out", is_flag=True, help="Do without the entries that may not be published.")
@click.option("--since", type=click.Path(path_type=Path), metavar="OLD", help="Say how FILE differs from a bundle OLD.")
@data_option
@json_option
def bundle(
    file: Path,
    name: str | None,
    version: str,
    also: Sequence[str],
    leave_out: bool,
    since: Path | None,
    data: Path,
    as_json: bool,
) -> None:
    """Write the catalogue and its index as one FILE to publish, and its checksum in FILE.sha256.

    It has thumbnails in place of the pictures, and neither history nor collections. Photos may be in it whose licence
    is CC0, public domain or CC BY, also with SA or NC; others stand in the way. With --since nothing is written: FILE
    is there, and compared.
    """
    if since is not None:
        _compare(since, file, as_json)
        return
    from recognizer.exchange.bundle import make_bundle

    with progress_bar("bundle") as progress:
        about = {"name": name or file.stem, "version": version}
        report = make_bundle(data, file, **about, also=also, leave_out=leave_out, progress=progress)
    for entry_id, why in report.refused:
        click.echo(f"left out: {entry_id}: {why}", err=True)
    if as_json:
        print_json(asdict(report))
    else:
        what = f"{plural(report.entries, 'entry', 'entries')} and {plural(report.images, 'photo')}"
        click.echo(f"{what} written to {file}, sha256 {report.sha256}")


def _compare(old: Path, new: Path, as_json: bool) -> None:
    from recognizer.exchange.bundle import compare

    found = compare(old, new)
    if as_json:
        print_json(asdict(found))
        return
    lines = [f"+ {entry_id}" for entry_id in found.added] + [f"- {entry_id}" for entry_id in found.removed]
    lines += [f"~ {entry_id}: {', '.join(names)}" for entry_id, names in found.changed]
    counts = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    click.echo("\n".join([*lines, counts]))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@folder_option
@json_option
def unbundle(file: Path, data: Path, as_json: bool) -> None:
    """Unpack a bundle, every byte checked, as a new data folder that is only read and identifies."""
    from recognizer.exchange.bundle import open_bundle

    with progress_bar("unbundle") as progress:
        manifest = open_bundle(file, data, progress)
    if as_json:
        print_json({name: value for name, value in manifest.items() if name != "files"})
        return
    what = f"{plural(manifest['entries'], 'entry', 'entries')} and {plural(manifest['images'], 'photo')}"
    click.echo(f"{manifest['name']} {manifest['version']}: {what} in {data}")


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
