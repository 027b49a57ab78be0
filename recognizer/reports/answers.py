"""Answers: what was recognised on a photo as JSON, as rows of a table, as lines to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from recognizer.catalogue.numbers import numbers_under
from recognizer.decision.checks import in_words
from recognizer.decision.verdict import Ranking
from recognizer.types import NAMED, Box, Float32, Match, Photo, Recognition, Verdict

MEASURED: Final = ("similarity", "votes", "inliers", "appearance", "colour", "overlap", "same", "silhouette")
"""What is shown of a hit, named as in `types.Hit`."""

CSV_COLUMNS: Final = (
    *("photo", "pin", "left", "top", "right", "bottom", "verdict", "rank", "entry_id", "number", "title", "title_en"),
    *("probability", "image_id", *MEASURED, "drawing", "lacking"),
)
"""A row is one entry offered for one pin; a pin without any has one row that ends with its verdict."""

VERDICTS: Final = {
    Verdict.MATCH: "match",
    Verdict.FAMILY: "this drawing, but which variant is not sure",
    Verdict.NEW_VARIANT: "this drawing, in a variant that the catalogue lacks",
    Verdict.UNKNOWN: "not in the catalogue",
    Verdict.NOT_A_PIN: "not a pin",
}
"""The verdicts in words."""

WORTH_SAYING: Final = 0.05
"""Chance from which on it is said beside an answer that the catalogue may lack the variant."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was recognised on one photo: a recognition a pin, in the order of the crops."""

    photo: Photo
    recognitions: tuple[Recognition, ...]


def answer_json(answer: Answer, systems: Sequence[str] = ()) -> dict[str, Any]:
    """An answer as plain data: photo, sha256, recognitions with box, outline, about how many pins lie there,
    verdict, the chance of the drawing and that the catalogue lacks the variant, checks, members and matches.

    A match holds the entry's `numbers` under each of `systems`, where some are asked for.
    """
    return {
        "photo": answer.photo.source,
        "sha256": answer.photo.sha256,
        "recognitions": [
            {
                "box": _corners(found.box),
                "outline": _places(found.outline),
                "rectangle": _places(found.rectangle),
                "score": round(float(found.score), 4),
                "about": found.about,
                **({} if found.reverse is None else {"reverse": _corners(found.reverse)}),
                "verdict": found.verdict.value,
                "drawing": round(float(found.drawing), 4),
                "lacking": round(float(found.lacking), 4),
                "checks": list(found.checks),
                "members": list(found.members),
                "matches": [_match_json(match, systems) for match in found.matches],
            }
            for found in answer.recognitions
        ],
    }


def _corners(box: Box) -> list[int]:
    return [box.left, box.top, box.right, box.bottom]


def _places(places: Float32 | None) -> list[list[int]] | None:
    """Corners as whole pixels, those that fall together once."""
    return (
        None
        if places is None
        else [list(place) for place in dict.fromkeys((round(x), round(y)) for x, y in places.tolist())]
    )


def _number(value: float) -> float:
    return value if isinstance(value, int) else round(float(value), 4)


def _match_json(match: Match, systems: Sequence[str]) -> dict[str, Any]:
    numbers = {"numbers": numbers_under(match.entry, systems)} if systems else {}
    return {
        **numbers,
        "entry_id": match.entry.entry_id,
        "number": match.entry.number,
        "title": match.entry.title,
        "title_en": match.entry.title_en,
        "probability": round(float(match.probability), 4),
        "image_id": match.image_id,
        **{name: _number(getattr(match.hit, name)) for name in MEASURED},
    }


def answer_rows(answer: Answer, systems: Sequence[str] = ()) -> list[dict[str, Any]]:
    """An answer as rows under CSV_COLUMNS and a column for each of `systems`; pins and ranks count from 1."""
    rows: list[dict[str, Any]] = []
    for pin, found in enumerate(answer_json(answer, systems)["recognitions"], 1):
        place = dict(zip(("left", "top", "right", "bottom"), found["box"], strict=True))
        about = {"photo": answer.photo.source, "pin": pin, **place, "verdict": found["verdict"]}
        about |= {"drawing": found["drawing"], "lacking": found["lacking"]}
        ranked: Sequence[dict[str, Any]] = [
            {"rank": rank} | match.pop("numbers", {}) | match for rank, match in enumerate(found["matches"], 1)
        ]
        rows += [about | match for match in ranked or [{}]]
    return rows


def answer_lines(answer: Answer, systems: Sequence[str] = ()) -> str:
    """An answer to read: the photo, for each pin the verdict and the entries with their probability, best first."""
    lines: list[str] = []
    several = len(answer.recognitions) > 1
    for pin, found in enumerate(answer.recognitions, 1):
        box = found.box
        at = f", pin {pin} at {box.left},{box.top} to {box.right},{box.bottom}" if several else ""
        lines.append(f"{answer.photo.source}{at}: {VERDICTS[found.verdict]}{sureness(found)}")
        if found.reverse is not None:
            lines.append("    the picture shows its face and its back")
        if found.about > 1:
            lines.append(f"    about {found.about} pins in a heap: lay them apart and take the picture again")
        lines += [match_line(match, systems) for match in found.matches]
        lines += [f"    to check: {name}: {values}" for name, values in in_words(found.checks)]
    return "\n".join(lines) if lines else f"{answer.photo.source}: no pin found"


def sureness(found: Recognition) -> str:
    """Say how sure the drawing is, and how likely the catalogue lacks the variant where that is worth a word."""
    if found.verdict not in NAMED:
        return ""
    lacking = f", variant lacking {percent(found.lacking)}" if found.lacking >= WORTH_SAYING else ""
    return f" (drawing {percent(found.drawing)}{lacking})"


def operating_words(ranking: Ranking) -> str:
    """Say where the threshold of a match lies, and what that costs."""
    false, kept = ranking.measured.false(ranking.match), ranking.measured.kept(ranking.match)
    if math.isnan(false):
        return f"a match from {min(ranking.match):.2f} on; not measured on pins that the catalogue lacks"
    unseen = sum(map(len, ranking.measured.unknown))
    return (
        f"a match from {ranking.match[0]:.3f} on where drawings agree point by point, from {ranking.match[1]:.3f} on "
        f"elsewhere: {false:.1%} of {unseen} pins that a catalogue lacked got it, and {kept:.0%} of the right answers"
    )


def match_line(match: Match, systems: Sequence[str] = ()) -> str:
    """One entry offered, to read: probability, number, its numbers under `systems`, title."""
    entry = match.entry
    number = entry.number or entry.entry_id
    others = [f"{system} {other or '-'}" for system, other in numbers_under(entry, systems).items()]
    parts = (f"  {percent(match.probability):>4}", number, *others, entry.title or entry.title_en)
    return "  ".join(part for part in parts if part)


def percent(probability: float) -> str:
    """Say a probability in whole percent; certainty is never claimed: "<1%", ">99%"."""
    if probability < 0.01:
        return "<1%"
    return ">99%" if probability > 0.99 else f"{probability:.0%}"
