"""`znachki audit` and `znachki photo`: what is wrong with the catalogue's photos, and mending it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from recognizer.commands import data_option, json_option, plural, print_json, progress_bar

KINDS: Final = (
    *("same_photo", "nearer_to_another", "mixed_roles", "duplicate", "unreadable", "tiny", "no_photo", "one_photo"),
)
"""The kinds of `recognizer.curating.audit.Kind`, which loads longer than `--help` may; a test holds them equal."""

ROLES: Final = ("face", "reverse", "clasp", "mark")


@click.command()
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="List this kind alone; may be repeated.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report with the photos.")
@data_option
@json_option
def audit(kinds: tuple[str, ...], report: Path | None, data: Path, as_json: bool) -> None:
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
        found = audits.audit(data, progress=progress)
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
                click.echo(f"{count:6,}  {WORDS[kind][0]}")
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
