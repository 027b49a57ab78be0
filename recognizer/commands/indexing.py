"""`znachki index`: the index of the catalogue's photos, made and checked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from recognizer.commands import (
    cluster_option,
    data_option,
    jobs_option,
    json_option,
    model_option,
    plural,
    print_json,
    progress_bars,
    team_of,
)

if TYPE_CHECKING:
    from index.build import IndexReport

BARS: Final = ("index", "compare photos")
"""What the two works of an index are called, see `index.build.build`."""


@click.command()
@model_option
@click.option("--check", "only_check", is_flag=True, help="Change nothing; say what is stale, missing or orphaned.")
@click.option("--rebuild", is_flag=True, help="Make the whole index anew.")
@jobs_option
@cluster_option
@data_option
@json_option
def index(
    model: str | None,
    only_check: bool,
    rebuild: bool,
    jobs: int | None,
    cluster: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Make the index of the catalogue's photos, doing only what is missing.

    The old index answers until the new one is whole. Photos that cannot be read are told on standard error and left
    out; the exit code is then 1. With --check, it is 1 where the index is stale.
    """
    if only_check:
        if model is not None or rebuild:
            raise click.UsageError("--check changes nothing; leave out --model and --rebuild")
        _check(data, as_json)
        return
    from index.build import build

    team = team_of(jobs, cluster)
    with progress_bars(*BARS) as (progress, comparing):
        report = build(data, model=model, rebuild=rebuild, team=team, progress=progress, comparing=comparing)
    for _, error in report.failed:
        click.echo(f"Error: {error}", err=True)
    if as_json:
        failed = [{"photo": photo, "error": error} for photo, error in report.failed]
        print_json(asdict(report) | {"failed": failed})
    else:
        click.echo(index_lines(report))
    if report.failed:
        raise click.exceptions.Exit(1)


def index_lines(report: IndexReport) -> str:
    """Say what indexing did."""
    changes = f"{report.added} added, {report.removed} removed, {report.kept} kept"
    photos = plural(report.added + report.kept, "photo")
    if not report.added + report.kept + report.removed + len(report.failed):
        return "no photos in the catalogue, so nothing can be found yet; `znachki import` brings a table or a folder"
    failed = f", {len(report.failed)} failed" if report.failed else ""
    return f"{photos} indexed: {changes}{failed}; {report.seconds:.1f} s, model {report.model}"


def _check(data: Path, as_json: bool) -> None:
    from index.check import check

    state = check(data)
    if as_json:
        print_json(asdict(state))
    else:
        click.echo(state.message)
    if state.stale:
        raise click.exceptions.Exit(1)
