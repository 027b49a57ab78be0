"""`znachki identify` and `search`: photos or words in, catalogue numbers out."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recognizer.commands import (
    data_option,
    echo,
    json_option,
    model_option,
    open_recognizer,
    print_json,
    progress_bar,
    rate_option,
)
from recognizer.errors import PhotoError

if TYPE_CHECKING:
    from recognizer.identify import Recognizer
    from recognizer.reports.answers import Answer
    from recognizer.types import Photo, Recognition, Role


BATCH: Final = 8
"""Photos that are identified together: enough for the embedder, and an answer is never more than seconds away."""


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...|FOLDER|-")
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="Most entries for a pin.")
@click.option(
    "--numbers", metavar="SYSTEM,...", default="", help="Tell the numbers under these systems: avers,ilyinskii."
)
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="FILE:ROLE",
    help="A further photo of the one pin asked about: reverse, clasp or mark. Again for more.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a row for each entry offered.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML page with the pictures.")
@rate_option
@model_option
@data_option
@json_option
def identify(
    photos: tuple[Path, ...],
    k: int,
    numbers: str,
    others: tuple[str, ...],
    as_csv: bool,
    report: Path | None,
    false_match_rate: float | None,
    model: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Say which catalogue entries are on a photo.

    PHOTO is a file, a folder of them, or - for one picture on standard input. Files that are no usable picture are told
    on standard error and the others answered; the exit code is 1 when any file failed.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json at once; give one of them")
    systems = systems_of(numbers)
    refused: list[Refused] = []
    paths = _listed(photos, refused)
    further = further_photos(others)
    if further and len(paths) != 1:
        raise click.UsageError(f"--with goes with one photo of the pin's face, not {len(paths)}")
    with open_recognizer(data, model, false_match_rate) as recognizer:
        show = (_Json if as_json else _Csv if as_csv else _Text)(systems)
        answer_all(recognizer, paths, show.answer, refused, k=k, report=report, others=further)
        show.end(refused)
    if report is not None:
        click.echo(f"report: {report}", err=True)
    if refused:
        raise click.exceptions.Exit(1)


def further_photos(named: Sequence[str]) -> list[tuple[Photo, Role]]:
    """Open the photos that --with names, FILE:ROLE; UsageError for what is no role, PhotoError for what is no photo."""
    from recognizer.types import Role
    from recognizer.vision.photos import open_photo

    found = []
    for one in named:
        path, colon, role = one.rpartition(":")
        if not colon or role not in {one.value for one in Role if one is not Role.FACE}:
            raise click.UsageError(f"--with {one}: give it as FILE:reverse, FILE:clasp or FILE:mark")
        found.append((open_photo(Path(path)), Role(role)))
    return found


def systems_of(numbers: str) -> tuple[str, ...]:
    """The numbering systems that --numbers names, each once."""
    from recognizer.catalogue.numbers import systems_in
    from recognizer.reports.answers import CSV_COLUMNS

    systems = systems_in(numbers)
    if taken := [system for system in systems if system in CSV_COLUMNS]:
        raise click.UsageError(f"--numbers {taken[0]}: a column of every answer; name a numbering system")
    return systems


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that could not be read, as it was named, and why."""

    photo: str
    error: PhotoError


def _listed(photos: tuple[Path, ...], refused: list[Refused]) -> list[Path]:
    """The files that the arguments stand for; what stands for none goes to `refused`."""
    from recognizer.vision.photos import list_photos

    paths: list[Path] = []
    for photo in photos:
        inside = list_photos(photo) if photo.is_dir() else [photo]
        if not inside:
            _refuse(refused, str(photo), PhotoError(f"{photo}: no photos in this folder; name one that has some"))
        paths += inside
    return paths


def _refuse(refused: list[Refused], photo: str, error: PhotoError) -> None:
    """Note a file that failed and say so on stderr."""
    refused.append(Refused(photo, error))
    echo(f"Error: {error}", err=True)


def answer_all(
    recognizer: Recognizer,
    paths: Sequence[Path],
    show: Callable[[Answer], None],
    refused: list[Refused],
    *,
    k: int,
    report: Path | None,
    others: Sequence[tuple[Photo, Role]] = (),
) -> None:
    """Identify photos in their order and show each answer as it comes; with `report`, write the HTML page too.

    Photos that cannot be read go to `refused` and to stderr. A progress bar is drawn there; the path `-` is standard
    input. A photo is held no longer than its answer takes. `others` are further photos of the pin on a single photo.
    """

    def shown() -> Iterator[tuple[Photo, Sequence[Recognition]]]:
        for answer in _answers(recognizer, paths, refused, k, others):
            show(answer)
            yield answer.photo, answer.recognitions

    if report is None:
        for _ in shown():
            pass
    else:
        from recognizer.reports.photo_report import write_report

        refusals = (one.error for one in refused)
        write_report(report, shown(), recognizer.catalogue, refused=refusals, ranking=recognizer.ranking)


