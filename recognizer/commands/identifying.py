"""`znachki identify` and `search`: photos or words in, catalogue numbers out."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recognizer.commands import (
    Source,
    data_option,
    echo,
    jobs_option,
    json_option,
    model_option,
    open_recognizer,
    print_json,
    progress_bar,
    rate_option,
    team_of,
)
from recognizer.errors import PhotoError

if TYPE_CHECKING:
    from recognizer.catalogue.store import Catalogue
    from recognizer.decision.verdict import Ranking
    from recognizer.identify import Recognizer
    from recognizer.reports.answers import Answer
    from recognizer.running.teams import Team
    from recognizer.types import Photo, Recognition, Role


BATCH: Final = 8
"""Photos that are identified together: enough for the embedder, and an answer is never more than seconds away."""

WORTH: Final = 2
"""Batches a process, at least: it takes some seconds to load its model."""


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
@jobs_option
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
    jobs: int | None,
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
    source = Source.of(data, model, false_match_rate)
    alone = Path("-") in paths or bool(further)
    team = team_of(1 if alone else jobs).at_most(len(paths) // (WORTH * BATCH))
    show = (_Json if as_json else _Csv if as_csv else _Text)(systems)
    if team.size == 1:
        with open_recognizer(data, model, false_match_rate) as recognizer:
            answer_all(recognizer, paths, show.answer, refused, k=k, report=report, others=further)
    else:
        _answer_together(team, source, paths, show.answer, refused, k=k, report=report)
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
    asked = _Asked(recognizer, k, tuple(others))
    done = (_answer(asked, batch) for batch in _batches(paths))
    _tell(done, len(paths), show, refused, report, recognizer.catalogue, recognizer.ranking)


def _answer_together(
    team: Team,
    source: Source,
    paths: Sequence[Path],
    show: Callable[[Answer], None],
    refused: list[Refused],
    *,
    k: int,
    report: Path | None,
) -> None:
    """Have a team identify photos, and tell of them as `answer_all` does, in their order."""
    from recognizer.catalogue.store import Catalogue
    from recognizer.running.teams import in_order, together

    with Catalogue.open(source.data) as catalogue:
        ranking = source.terms().ranking
        done = in_order(together(team, _answer_lightly, _batches(paths), _begin, source, k, report is not None))
        _tell(done, len(paths), show, refused, report, catalogue, ranking)


def _batches(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    return (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))


_Batch = tuple[list["Answer"], list["Refused"]]
"""The answers to photos of a batch in their order, and those of it that could not be read."""


def _tell(
    done: Iterator[_Batch],
    count: int,
    show: Callable[[Answer], None],
    refused: list[Refused],
    report: Path | None,
    catalogue: Catalogue,
    ranking: Ranking,
) -> None:
    """Show answers as they come, and what could not be read; with `report`, write the HTML page."""

    def shown() -> Iterator[tuple[Photo, Sequence[Recognition]]]:
        with progress_bar("identify") as progress:
            at = 0
            for answers, unread in done:
                for one in unread:
                    _refuse(refused, one.photo, one.error)
                for answer in answers:
                    show(answer)
                    yield answer.photo, answer.recognitions
                at += len(answers) + len(unread)
                progress(at, count)

    if report is None:
        for _ in shown():
            pass
    else:
        from recognizer.reports.photo_report import write_report

        write_report(report, shown(), catalogue, refused=(one.error for one in refused), ranking=ranking)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is asked, for how many entries a pin, with which further photos, and whether photos go with their answers."""

    recognizer: Recognizer
    k: int
    others: Sequence[tuple[Photo, Role]] = ()
    pictures: bool = True


def _begin(source: Source, k: int, pictures: bool) -> _Asked:
    return _Asked(source.open(), k, (), pictures)


def _answer_lightly(asked: _Asked, paths: Sequence[Path]) -> _Batch:
    """Answer photos, and leave of them behind what nobody will look at."""
    answers, unread = _answer(asked, paths)
    height, width = (None, None) if asked.pictures else (0, 0)

    def light(photo: Photo) -> Photo:
        return replace(photo, image=photo.image[:height, :width], encoded=b"")

    return [replace(one, photo=light(one.photo)) for one in answers], unread


def _answer(asked: _Asked, paths: Sequence[Path]) -> _Batch:
    from recognizer.reports.answers import Answer

    opened = [_opened(path) for path in paths]
    unread = [one for one in opened if isinstance(one, Refused)]
    photos = [one for one in opened if not isinstance(one, Refused)]
    found = asked.recognizer.identify(photos, k=asked.k, further=asked.others) if photos else []
    return [Answer(photo, tuple(answers)) for photo, answers in zip(photos, found, strict=True)], unread


def _opened(path: Path) -> Photo | Refused:
    from recognizer.vision.photos import open_photo

    stdin = str(path) == "-"
    name = "stdin" if stdin else str(path)
    try:
        return open_photo(sys.stdin.buffer if stdin else path, name)
    except PhotoError as error:
        return Refused(name, error)


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
