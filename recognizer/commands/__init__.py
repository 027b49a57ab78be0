"""The sub-commands of `znachki`, a module a group of them, and what they share: `--data`, `--json`, the progress bar.

A command's module is imported when the command is called; it imports what it runs inside the command's function, so
that `znachki COMMAND --help` is quick too.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from recognizer.errors import CatalogueError

if TYPE_CHECKING:
    from recognizer.decision.calibration import Terms
    from recognizer.identify import Recognizer
    from recognizer.running.teams import Team

_Command = TypeVar("_Command", bound=Callable[..., Any])

DATA: Final = Path("data")
"""The data folder where neither `--data` nor ZNACHKI_DATA names one."""


def data_option(command: _Command) -> _Command:
    """Give a command `--data DIR` and `--database URL`; its function gets `data: Path`, which stands for both."""
    database = click.option(
        "--database",
        metavar="URL",
        envvar="ZNACHKI_DATABASE",
        show_envvar=True,
        is_eager=True,
        expose_value=False,
        callback=lambda ctx, _param, url: ctx.meta.update({_DATABASE: url}),
        help="Server that holds the catalogue in place of the folder's file: postgresql://USER@HOST/NAME.",
    )
    return folder_option(database(command))


def folder_option(command: _Command) -> _Command:
    """Give a command `--data DIR` alone, whose catalogue is always the folder's own file."""
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        default=DATA,
        envvar="ZNACHKI_DATA",
        show_default=True,
        show_envvar=True,
        callback=_assign,
        help="Folder with catalogue, pictures, models and index.",
    )(command)


_DATABASE: Final = "znachki.database"


def _assign(ctx: click.Context, _param: click.Parameter, data: Path) -> Path:
    """Open the catalogue of the data folder on the server that was named, for as long as the command runs."""
    if url := ctx.meta.get(_DATABASE):
        from recognizer.catalogue.database import assign

        assign(data, url)
        ctx.call_on_close(lambda: assign(data, None))
    return data


def json_option(command: _Command) -> _Command:
    """Give a command `--json`; its function gets `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def jobs_option(command: _Command) -> _Command:
    """Give a command `--jobs N`; its function gets `jobs: int | None`, None for as many as there is room for."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        envvar="ZNACHKI_JOBS",
        show_envvar=True,
        help="Processes at work at once, each with a model of its own; one a core, as far as memory goes.",
    )(command)


def cluster_option(command: _Command) -> _Command:
    """Give a command `--cluster ADDRESS`; its function gets `cluster: str | None`, None for this machine alone."""
    return click.option(
        "--cluster",
        metavar="ADDRESS",
        envvar="ZNACHKI_CLUSTER",
        show_envvar=True,
        help="Share the work over a Ray cluster: HOST:PORT, auto, or local; docs/several-machines.md says how.",
    )(command)


def team_of(jobs: int | None, cluster: str | None = None) -> Team:
    """Return who shares the work of a command: `jobs` processes, None for as many as there is room for, here or on a
    cluster.

    Where memory leaves room for fewer than there are cores, that is told on stderr once they begin.
    """
    from recognizer.running.room import NEED, cores, processes
    from recognizer.running.workers import Workers

    if cluster is not None:
        from recognizer.running.cluster import Cluster

        return Cluster(cluster, jobs)
    if jobs is not None:
        return Workers(jobs).at_most(jobs)
    room = processes()

    def tell() -> None:
        each = f"{NEED / 1e9:.1f} GB"
        echo(
            f"note: memory is free for {room} of {cores()} processes, {each} each; --jobs N decides otherwise", err=True
        )

    return Workers(room, before=tell if room < cores() else None).at_most(room)


def collector_option(command: _Command) -> _Command:
    """Give a command `--collector`; its function gets `collector: str`."""
    return click.option(
        "--collector",
        default="",
        envvar="ZNACHKI_COLLECTOR",
        show_envvar=True,
        help="Whose collection, where several share one catalogue.",
    )(command)


def model_option(command: _Command) -> _Command:
    """Give a command `--model`; its function gets `model: str | None`."""
    return click.option(
        "--model",
        metavar="MODEL",
        help="A name in DATA/models, a model folder, or open_clip:NAME/PRETRAINED; without it, the shipped model.",
    )(command)


