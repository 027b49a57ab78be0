from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.designs import Design
from training.pictures import compose, render
from training.segment import targets


def drawing(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    picture = np.zeros((256, 256, 4), np.uint8)
    cv2.circle(picture, (128, 128), 112, (*rng.integers(0, 255, 3).tolist(), 255), -1)
    cv2.rectangle(picture, (70, 90), (180, 150), (*rng.integers(0, 255, 3).tolist(), 255), -1)
    return picture


@pytest.fixture(scope="module")
def bank() -> compose.Bank:
    rng = np.random.default_rng(0)
    sprites = np.stack([render.lit(render.strike(drawing(seed), rng), rng) for seed in range(6)])
    return compose.Bank(sprites, tuple(drawing(seed) for seed in range(20, 23)))


def test_a_single_picture_has_one_pin(bank: compose.Bank) -> None:
    for seed in range(8):
        image, ids = compose.single(bank, np.random.default_rng(seed), 160)
        assert image.shape == (160, 160, 3)
        assert image.dtype == np.uint8
        assert ids.shape == (160, 160)
        assert set(np.unique(ids)) <= {0, 1}
        assert (ids == 1).mean() > 0.01


def test_a_lot_has_pins_numbered_without_gaps_and_not_more_than_asked(bank: compose.Bank) -> None:
    for seed in range(6):
        image, ids = compose.lot(bank, np.random.default_rng(seed), 200, 260, 15)
        assert image.shape == (200, 260, 3)
        numbers = np.unique(ids)
        assert numbers.tolist() == list(range(len(numbers)))
        assert 3 <= len(numbers) - 1 <= 15


def test_the_same_seed_gives_the_same_scene(bank: compose.Bank) -> None:
    first, second = (compose.scene(bank, np.random.default_rng(4), 128) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_some_lots_have_pins_that_touch(bank: compose.Bank) -> None:
    def touches(ids: np.ndarray) -> bool:
        grown = [cv2.dilate((ids == number).astype(np.uint8), np.ones((5, 5))) for number in range(1, ids.max() + 1)]
        return bool(np.sum(grown, axis=0).max() > 1) if grown else False

    found = [touches(compose.lot(bank, np.random.default_rng(seed), 200, 200, 10)[1]) for seed in range(12)]
    assert 1 <= sum(found) <= 10


def test_a_card_is_ground_and_leaves_laid_pins_on_top(bank: compose.Bank) -> None:
    field, ids = np.full((100, 100, 3), 128, np.float32), np.zeros((100, 100), np.int32)
    ids[40:60, 40:60] = 1
    compose.card(field, np.random.default_rng(1), np.array([50.0, 50.0]), np.array([35.0, 35.0]), 0.0, (), ids)
    assert (field[45:55, 45:55] == field[50, 50]).all()
    assert ids.sum() == 400
    assert not (field[20:35, 40:60] == 128).all()


def test_a_finger_over_a_pin_hides_that_part() -> None:
    field, ids = np.full((100, 100, 3), 128, np.float32), np.ones((100, 100), np.int32)
    compose.hand(field, np.random.default_rng(1), np.array([50.0, 50.0]), 60.0, ids)
    assert 0 < (ids == 0).mean() < 0.9


def test_a_pin_that_hangs_is_one_piece_and_its_gap_is_seen_through() -> None:
    for seed in range(6):
        pin = compose.hanging([drawing(seed), drawing(seed + 50)], np.random.default_rng(seed))
        assert pin.shape == (render.SIDE, render.SIDE, 4)
        assert cv2.connectedComponents((pin[:, :, 3] > 128 * compose.NECK).astype(np.uint8))[0] == 2
        faint = (pin[:, :, 3] > 128 * compose.NECK) & (pin[:, :, 3] < 255 * 0.3)
        assert faint.sum() > 20


def test_a_hanging_pin_in_a_picture_is_one_pin_with_its_gap() -> None:
    pins = [compose.hanging([drawing(seed)], np.random.default_rng(seed)) for seed in range(3)]
    hanging = compose.Bank(compose.NONE, (), hanging=np.stack(pins))
    for seed in range(4):
        _, ids = compose.lot(hanging, np.random.default_rng(seed), 260, 260, 4)
        assert ids.max() >= 1
    field, ids = np.full((200, 200, 3), 128, np.float32), np.zeros((200, 200), np.int32)
    chosen = compose.Picked(pins[0], hangs=True)
    assert compose._put(field, ids, np.random.default_rng(0), chosen, 150.0, (100.0, 100.0), 0.0)
    assert cv2.connectedComponents((ids == 1).astype(np.uint8))[0] == 2


def test_lots_of_like_things_are_made_of_few_sprites(bank: compose.Bank) -> None:
    one, two, three = bank.sprites[:1], bank.sprites[1:2], bank.sprites[2:3]
    whole = compose.Bank(bank.sprites, bank.prints, one, two, three)
    lots = [compose._alike(whole, np.random.default_rng(seed)) for seed in range(80)]
    assert any(not pins for pins, _ in lots)
    assert any(pins and all((pin.picture == one[0]).all() for pin in pins) for pins, _ in lots)
    assert any(turn is not None and all((pin.picture == two[0]).all() for pin in pins) for pins, turn in lots)
    assert any(pins and all(pin.hangs for pin in pins) for pins, _ in lots)


def test_a_bank_is_struck_once_and_read_back(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), drawing(1))
    designs = [Design("a", "drawn", tmp_path / "a.png")]
    first = compose.bank(designs, tmp_path, 2)
    written = (tmp_path / "sprites-2-0.npy").stat().st_mtime_ns
    second = compose.bank(designs, tmp_path, 2)
    assert (tmp_path / "sprites-2-0.npy").stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.sprites, second.sprites)


def test_targets_part_long_pins_that_touch_along_their_sides() -> None:
    ids = np.zeros((128, 128), np.int32)
    ids[40:60, 16:112], ids[60:80, 16:112] = 1, 2
    pin, outline, middle = targets(ids)
    assert pin.shape == (32, 32)
    assert pin[10:20, 4:28].min() == 1
    assert outline[14:16, 8:24].min() == 1
    assert middle[12, 16] > 0.7
    assert middle[17, 16] > 0.7
    assert middle[14:16, 8:24].max() < 0.5


def test_a_pin_whose_mean_lies_outside_still_has_its_middle_inside() -> None:
    ids = np.zeros((128, 128), np.int32)
    cv2.circle(ids, (64, 64), 50, 1, 12)
    pin, _, middle = targets(ids)
    assert middle.max() > 0.9
    assert pin.flat[int(np.argmax(middle))] > 0


def test_a_collage_keeps_the_first_drawing_whole_where_no_other_lies() -> None:
    alone = compose.collage([drawing(1)], np.random.default_rng(0))
    solid = drawing(1)[:, :, 3] > 0
    np.testing.assert_array_equal(alone[solid], drawing(1)[solid])
    both = compose.collage([drawing(1), drawing(2)], np.random.default_rng(0))
    assert (both[:, :, 3] > 0).sum() >= solid.sum()
    assert not np.array_equal(both[solid], drawing(1)[solid])
