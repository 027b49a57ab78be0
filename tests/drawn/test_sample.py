"""The drawn sample: as many pins as asked for, the same every time, twins alike and apart, readable files."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.drawn.drawing import KINDS, PinDesign, draw_pin
from recognizer.drawn.emblems import EMBLEMS
from recognizer.drawn.lettering import GLYPHS, has_letters, letters


def families() -> dict[str, list[sample.SamplePin]]:
    members: dict[str, list[sample.SamplePin]] = defaultdict(list)
    for pin in sample.pins():
        if pin.entry.family:
            members[pin.entry.family].append(pin)
    return members


def on_white(pin: np.ndarray) -> np.ndarray:
    alpha = pin[..., 3:] / 255
    return pin[..., :3] * alpha + 255 * (1 - alpha)


def test_the_sample_has_150_entries_with_their_own_numbers() -> None:
    entries = sample.entries()
    assert len(entries) == 150
    assert len({entry.entry_id for entry in entries}) == len({entry.number for entry in entries}) == 150
    assert all(
        entry.title and entry.title_en and len(entry.theme) == 2 and entry.series == sample.SERIES for entry in entries
    )


def test_more_pins_do_not_change_the_earlier_ones() -> None:
    assert sample.pins(200)[:150] == sample.pins(150)
    assert sample.pins(20) == sample.pins(150)[:20]


def test_another_seed_gives_other_designs() -> None:
    assert not {pin.design for pin in sample.pins(150, 0)} & {pin.design for pin in sample.pins(150, 1)}


def test_every_kind_and_most_emblems_are_drawn_and_five_languages_written() -> None:
    pins = sample.pins()
    assert {pin.design.kind for pin in pins} == set(KINDS)
    assert len({pin.design.emblem for pin in pins}) > 45
    assert {code for pin in pins for code in pin.entry.languages} == {"ru", "uk", "et", "tg", "ka"}


def test_every_inscription_can_be_drawn_and_is_in_the_entry() -> None:
    for pin in sample.pins():
        assert all(has_letters(text) for text in pin.design.words)
        assert set(pin.design.words) <= set(pin.entry.inscriptions)


def test_families_have_two_to_four_members_of_one_drawing() -> None:
    assert 18 <= len(families()) <= 23
    for members in families().values():
        assert 2 <= len(members) <= 4
        assert len({(pin.design.seed, pin.design.kind, pin.design.emblem) for pin in members}) == 1
        assert len({pin.design for pin in members}) == len(members) == len({pin.entry.title for pin in members})


def test_twins_have_one_outline_and_another_face() -> None:
    for members in families().values():
        faces = [draw_pin(pin.design, 240) for pin in members]
        for face in faces[1:]:
            assert np.array_equal(face[..., 3], faces[0][..., 3])
            changed = np.abs(face[..., :3].astype(int) - faces[0][..., :3]).max(axis=2) > 25
            assert changed.sum() > 40, members[0].entry.family


def test_twins_differ_in_one_respect_only() -> None:
    for members in families().values():
        designs = [pin.design for pin in members]
        differing = [
            len({value}) if not isinstance(value, set) else len(value)
            for value in ({d.finish for d in designs}, {d.year for d in designs}, {d.colours for d in designs})
        ]
        assert sorted(differing)[:2] == [1, 1]


def test_the_same_design_gives_the_same_bytes() -> None:
    design = sample.pins()[10].design
    assert np.array_equal(draw_pin(design, 200), draw_pin(design, 200))
    assert np.array_equal(sample.catalogue_view(10), sample.catalogue_view(10))
    assert np.array_equal(sample.phone_view(10), sample.phone_view(10))


def test_another_shot_gives_another_phone_photo() -> None:
    assert not np.array_equal(sample.phone_view(4, shot=0), sample.phone_view(4, shot=1))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_pin_is_opaque_inside_and_clear_at_its_corners(kind: str) -> None:
    words = ("ЗОРЯ", "50 ЛЕТ")
    design = PinDesign(5, kind, "rocket", "star", "gold", ("red", "white", "blue", "yellow"), words, "1961")
    pin = draw_pin(design, 300)
    alpha = pin[..., 3]
    assert pin.dtype == np.uint8
    assert 290 <= max(alpha.shape) <= 330
    assert 0.25 < (alpha == 255).mean() <= 1
    assert alpha[:, alpha.shape[1] // 2].max() == 255
    bounds = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    assert all(edge[0] <= 1 and edge[-1] >= size - 3 for edge, size in zip(bounds, alpha.shape, strict=True))


@pytest.mark.parametrize("name", sorted(EMBLEMS))
def test_an_emblem_keeps_to_its_box(name: str) -> None:
    for seed in range(8):
        parts = EMBLEMS[name](np.random.default_rng(seed))
        places = np.concatenate([ring for part in parts for ring in part.rings])
        assert np.abs(places).max() < 1.3
        assert np.ptp(places, axis=0).max() > 1.2


def test_relief_turns_with_the_light() -> None:
    design = PinDesign(7, "profile", "head", "star", "silver", ("red",) * 4, ("ЗИМИН",), relief=True)
    left, right = (draw_pin(design, 200, light=light)[..., :3].astype(int) for light in (180.0, 0.0))
    assert np.abs(left - right).mean() > 10


def test_views_are_photos_of_640_pixels() -> None:
    for view in (sample.catalogue_view(0), sample.phone_view(0)):
        assert view.dtype == np.uint8
        assert view.shape[2] == 3
        assert 500 <= max(view.shape) <= 640
    assert sample.catalogue_view(0)[:8, :8].mean() > 205


def test_a_lot_has_exact_masks_and_boxes() -> None:
    indices = [0, 5, 9, 13, 20, 33, 40]
    lot = sample.lot_view(indices)
    assert lot.masks.shape == (len(indices), *lot.image.shape[:2])
    assert lot.masks.sum(axis=0).max() == 1
    for box, mask in zip(lot.boxes, lot.masks, strict=True):
        assert mask[box.top : box.bottom, box.left : box.right].sum() == mask.sum() > 5000
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert (box.left, box.top, box.right, box.bottom) == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def test_pins_of_a_touching_lot_come_closer_than_those_apart() -> None:
    def gaps(touching: bool) -> int:
        lot = sample.lot_view(list(range(6)), touching=touching)
        near = [cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) for mask in lot.masks]
        return int((np.sum(near, axis=0) > 1).sum())

    assert gaps(True) > 0 == gaps(False)


def test_written_files_can_be_read_and_keep_their_cyrillic(tmp_path: Path) -> None:
    files = sample.write(tmp_path / "пробный", count=12, known=3, lacking=2)
    with files.catalogue.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == sample.COLUMNS
    assert [row["entry_id"] for row in rows] == [entry.entry_id for entry in sample.entries(12)]
    assert [row["title"] for row in rows] == [entry.title for entry in sample.entries(12)]
    assert all(row["source"] == "drawn by znachki" and row["licence"] == "Apache-2.0" for row in rows)
    assert all(row["identifiers"].startswith("own:З-") and " / " in row["theme"] for row in rows)
    with files.queries.open(encoding="utf-8", newline="") as stream:
        queries = list(csv.DictReader(stream))
    assert [bool(query["entry_id"]) for query in queries] == [True] * 3 + [False] * 2
    for row in (*rows, *queries):
        picture = cv2.imdecode(np.fromfile(files.folder / row["image"], np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert min(picture.shape[:2]) > 200
    assert not list(files.folder.rglob("*.part"))
    assert (files.entries, files.known_queries, files.unknown_queries) == (12, 3, 2)


def test_writing_again_gives_the_same_files(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        folder = sample.write(tmp_path / name, count=3, known=1, lacking=1).folder
        contents.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert contents[0] == contents[1]


def test_no_two_entries_look_the_same() -> None:
    pins = sample.pins()
    small = np.stack([cv2.resize(on_white(draw_pin(pin.design, 96)), (16, 16)).ravel() for pin in pins])
    for i, pin in enumerate(pins):
        far = np.abs(small[i] - small).mean(axis=1)
        strangers = [j for j, other in enumerate(pins) if j != i and (other.design.seed != pin.design.seed)]
        assert far[strangers].min() > 6, pin.entry.title


def test_every_glyph_has_strokes_and_an_unknown_letter_is_refused() -> None:
    for letter in GLYPHS:
        placed, width = letters(letter)
        assert placed[0][1]
        assert 0 <= width < 2
    assert has_letters("Ҷўйбор".replace("ў", "ӯ"))
    assert not has_letters("漢")
    with pytest.raises(KeyError):
        letters("漢")
