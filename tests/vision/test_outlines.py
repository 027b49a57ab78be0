from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from recognizer.errors import ModelError
from recognizer.networks.loading import Looks
from recognizer.networks.outline_net import OutlineNet
from recognizer.types import Box, Float32
from recognizer.vision import outlines
from training import descent, segment
from training.segment import targets


def ideal(ids: np.ndarray) -> np.ndarray:
    """What a perfect network would say of an id map, at the half scale that regions are read at."""
    maps = targets(ids)
    return np.stack([cv2.resize(one, (ids.shape[1] // 2, ids.shape[0] // 2)) for one in maps])


def disc(ids: np.ndarray, x: int, y: int, radius: int) -> None:
    cv2.circle(ids, (x, y), radius, int(ids.max()) + 1, -1)


def test_touching_discs_are_parted() -> None:
    ids = np.zeros((256, 320), np.int32)
    for x in (60, 141, 222):
        disc(ids, x, 100, 40)
    found = outlines.regions(ideal(ids))
    assert len(found) == 3
    for region, x in zip(sorted(found, key=lambda one: one.contour[:, 0].min()), (60, 141, 222), strict=True):
        contour = region.contour * (320, 256)
        assert contour[:, 0].min() == pytest.approx(x - 40, abs=4)
        assert contour[:, 0].max() == pytest.approx(x + 40, abs=4)
        assert region.area * 4 == pytest.approx(np.pi * 40**2, rel=0.12)


def test_a_pin_without_a_middle_is_found_and_a_speck_is_not() -> None:
    ids = np.zeros((256, 256), np.int32)
    disc(ids, 100, 100, 60)
    disc(ids, 220, 220, 8)
    maps = ideal(ids)
    maps[2] = 0
    found = outlines.regions(maps, least=0.3)
    assert len(found) == 1


def test_an_empty_photo_has_no_pins() -> None:
    assert outlines.regions(np.zeros((3, 64, 64), np.float32)) == []


def test_reading_order_is_by_rows_and_then_from_the_left() -> None:
    def at(left: int, top: int) -> outlines.Outline:
        box = Box(left, top, left + 40, top + 40)
        return outlines.Outline(np.zeros((4, 2), np.float32), box, np.zeros((4, 2), np.float32), 1.0)

    wanted = [at(0, 12), at(100, 0), at(200, 9), at(5, 80), at(90, 70)]
    shuffled = [wanted[index] for index in (4, 2, 0, 3, 1)]
    assert [one.box for one in outlines.reading_order(shuffled)] == [one.box for one in wanted]


def folder_with_model(folder: Path) -> Path:
    torch.manual_seed(0)
    return segment.ship(OutlineNet().state_dict(), segment.Plan(), folder)


def test_a_model_is_written_and_loaded_and_answers_for_any_shape(tmp_path: Path) -> None:
    outliner = outlines.Outliner.load(folder_with_model(tmp_path))
    assert outliner.card["licence"] == "Apache-2.0"
    assert (tmp_path / "weights.safetensors").stat().st_size < 15e6
    for height, width in ((50, 333), (640, 480), (9, 9)):
        maps = outliner.maps(np.zeros((height, width, 3), np.uint8), 0.5)
        assert maps.shape == (3, -(-max(8, height // 2) // 2), -(-max(8, round(width * 0.5)) // 2))
        for outline in outliner.find(np.zeros((height, width, 3), np.uint8)):
            assert 0 <= outline.box.left < outline.box.right <= width


def test_a_folder_without_model_or_with_other_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no usable weights"):
        outlines.Outliner.load(tmp_path)
    folder_with_model(tmp_path)
    save_file({"other": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match="another network"):
        outlines.Outliner.load(tmp_path)


def test_the_quick_way_back_gives_the_gradient_of_the_plain_one() -> None:
    torch.manual_seed(0)
    network = OutlineNet().eval()
    pictures, wanted = torch.randn(1, 3, 64, 96), torch.rand(1, 3, 16, 24)
    segment.loss_of(network(pictures), wanted).backward()
    plain = {name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None}
    network.zero_grad()
    descent.part_frozen(network.encoder)
    segment.loss_of(network(pictures), wanted).backward()
    compared = 0
    for name, value in network.named_parameters():
        if value.requires_grad and value.grad is not None:
            torch.testing.assert_close(value.grad, plain[name], rtol=1e-3, atol=1e-5)
            compared += 1
    assert compared > 50


def scene_of_discs() -> tuple[np.ndarray, list[tuple[int, int]]]:
    rng = np.random.default_rng(0)
    photo = np.clip(rng.normal(205, 4, (480, 640, 3)), 0, 255).astype(np.uint8)
    places = [(120, 130), (320, 140), (520, 120), (180, 350), (420, 340)]
    enamels = ((180, 30, 40), (30, 60, 150), (20, 120, 70), (230, 190, 60), (40, 40, 45))
    for (x, y), colour in zip(places, enamels, strict=True):
        cv2.circle(photo, (x + 5, y + 6), 62, (120, 120, 120), -1, cv2.LINE_AA)
        cv2.circle(photo, (x, y), 60, (200, 170, 90), -1, cv2.LINE_AA)
        cv2.circle(photo, (x, y), 54, colour, -1, cv2.LINE_AA)
        cv2.rectangle(photo, (x - 20, y - 20), (x + 20, y + 20), (240, 235, 220), -1)
    return photo, places


@pytest.mark.skipif(not (outlines.SHIPPED / "weights.safetensors").exists(), reason="no shipped weights")
def test_the_shipped_network_finds_drawn_pins_in_reading_order() -> None:
    photo, places = scene_of_discs()
    found = outlines.Outliner.load().find(photo)
    assert len(found) == len(places)
    for outline, (x, y) in zip(found, places, strict=True):
        assert outline.box.left == pytest.approx(x - 60, abs=12)
        assert outline.box.bottom == pytest.approx(y + 60, abs=12)
        assert cv2.contourArea(outline.contour) == pytest.approx(np.pi * 60**2, rel=0.25)
        assert outline.score > 0.6


def test_a_network_is_measured_on_composed_pictures() -> None:
    plain = np.zeros((8, 64, 64, 4), np.uint8)
    for row in range(8):
        cv2.circle(plain[row], (32, 32), 28, (20 * row, 40, 200, 255), -1)
    bank = segment.compose.Bank(plain[2:], (), hanging=plain[:2])
    figures = segment.measured(bank, outlines.Outliner.load(), seed=3, scenes=2, size=256)
    assert set(figures) == {"lots", "lots of hanging pins", "single", "single hanging"}
    assert all(0 <= value <= 1 for value in figures.values())
    assert figures["single"] > 0


def test_a_look_in_tiles_shows_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    photo = np.clip(rng.normal(205, 4, (700, 700, 3)), 0, 255).astype(np.uint8)
    for x in range(60, 700, 100):
        for y in range(60, 700, 100):
            cv2.circle(photo, (x, y), 42, (200, 170, 90), -1, cv2.LINE_AA)
            cv2.circle(photo, (x, y), 36, (30, 60, 150), -1, cv2.LINE_AA)
            cv2.rectangle(photo, (x - 14, y - 14), (x + 14, y + 14), (240, 235, 220), -1)
    outliner = outlines.Outliner.load()
    whole = outliner.maps(photo, 1.0, outliner.closer)
    monkeypatch.setattr(outlines, "TILE", 352)
    tiled = outliner.maps(photo, 1.0, outliner.closer)
    assert tiled.shape == whole.shape
    assert np.abs(tiled - whole).mean() < 0.02
    found = outlines.regions(tiled)
    assert len(found) == 49
    for region in found:  # no pin is cut where two tiles meet
        assert np.ptp(region.contour * 700, axis=0) == pytest.approx((86, 86), abs=8)


def test_the_photo_is_looked_at_again_as_long_as_its_pins_get_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    photo = np.clip(rng.normal(205, 4, (1300, 1300, 3)), 0, 255).astype(np.uint8)
    enamels = ((180, 30, 40), (30, 60, 150), (20, 120, 70), (230, 190, 60), (40, 40, 45))
    for x in range(75, 1240, 75):
        for y in range(75, 1240, 75):
            cv2.circle(photo, (x, y), 30, (200, 170, 90), -1, cv2.LINE_AA)
            cv2.circle(photo, (x, y), 26, enamels[(x + y // 75) % 5], -1, cv2.LINE_AA)
            cv2.rectangle(photo, (x - 10, y - 10), (x + 10, y + 10), (240, 235, 220), -1)
    outliner, scales = outlines.Outliner.load(), []
    plain = outlines.Outliner.maps

    def counted(self: outlines.Outliner, image: np.ndarray, scale: float, network: Looks | None = None) -> np.ndarray:
        scales.append(scale)
        return plain(self, image, scale, network)

    monkeypatch.setattr(outlines.Outliner, "maps", counted)
    found = outliner.find(photo)
    assert len(found) == pytest.approx(16 * 16, rel=0.03)
    assert len(scales) >= 2
    assert scales == sorted(scales)
    assert scales[-1] == pytest.approx(outlines.PIN_SIDE / 53, rel=0.35)


def test_many_small_pins_are_told_from_one_large_pin_by_their_outlines() -> None:
    ids = np.zeros((384, 384), np.int32)
    disc(ids, 190, 190, 120)
    assert not outlines.crowded(ideal(ids))
    for x in range(10, 384, 13):
        for y in range(10, 384, 13):
            disc(ids, x, y, 6)
    assert outlines.crowded(ideal(ids))
    assert not outlines.crowded(np.zeros((3, 64, 64), np.float32))


def test_pins_are_found_where_the_first_look_shows_nothing_but_outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many and so small that they are lace from afar."""
    scales = []

    def looked(_self: outlines.Outliner, image: Float32, scale: float, _network: object = None) -> Float32:
        scales.append(scale)
        height, width = (max(8, round(side * scale)) // 2 for side in image.shape[:2])
        maps = np.zeros((3, height, width), np.float32)
        maps[1] = len(scales) == 1
        if len(scales) > 1:
            y, x = np.mgrid[:height, :width]
            for middle in (0.3, 0.7):
                away = np.hypot(x - middle * width, y - middle * height) / 30
                maps[0] = np.maximum(maps[0], away < 1)
                maps[2] = np.maximum(maps[2], 1 - away)
        return maps

    monkeypatch.setattr(outlines.Outliner, "maps", looked)
    found = outlines.Outliner.load().find(np.zeros((600, 800, 3), np.uint8))
    assert len(found) == 2
    assert len(scales) > 1
