"""What is in question from near: the place of a photo where entries differ most, and the same place on each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recognizer.catalogue.store import Catalogue
from recognizer.locales.words import phrase
from recognizer.reports.pictures import catalogue_picture
from recognizer.types import Box, Float32, Hit, Photo, Recognition, Reference, UInt8Image, Verdict
from recognizer.vision.comparing import differences
from recognizer.vision.comparing.alignment import verify

MOST_CLOSER: Final = 4
"""Members of a family that are shown from near."""

COLOURS: Final = (
    *(phrase("black"), phrase("white"), phrase("grey or silver"), phrase("red"), phrase("pink"), phrase("orange")),
    *(phrase("brown"), phrase("yellow or gold"), phrase("green"), phrase("light blue"), phrase("blue")),
    phrase("violet"),
)
"""What a colour may be called, see `vision.comparing.colour_names`."""


@dataclass(frozen=True, slots=True)
class Near:
    """A place from near, (side, side, 3) uint8, of the entry with this number, "" for the photo; `colour` is one of
    COLOURS where the pictures differ by it, else ""."""

    number: str
    picture: UInt8Image
    colour: str = ""


def closer(photo: Photo, recognition: Recognition, catalogue: Catalogue) -> list[Near]:
    """Return the place to compare by eye from near: on the photo, then on each entry in question.

    Those are the members of a family, where their photos differ most from one another; of a new variant it is the
    nearest entry, where the photo differs most from it. Nothing where they differ nowhere, or could not be laid over
    the photo.
    """
    asked = recognition.members or tuple(
        match.entry.entry_id for match in recognition.matches[:1] if recognition.verdict is Verdict.NEW_VARIANT
    )
    box = recognition.box
    crop = photo.image[box.top : box.bottom, box.left : box.right]
    corner = np.array([box.left, box.top], np.float32)
    outline = None if recognition.outline is None else recognition.outline - corner
    laid: list[tuple[str, tuple[UInt8Image, NDArray[np.float64]]]] = []
    for match in recognition.matches:
        if match.entry.entry_id in asked and match.hit.homography is not None and len(laid) < MOST_CLOSER:
            picture = catalogue_picture(catalogue, match.image_id)
            if picture is not None:
                laid.append((match.entry.number or match.entry.entry_id, (picture, match.hit.homography)))
    others = [one for _, one in laid]
    if len(others) < min(2, len(asked)) or not others:
        return []  # what there is to choose between is not there to be seen
    place = differences.most_apart(crop, others, outline)
    if place is None:
        return []
    return _from_near(crop, ["", *(number for number, _ in laid)], others, place, outline)


def between(members: Sequence[tuple[str, UInt8Image, Reference]]) -> list[Near]:
    """Return the place where photos of one drawing differ most, from near on each: number, photo and what the index
    keeps of it. Photos that cannot be laid over the first one are left out; nothing where all look the same.
    """
    if len(members) < 2:
        return []
    (first, photo, reference), *others = members
    places = reference.keypoints.places if reference.outline is None else reference.outline
    low = np.floor(np.clip(places.min(axis=0), 0, None)).astype(int)
    high = np.ceil(places.max(axis=0)).astype(int)
    crop = photo[low[1] : high[1], low[0] : high[0]]
    corner = low.astype(np.float32)
    outline = None if reference.outline is None else reference.outline - corner
    points = replace(reference.keypoints, places=reference.keypoints.places - corner)
    hits = verify(crop, points, [Hit(at) for at in range(len(others))], [one for _, _, one in others], outline)
    laid = [(crop, np.eye(3))]
    numbers = [first]
    for (number, picture, _), hit in zip(others, hits, strict=True):
        if hit.homography is not None and len(laid) < MOST_CLOSER:
            laid.append((picture, hit.homography))
            numbers.append(number)
    place = differences.most_apart(crop, laid, outline) if len(laid) > 1 else None
    return [] if place is None else _from_near(crop, [first, *numbers], laid, place, outline)[1:]


def _from_near(
    crop: UInt8Image,
    numbers: Sequence[str],
    laid: Sequence[tuple[UInt8Image, NDArray[np.float64]]],
    place: Box,
    outline: Float32 | None,
) -> list[Near]:
    """The place of the crop and of what is laid onto it, each with its number and colour."""
    colours = differences.colours(crop, laid, place, outline) or [""] * len(numbers)
    return [Near(*one) for one in zip(numbers, differences.closer(crop, laid, place), colours, strict=True)]
