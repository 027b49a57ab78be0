"""`znachki calibrate`: how sure to be of the answers from this catalogue."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recognizer.commands import data_option, echo, json_option, print_json, progress_bar, rate_option

if TYPE_CHECKING:
    from recognizer.decision.calibration import Calibration


@click.command()
@click.argument("queries", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[QUERIES.csv]")
@rate_option
@data_option
@json_option
def calibrate(queries: Path | None, false_match_rate: float | None, data: Path, as_json: bool) -> None:
    """Fit how sure answers are to this catalogue.

    On QUERIES.csv (columns image and entry_id, empty for a pin that the catalogue lacks) and on what was said of
    answers with `znachki correct` or on the page. Without any of these, on drawn photographs of the catalogue's own
    pins, asked as if the catalogue lacked them: then only the threshold of a match is set. It serves until the model
    changes or the index grows or shrinks by more than a tenth; delete DATA/index/calibration.json to go back to what
    ships.
    """
    from recognizer.catalogue import corrections
    from recognizer.catalogue.imports import read_queries
    from recognizer.catalogue.store import Catalogue
    from recognizer.commands.evaluating import check_queries
    from recognizer.decision.verdict import FALSE_MATCHES
    from training.calibrate import calibrate as fit

    rate = FALSE_MATCHES if false_match_rate is None else false_match_rate
    asked = read_queries(queries) if queries is not None else []
    with Catalogue.open(data) as catalogue:
        if queries is not None:
            check_queries(queries.name, asked, catalogue)
        corrections.take_in(catalogue)
        asked += corrections.corrected_queries(catalogue)
    with progress_bar("calibrate") as progress:
        made = fit(data, asked, rate=rate, progress=progress, say=lambda error: echo(f"Error: {error}", err=True))
    if as_json:
        print_json(asdict(made) | {"ranking": {"match": made.ranking.match, "family": made.ranking.family}})
    else:
        click.echo("\n".join(_lines(made)))


def _lines(made: Calibration) -> list[str]:
    from recognizer.reports.answers import operating_words

    lines = [f"calibrated on {made.source}", operating_words(made.ranking)]
    if made.figures:
        lines.append("on queries that the fit did not see:")
        lines += [f"  {name.replace('_', ' '):22}{value:>8}" for name, value in made.figures.items()]
    return lines
