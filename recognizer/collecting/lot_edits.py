"""Changes of a lot's pins by a person: one is split, several are joined, one is deleted or drawn; each can be undone.

What a change took away stays in the picture's answer, beside what it made, and numbers of pins are never used again:

    {..., "recognitions": [pins as they are now], "last_pin": 14, "last_edit": 2,
     "edits": [{"edit": 2, "what": "split", "at": ..., "who": ..., "made": [13, 14],
                "gone": [{"place": 4, "pin": {...}}]}]}

An answer is plain data here; nothing is written to the one given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recognizer.collecting.picture_answers import EditNote, PictureAnswer, PinAnswer, PinGone, number_pins, outline_of
from recognizer.errors import LotChanged, ZnachkiError
from recognizer.types import Float32, Photo
from recognizer.vision import recutting

Place = tuple[float, float]


class What(StrEnum):
    """What a person does to the pins of a picture."""

    SPLIT = "split"
    JOIN = "join"
    DELETE = "delete"
    DRAW = "draw"


@dataclass(frozen=True, slots=True)
class Change:
    """What a person asks for: the numbers of the pins that it is about, and how.

    A split is into `parts`, or along the `line` through two places; a drawing has as its `points` two corners of a box
    (`box`) or three and more of a polygon. Places are x, y in pixels of the photo, as the answer has them.
    """

    what: What
    pins: tuple[int, ...] = ()
    parts: int = 0
    line: tuple[Place, Place] | None = None
    points: tuple[Place, ...] = ()
    box: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """A change that was made or taken back: its number, and the numbers of pins that went and that came."""

    edit: int
    what: What
    gone: tuple[int, ...]
    made: tuple[int, ...]


def new_outlines(change: Change, photo: Photo, answer: PictureAnswer) -> list[Float32]:
    """Return the outlines (n, 2) that a change makes, in pixels of the photo, in reading order.

    Raises LotChanged where a pin is not there any more, and ZnachkiError where the change cannot be made.
    """
    held = [outline_of(pin) for pin in named(answer, change.pins)]
    needed = {What.SPLIT: len(held) == 1, What.JOIN: len(held) > 1, What.DELETE: bool(held), What.DRAW: not held}
    if not needed[change.what]:
        count = {What.SPLIT: "one pin", What.JOIN: "two pins or more", What.DELETE: "a pin", What.DRAW: "no pin"}
        raise ZnachkiError(f"{change.what} takes {count[change.what]}, not {len(held)}; name {count[change.what]}")
    if change.what is What.SPLIT:
        if change.line is not None:
            return recutting.cut(held[0], *change.line)
        return recutting.parted(photo, held[0], change.parts)
    if change.what is What.JOIN:
        return [recutting.joined(held)]
    if change.what is What.DRAW:
        return [recutting.drawn(photo, change.points, box=change.box)]
    return []


def named(answer: PictureAnswer, numbers: Sequence[int]) -> list[PinAnswer]:
    """Return the pins of these numbers, each once; raises LotChanged where one is not there."""
    held = {pin["pin"]: pin for pin in answer["recognitions"]}
    if gone := [number for number in numbers if number not in held]:
        raise LotChanged(
            f"no pin {', '.join(map(str, gone))} on this picture now: deleted, joined or parted meanwhile; look again"
        )
    return [held[number] for number in dict.fromkeys(numbers)]


def changed(
    answer: PictureAnswer, change: Change, made: Sequence[PinAnswer], *, who: str, at: str
) -> tuple[PictureAnswer, Edited]:
    """Return the answer with a change made, and what it was: `made` are the new pins, as an answer has them.

    They stand in the place of the first pin that goes, or at the end. Raises LotChanged where a pin that is to go is
    not there any more, so that of two people who change one pin at once the second is told.
    """
    answer = _numbered(answer)
    going = {pin["pin"] for pin in named(answer, change.pins)}
    held = answer["recognitions"]
    gone: list[PinGone] = [{"place": place, "pin": pin} for place, pin in enumerate(held) if pin["pin"] in going]
    first = gone[0]["place"] if gone else len(held)
    edit = answer["last_edit"] + 1
    new = [pin | {"pin": answer["last_pin"] + step, "edit": edit} for step, pin in enumerate(made, 1)]
    kept = [pin for pin in held if pin["pin"] not in going]
    numbers = [pin["pin"] for pin in new]
    note = EditNote(edit=edit, what=change.what.value, at=at, who=who, gone=gone, made=numbers)
    answer["recognitions"] = kept[:first] + new + kept[first:]
    answer |= {"last_pin": answer["last_pin"] + len(new), "last_edit": edit, "edits": [*answer["edits"], note]}
    return answer, Edited(edit, change.what, tuple(pin["pin"]["pin"] for pin in gone), tuple(numbers))


def undone(answer: PictureAnswer, edit: int) -> tuple[PictureAnswer, Edited]:
    """Return the answer with a change taken back, and what went and came by that.

    Raises LotChanged where there is no such change, or a pin that it made was changed since: that comes first.
    """
    answer = _numbered(answer)
    note = next((one for one in answer["edits"] if one["edit"] == edit), None)
    if note is None:
        raise LotChanged("this change was taken back before; look again")
    made = {pin["pin"] for pin in answer["recognitions"]} & set(note["made"])
    if len(made) < len(note["made"]):
        raise LotChanged("a pin that this change made was changed since; undo that first")
    pins = [pin for pin in answer["recognitions"] if pin["pin"] not in made]
    for one in note["gone"]:
        pins.insert(one["place"], one["pin"])
    answer |= {"recognitions": pins, "edits": [one for one in answer["edits"] if one["edit"] != edit]}
    return answer, Edited(
        edit, What(note["what"]), tuple(note["made"]), tuple(one["pin"]["pin"] for one in note["gone"])
    )


def last_undoable(answer: PictureAnswer) -> Edited | None:
    """The newest change of an answer, which can always be taken back; None where there is none."""
    if not answer.get("edits"):
        return None
    note = answer["edits"][-1]
    gone = tuple(one["pin"]["pin"] for one in note["gone"])
    return Edited(note["edit"], What(note["what"]), gone, tuple(note["made"]))


def told(answer: PictureAnswer) -> dict[str, Any]:
    """Return an answer as others are told it: of what its changes took away, the numbers alone."""
    if "edits" not in answer:
        return dict(answer)
    edits = [one | {"gone": [gone["pin"]["pin"] for gone in one["gone"]]} for one in answer["edits"]]
    return {name: value for name, value in answer.items() if name not in ("last_pin", "last_edit")} | {"edits": edits}


def _numbered(answer: PictureAnswer) -> PictureAnswer:
    """A copy of an answer with numbers on its pins, and what it was told of changes before."""
    copy = number_pins(answer | {"recognitions": [pin.copy() for pin in answer["recognitions"]]})
    most = max((pin["pin"] for pin in copy["recognitions"]), default=0)
    return PictureAnswer(last_pin=most, last_edit=0, edits=[]) | copy
