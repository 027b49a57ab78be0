"""`znachki fetch`: the pictures that are wanted, brought from their addresses."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recognizer.commands import data_option, json_option, plural, print_json, progress_bar

if TYPE_CHECKING:
    from recognizer.catalogue.fetching import FetchReport


@click.command()
@click.option("--parallel", type=click.IntRange(1, 64), default=8, show_default=True, help="Pictures at once, in all.")
@click.option("--per-host", type=click.IntRange(1, 8), default=2, show_default=True, help="Of these from one host.")
@click.option("--pause", type=click.FloatRange(0), default=0.5, show_default=True, help="Seconds between requests.")
@click.option("--tries", type=click.IntRange(1, 10), default=4, show_default=True, help="Requests a picture.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=20.0, show_default=True, help="Seconds without an answer."
)
@click.option("--max-mb", type=click.FloatRange(0.01), default=40.0, show_default=True, help="Megabytes a picture.")
@click.option("--any-licence", is_flag=True, help="Also fetch what has no open licence; for who may copy it.")
@click.option("--private", is_flag=True, help="Also ask hosts inside the own network.")
@click.option("--again", is_flag=True, help="Ask once more for what was refused.")
@click.option("--contact", default="", metavar="TEXT", help="An address or page, told to the hosts.")
@data_option
@json_option
def fetch(
    parallel: int,
    per_host: int,
    pause: float,
    tries: int,
    timeout: float,
    max_mb: float,
    any_licence: bool,
    private: bool,
    again: bool,
    contact: str,
    data: Path,
    as_json: bool,
) -> None:
    """Fetch the pictures that imports gave as addresses.

    Only pictures with an open licence are asked for, and none that the host's robots.txt forbids. Each picture enters
    the catalogue as it comes; a run that was cut off is gone on with by calling it again. What fails for now is tried
    again by the next run.
    """
    from recognizer.catalogue.fetching import Manners
    from recognizer.catalogue.fetching import fetch as fetch_pictures
    from recognizer.catalogue.store import Catalogue
    from recognizer.catalogue.wanted import want_again

    manners = Manners(
        parallel=parallel,
        per_host=per_host,
        pause=pause,
        tries=tries,
        timeout=timeout,
        max_bytes=int(max_mb * 1e6),
        any_licence=any_licence,
        private=private,
        contact=contact,
    )
    with Catalogue.open(data) as catalogue, progress_bar("fetch") as progress:
        if again:
            want_again(catalogue)
        report = fetch_pictures(catalogue, manners, progress)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(fetch_lines(report))


def fetch_lines(report: FetchReport) -> str:
    """Say what a run did."""
    counts = (f"{report.new} new", f"{report.same} known", f"{report.refused} refused", f"{report.later} for later")
    lines = [f"pictures: {', '.join(counts)}"]
    if report.licence:
        lines.append(f"not asked for: {plural(report.licence, 'picture')} without an open licence; see --any-licence")
    lines += [f"{count} x {reason}" for reason, count in sorted(report.reasons.items(), key=lambda pair: -pair[1])]
    return "\n".join(lines)
