"""`znachki discover`: entries that the catalogue lacks, proposed from the unknown pins of lots."""

from __future__ import annotations

from pathlib import Path

import click

from recognizer.commands import data_option, json_option, plural, print_json, progress_bar


@click.command()
@click.argument(
    "jobs", nargs=-1, type=click.Path(file_okay=False, exists=True, path_type=Path), metavar="JOB_FOLDER..."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for crops, discover.json and report.html; without it, `discover` in the data folder.",
)
@click.option("--accept", metavar="CLUSTER", help="Make an entry of this cluster, with its crops as photos.")
@click.option("--number", metavar="N", help="Number of the entry; also its entry_id.")
@click.option("--title", metavar="T", help="Title of the entry.")
@data_option
@json_option
def discover(
    jobs: tuple[Path, ...],
    out: Path | None,
    accept: str | None,
    number: str | None,
    title: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Propose new entries: unknown pins that are on several pictures of lots, put together by what they show.

    JOB_FOLDER is what `znachki lot --out` wrote, or a folder of such. Crops are kept, and one that was taken before is
    not taken again, so lots may be added at any time. Without JOB_FOLDER what is there is put together anew.
    """
    from recognizer.catalogue.store import Catalogue
    from recognizer.curating import discover as discoveries
    from recognizer.reports.discover_report import write_discovered
    from recognizer.search import embedder
    from recognizer.search.index import read_manifest
    from recognizer.search.similarity import OF_BASE

    if (accept is None) != (number is None) or (accept is not None and (title is None or jobs)):
        raise click.UsageError("to accept give --accept CLUSTER --number N --title T, and no folders")
    folder = out or data / "discover"
    with Catalogue.open(data) as catalogue:
        if accept is not None:
            assert number is not None
            chosen = discoveries.read_cluster(folder, accept)
            entry = discoveries.accept(folder, catalogue, chosen, number, title or "")
            click.echo(f"{entry.entry_id} with {plural(len(chosen.crops), 'photo')}; `znachki index` takes it in")
            return
        manifest = read_manifest(data / "index")
        model = embedder.load(manifest.model if manifest else None, data / "models")
        with progress_bar("crops", "pins") as progress:
            new, notes = discoveries.gather(folder, jobs, model, progress=progress)
        with progress_bar("compare", "pairs") as progress:
            clusters = discoveries.cluster(
                folder, catalogue, model.fingerprint, scale=manifest.scale if manifest else OF_BASE, progress=progress
            )
        result = discoveries.write_json(folder, clusters)
        proposed = write_discovered(folder, clusters)
    for note in notes:
        click.echo(f"not read: {note}", err=True)
    if as_json:
        print_json(result | {"new": new, "notes": notes})
    else:
        for one in proposed:
            where = plural(len(one.lots), "lot")
            click.echo(
                f"{one.cluster}  seen {plural(one.seen, 'time')} in {where}: {one.crops[0].title or one.lots[0]}"
            )
        click.echo(f"{plural(new, 'new crop')}, {plural(len(proposed), 'pin')} proposed")
        click.echo(f"report: {folder / 'report.html'}")
    if notes:
        raise click.exceptions.Exit(1)
