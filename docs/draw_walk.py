"""Write docs/how-a-photo-becomes-a-number.md: one photo of the drawn sample walked through, with pictures.

    python docs/draw_walk.py        (or: make picture)

Nothing is arranged: the photo is the first query of the sample, and every number in the page is what the program found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from draw_picture import opened_sample

from recognizer.decision import verdict
from recognizer.identify import BY_SIMILARITY, BY_VOTES, Recognizer
from recognizer.reports.answers import Answer, answer_lines
from recognizer.reports.pictures import Neighbour, draw_beside, draw_outlines
from recognizer.search.embedder import ZOOMS, padded, zoomed
from recognizer.types import Crop, Hit, Photo, Recognition, UInt8Image
from recognizer.vision.crops import lifted
from recognizer.vision.photos import encode_jpeg, open_photo

PAGE = Path(__file__).with_name("how-a-photo-becomes-a-number.md")
SIDE = 300
"""Pixels of a picture in a row."""


def main() -> None:
    """Draw the sample, identify one photo of it step by step, and write page and pictures."""
    with opened_sample() as (recognizer, queries):
        photo = open_photo(queries[0][0])
        (crop,) = recognizer.find(photo)
        (hits,) = recognizer.hits([crop])
        (answer,) = recognizer.answer([crop])
        _pictures(recognizer, photo, crop, hits, answer)
        PAGE.write_text(_page(recognizer, photo, crop, hits, answer), encoding="utf-8")
    print(f"{PAGE}, and its pictures beside it")


def _pictures(recognizer: Recognizer, photo: Photo, crop: Crop, hits: Sequence[Hit], answer: Recognition) -> None:
    assert answer.outline is not None
    _write("outline", [draw_outlines(photo.image, [answer.outline], [(60, 200, 90)], side=2 * SIDE)])
    seen = [zoomed(lifted(crop) if at else crop.whole, zoom) for at, zoom in enumerate(ZOOMS)]
    _write("seen", [padded(one, SIDE) for one in seen])
    nearest = sorted(hits, key=lambda hit: -hit.similarity)[:4]
    _write("similar", [padded(_catalogue(recognizer, hit), SIDE) for hit in nearest])
    best = answer.matches[0].hit
    picture = _catalogue(recognizer, best)
    _write("agree", [draw_beside(crop.image, Neighbour(picture, best.matched), side=2 * SIDE)])


def _catalogue(recognizer: Recognizer, hit: Hit) -> UInt8Image:
    return open_photo(recognizer.catalogue.picture_path(recognizer.catalogue.image(hit.image_id))).image


def _write(name: str, pictures: Sequence[UInt8Image]) -> None:
    tall = max(one.shape[0] for one in pictures)
    edge = [(0, tall - one.shape[0], 0, 6) for one in pictures]
    row = [
        cv2.copyMakeBorder(one, *border, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        for one, border in zip(pictures, edge, strict=True)
    ]
    PAGE.with_name(f"walk-{name}.jpg").write_bytes(encode_jpeg(np.hstack(row), quality=80))


def _table(recognizer: Recognizer, hits: Sequence[Hit]) -> str:
    score = verdict.scores(hits, recognizer.ranking)
    lines = [
        "| entry | similarity | votes | points that agree | appearance | colours | score |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for at in np.argsort(-score)[:4]:
        hit = hits[at]
        entry = recognizer.entry_of(hit.image_id)
        assert entry is not None
        cells = (f"{hit.similarity:.2f}", f"{hit.votes:.3f}", hit.inliers, f"{hit.appearance:.2f}", f"{hit.colour:.2f}")
        lines.append(f"| {entry.number} | {' | '.join(map(str, cells))} | {score[at] - score.max():.1f} |")
    return "\n".join(lines)


def _page(recognizer: Recognizer, photo: Photo, crop: Crop, hits: Sequence[Hit], answer: Recognition) -> str:
    height, width = photo.image.shape[:2]
    return _TEXT.format(
        photos=len(recognizer.index),
        width=width,
        height=height,
        points=0 if crop.keypoints is None else len(crop.keypoints),
        BY_SIMILARITY=BY_SIMILARITY,
        BY_VOTES=BY_VOTES,
        best=answer.matches[0].hit,
        table=_table(recognizer, hits),
        answer=answer,
        least=recognizer.ranking.match[0],
        said=answer_lines(Answer(replace(photo, source="photo.jpg"), (answer,))),
    )


_TEXT: Final = """# How a photo becomes a number

One photo of the drawn sample, walked through the program. `python docs/draw_walk.py` writes this page: the pictures
and all numbers are what the program found for the sample's first query, in a catalogue of {photos}
photos.

The whole way is `Recognizer.identify` in [`recognizer/identify.py`](../recognizer/identify.py): it finds the pins
(`find`), then answers for each (`answer`).

## 1. Find the pin

![The photo with the outline that was found](walk-outline.jpg)

[`vision/photos.py`](../recognizer/vision/photos.py) opens the photo, {width} x {height} pixels here, upright and in
sRGB. [`vision/outlines.py`](../recognizer/vision/outlines.py) asks a small network which pixels belong to a pin and
how deep inside of it they lie; [`vision/crops.py`](../recognizer/vision/crops.py) makes an outline of that and cuts
the pin out. A picture of many pins is looked at again, closer, as long as the pins that are found get smaller.

## 2. Describe it in two ways

![What the embedder sees: the crop from near and far, and the pin without its ground](walk-seen.jpg)

[`search/embedder.py`](../recognizer/search/embedder.py) makes one embedding of each of these pictures: what the pin
looks like as a whole. [`vision/keypoints.py`](../recognizer/vision/keypoints.py) finds {points} small places that can
be found again on another photo (SIFT): what it looks like in detail.

## 3. Ask the index

![The catalogue photos whose embeddings are nearest](walk-similar.jpg)

[`search/index.py`](../recognizer/search/index.py) returns the {BY_SIMILARITY} catalogue photos whose embeddings are
nearest (above, the first four) and the {BY_VOTES} that get most votes from the keypoints. Together they are the
candidates.

## 4. Lay each candidate over the photo

![Points that agree on one pose](walk-agree.jpg)

[`comparing/alignment.py`](../recognizer/vision/comparing/alignment.py) pairs the keypoints of photo and candidate and
looks for the pose in which most of them agree: {best.inliers} do with the first answer. Laid over one another so, both
pictures are compared in lines and in colours, and
[`comparing/variants.py`](../recognizer/vision/comparing/variants.py) says whether they are one pin or two variants of a
drawing. Where no keypoints agree, as on bare relief,
[`comparing/overlay.py`](../recognizer/vision/comparing/overlay.py) lays outline over outline.

## 5. Decide

{table}

[`decision/verdict.py`](../recognizer/decision/verdict.py) weighs all of this with the weights in
`recognizer/ranking.json` (the last column is the log-odds against the first) and answers two questions. Is it this
drawing? {answer.drawing:.1%} here, and from {least:.1%} on it is called a match. Does the photo show a variant of it
that the catalogue lacks? {answer.lacking:.1%} here.

```text
{said}
```

Where two or more variants stay in question, the answer is a `family`, and
[`comparing/differences.py`](../recognizer/vision/comparing/differences.py) finds the place where their photos differ
most; the report and the page show it from near, on the photo and on each of them.
"""
"""The page, with places for what was found."""


if __name__ == "__main__":
    main()
