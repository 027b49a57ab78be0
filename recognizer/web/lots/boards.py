"""Boards: the pictures of a lot with their pins in groups, as the page shows them.

Answers are read one at a time, and only those of the page that is asked for stay in memory: a lot of a hundred boards
takes no more than one of a few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from recognizer.collecting.jobs import Task
from recognizer.collecting.lot_edits import Edited, last_undoable
from recognizer.collecting.lot_groups import Card, Group, group_of, grouped
from recognizer.collecting.lot_marks import Marker, seen
from recognizer.collecting.picture_answers import PictureAnswer, PinAnswer
from recognizer.locales.words import phrase
from recognizer.types import Verdict

PER_PAGE: Final = 300
"""Pins on one page of a lot, unless one picture alone has more."""

GROUPS: Final = {
    Group.MISSING: phrase("Missing from my collection"),
    Group.KNOWN: phrase("Match"),
    Group.FAMILY: phrase("This drawing; check the variant"),
    Group.NEW_VARIANT: phrase("This drawing; a variant not in the catalogue"),
    Group.UNKNOWN: phrase("Doubtful or not in the catalogue"),
    Group.NOT_A_PIN: phrase("Not a pin"),
}
"""The groups in the words of the page, in the order in which they stand on it."""


@dataclass(frozen=True, slots=True)
class Board:
    """One picture of a lot: its pins for the outlines, and its cards by group.

    `key` and `name` are those of the picture, `width` and `height` the pixels that places are in; `label` is how large
    a number is written on it, in the same pixels; `undo` the newest change of its pins by a person;
    `whole` names the picture as large as it was sent, "" where that is no larger.
    """

    key: str
    name: str
    sha256: str
    width: int
    height: int
    label: float
    pins: Sequence[PinAnswer]
    groups: Sequence[tuple[Group, Sequence[Card]]]
    undo: Edited | None = None
    whole: str = ""


@dataclass(slots=True)
class LotView:
    """What a page of a lot shows.

    `counts` has the pins of all pictures, of each group; `copies` how many pins are there a second time or more.
    `missing` are the entries that the collection lacks, each once, `wished` those of them that are wished for;
    `failed` the pictures that could not be read with the reason. `page` counts from 1 to `pages`.
    """

    page: int
    only: Group | None
    marked: bool
    boards: list[Board] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    counts: dict[Group, int] = field(default_factory=lambda: dict.fromkeys(Group, 0))
    copies: int = 0
    missing: dict[str, None] = field(default_factory=dict)
    wished: int = 0
    pages: int = 1

    @property
    def pins(self) -> int:
        """All pins of the lot."""
        return sum(self.counts.values())


def lot_view(
    answers: Iterable[tuple[Task, PictureAnswer]],
    marker: Marker | None,
    *,
    page: int = 1,
    only: Group | None = None,
) -> LotView:
    """Read the answers of a lot once and keep what one page shows; `marker` knows what is missing.

    `only` shows the pins of one group.
    """
    view = LotView(page, only, marker is not None)
    held = 0
    for task, answer in answers:
        if "error" in answer:
            view.failed.append((answer["photo"], answer["error"]))
            continue
        pins = answer["recognitions"]
        _mark(pins, marker, task)
        _count(view, pins, marker)
        if held and held + len(pins) > PER_PAGE:
            view.pages, held = view.pages + 1, 0
        held += len(pins)
        if view.pages == page:
            view.boards.append(_board(task, answer, marker, only))
    return view


@dataclass(slots=True)
class Wanted:
    """An entry of a lot that the collection lacks: where it lies as (picture, pin), and whether it is wished for or the
    variant must be looked at."""

    entry_id: str
    number: str
    title: str
    wished: bool
    unsure: bool
    places: list[tuple[str, int]] = field(default_factory=list)


def buy_list(answers: Iterable[tuple[Task, PictureAnswer]], marker: Marker | None) -> list[Wanted]:
    """Return what of a lot the collection lacks, each entry once, what is wished for first."""
    found: dict[str, Wanted] = {}
    for task, answer in answers:
        pins = answer.get("recognitions", [])
        _mark(pins, marker, task)
        for pin in pins:
            if group_of(pin) is not Group.MISSING:
                continue
            best = pin["matches"][0]
            entry_id = best["entry_id"]
            if entry_id not in found:
                wished = marker is not None and marker.wishes(entry_id)
                number, title = best["number"] or entry_id, best["title"] or best["title_en"]
                found[entry_id] = Wanted(entry_id, number, title, wished, pin["verdict"] != Verdict.MATCH)
            found[entry_id].places.append((answer["photo"], pin["pin"]))
            found[entry_id].unsure &= pin["verdict"] != Verdict.MATCH
    return sorted(found.values(), key=lambda one: not one.wished)


def _mark(pins: Sequence[PinAnswer], marker: Marker | None, task: Task) -> None:
    if marker is None:
        return
    for pin, mark in zip(pins, marker.marks(map(seen, pins), task.listing.condition), strict=True):
        pin["mark"] = str(mark)


def _count(view: LotView, pins: Sequence[PinAnswer], marker: Marker | None) -> None:
    known: Counter[str] = Counter()
    for pin in pins:
        group = group_of(pin)
        view.counts[group] += 1
        if group is Group.MISSING:
            entry_id = pin["matches"][0]["entry_id"]
            if entry_id not in view.missing and marker is not None:
                view.wished += marker.wishes(entry_id)
            view.missing[entry_id] = None
        if pin["matches"] and pin["verdict"] == Verdict.MATCH:
            known[pin["matches"][0]["entry_id"]] += 1
    view.copies += sum(count - 1 for count in known.values())


def _board(task: Task, answer: PictureAnswer, marker: Marker | None, only: Group | None) -> Board:
    pins = [pin for pin in answer["recognitions"] if only is None or group_of(pin) is only]
    wished = {entry_id for pin in pins for entry_id in _wished(pin, marker)}
    width, height = answer["width"], answer["height"]
    label = label_size(answer["recognitions"], width)
    groups = grouped(pins, wished)
    undo = last_undoable(answer)
    return Board(
        task.key, answer["photo"], answer["sha256"], width, height, label, pins, groups, undo, answer.get("whole", "")
    )


def _wished(pin: PinAnswer, marker: Marker | None) -> list[str]:
    best = pin["matches"][0]["entry_id"] if pin["matches"] else ""
    return [best] if marker is not None and best and marker.wishes(best) else []


def label_size(pins: Sequence[PinAnswer], width: int) -> float:
    """How large numbers are to be on a picture, in its pixels: to be read, and not to hide a pin."""
    sides = [min(pin["box"][2] - pin["box"][0], pin["box"][3] - pin["box"][1]) for pin in pins]
    return round(min(max(0.3 * median(sides), width / 110), width / 40), 1) if sides else width / 60
