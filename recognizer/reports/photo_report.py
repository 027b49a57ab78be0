"""Reports: answers as one HTML file that needs nothing else, each photo beside the catalogue photo that it matched."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from recognizer.catalogue.store import Catalogue
from recognizer.decision.checks import in_words
from recognizer.decision.verdict import Ranking
from recognizer.errors import PhotoError
from recognizer.files import make_folder, write_whole
from recognizer.locales.words import phrase
from recognizer.reports.answers import MEASURED, percent
from recognizer.reports.headings import short_names
from recognizer.reports.near import Near, closer
from recognizer.reports.page_templates import template
from recognizer.reports.pictures import Neighbour, catalogue_picture, draw_beside, draw_boxes, thumbnail
from recognizer.types import NAMED, Box, CatalogueEntry, Float32, Match, Photo, Recognition, Role, UInt8Image, Verdict
from recognizer.vision.photos import encode_jpeg, jpeg_uri

MOST_CANDIDATES: Final = 10
"""Entries that are listed for a pin, the best one among them."""

LARGE: Final = (440, 900)
SMALL: Final = (280, 560)
MOST_LARGE: Final = 60
"""Pixels of a pair's pictures and of a photo with boxes: LARGE (about 120 kB a pin) for the first MOST_LARGE pins, then
SMALL (about 50 kB), so that a report on a thousand photos is still one that a browser opens."""

WHOLE: Final = 0.3
"""Share of the photo that a pin's box must take for the whole photo to be drawn beside the catalogue photo."""

VERDICT_WORDS: Final = {
    Verdict.MATCH: phrase("Match"),
    Verdict.FAMILY: phrase("This drawing; check the variant"),
    Verdict.NEW_VARIANT: phrase("This drawing; a variant not in the catalogue"),
    Verdict.UNKNOWN: phrase("Not in the catalogue"),
    Verdict.NOT_A_PIN: phrase("Not a pin"),
}
"""What each verdict is called on pages."""


def write_report(
    path: Path,
    answers: Iterable[tuple[Photo, Sequence[Recognition]]],
    catalogue: Catalogue,
    *,
    refused: Iterable[PhotoError] = (),
    ranking: Ranking | None = None,
) -> None:
    """Write answers as one HTML file, pictures inside, in the order in which they come.

    Each photo is reduced to small pictures as it comes, so that `answers` may be a generator over many; `refused`, the
    files that could not be read, is looked at after its end. `ranking` is what the answers were judged by: the page
    tells its operating point. Written beside `path` and renamed. A catalogue photo that
    has gone is shown as missing. Raises ZnachkiError where the file cannot be written.
    """
    studio = _Studio(catalogue)
    photos = [studio.photo(number, *answer) for number, answer in enumerate(answers, 1)]
    for photo, name in zip(photos, short_names([photo.source for photo in photos]), strict=True):
        photo.name = name
    verdicts = Counter(pin.verdict for photo in photos for pin in photo.pins)
    summary = [(verdict, VERDICT_WORDS[verdict], verdicts[verdict]) for verdict in Verdict if verdicts[verdict]]
    html = template("report.html").render(
        photos=photos,
        summary=summary,
        refused=[str(error) for error in refused],
        costs=costs(ranking) if ranking is not None else None,
    )
    write_whole(path, html.encode())


@dataclass(frozen=True, slots=True)
class Failure:
    """A query that was answered wrong, or not surely enough.

    `entry` is the true one, None where the catalogue lacks the pin; `rank` where it came, 0 where it is not among the
    answers. `found` is the best answer, `right` the true entry's match; each with the recognition that it is from, None
    where there is none. `why` says in words what was wrong.
    """

    photo: Photo
    entry: CatalogueEntry | None
    rank: int
    found: tuple[Match, Recognition] | None
    right: tuple[Match, Recognition] | None
    why: str = "wrong"


def write_failures(folder: Path, failures: Iterable[Failure], catalogue: Catalogue) -> None:
    """Draw failures into a folder, a JPEG each and an index.html that shows them in the order in which they come.

    A JPEG has the wrong catalogue photo on the left, the query in the middle and the right one on the right, with their
    numbers, probabilities and counts of inliers. Raises ZnachkiError where the folder cannot be written.
    """
    make_folder(folder)
    rows = []
    for number, failure in enumerate(failures, 1):
        image = draw_failure(failure, catalogue)
        stem = re.sub(r"[^\w.-]+", "_", Path(failure.photo.source).stem)[:60]
        name = f"{number:03d}-{stem}.jpg"
        write_whole(folder / name, encode_jpeg(image))
        rows.append((name, image.shape[1], image.shape[0], failure, failure.found, failure.right))
    write_whole(folder / "index.html", template("failures.html").render(rows=rows, percent=percent).encode())


def draw_failure(failure: Failure, catalogue: Catalogue) -> UInt8Image:
    """Draw wrong catalogue photo, query and right catalogue photo side by side; (height, width, 3) uint8 RGB."""
    boxes = [side[1].box for side in (failure.found, failure.right) if side is not None]
    height, width = failure.photo.image.shape[:2]
    view = Box(
        min([box.left for box in boxes], default=0),
        min([box.top for box in boxes], default=0),
        max([box.right for box in boxes], default=width),
        max([box.bottom for box in boxes], default=height),
    )
    left = None if failure.found is None else _side(failure.found, view, catalogue)
    right = None if failure.right is None else _side(failure.right, view, catalogue)
    if right is None and failure.entry is not None:  # not among the answers: its first photo, without points
        images = catalogue.images(Role.FACE, failure.entry.entry_id)
        picture = catalogue_picture(catalogue, images[0].image_id) if images else None
        right = Neighbour(picture, None, failure.entry.number)
    shown = failure.photo.image[view.top : view.bottom, view.left : view.right]
    return draw_beside(shown, right, left, caption=Path(failure.photo.source).stem)


