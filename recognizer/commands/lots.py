"""`znachki lot` and `znachki split`: pictures of many pins, each pin found and identified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recognizer.collecting.condition import Condition
from recognizer.collecting.picture_answers import PictureAnswer
from recognizer.commands import (
    Source,
    cluster_option,
    collector_option,
    data_option,
    echo,
    folder_option,
    jobs_option,
    json_option,
    model_option,
    plural,
    print_json,
    progress_bar,
    rate_option,
    team_of,
)
from recognizer.errors import PhotoError

if TYPE_CHECKING:
    from recognizer.catalogue.store import Catalogue
    from recognizer.collecting.jobs import Job, Task
    from recognizer.collecting.listings import Unread
    from recognizer.collecting.lot_marks import Marker
    from recognizer.collecting.lot_totals import Tally, Totals


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="PICTURE|FOLDER|LISTINGS.json...")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/lots"),
    show_default=True,
    help="Job folder: answers, report.html, pins.csv, lots.json, coco.json.",
)
@click.option("--pictures", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Pictures of listings.")
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="Most entries for a pin.")
@click.option("--numbers", metavar="SYSTEM,...", default="", help="Tell the numbers under these systems too.")
@click.option(
    "--condition",
    type=click.Choice([grade.value for grade in Condition]),
    help="How well the pins of lots are kept that do not say so.",
)
@jobs_option
@cluster_option
@click.option("--again", is_flag=True, help="Ask every picture of the job folder anew.")
@click.option(
    "--own",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="PINS.csv",
    help="Own the pins of a bought lot: those with a number under `own` in its pins.csv, once you looked it through.",
)
@click.option("--yes", is_flag=True, help="Own the pins with the verdict match, without looking them through.")
@click.option("--jar", help="The jar, box or board that owned pins go to.")
@collector_option
@rate_option
@model_option
@data_option
@json_option
def lot(  # above 60 lines: most of them are its options, and what each is for
    sources: tuple[Path, ...],
    out: Path,
    pictures: Path | None,
    k: int,
    numbers: str,
    condition: str | None,
    jobs: int | None,
    cluster: str | None,
    again: bool,
    own: Path | None,
    yes: bool,
    jar: str | None,
    collector: str,
    false_match_rate: float | None,
    model: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Find and identify every pin on pictures of lots.

    A source is a picture, a folder of them, or listings: the answer of an eBay Browse search as it comes, or its
    ItemSummary objects, one a line, whose pictures are named by itemId. A copy of a picture in one lot counts once.
    Answers go to the job folder; run again after a kill, it goes on where it stopped, and without a source it goes on
    with what the folder holds. Pictures that cannot be read are listed at the end, and the exit code is 1. Each line
    tells what all pictures so far come to: pins, those with a name, those missing, and the price for each missing one.

    A collector who owns or wishes for anything sees which pins he has, which he lacks and, where grades were given to
    his pins and to the lot, which are better than his; and the lots ranked by missing pins for their price.
    """
    from recognizer.catalogue.store import Catalogue
    from recognizer.collecting import listings
    from recognizer.collecting.holdings import Collection
    from recognizer.collecting.jobs import Job
    from recognizer.commands.identifying import systems_of
    from recognizer.commands.lot_work import Question, alone, together
    from recognizer.reports import lot_report

    if own is not None:
        if sources or yes:
            raise click.UsageError("--own takes a table that was looked through; leave sources and --yes out")
        _own(own, jar, collector, data, as_json)
        return
    systems = systems_of(numbers)
    notes: list[str] = []
    found, unread = listings.read(sources, pictures, notes)
    for note in notes:
        echo(f"note: {note}", err=True)
    found = [replace(one, condition=one.condition or condition or "") for one in found]
    source, question = Source.of(data, model, false_match_rate), Question(k, tuple(systems))
    made_with = f"{source.terms().made_with}/{','.join(systems)}/{k}"
    job = Job.open(out, found, made_with, again=again) if sources else Job.resume(out)
    waiting = job.pending()
    team = team_of(jobs, cluster).at_most(len(waiting))
    if team.size > 1 and waiting:
        _follow(job, together(job, waiting, source, question, team), collector, data, quiet=as_json)
    elif waiting:
        with source.open() as recognizer:
            _follow(job, alone(job, waiting, recognizer, question), collector, data, quiet=as_json)
    with Catalogue.open(data) as catalogue:
        result = lot_report.write(job, _marker(catalogue, collector))
        owned = Collection(catalogue, collector).take_lot(out / "pins.csv", jar) if yes else 0
    if as_json:
        print_json(result | {"unread": [{"source": one.source, "error": one.reason} for one in unread]})
    else:
        _say_end(job, result, unread)
        if yes:
            click.echo(f"{plural(owned, 'pin')} owned")
    if unread or result["errors"]:
        raise click.exceptions.Exit(1)


def _own(table: Path, jar: str | None, collector: str, data: Path, as_json: bool) -> None:
    """Own the pins that a reviewed table tells."""
    from recognizer.catalogue.store import Catalogue
    from recognizer.collecting.holdings import Collection

    with Catalogue.open(data) as catalogue:
        owned = Collection(catalogue, collector).take_lot(table, jar)
    if as_json:
        print_json({"owned": owned})
    else:
        click.echo(f"{plural(owned, 'pin')} owned")


