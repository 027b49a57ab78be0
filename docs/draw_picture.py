"""Draw docs/identified.jpg: phone photos of drawn pins beside the catalogue photos that znachki answered with.

    python docs/draw_picture.py        (or: make picture)

Nothing is arranged: the photos are the first ones of the sample's queries that show different kinds of pins, and the
answers are those that the recognizer gave, right or wrong.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from index.build import build
from recognizer.catalogue.imports import import_csv, read_queries
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.reports.pictures import Neighbour, draw_beside
from recognizer.types import UInt8Image, Verdict
from recognizer.vision.photos import encode_jpeg, open_photo

PICTURE = Path(__file__).with_name("identified.jpg")
SHOWN = (1, 5, 13, 20)
"""Which of the sample's queries, from 0."""
SIDE = 380


@contextmanager
def opened_sample() -> Iterator[tuple[Recognizer, Sequence[tuple[Path, str | None]]]]:
    """Draw the sample and give a recognizer on it, and its queries: photo, and the entry_id that it shows."""
    with tempfile.TemporaryDirectory() as folder:
        files = sample.write(Path(folder) / "sample")
        data = Path(folder) / "data"
        with Catalogue.open(data, create=True) as catalogue:
            import_csv(catalogue, files.catalogue)
        build(data)
        with Recognizer.open(data) as recognizer:
            yield recognizer, read_queries(files.queries)


def main() -> None:
    """Draw the sample, identify photos of it and write the picture."""
    with opened_sample() as (recognizer, queries):
        pairs = [_pair(recognizer, queries[number][0]) for number in SHOWN]
    tall = max(pair.shape[0] for pair in pairs)
    wide = max(pair.shape[1] for pair in pairs)
    rows = [
        np.hstack([_on_ground(pair, tall, wide) for pair in pairs[start : start + 2]])
        for start in range(0, len(pairs), 2)
    ]
    PICTURE.write_bytes(encode_jpeg(np.vstack(rows), quality=80))
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


def _pair(recognizer: Recognizer, path: Path) -> UInt8Image:
    photo = open_photo(path)
    (found,) = recognizer.identify([photo])[0]
    match = found.matches[0]
    picture = open_photo(recognizer.catalogue.picture_path(recognizer.catalogue.image(match.image_id))).image
    matched = match.hit.matched
    if matched is not None:
        matched = matched + np.array([found.box.left, found.box.top, 0, 0], np.float32)
    words = {Verdict.MATCH: "", Verdict.FAMILY: " ?", Verdict.NEW_VARIANT: " ?"}.get(found.verdict, " ??")
    caption = f"{match.entry.number}{words}  {match.entry.title.partition('.')[0]}"
    return draw_beside(photo.image, Neighbour(picture, matched, caption), side=SIDE, caption="фото / photo")


def _on_ground(picture: UInt8Image, tall: int, wide: int) -> UInt8Image:
    """Put a picture in the middle of a larger one of its own ground colour."""
    ground = np.empty((tall, wide, 3), np.uint8)
    ground[:] = picture[0, 0]
    top, left = (tall - picture.shape[0]) // 2, (wide - picture.shape[1]) // 2
    ground[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return ground


if __name__ == "__main__":
    main()