def rate_option(command: _Command) -> _Command:
    """Give a command `--false-match-rate`; its function gets `false_match_rate: float | None`."""
    return click.option(
        "--false-match-rate",
        type=click.FloatRange(0, 1),
        metavar="SHARE",
        help="Share of pins that the catalogue lacks which may be called a match; 0.005 unless calibrated otherwise.",
    )(command)


@dataclass(frozen=True, slots=True)
class Source:
    """What a recognizer is opened from, wherever that is done: data folder, model, operating point, the server that
    holds the catalogue, None where the folder does, and the machine that asks."""

    data: Path
    model: str | None
    false_match_rate: float | None
    database: str | None
    host: str

    @classmethod
    def of(cls, data: Path, model: str | None, false_match_rate: float | None) -> Source:
        """Name it so that another process finds it too."""
        from recognizer.catalogue.database import assigned

        return cls(data.absolute(), model, false_match_rate, assigned(data), socket.gethostname())

    def open(self) -> Recognizer:
        """Open the recognizer, in a member of a team; CatalogueError where its machine cannot share the catalogue."""
        from recognizer.catalogue.database import assign
        from recognizer.identify import Recognizer

        if self.database is None and self.host != (here := socket.gethostname()):
            raise CatalogueError(
                f"{self.data}: its catalogue is a file, which {here} and {self.host} cannot share without harm to it; "
                "`znachki copy` brings it to PostgreSQL, and --database names it there"
            )
        assign(self.data, self.database)
        return Recognizer.open(self.data, model=self.model, false_match_rate=self.false_match_rate)

    def terms(self) -> Terms:
        """Read what its answers rest on, and tell on stderr where its calibration no longer serves."""
        from recognizer.decision.calibration import Terms

        terms = Terms.of(self.data, false_match_rate=self.false_match_rate)
        if terms.uncalibrated:
            click.echo(f"Warning: {terms.uncalibrated}", err=True)
        return terms


def open_recognizer(data: Path, model: str | None, false_match_rate: float | None) -> Recognizer:
    """Open the recognizer of a data folder, and tell on stderr where its index or its calibration no longer serves."""
    from recognizer.identify import Recognizer

    recognizer = Recognizer.open(data, model=model, false_match_rate=false_match_rate)
    if recognizer.uncalibrated:
        click.echo(f"Warning: {recognizer.uncalibrated}", err=True)
    if recognizer.unindexed:
        photos = plural(recognizer.unindexed, "photo")
        click.echo(f"Warning: {photos} of the catalogue cannot be found yet; run `znachki index`", err=True)
    return recognizer


def print_json(value: object) -> None:
    """Print a value as JSON, its letters as they are, a list of numbers or of points on one line."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    for item in (r"-?[\d.]+(?:e[-+]?\d+)?", r"\[[-\d., ]+\]"):  # no string has a line break in it, only a list does
        text = re.sub(rf"\[\n\s+({item}(?:,\n\s+{item})*)\n\s+\]", _joined, text)
    click.echo(text)


def _joined(found: re.Match[str]) -> str:
    return "[" + re.sub(r",\n\s+", ", ", found[1]) + "]"


@contextmanager
def progress_bar(label: str, unit: str = "photos") -> Iterator[Callable[[int, int], None]]:
    """Yield a function of (done, total) that draws a bar with the time left on stderr, if that is a terminal."""
    with progress_bars(label, unit=unit) as (show,):
        yield show


@contextmanager
def progress_bars(*labels: str, unit: str = "photos") -> Iterator[tuple[Callable[[int, int], None], ...]]:
    """Yield such a function for each of several works that follow one another: a bar each, one at a time."""
    from tqdm import tqdm

    away = not sys.stderr.isatty()
    bar = tqdm(desc=labels[0], unit=f" {unit}", file=sys.stderr, leave=False, delay=0.3, disable=away)

    shown = labels[0]

    def show(label: str, done: int, total: int) -> None:
        nonlocal shown
        if label != shown:
            shown = label
            bar.reset(total)
            bar.set_description(label, refresh=False)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield tuple(partial(show, label) for label in labels)
    finally:
        bar.close()


def echo(text: str, *, err: bool = False) -> None:
    """Print a line on stdout, or with `err` on stderr, without cutting through a progress bar."""
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr if err else sys.stdout):
        click.echo(text, err=err)


def plural(count: int, one: str, many: str = "") -> str:
    """Say a count with its noun: "1 photo", "12 photos"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