def _marker(catalogue: Catalogue, collector: str) -> Marker | None:
    """What knows which pins a collector lacks, None where he has said nothing that it could tell."""
    from recognizer.collecting.holdings import Collection
    from recognizer.collecting.lot_marks import Marker

    marker = Marker(Collection(catalogue, collector))
    return marker if marker.is_of_use else None


def _follow(job: Job, work: Iterator[Task], collector: str, data: Path, *, quiet: bool) -> None:
    """Tell of each picture as it is done what was found, and what all pictures so far come to."""
    from recognizer.catalogue.store import Catalogue
    from recognizer.collecting.lot_totals import Tally
    from recognizer.reports import lot_report

    with Catalogue.open(data) as catalogue:
        tally = Tally(_marker(catalogue, collector))
    waiting = {task.key for task in job.pending()}
    done = len(job.tasks) - len(waiting)
    for task in job.tasks:
        if task.key not in waiting:
            _add(tally, task, job.answer(task))
    if done and not quiet:
        click.echo(f"{done} of {plural(len(job.tasks), 'picture')} answered before; going on", err=True)
    with progress_bar("lots") as progress:
        for task in work:
            done += 1
            answer = job.answer(task) or {}
            _add(tally, task, answer)
            if "error" in answer:
                echo(f"Error: {answer['error']}", err=True)
            elif not quiet:
                echo(f"{task.picture}: {_counts(lot_report.summary([answer]))}; so far {_so_far(tally.totals)}")
            progress(done, len(job.tasks))


def _add(tally: Tally, task: Task, answer: PictureAnswer | None) -> None:
    listing = task.listing
    tally.add(listing.key, (answer or {}).get("recognitions", ()), listing.price, listing.currency)


def _so_far(totals: Totals) -> str:
    """What all pictures so far come to."""
    words = [plural(totals.pins, "pin"), f"{totals.named:,} named"]
    words += [] if totals.missing is None else [f"{totals.missing:,} missing"]
    for offer in totals.offers:
        if offer.price_each is not None:
            words.append(f"{offer.price_each:,.2f} {offer.currency}".rstrip() + " for each missing pin")
    return ", ".join(words)


def _counts(found: Any) -> str:
    words = [plural(found.pins, "pin")]
    for count, name in (
        (found.known, "known"),
        (found.unsure, "unsure"),
        (found.unknown, "not in the catalogue"),
        (found.not_pins, "no pin"),
        (found.duplicates, "more than once"),
    ):
        words += [f"{count} {name}"] if count else []
    return ", ".join(words)


def _worth(value: Any, currency: str) -> str:
    """What a lot is to the collector."""
    each = "" if value["price_each"] is None else f", {value['price_each']:.2f} {currency}".rstrip() + " each"
    better = f", {len(value['better'])} better than yours" if value["better"] else ""
    return f"; {len(value['missing'])} missing{each}, {len(value['owned'])} owned{better}"


def _say_end(job: Job, result: dict[str, Any], unread: Sequence[Unread]) -> None:
    from recognizer.reports import lot_report

    for one in result["lots"]:
        if one["price"] is not None or len(one["pictures"]) > 1:
            price = f", {one['price']:.2f} {one['currency']}" if one["price"] is not None else ""
            worth = _worth(one["value"], one["currency"]) if "value" in one else ""
            click.echo(f"{one['title'] or one['lot']}{price}: {_counts(lot_report.summary(one['pictures']))}{worth}")
    for failed in result["errors"]:
        click.echo(f"not read: {failed['picture']}: {failed['error']}", err=True)
    for source in unread:
        click.echo(f"not read: {source.source}: {source.reason}", err=True)
    click.echo(f"report: {job.folder / 'report.html'}")


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PICTURE|FOLDER...")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the crops; without it, `crops` in the data folder.",
)
@folder_option
@json_option
def split(pictures: tuple[Path, ...], out: Path | None, data: Path, as_json: bool) -> None:
    """Write the crops of pictures as PNG, cut out along their outlines, to see by eye what is found.

    Needs no catalogue. A crop is named by its picture and its number in reading order.
    """
    from recognizer.collecting import listings
    from recognizer.files import make_folder, write_whole
    from recognizer.vision import crops as cropping
    from recognizer.vision.photos import encode_png, open_photo

    out = out or data / "crops"
    notes: list[str] = []
    found, unread = listings.read(pictures, notes=notes)
    for note in notes:
        echo(f"note: {note}", err=True)
    make_folder(out)
    written: list[dict[str, Any]] = []
    with progress_bar("split") as progress:
        for done, one in enumerate(found, 1):
            path = one.pictures[0]
            try:
                photo = open_photo(path, str(path))
            except PhotoError as error:
                unread.append(listings.Unread(str(path), str(error)))
                continue
            crops = cropping.split(photo)
            for number, crop in enumerate(crops, 1):
                file = out / f"{path.stem}-{photo.sha256[:8]}-{number:03d}.png"
                write_whole(file, encode_png(cropping.cut_out(crop)))
                box = [crop.box.left, crop.box.top, crop.box.right, crop.box.bottom]
                about = {"picture": str(path), "crop": str(file), "box": box, "score": round(crop.score, 4)}
                written.append(about)
            if not as_json:
                echo(f"{path}: {plural(len(crops), 'crop')}")
            progress(done, len(found))
    if as_json:
        print_json({"crops": written, "unread": [{"source": one.source, "error": one.reason} for one in unread]})
    for source in unread:
        click.echo(f"not read: {source.source}: {source.reason}", err=True)
    if unread:
        raise click.exceptions.Exit(1)
