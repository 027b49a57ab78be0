"""`znachki demo` and `znachki sample`: drawn pins to try everything with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recognizer.commands import (
    folder_option,
    json_option,
    model_option,
    plural,
    print_json,
    progress_bar,
    progress_bars,
)

if TYPE_CHECKING:
    from recognizer.identify import Recognizer
    from recognizer.reports.answers import Answer
    from recognizer.types import CatalogueEntry

DEMO: Final = Path("out/demo")
"""The demo's own data folder: drawn pins do not mix with a collector's catalogue."""

RIGHT: Final = "right"
"""The outcome of an answer whose verdict and first entry are those of the pin on the photo."""


@click.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="[DIR]")
@click.option("--count", type=click.IntRange(min=1), default=150, show_default=True, help="Entries.")
@click.option("--known", type=click.IntRange(min=0), default=40, show_default=True, help="Photos of its pins.")
@click.option("--lacking", type=click.IntRange(min=0), default=10, show_default=True, help="Photos of other pins.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other pins.")
@folder_option
@json_option
def sample(folder: Path | None, count: int, known: int, lacking: int, seed: int, data: Path, as_json: bool) -> None:
    """Write the drawn sample catalogue and photos to ask it about.

    DIR (without it, `sample` in the data folder) gets catalogue.csv, queries.csv and photos/. Every pin is invented.
    """
    from recognizer.drawn.sample import write

    files = write(folder or data / "sample", count, seed, known, lacking)
    if as_json:
        print_json(
            {
                "catalogue": str(files.catalogue),
                "queries": str(files.queries),
                "entries": files.entries,
                "known_queries": files.known_queries,
                "unknown_queries": files.unknown_queries,
            }
        )
        return
    click.echo(f"{files.catalogue}: {plural(files.entries, 'drawn entry', 'drawn entries')}")
    asked = f"{plural(files.known_queries, 'photo')} of them, {files.unknown_queries} of pins that they lack"
    click.echo(f"{files.queries}: {asked}")


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEMO,
    envvar="ZNACHKI_DATA",
    show_default=True,
    show_envvar=True,
    help="Folder for the drawn catalogue, its index and the report.",
)
@click.option("--count", type=click.IntRange(min=1), default=150, show_default=True, help="Entries to draw.")
@click.option("--photos", type=click.IntRange(min=1), default=6, show_default=True, help="Photos of its pins.")
@model_option
@json_option
def demo(data: Path, count: int, photos: int, model: str | None, as_json: bool) -> None:
    """Draw a sample catalogue and identify phone photos of its pins.

    Draws, imports and indexes it, identifies photos of a few of its pins and of one that it lacks, says which answers
    are right, and writes an HTML report. Run again, it imports and indexes only what is missing.
    """
    from index import trial
    from index.build import build
    from recognizer.catalogue.imports import import_csv, read_queries
    from recognizer.catalogue.store import Catalogue
    from recognizer.commands.entries import import_lines
    from recognizer.commands.identifying import answer_all
    from recognizer.commands.indexing import BARS, index_lines
    from recognizer.identify import Recognizer
    from recognizer.reports.answers import answer_lines

    say = (lambda text: None) if as_json else click.echo
    trial.refuse_a_collectors_catalogue(data, f"draw the demo elsewhere: znachki demo --data {DEMO}")
    say(f"Drawing {plural(count, 'pin')} (invented, not photographed) into {data}")
    files = trial.draw(data, count, photos)
    with Catalogue.open(data, create=True) as catalogue, progress_bar("import") as progress:
        imported = import_csv(catalogue, files.catalogue, progress)
    say(import_lines(imported))
    with progress_bars(*BARS) as (progress, comparing):
        indexed = build(data, model=model, progress=progress, comparing=comparing)
    say(index_lines(indexed))
    truths = read_queries(files.queries)
    report = data / "report.html"
    judged: list[dict[str, Any]] = []
    with Recognizer.open(data, model=model) as recognizer:

        def judge(answer: Answer) -> None:
            _, truth = truths[len(judged)]
            shows = recognizer.catalogue.entry(truth) if truth else None
            judged.append(_judged(answer, shows))
            say(f"\n{_shows(shows)}\n{answer_lines(answer)}\n  {judged[-1]['outcome']}")

        answer_all(recognizer, [path for path, _ in truths], judge, [], k=3, report=report)
        right = sum(one["outcome"] == RIGHT for one in judged)
        say(f"\n{right} of {len(judged)} right. Photos beside catalogue photos, matched points drawn: {report}")
        lot = _lot(recognizer, data, count)
        say(_lot_line(lot))
    if as_json:
        print_json({"photos": judged, "right": right, "report": str(report), "lot": lot})


def _lot(recognizer: Recognizer, data: Path, count: int) -> dict[str, Any]:
    """Draw a lot, find and identify its pins, and write its report; returns how many were found and named right."""
    from recognizer.collecting.jobs import Job
    from recognizer.collecting.listings import Listing
    from recognizer.drawn import sample
    from recognizer.measuring import lot_measures
    from recognizer.reports import lot_report
    from recognizer.reports.answers import Answer
    from recognizer.vision.photos import open_photo

    (truth,) = lot_measures.read_places(sample.write_lot(data / "sample", count))
    job = Job.open(data / "lot", [Listing(truth.picture.name, (truth.picture,))], recognizer.made_with, again=True)
    photo = open_photo(truth.picture)
    found = recognizer.identify([photo])[0]
    for task in job.pending():
        lot_report.keep(job, task, Answer(photo, tuple(found)), recognizer.catalogue)
    lot_report.write(job)
    figures = lot_measures.measure_places([truth], lambda _: found)
    known = sum(entry_id is not None for entry_id in truth.entry_ids)
    return {
        "pins": len(truth.entry_ids),
        "found": round((figures.places_found or 0) * len(truth.entry_ids)),
        "known": known,
        "right": round((figures.end_to_end_at_1 or 0) * known),
        "report": str(job.folder / "report.html"),
    }


def _lot_line(lot: dict[str, Any]) -> str:
    return (
        f"A lot of {lot['pins']} pins, {lot['known']} of them in the catalogue: {lot['found']} found, "
        f"{lot['right']} of the known ones named right. Each pin beside its catalogue photo: {lot['report']}"
    )


def _shows(entry: CatalogueEntry | None) -> str:
    return f"A photo of {entry.number}, {entry.title}:" if entry else "A photo of a pin that the catalogue lacks:"


def _judged(answer: Answer, shows: CatalogueEntry | None) -> dict[str, Any]:
    """An answer as JSON with what the photo shows and whether the answer's verdict and first entry say so."""
    from recognizer.reports.answers import answer_json

    return answer_json(answer) | {"entry_id": shows.entry_id if shows else None, "outcome": _outcome(answer, shows)}


def _outcome(answer: Answer, shows: CatalogueEntry | None) -> str:
    from recognizer.types import NAMED, Verdict

    if len(answer.recognitions) != 1:
        return f"WRONG: one pin taken for {len(answer.recognitions)}"
    found = answer.recognitions[0]
    if shows is None:
        return RIGHT if found.verdict in (Verdict.UNKNOWN, Verdict.NOT_A_PIN) else "WRONG: the catalogue lacks this pin"
    ids = [match.entry.entry_id for match in found.matches]
    if ids and ids[0] == shows.entry_id:
        return RIGHT if found.verdict in NAMED else "WRONG: the catalogue has this pin"
    if shows.family and found.matches and found.matches[0].entry.family == shows.family:
        return f"WRONG: another variant of the same drawing; it is {shows.number}"
    return f"WRONG: it is {shows.number}"