def _side(side: tuple[Match, Recognition], view: Box, catalogue: Catalogue) -> Neighbour:
    match, recognition = side
    matched = match.hit.matched
    if matched is not None:
        box = recognition.box
        matched = matched + np.array([box.left - view.left, box.top - view.top, 0, 0], np.float32)
    caption = f"{match.entry.number} · {match.probability:.2f} · {match.hit.inliers}"
    return Neighbour(catalogue_picture(catalogue, match.image_id), matched, caption)


@dataclass(frozen=True, slots=True)
class Inlined:
    """A picture that stands in a page itself, as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


def inlined(image: UInt8Image) -> Inlined:
    """Make a picture, (height, width, 3) uint8 RGB, one that stands in a page itself."""
    return Inlined(jpeg_uri(image, 80), image.shape[1], image.shape[0])


@dataclass(frozen=True, slots=True)
class _Candidate:
    match: Match
    percent: str
    picture: Inlined | None
    numbers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Pin:
    verdict: Verdict
    said: str
    pair: Inlined
    best: _Candidate | None
    others: list[_Candidate]
    facts: list[tuple[str, str]]
    checks: list[tuple[str, str]]
    closer: list[tuple[Near, Inlined]]
    points: int


@dataclass(slots=True)
class _PhotoCard:
    number: int
    source: str
    overview: Inlined | None
    pins: list[_Pin]
    name: str = ""


@dataclass(slots=True)
class _Studio:
    """Makes the pictures of a report; thumbnails of catalogue photos are made once."""

    catalogue: Catalogue
    made: int = 0
    thumbnails: dict[int, Inlined | None] = field(default_factory=dict)

    def photo(self, number: int, photo: Photo, recognitions: Sequence[Recognition]) -> _PhotoCard:
        boxes = [recognition.box for recognition in recognitions]
        whole = len(boxes) == 1 and _share(boxes[0], photo) >= WHOLE
        side = (LARGE if self.made < MOST_LARGE else SMALL)[1]
        overview = None if whole else inlined(draw_boxes(photo.image, boxes, side=side))
        pins = [self.pin(photo, recognition, whole) for recognition in recognitions]
        return _PhotoCard(number, photo.source, overview, pins)

    def pin(self, photo: Photo, recognition: Recognition, whole: bool) -> _Pin:
        side = (LARGE if self.made < MOST_LARGE else SMALL)[0]
        self.made += 1
        box = recognition.box
        shown = photo.image if whole else photo.image[box.top : box.bottom, box.left : box.right]
        framed = box if whole and _share(box, photo) < 1 else None
        matches = recognition.matches[:MOST_CANDIDATES]
        matched: Float32 | None = None
        neighbour: Neighbour | None = None
        if matches:
            matched = matches[0].hit.matched
            if matched is not None and whole:
                matched = matched + np.array([box.left, box.top, 0, 0], np.float32)
            neighbour = Neighbour(catalogue_picture(self.catalogue, matches[0].image_id), matched)
        others = [self.candidate(match) for match in matches[1:]]
        return _Pin(
            recognition.verdict,
            VERDICT_WORDS[recognition.verdict],
            pair=inlined(draw_beside(shown, neighbour, box=framed, side=side)),
            best=_candidate(matches[0], None) if matches else None,
            others=others,
            facts=_facts(matches[0]) if recognition.verdict in NAMED and matches else [],
            checks=in_words(recognition.checks),
            closer=[(one, inlined(one.picture)) for one in closer(photo, recognition, self.catalogue)],
            points=0 if matched is None else matches[0].hit.inliers,
        )

    def candidate(self, match: Match) -> _Candidate:
        if match.image_id not in self.thumbnails:
            image = catalogue_picture(self.catalogue, match.image_id)
            self.thumbnails[match.image_id] = None if image is None else inlined(thumbnail(image))
        return _candidate(match, self.thumbnails[match.image_id])


def _candidate(match: Match, picture: Inlined | None) -> _Candidate:
    hit = match.hit
    values = [getattr(hit, name) for name in MEASURED]
    numbers = [str(value) if isinstance(value, int) else f"{value:.2f}" for value in values]
    return _Candidate(match, percent(match.probability), picture, tuple(zip(MEASURED, numbers, strict=True)))


def _facts(match: Match) -> list[tuple[str, str]]:
    """What the catalogue says of an entry as (label, words), empty fields left out."""
    entry = match.entry
    rows = [
        (phrase("Theme"), " / ".join(entry.theme)),
        (phrase("Series"), entry.series),
        (phrase("Year"), entry.years_text),
        (phrase("Place"), ", ".join(part for part in (entry.place, entry.country) if part)),
        (phrase("Maker"), entry.maker),
        (phrase("Hallmark"), entry.hallmark),
        (phrase("Material"), ", ".join(part for part in (entry.material, entry.technique) if part)),
        (phrase("Size, mm"), entry.size_mm),
        (phrase("Other numbers"), ", ".join(f"{system} {number}" for system, number in entry.identifiers)),
    ]
    return [row for row in rows if row[1]]


def _share(box: Box, photo: Photo) -> float:
    return box.width * box.height * 3 / photo.image.size


def costs(ranking: Ranking) -> tuple[str, str, int] | None:
    """Return what share of pins that a catalogue lacked got a match, of right answers, and of how many such pins.

    None where that was not measured.
    """
    unseen = sum(map(len, ranking.measured.unknown))
    false, kept = ranking.measured.false(ranking.match), ranking.measured.kept(ranking.match)
    return (f"{false:.1%}", f"{kept:.0%}", unseen) if unseen else None
