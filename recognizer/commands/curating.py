"""`znachki audit`, `photo`, `families` and `discover`: what a curator looks through, and mends."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from recognizer.commands import data_option, jobs_option, json_option, plural, print_json, progress_bar, team_of

KINDS: Final = (
    *("same_photo", "nearer_to_another", "mixed_roles", "duplicate", "unreadable", "tiny", "no_photo", "one_photo"),
)
"""The kinds of `recognizer.curating.audit.Kind`, which loads longer than `--help` may; a test holds them equal."""

ROLES: Final = ("face", "reverse", "clasp", "mark")


@click.command()
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="List this kind alone; may be repeated.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report with the photos.")
@jobs_option
@data_option
@json_option
def audit(kinds: tuple[str, ...], report: Path | None, jobs: int | None, data: Path, as_json: bool) -> None:
    """Look for photos that are in the wrong place: each finding with the command that mends it.

    Found are one photo under two numbers or twice in an entry, photos that are nearer to another entry than to their
    own, faces and reverses that are mixed, unreadable and tiny photos, and entries without a photo or with a single
    one. Nothing is changed, and the index that is there is used. The exit code is 1 where something was found, entries
    with one photo left aside.
    """
    from dataclasses import replace

    from recognizer.catalogue.store import Catalogue
    from recognizer.curating import audit as audits
    from recognizer.reports.audit_report import WORDS, write_audit

    with progress_bar("audit") as progress:
        found = audits.audit(data, team=team_of(jobs), progress=progress)
    if kinds:
        found = replace(found, findings=tuple(one for one in found.findings if one.kind in kinds))
    if report is not None:
        with Catalogue.open(data) as catalogue:
            write_audit(report, found, catalogue)
    if as_json:
        print_json(found.as_json())
    else:
        for one in found.findings:
            if one.kind is not audits.Kind.ONE_PHOTO or kinds:
                click.echo(f"{', '.join(one.entry_ids)}: {one.what}\n    {one.command}")
        click.echo(f"{plural(found.entries, 'entry', 'entries')}, {plural(found.photos, 'photo')}")
        for kind, count in found.counts().items():
            if count:
                click.echo(f"{count:6,}  {WORDS[kind]}")
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if any(one.kind is not audits.Kind.ONE_PHOTO for one in found.findings):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("image_id", type=int)
@click.option("--remove", is_flag=True, help="Take it out of the catalogue.")
@click.option("--to", "entry", metavar="N", help="Give it to another entry, by entry_id or any number.")
@click.option("--role", type=click.Choice(ROLES), help="Say what it shows.")
@data_option
@json_option
def photo(image_id: int, remove: bool, entry: str | None, role: str | None, data: Path, as_json: bool) -> None:
    """Show the catalogue photo IMAGE_ID; take it out, give it to another entry, or say what it shows.

    `znachki index` then takes the change in, `znachki undo` brings back what was before.
    """
    from dataclasses import asdict

    from recognizer.catalogue.store import Catalogue
    from recognizer.types import Role

    if remove + (entry is not None) + (role is not None) > 1:
        raise click.UsageError("give one of --remove, --to, --role")
    with Catalogue.open(data) as catalogue:
        now = catalogue.image(image_id)
        if remove:
            catalogue.remove_image(image_id)
        elif entry is not None:
            now = catalogue.move_image(image_id, entry)
        elif role is not None:
            now = catalogue.change_role(image_id, Role(role))
        changed = remove or entry is not None or role is not None
        change = catalogue.history(limit=1)[0].change_id if changed else None
        path = catalogue.picture_path(now)
    if as_json:
        print_json(asdict(now) | {"removed": remove, "change": change})
        return
    said = f"photo {now.image_id} of {now.entry_id}, {now.role}"
    click.echo(f"{said}  {path}" if change is None else f"{said}{' removed' if remove else ''}; change {change}")


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
@click.option("--into", metavar="NUMBER", help="The entry that shows this pin already: the crops become photos of it.")
@click.option("--number", metavar="N", help="Number of the entry; also its entry_id.")
@click.option("--title", metavar="T", help="Title of the entry.")
@data_option
@json_option
def discover(
    jobs: tuple[Path, ...],
    out: Path | None,
    accept: str | None,
    into: str | None,
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

    told = (number is not None and title is not None and into is None) or (into is not None and number is title is None)
    if accept is not None and (not told or jobs):
        raise click.UsageError(
            "to accept give --accept CLUSTER and --number N --title T, or --into NUMBER, and no folders"
        )
    if accept is None and (number is not None or into is not None):
        raise click.UsageError("--number and --into go with --accept CLUSTER")
    folder = out or data / "discover"
    if accept is not None:
        _accept(data, folder, accept, into, number or "", title or "")
        return
    with Catalogue.open(data) as catalogue:
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


def _accept(data: Path, folder: Path, cluster: str, into: str | None, number: str, title: str) -> None:
    """Make an entry of a cluster, or its crops photos of the entry that it goes into."""
    from recognizer.catalogue.store import Catalogue
    from recognizer.curating import discover as discoveries

    with Catalogue.open(data) as catalogue:
        chosen = discoveries.read_cluster(folder, cluster)
        if into is not None:
            entry = discoveries.accept_into(folder, catalogue, chosen, into)
        else:
            entry = discoveries.accept(folder, catalogue, chosen, number, title)
    click.echo(f"{entry.entry_id} with {plural(len(chosen.crops), 'photo')}; `znachki index` takes it in")