def _answers(
    recognizer: Recognizer,
    paths: Sequence[Path],
    refused: list[Refused],
    k: int,
    others: Sequence[tuple[Photo, Role]] = (),
) -> Iterator[Answer]:
    from recognizer.reports.answers import Answer

    with progress_bar("identify") as progress:
        for start in range(0, len(paths), BATCH):
            batch = [photo for path in paths[start : start + BATCH] if (photo := _opened(path, refused)) is not None]
            found = recognizer.identify(batch, k=k, further=others) if batch else []
            for photo, answers in zip(batch, found, strict=True):
                yield Answer(photo, tuple(answers))
            progress(min(start + BATCH, len(paths)), len(paths))


def _opened(path: Path, refused: list[Refused]) -> Photo | None:
    from recognizer.vision.photos import open_photo

    stdin = str(path) == "-"
    name = "stdin" if stdin else str(path)
    try:
        return open_photo(sys.stdin.buffer if stdin else path, name)
    except PhotoError as error:
        _refuse(refused, name, error)
        return None


class _Text:
    """Answers to read, as they come, with the numbers under some systems."""

    def __init__(self, systems: Sequence[str]) -> None:
        self._systems = systems

    def answer(self, answer: Answer) -> None:
        """Print one answer."""
        from recognizer.reports.answers import answer_lines

        echo(answer_lines(answer, self._systems))

    def end(self, refused: Sequence[Refused]) -> None:
        """Nothing is left to print: the errors were told."""


class _Csv(_Text):
    """Answers as CSV, as they come."""

    def __init__(self, systems: Sequence[str]) -> None:
        from recognizer.reports.answers import CSV_COLUMNS

        super().__init__(systems)
        self._columns = (*CSV_COLUMNS, *systems)
        click.echo(",".join(self._columns))

    def answer(self, answer: Answer) -> None:
        """Print one answer's rows."""
        from recognizer.catalogue.table_cells import safe_row
        from recognizer.reports.answers import answer_rows

        text = io.StringIO(newline="")
        rows = map(safe_row, answer_rows(answer, self._systems))
        csv.DictWriter(text, self._columns, lineterminator="\n").writerows(rows)
        if text.tell():
            echo(text.getvalue().removesuffix("\n"))


class _Json(_Text):
    """Answers as one JSON document, printed at the end."""

    def __init__(self, systems: Sequence[str]) -> None:
        super().__init__(systems)
        self._photos: list[dict[str, Any]] = []

    def answer(self, answer: Answer) -> None:
        """Keep one answer."""
        from recognizer.reports.answers import answer_json

        self._photos.append(answer_json(answer, self._systems))

    def end(self, refused: Sequence[Refused]) -> None:
        """Print the document."""
        failed = [{"photo": one.photo, "error": str(one.error)} for one in refused]
        print_json({"photos": self._photos, "errors": failed})


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--k", type=click.IntRange(min=1), default=20, show_default=True, help="Entries at most.")
@data_option
@json_option
def search(words: tuple[str, ...], k: int, data: Path, as_json: bool) -> None:
    """Find entries by words: in their texts, by what their titles mean, and in what their pictures show.

    Words of sixteen languages find titles of any other, "rocket" and "raketa" a "Ракета". Meanings and pictures are
    searched by the text tower of the model that the index was made with; where it has none, that is said on standard
    error and the texts alone are searched.
    """
    from recognizer.catalogue.store import Catalogue
    from recognizer.curating.word_search import search as find
    from recognizer.search import embedder
    from recognizer.search.index import Index, read_manifest

    manifest = read_manifest(data / "index")
    model = embedder.load(manifest.model, data / "models") if manifest else None
    if model is None:
        click.echo("no index: the texts alone are searched; `znachki index` makes one", err=True)
    elif not model.reads_text:
        cure = "`znachki train` makes a model that has one"
        click.echo(f"model {model.name} has no text tower: the texts alone are searched; {cure}", err=True)
    index = Index.open(data / "index") if model is not None and model.reads_text else None
    with Catalogue.open(data) as catalogue:
        found = find(catalogue, " ".join(words), index=index, model=model, limit=k)
    if as_json:
        print_json(
            [
                {
                    "entry_id": one.entry.entry_id,
                    "number": one.entry.number,
                    "title": one.entry.title,
                    "title_en": one.entry.title_en,
                    "place_by_text": one.by_text or None,
                    "place_by_meaning": one.by_meaning or None,
                    "place_by_picture": one.by_picture or None,
                }
                for one in found
            ]
        )
        return
    if not found:
        click.echo("nothing found")
    for one in found:
        places = (("text", one.by_text), ("meaning", one.by_meaning), ("picture", one.by_picture))
        by = " and ".join(name for name, place in places if place)
        click.echo(f"  {one.entry.number}  {one.entry.title or one.entry.title_en}  (by {by})")
