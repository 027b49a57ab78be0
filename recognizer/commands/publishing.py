"""`znachki bundle` and `unbundle`: a catalogue as one file that another machine identifies with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from recognizer.commands import data_option, folder_option, json_option, plural, print_json, progress_bar


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
