"""`znachki train`, `models`, `promote` and `calibrate`: models made from the catalogue, which answers, and how sure."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recognizer.commands import (
    data_option,
    echo,
    json_option,
    plural,
    print_json,
    progress_bar,
    progress_bars,
    rate_option,
)
from recognizer.errors import ModelError

if TYPE_CHECKING:
    from recognizer.decision.calibration import Calibration
    from training.promote import Comparison


SHOWN: Final = 20
"""Changed answers that are listed; `--changed` draws them all."""


@click.command()
@click.argument("name", required=False)
@click.option(
    "--from",
    "base",
    metavar="MODEL",
    help="What to start from: current, imagenet, a name in DATA/models, a model folder, open_clip:NAME/TAG.",
)
@click.option("--designs", type=click.Path(file_okay=False, path_type=Path), help="Train on rendered designs instead.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="With --designs: the model's folder.")
@click.option("--use-size", type=click.IntRange(min=32), help="With --designs: pixels of the input in use.")
@click.option("--steps", type=click.IntRange(min=1), default=220, show_default=True)
@click.option("--head-steps", type=click.IntRange(min=0), default=10, show_default=True, help="Only the head learns.")
@click.option("--pairs", type=click.IntRange(min=2), default=32, show_default=True, help="Entries a step.")
@click.option("--part", type=click.IntRange(min=1), default=96, show_default=True, help="Pictures held at a time.")
@click.option("--size", type=click.IntRange(min=32), default=160, show_default=True, help="Pixels of a view.")
@click.option("--late-size", type=int, default=0, help="Pixels of a view in the last part of the steps.")
@click.option("--rate", type=float, default=3e-4, show_default=True)
@click.option("--temperature", type=click.FloatRange(0, min_open=True), default=0.06, show_default=True)
@click.option("--keep", type=click.FloatRange(0, 1), default=0.99, show_default=True, help="Of the average, a step.")
@click.option("--images", type=float, default=1.0, show_default=True, help="Weight of picture with picture.")
@click.option("--texts", type=float, default=0.25, show_default=True, help="Weight of picture with words.")
@click.option("--entropy", type=float, default=0.3, show_default=True, help="Weight of keeping entries apart.")
@click.option("--settle", type=int, help="Pairs of views for the last map; by default 1200, with --designs 0: none.")
@click.option("--all-layers", is_flag=True, help="Train the costly first layers and depthwise filters too.")
@click.option("--deep/--still", default=None, help="Train the picture network (the default), or leave it.")
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    help="Of the trained weights, the rest the base's; by held-out pins if unset.",
)
@click.option("--every", type=click.IntRange(min=1), default=50, show_default=True, help="Steps between checkpoints.")
@click.option("--patience", type=int, default=0, help="Stop after so many checkpoints without gain; 0 never.")
@click.option("--stop", type=int, default=0, help="End at this step of the schedule; 0 at its end.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes that draw views.")
@data_option
def train(
    name: str | None,
    base: str | None,
    designs: Path | None,
    out: Path | None,
    use_size: int | None,
    data: Path,
    **settings: Any,
) -> None:
    """Train a model on the catalogue's photos and words; it lands in DATA/models/NAME.

    The network learns the catalogue's pins. From a model of pins a tenth of that is kept (--share), for more would
    forget other pins; then it gets a last map, which evens out how views of one pin differ, and words are brought to
    the pictures. With --still the network stays as it is: where entries have one photo each that is as good, in half
    the time.

    A run that was killed goes on where it stopped when it is started again with the same options. The curve, a picture
    of the views and the checkpoint lie in DATA/runs/NAME. `znachki promote NAME` puts the model to use if it is better.
    `torchrun --nproc-per-node N -m recognizer.cli train ...` shares the work among N processes.
    """
    if (designs is None) != (out is None):
        raise click.UsageError("--designs and --out go together")
    if (name is None) == (out is None):
        raise click.UsageError("give a NAME for the model, or --designs and --out")
    from recognizer.search.model_folder import check_name
    from training.train import Plan, on_catalogue, on_designs

    if settings["settle"] is None:
        settings["settle"] = Plan().settle if designs is None else 0
    plan = Plan(**settings)
    with progress_bar("train", "steps") as progress:
        if designs is not None and out is not None:
            from training.designs import load

            folder = on_designs(load(designs), out, plan, base=base, size=use_size, progress=progress)
        else:
            assert name is not None
            check_name(name)
            folder = on_catalogue(data, name, plan, base=base, progress=progress, say=_warn)
    click.echo(f"{folder}: trained; `znachki promote {folder.name}` compares it with the current model")


@click.command()
@click.argument("model")
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@data_option
def export_open_clip(model: str, folder: Path, data: Path) -> None:
    """Write the picture side of MODEL, a name of `znachki models`, as a new FOLDER that open_clip loads.

    Without a last map only, which open_clip has no form for: what `znachki train --settle 0` makes, and the base.
    """
    from recognizer.exchange import open_clip_folder

    open_clip_folder.write(model, folder, data / "models")
    click.echo(f"{folder}: open_clip.create_model_and_transforms('local-dir:{folder}')")


@click.command()
@data_option
@json_option
def models(data: Path, as_json: bool) -> None:
    """List the models: what each is made from, how it did, and which one is current."""
    from training.promote import listed

    held = listed(data)
    rows: list[dict[str, Any]] = held["models"]
    if as_json:
        print_json(held)
        return
    if not rows:
        click.echo("no models yet; `znachki train NAME` makes one")
    for row in rows:
        mark = "*" if row["current"] else " "
        facts = [f"from {row['base']}" if row["base"] else "", row["data"], _day(row["made"])]
        numbers = row.get("numbers") or {}
        if numbers:
            facts.append(f"R@1 {numbers['recall_at_1']:.3f} of {numbers['queries']:.0f} held-out queries")
        click.echo(f"{mark} {row['model']:16} {'; '.join(fact for fact in facts if fact) or 'comes with znachki'}")


@click.command()
@click.argument("model", required=False)
@click.option("--force", is_flag=True, help="Take a worse model too; the record says so.")
@click.option("--rollback", is_flag=True, help="Return to the model before the current one.")
@click.option("--compare", "only", is_flag=True, help="Only compare; change nothing.")
@click.option(
    "--changed", type=click.Path(file_okay=False, path_type=Path), help="Draw the changed answers into a folder."
)
@data_option
@json_option
def promote(
    model: str | None, force: bool, rollback: bool, only: bool, changed: Path | None, data: Path, as_json: bool
) -> None:
    """Make a trained model the current one, if it answers the held-out queries no worse.

    It is compared with the current model and with the base that ships. The index is made anew beside the old one, and
    model and index change in one step; until then, and after a kill, the old pair answers.
    """
    if rollback == (model is not None):
        raise click.UsageError("give a MODEL, or --rollback")
    from recognizer.search import embedder
    from training import promote as gate

    if rollback:
        before = gate.previous(data)
        _swap(data, before, embedder.load(before, data / "models").fingerprint, rollback=True)
        click.echo(f"{before} is current again")
        return
    assert model is not None
    found = gate.compare(data, model)
    if changed is not None:
        gate.draw_changed(found, changed)
    if as_json:
        print_json(_as_json(found))
    else:
        click.echo("\n".join(_lines(found)))
    if only:
        return
    if found.worse and not force:
        raise ModelError(
            f"{found.candidate}: not promoted; " + "; ".join(found.worse) + ". --force takes it all the same"
        )
    if found.fingerprint == gate.current(data).fingerprint:
        click.echo(f"{found.candidate} is current already", err=True)
        return
    numbers = dict(found.figures["candidate"]["all"])
    _swap(data, found.candidate, found.fingerprint, numbers=numbers, forced=bool(found.worse), worse=list(found.worse))
    if not as_json:
        click.echo(f"{found.candidate} is current")


def _swap(data: Path, model: str, fingerprint: str, **about: Any) -> None:
    from index.build import build
    from recognizer.commands.indexing import BARS
    from training.promote import note

    note(data, model, fingerprint, **about)
    with progress_bars(*BARS) as (progress, comparing):
        build(data, model=model, progress=progress, comparing=comparing)


def _lines(found: Comparison) -> list[str]:
    """Say the figures as a table: a line a group, a column a model; and how many answers changed, and how."""
    roles = ("candidate", "current", "base")
    lines = [f"{'recall at 1':24}{'queries':>9}" + "".join(f"{role:>12}" for role in roles)]
    for group, figures in found.figures["candidate"].items():
        values = "".join(f"{found.figures[role][group]['recall_at_1']:12.3f}" for role in roles)
        lines.append(f"{group:24}{figures['queries']:9.0f}{values}")
    marks = found.marks
    gained = sum(int(marks["candidate"].ranks[row] == 1) for row in found.changed)
    lost = sum(int(marks["current"].ranks[row] == 1) for row in found.changed)
    lines.append(f"{plural(len(found.changed), 'answer')} changed: {gained} now right, {lost} right before")
    for row in found.changed[:SHOWN]:
        query = found.exam.queries[row]
        before, now = marks["current"].best[row], marks["candidate"].best[row]
        lines.append(f"  {query.name[:24]} shows {query.entry_id}: {before} before, {now} now")
    return lines


def _as_json(found: Comparison) -> dict[str, Any]:
    exam, marks = found.exam, found.marks
    return {
        "candidate": found.candidate,
        "current": found.current,
        "base": found.base,
        "figures": found.figures,
        "changed": [
            {
                "query": exam.queries[row].name,
                "entry_id": exam.queries[row].entry_id,
                "candidate": marks["candidate"].best[row],
                "current": marks["current"].best[row],
            }
            for row in found.changed
        ],
        "worse": list(found.worse),
    }


def _day(moment: str) -> str:
    return datetime.fromisoformat(moment).date().isoformat() if moment else ""


def _warn(text: str) -> None:
    click.echo(f"Error: {text}", err=True)


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
        click.echo("\n".join(_calibration_lines(made)))


def _calibration_lines(made: Calibration) -> list[str]:
    from recognizer.reports.answers import operating_words

    lines = [f"calibrated on {made.source}", operating_words(made.ranking)]
    if made.figures:
        lines.append("on queries that the fit did not see:")
        lines += [f"  {name.replace('_', ' '):22}{value:>8}" for name, value in made.figures.items()]
    return lines
