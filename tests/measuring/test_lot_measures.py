"""Measures of lot pictures against numbers worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recognizer.errors import CatalogueError
from recognizer.measuring import lot_measures
from recognizer.types import Box, CatalogueEntry, Hit, Match, Photo, Recognition, Verdict
from recognizer.vision.photos import encode_jpeg


def pin(left: int, top: int, right: int, bottom: int, *entries: str, verdict: Verdict = Verdict.UNKNOWN) -> Recognition:
    matches = tuple(Match(CatalogueEntry(name), 1, 0.9, Hit(1)) for name in entries)
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    return Recognition(Box(left, top, right, bottom), matches, verdict, outline=corners)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "lot.jpg"
    path.write_bytes(encode_jpeg(np.zeros((100, 200, 3), np.uint8)))
    return path


def test_overlap_of_boxes_is_common_over_joined_area() -> None:
    first = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], float)
    second = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [0, 0, 5, 5]], float)
    expected = [[1, 50 / 150, 25 / 100], [0, 0, 0]]
    assert lot_measures.overlaps(first, second) == pytest.approx(np.array(expected))


def test_each_found_pin_counts_for_one_true_pin_the_most_alike_first() -> None:
    likeness = np.array([[0.9, 0.8], [0.95, 0.1], [0.6, 0.55]])
    assert lot_measures.matched(likeness, 0.5) == [(1, 0), (0, 1)]


def test_precision_recall_and_count_of_boxes(tmp_path: Path, picture: Path) -> None:
    truth = {
        "images": [{"id": 7, "file_name": picture.name, "width": 200, "height": 100}],
        "annotations": [
            {"id": 1, "image_id": 7, "bbox": [0, 0, 10, 10]},
            {"id": 2, "image_id": 7, "bbox": [50, 50, 20, 20]},
            {"id": 3, "image_id": 7, "bbox": [150, 10, 30, 30]},
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(truth), encoding="utf-8")

    def look(photo: Photo) -> list[Recognition]:
        return [pin(0, 0, 10, 10), pin(50, 50, 70, 66), pin(100, 0, 120, 20), pin(120, 0, 140, 20)]

    found = lot_measures.measure_boxes(lot_measures.read_coco(tmp_path / "coco.json"), look)
    assert found.as_json() | {"pictures": 1, "pins": 3} == found.as_json()
    assert (found.precision, found.recall) == pytest.approx((2 / 4, 2 / 3))
    assert found.f1 == pytest.approx(4 / 7)
    assert found.mean_iou == pytest.approx((1 + 0.8) / 2)
    assert found.count_error == pytest.approx(1 / 3)
    assert found.places_found is None


def test_masks_decide_where_they_are_given(tmp_path: Path, picture: Path) -> None:
    triangle = [0, 0, 80, 0, 0, 80]
    truth = {
        "images": [{"id": 1, "file_name": picture.name}],
        "annotations": [{"id": 1, "image_id": 1, "bbox": [0, 0, 80, 80], "segmentation": [triangle]}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(truth), encoding="utf-8")
    found = lot_measures.measure_boxes(lot_measures.read_coco(tmp_path / "coco.json"), lambda _: [pin(0, 0, 80, 80)])
    assert found.mean_iou == pytest.approx(0.5, abs=0.02)


def test_places_are_found_by_their_centre_and_named_by_entry(tmp_path: Path, picture: Path) -> None:
    rows = ["image,entry_id,left,top,right,bottom"]
    rows += [f"{picture.name},{row}" for row in ("A,10,10,20,20", "B,40,10,50,20", ",70,10,80,20", ",100,10,110,20")]
    rows += [f"{picture.name},C,150,50,160,60"]
    (tmp_path / "lots.csv").write_text("\n".join(rows), encoding="utf-8")

    def look(photo: Photo) -> list[Recognition]:
        return [
            pin(0, 0, 30, 30, "A", "X", verdict=Verdict.MATCH),
            pin(32, 0, 58, 30, "X", "B"),
            pin(60, 0, 90, 30, "X", verdict=Verdict.MATCH),
            pin(92, 0, 120, 30, "X"),
        ]

    found = lot_measures.measure_places(lot_measures.read_places(tmp_path / "lots.csv"), look)
    assert found.places_found == pytest.approx(4 / 5)
    assert (found.recall_at_1, found.recall_at_5) == pytest.approx((1 / 2, 1.0))
    assert found.end_to_end_at_1 == pytest.approx(1 / 3)
    assert found.wrong_confident == pytest.approx(1 / 2)


def test_one_pin_is_not_found_at_two_places(tmp_path: Path, picture: Path) -> None:
    rows = ["image,entry_id,left,top,right,bottom", f"{picture.name},A,10,10,20,20", f"{picture.name},B,12,10,22,20"]
    (tmp_path / "lots.csv").write_text("\n".join(rows), encoding="utf-8")
    truths = lot_measures.read_places(tmp_path / "lots.csv")
    assert lot_measures.measure_places(truths, lambda _: [pin(0, 0, 30, 30)]).places_found == 0.5


def test_a_row_that_is_no_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "lots.csv").write_text("image,entry_id,left,top,right,bottom\na.jpg,A,1,2,x,4\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match="row 1"):
        lot_measures.read_places(tmp_path / "lots.csv")
    (tmp_path / "coco.json").write_text('{"images": 3}', encoding="utf-8")
    with pytest.raises(CatalogueError, match="no COCO file"):
        lot_measures.read_coco(tmp_path / "coco.json")
