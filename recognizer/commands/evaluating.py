"""`znachki evaluate`: how often photos with known answers are answered right, how sure, how fast."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from recognizer.commands import (
    Source,
    data_option,
    echo,
    jobs_option,
    json_option,
    model_option,
    open_recognizer,
    plural,
    print_json,
    progress_bar,
    rate_option,
    team_of,
)
from recognizer.errors import CatalogueError, PhotoError

if TYPE_CHECKING:
    from recognizer.catalogue.store import Catalogue
    from recognizer.identify import Recognizer
    from recognizer.measuring.metrics import Ints, Measures, Outcomes
    from recognizer.reports.photo_report import Failure
    from recognizer.running.teams import Team
    from recognizer.types import Crop, Evidence, Hit, Match, Photo, Recognition

DEPTH: Final = 50
"""Entries asked for: recall is measured down to here."""

SHOWN: Final = 20
"""Wrong rows that a message lists; it counts the others."""

WORTH: Final = 16
"""Queries a process, at least: it takes some seconds to load its model."""

SIZES: Final = (128, 256, 512)
"""Upper ends, in pixels of the crop's long side, of the classes that recall is split into."""


@click.command()
@click.argument("queries", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="QUERIES.csv")
@click.option(
    "--lots",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="TRUTH",
    help="Measure lot pictures instead: coco.json of boxes and masks, or lots.csv of places and entries.",
)
@click.option("--draw", type=click.Path(file_okay=False, path_type=Path), help="Draw what --lots found into a folder.")
@click.option("--px", type=click.IntRange(min=16), metavar="N", help="Shrink each photo to N pixels first, long side.")
@click.option("--only", type=click.Choice(["embedder", "keypoints"]), help="Use one kind of evidence alone.")
@click.option(
    "--wrong", type=click.Path(file_okay=False, path_type=Path), help="Draw the cases behind the figures into it."
)
@jobs_option
@rate_option
@model_option
@data_option
@json_option
def evaluate(  # above 60 lines: most of them are its options, and what each is for
    queries: Path | None,
    lots: Path | None,
    draw: Path | None,
    px: int | None,
    only: str | None,
    wrong: Path | None,
    jobs: int | None,
    false_match_rate: float | None,
    model: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Measure how often queries with known answers are answered right.

    QUERIES.csv has the columns image and entry_id; an empty entry_id stands for a pin that the catalogue lacks. Photos
    are identified one by one, as `identify` does it, after one that is not timed. With several processes at work each
    takes longer over a photo: times are then said of so many at once. A photo that cannot be read counts as answered
    wrong, and the exit code is then 1. Every known query is asked again as if the catalogue lacked its entry:
    what is called a match then would be wrong.

    With --lots, TRUTH says what pictures of many pins show, and what is found and named on them is measured.
    """
    if (queries is None) == (lots is None):
        raise click.UsageError("give QUERIES.csv or --lots TRUTH, one of them")
    if lots is not None:
        _evaluate_lots(lots, draw, Source.of(data, model, false_match_rate), team_of(jobs), as_json)
        return
    assert queries is not None
    from recognizer.catalogue.imports import read_queries
    from recognizer.catalogue.store import Catalogue
    from recognizer.running.teams import in_order, together
    from recognizer.types import Evidence

    asked = read_queries(queries)
    told = (px, Evidence(only) if only else Evidence.BOTH)
    team = team_of(jobs).at_most(len(asked) // WORTH)

    def followed(catalogue: Catalogue, done: Iterator[Result]) -> tuple[list[Result], Counter[str]]:
        check_queries(queries.name, asked, catalogue)
        results = _followed(done, len(asked))
        if wrong is not None:
            _draw_wrong(wrong, results, catalogue, px)
        return results, photos_of_entries(catalogue)

    if team.size == 1:
        with open_recognizer(data, model, false_match_rate) as recognizer:
            asker = _Asker(recognizer, *told)
            results, photos = followed(recognizer.catalogue, (asker.ask(query) for query in asked))
    else:
        source = Source.of(data, model, false_match_rate)
        source.terms()
        with Catalogue.open(data) as catalogue:
            done = in_order(together(team, _Asker.ask, asked, _begin, source, *told))
            results, photos = followed(catalogue, done)
    found = measures_of(results, entries=len(photos))
    if as_json:
        print_json(found.as_json() | {"intervals": _intervals(results), "jobs": team.size})
    else:
        click.echo("\n".join(_lines(found, results, photos, team.size)))
    if any(result.error for result in results):
        raise click.exceptions.Exit(1)


def _evaluate_lots(truth: Path, draw: Path | None, source: Source, team: Team, as_json: bool) -> None:
    """Measure lot pictures; finding alone needs no catalogue."""
    from recognizer.catalogue.store import Catalogue
    from recognizer.measuring import lot_measures
    from recognizer.running.teams import in_order, together

    coco = truth.suffix.lower() == ".json"
    truths = lot_measures.read_coco(truth) if coco else lot_measures.read_places(truth)
    if not coco:
        entries = {entry_id for one in truths for entry_id in one.entry_ids if entry_id}
        with Catalogue.open(source.data) as catalogue:
            lacking = sorted(entries - set(catalogue.known(entries)))
        if lacking:
            raise CatalogueError(f"{truth}: no entry {lacking[0]!r} in the catalogue; import it first")
        source.terms()
    pictures, begun = [one.picture for one in truths], () if coco else (source,)
    asked = in_order(together(team.at_most(len(truths) // 2), _look, pictures, _begin_looking, *begun))
    with progress_bar("lots") as progress:
        seen = 0

        def watch(photo: Photo, found: Sequence[Recognition]) -> None:
            nonlocal seen
            seen += 1
            progress(seen, len(truths))
            if draw is not None:
                _draw_lot(draw, photo, found)

        measure = lot_measures.measure_boxes if coco else lot_measures.measure_places
        figures = measure(truths, lambda _: next(asked), watch)
    if as_json:
        print_json(figures.as_json())
    else:
        for name, value in figures.as_json().items():
            if value is not None:
                click.echo(f"{name.replace('_', ' '):28}{value:>8}")


def _begin_looking(source: Source | None = None) -> Recognizer | None:
    return None if source is None else source.open()


def _look(recognizer: Recognizer | None, picture: Path) -> list[Recognition]:
    """The pins on a picture, found, and named where there is a recognizer."""
    from recognizer.identify import placed
    from recognizer.types import Recognition, Verdict
    from recognizer.vision.crops import split
    from recognizer.vision.photos import open_photo

    photo = open_photo(picture, str(picture))
    if recognizer is not None:
        return recognizer.identify([photo], k=5)[0]
    return [placed(crop, Recognition(crop.box, (), Verdict.UNKNOWN)) for crop in split(photo)]


def _draw_lot(folder: Path, photo: Photo, found: Sequence[Recognition]) -> None:
    from recognizer.files import make_folder, write_whole
    from recognizer.reports.lot_report import draw_found
    from recognizer.vision.photos import encode_jpeg

    make_folder(folder)
    write_whole(folder / f"{Path(photo.source).stem}.jpg", encode_jpeg(draw_found(photo, found)))


@dataclass(frozen=True, slots=True)
class Result:
    """How one query went.

    `rank` is 0 where the true entry is not among the answers or there is none; `confidence` is the best answer's
    probability, NaN without an answer, `verdict` the word for it, and `held` whether a family has the true entry among
    its members; `pixels` the long side of the crop that it is from; `seconds` by stage. `hidden` is the verdict where
    the catalogue lacks the true entry, "" for an unknown query, and `variant` whether it has another variant of it
    then. `best` and `right` are kept where there is something to draw, see `why`, and `instead`, the answer of
    `hidden`, where that is a match.
    """

    path: Path
    entry_id: str | None
    rank: int = 0
    confidence: float = math.nan
    pixels: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    wrong: bool = True
    verdict: str = "unknown"
    held: bool = False
    best: tuple[Match, Recognition] | None = None
    right: tuple[Match, Recognition] | None = None
    hidden: str = ""
    variant: bool = False
    instead: tuple[Match, Recognition] | None = None
    error: str = ""

    @property
    def why(self) -> str:
        """Which figure of `evaluate` this answer counts against, "" where it counts against none."""
        if self.error or not (self.wrong or self.missed):
            return ""
        if self.entry_id is None:
            return "unknown_matched"
        return "known_matched" if not self.wrong else "matches_right" if self.verdict == "match" else "recall_at_1"

    @property
    def missed(self) -> bool:
        """Whether the right entry comes first and is not called a match."""
        return self.rank == 1 and self.verdict != "match"


def check_queries(name: str, queries: Sequence[tuple[Path, str | None]], catalogue: Catalogue) -> None:
    """Hold the true answers to the catalogue: raises CatalogueError that lists rows whose entry_id no entry has.

    Row 1 is the first one below the header.
    """
    if not queries:
        raise CatalogueError(f"{name}: no queries; give at least one row below the header")
    known = catalogue.known({entry_id for _, entry_id in queries if entry_id is not None})
    wrong = [
        f"  row {row}: no entry {entry_id!r} in the catalogue (photo {path.name})"
        for row, (path, entry_id) in enumerate(queries, 1)
        if entry_id is not None and entry_id not in known
    ]
    if wrong:
        more = [f"  and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        cure = "import the catalogue that they belong to, or leave entry_id empty for pins that it lacks"
        raise CatalogueError("\n".join([f"{name}: {plural(len(wrong), 'error')}; {cure}", *wrong[:SHOWN], *more]))


def photos_of_entries(catalogue: Catalogue) -> Counter[str]:
    """Count the face photos of each entry that has any: those are the ones that an answer can be."""
    from recognizer.types import Role

    return Counter(image.entry_id for image in catalogue.images(Role.FACE))


@dataclass(slots=True)
class _Asker:
    """Identifies each query by itself, after the first that can be read was identified once untimed."""

    recognizer: Recognizer
    px: int | None
    evidence: Evidence
    warm: bool = False

    def ask(self, query: tuple[Path, str | None]) -> Result:
        """Say how a query went; one that cannot be read counts as answered wrong."""
        path, entry_id = query
        try:
            if not self.warm:
                self.recognizer.identify([_open(path, self.px)], k=DEPTH, evidence=self.evidence)
            result = _ask(self.recognizer, path, entry_id, self.px, self.evidence)
        except PhotoError as error:
            return Result(path, entry_id, error=str(error))
        self.warm = True
        return result


def _begin(source: Source, px: int | None, evidence: Evidence) -> _Asker:
    return _Asker(source.open(), px, evidence)


def _followed(done: Iterator[Result], count: int) -> list[Result]:
    """Take the results as they come; what could not be read is told on stderr, and a bar shows how far it is."""
    results: list[Result] = []
    with progress_bar("evaluate") as progress:
        for result in done:
            results.append(result)
            if result.error:
                echo(f"Error: {result.error}", err=True)
            progress(len(results), count)
    return results


def _ask(recognizer: Recognizer, path: Path, entry_id: str | None, px: int | None, evidence: Evidence) -> Result:
    from recognizer.measuring.metrics import merged, rank_of, scores_of
    from recognizer.types import NAMED, Verdict

    start = time.perf_counter()
    photo = _open(path, px)
    decoded = time.perf_counter()
    recognizer.seconds.clear()
    crops = recognizer.find(photo, evidence=evidence)
    hits = recognizer.hits(crops, depth=DEPTH, evidence=evidence)
    recognitions = recognizer.decided(crops, hits, k=DEPTH)
    end = time.perf_counter()
    seconds = {"decode": decoded - start, **recognizer.seconds, "total": end - start}
    hidden = None if entry_id is None else _without(recognizer, crops, hits, entry_id)
    instead = hidden is not None and hidden[1].verdict is Verdict.MATCH
    answers = merged(recognitions)
    rank = rank_of(entry_id, scores_of(answers))
    best = answers[0] if answers else None
    claimed = best is not None and best[1].verdict in NAMED
    wrong = claimed if entry_id is None else rank != 1
    return Result(
        path,
        entry_id,
        rank,
        best[0].probability if best else math.nan,
        _pixels(photo, best[1] if best else None),
        seconds,
        wrong,
        best[1].verdict.value if best else Verdict.UNKNOWN.value,
        best is not None and entry_id in best[1].members,
        best if wrong or (best is not None and best[1].verdict is not Verdict.MATCH) else None,
        next((pair for pair in answers if wrong and pair[0].entry.entry_id == entry_id), None),
        "" if entry_id is None else (hidden[1].verdict if hidden else Verdict.UNKNOWN).value,
        entry_id is not None and _has_kin(recognizer, entry_id),
        hidden if instead else None,
    )


def _without(
    recognizer: Recognizer, crops: Sequence[Crop], hits: Sequence[Sequence[Hit]], entry_id: str
) -> tuple[Match, Recognition] | None:
    """The best answer as it would be if the catalogue lacked an entry, None where nothing is answered."""
    from recognizer.measuring.metrics import merged

    kept: list[list[Hit]] = []
    for crop, found in zip(crops, hits, strict=True):
        others = [hit for hit in found if (entry := recognizer.entry_of(hit.image_id)) and entry.entry_id != entry_id]
        kept.append(recognizer.without_others(crop, found, others))
    answers = merged(recognizer.decided(crops, kept))
    return answers[0] if answers else None


def _has_kin(recognizer: Recognizer, entry_id: str) -> bool:
    """Whether the catalogue has another entry that shows the drawing of this one."""
    family = recognizer.families.get(entry_id, "")
    return bool(family) and sum(name == family for name in recognizer.families.values()) > 1


def _open(path: Path, px: int | None) -> Photo:
    from recognizer.vision.photos import open_photo

    return open_photo(path) if px is None else open_photo(path, max_side=px)


def _pixels(photo: Photo, recognition: Recognition | None) -> int:
    """The long side of the answered crop, of the photo where nothing was answered."""
    if recognition is None:
        height, width = photo.image.shape[:2]
        return max(int(height), int(width))
    return max(recognition.box.width, recognition.box.height)


def _outcomes(results: Sequence[Result]) -> Outcomes:
    import numpy as np

    from recognizer.measuring.metrics import Outcomes

    return Outcomes(
        np.array([result.rank for result in results], np.int64),
        np.array([result.confidence for result in results], np.float64),
        np.array([result.entry_id is not None for result in results], np.bool_),
        np.array([result.verdict == "match" for result in results], np.bool_),
        np.array([result.verdict == "family" for result in results], np.bool_),
        np.array([result.held for result in results], np.bool_),
        np.array([result.hidden == "match" for result in results], np.bool_),
        np.array([result.hidden == "new_variant" for result in results], np.bool_),
        np.array([result.variant for result in results], np.bool_),
    )


def measures_of(results: Sequence[Result], entries: int) -> Measures:
    """Sum results up; the milliseconds are medians over the photos that could be read."""
    from recognizer.measuring.metrics import STAGES, measures

    times = milliseconds(results)
    return measures(_outcomes(results), entries, {stage: times.get(stage, (0.0, 0.0))[0] for stage in STAGES})


def milliseconds(results: Sequence[Result]) -> dict[str, tuple[float, float]]:
    """Give the median and the mean milliseconds a photo of each stage that any photo went through, `total` last."""
    from statistics import fmean, median

    timed = [result.seconds for result in results if not result.error]
    stages = dict.fromkeys(stage for seconds in timed for stage in seconds if stage != "total")
    taken = {stage: [1000 * seconds.get(stage, 0.0) for seconds in timed] for stage in (*stages, "total")}
    return {stage: (round(median(times), 2), round(fmean(times), 2)) for stage, times in taken.items() if times}


# Output


def _draw_wrong(folder: Path, results: Sequence[Result], catalogue: Catalogue, px: int | None) -> None:
    """Draw the cases behind each figure, by figure, the most confident first; a photo that cannot be read has nothing
    to show."""
    from recognizer.reports.photo_report import write_failures

    cases = [(result.why, result, result.best) for result in results if result.why]
    for result in results:
        if result.instead is not None:
            cases.append(("variant_matched" if result.variant else "hidden_matched", result, result.instead))
    order = list(_DRAWN)
    cases.sort(key=lambda case: (order.index(case[0]), -(case[2][0].probability if case[2] else 0.0)))
    write_failures(folder, _failures(cases, catalogue, px), catalogue)
    click.echo(f"{plural(len(cases), 'case')} behind the figures: {folder / 'index.html'}", err=True)


_DRAWN: Final = {
    "matches_right": "called a match, and wrong",
    "unknown_matched": "not in the catalogue, and called a match",
    "hidden_matched": "called a match when its entry was hidden",
    "variant_matched": "called a match of another variant when its entry was hidden",
    "recall_at_1": "another entry came first",
    "known_matched": "right, and not called a match",
}
"""The figures that cases are drawn for, the gravest first, in the words of the page."""


def _failures(
    cases: Sequence[tuple[str, Result, tuple[Match, Recognition] | None]], catalogue: Catalogue, px: int | None
) -> Iterator[Failure]:
    from recognizer.reports.photo_report import Failure

    entries = catalogue.known({result.entry_id for _, result, _ in cases if result.entry_id is not None})
    for why, result, given in cases:
        entry = entries[result.entry_id] if result.entry_id is not None else None
        yield Failure(_open(result.path, px), entry, result.rank, given, result.right, _DRAWN[why])


def _lines(found: Measures, results: Sequence[Result], photos: Counter[str], jobs: int) -> Iterator[str]:
    """Say measures, splits and times, of so many photos at once, as a table, with 95% intervals: Wilson's for shares,
    else a bootstrap over entries."""
    from recognizer.measuring.metrics import QUALITIES, bootstrap, qualities, rates

    outcomes = _outcomes(results)
    exact, said = _intervals(results), rates(outcomes)
    groups: list[Hashable] = [result.entry_id or row for row, result in enumerate(results)]
    low, high = bootstrap(groups, lambda rows: qualities(outcomes.take(rows)))
    asked = f"{plural(found.queries, 'query', 'queries')}, {found.unknown_queries:,} of pins that the catalogue lacks"
    yield f"{asked}; {plural(found.entries, 'entry', 'entries')} with photos"
    yield ""
    yield f"{'':28}{'value':>8}  95% interval"
    for at, name in enumerate(QUALITIES):
        ends = exact[name] or (math.nan, math.nan) if name in exact else (low[at], high[at])
        cases = f"  of {len(said[name]):,}" if name in said else ""
        yield f"{_LABELS[name]:28}{_three(getattr(found, name)):>8}  {_interval(*ends):16}{cases}".rstrip()
    yield ""
    yield f"{'recall of known queries':28}{'number':>8}{'R@1':>8}  {'95% interval':16}{'R@5':>8}"
    yield from _split("crop", results, lambda result: _size_class(result.pixels))
    yield from _split("photos an entry", results, lambda result: _count_class(photos[result.entry_id or ""]))
    yield ""
    times = "milliseconds a photo" if jobs == 1 else f"milliseconds, {jobs} at once"
    yield f"{times:28}{'median':>8}{'mean':>8}"
    for stage, (median, mean) in milliseconds(results).items():
        yield f"{stage:28}{median:8.1f}{mean:8.1f}"


_LABELS: Final = {
    "recall_at_1": "recall at 1",
    "recall_at_5": "recall at 5",
    "recall_at_10": "recall at 10",
    "recall_at_50": "recall at 50",
    "mrr": "mean reciprocal rank",
    "gap": "GAP",
    "auroc": "AUROC, right against unknown",
    "fpir_at_95": "unknown let in at 95% kept",
    "calibration_error": "calibration error",
    "known_matched": "known called match",
    "matches_right": "of these right",
    "known_answered": "known called match or family",
    "answers_right": "of match or family right",
    "misses_in_family": "misses held by a family",
    "unknown_matched": "unknown called match",
    "hidden_matched": "hidden called match",
    "variant_matched": "hidden variant called match",
    "new_variant_found": "hidden variant told as new",
}


def _intervals(results: Sequence[Result]) -> dict[str, list[float] | None]:
    """The 95% interval of each rate by name, None where there was no case."""
    from recognizer.measuring.metrics import rates, wilson

    ends = {name: wilson(said) for name, said in rates(_outcomes(results)).items()}
    return {name: None if math.isnan(low) else [round(low, 4), round(high, 4)] for name, (low, high) in ends.items()}


def _split(label: str, results: Sequence[Result], class_of: Callable[[Result], tuple[int, str]]) -> Iterator[str]:
    """Say the recall of the known queries by class, the classes in their order."""
    from recognizer.measuring.metrics import bootstrap, recall_at

    known = [result for result in results if result.entry_id is not None and not result.error]
    for _, name in sorted({class_of(result) for result in known}):
        members = [result for result in known if class_of(result)[1] == name]
        ranks = _outcomes(members).ranks
        low, high = bootstrap([result.entry_id for result in members], _recall_of(ranks))
        one, five = _three(recall_at(ranks, 1)), _three(recall_at(ranks, 5))
        yield f"{label + ' ' + name:28}{len(members):8,}{one:>8}  {_interval(low[0], high[0]):16}{five:>8}"


def _recall_of(ranks: Ints) -> Callable[[Ints], list[float]]:
    from recognizer.measuring.metrics import recall_at

    return lambda rows: [recall_at(ranks[rows], 1)]


def _size_class(pixels: int) -> tuple[int, str]:
    """The class of SIZES that a crop belongs to, as (order, words)."""
    for order, most in enumerate(SIZES):
        if pixels <= most:
            return order, f"to {most} px"
    return len(SIZES), f"over {SIZES[-1]} px"


def _count_class(photos: int) -> tuple[int, str]:
    return (photos, str(photos)) if photos < 3 else (3, "3 or more")


def _three(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _interval(low: float, high: float) -> str:
    return "-" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
