"""Twins are parted: pairs are laid in one light, variants differ where they are said to, and drawn ones are seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from recognizer.drawn import sample
from recognizer.errors import ModelError
from recognizer.measuring.metrics import auroc
from recognizer.networks.twin_net import STRIDE, TwinNet
from recognizer.types import UInt8Image
from recognizer.vision.comparing import variants
from training import twins as training
from training.designs import Design
from training.pictures import render
from training.pictures.render import Pin

PLAN = training.Plan(steps=4, batch=8, pins=6, workers=0)


def design(side: int = 256) -> UInt8Image:
    """A red disc with a yellow star-like cross on it."""
    out = np.zeros((side, side, 4), np.uint8)
    y, x = np.mgrid[:side, :side] - side / 2
    out[np.hypot(x, y) < 0.45 * side] = (200, 30, 40, 255)
    out[(np.abs(x) < 0.08 * side) & (np.abs(y) < 0.3 * side)] = (230, 200, 60, 255)
    out[(np.abs(y) < 0.08 * side) & (np.abs(x) < 0.3 * side)] = (230, 200, 60, 255)
    return out


def pin(seed: int = 0) -> Pin:
    return render.strike(design(), np.random.default_rng(seed), training.SPRITE, "cloisonne", "round")


def test_the_second_picture_is_brought_into_the_light_of_the_first_where_both_are_seen() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(60, 200, (variants.SIDE, variants.SIDE, 3)).astype(np.uint8)
    second = (first * 0.5 + 20).astype(np.uint8)
    inside = np.zeros((variants.SIDE, variants.SIDE), bool)
    inside[20:100, 30:90] = True
    pair = variants.paired(first, second, inside)
    assert pair.shape == (10, variants.SIDE, variants.SIDE)
    assert np.abs(pair[:9, ~inside]).max() == 0
    assert pair[9] == pytest.approx(inside.astype(np.float32))
    assert np.abs(pair[0:3] - pair[6:9])[:, inside].max() < 0.1
    assert np.abs(pair[0:3] - pair[3:6])[:, inside].max() > 0.3


def test_nothing_seen_of_both_makes_an_empty_pair() -> None:
    picture = np.full((variants.SIDE, variants.SIDE, 3), 90, np.uint8)
    assert not variants.paired(picture, picture, np.zeros((variants.SIDE, variants.SIDE), bool)).any()


def test_the_frame_fits_the_pin_and_leaves_out_what_lies_beyond_the_picture() -> None:
    pin = np.array([[100, 50], [300, 50], [300, 250], [100, 250]], np.float32)
    place = variants.frame((400, 500), pin)
    corners = np.column_stack([pin, np.ones(4)]) @ place.T
    margin = variants.SIDE * variants.MARGIN
    assert corners[:, :2].min() == pytest.approx(margin, abs=1)
    assert corners[:, :2].max() == pytest.approx(variants.SIDE - margin, abs=1)
    far = pin.copy()
    far[1:3, 0] = 1e9
    assert variants.frame((400, 500), far)[0, 0] == pytest.approx(variants.SIDE / (400 * (1 + 2 * variants.MARGIN)))


def test_a_folder_without_a_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=tmp_path.name):
        variants.load(tmp_path)


@pytest.mark.parametrize("kind", ["plating", "enamel", "all enamel", "detail"])
def test_a_variant_differs_on_the_pin_and_has_its_shape(kind: str) -> None:
    own = pin()
    other = training.varied(own, np.random.default_rng(3), kind)
    assert np.abs(other.albedo - own.albedo).max() > 0.15
    assert np.array_equal(other.mask, own.mask)
    if kind == "plating":
        assert np.abs(other.albedo - own.albedo)[own.metal < 0.01].max() < 0.02
    if kind == "enamel":
        assert np.abs(other.albedo - own.albedo)[own.metal > 0.99].max(initial=0) < 0.02


def drawn(folder: Path, count: int = 3) -> list[Design]:
    import cv2

    found = []
    for at in range(count):
        picture = design()
        picture[:, :, :3] = np.roll(picture[:, :, :3], at, axis=2)
        file = folder / f"{at}.png"
        cv2.imwrite(str(file), picture[:, :, [2, 1, 0, 3]])
        found.append(Design(str(at), "made", file))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sequence[training.Struck]:
    """The pins that a training by PLAN draws."""
    return training.bank(drawn(tmp_path_factory.mktemp("designs")), PLAN)


def test_pairs_of_one_pin_have_no_difference_and_those_of_two_have_one(made: Sequence[training.Struck]) -> None:
    assert len(made) == PLAN.pins
    for at, one in enumerate(made):
        same, nowhere = training.pair(one, np.random.default_rng(at), True)
        other, somewhere = training.pair(one, np.random.default_rng(at), False)
        assert same.shape == other.shape == (10, variants.SIDE, variants.SIDE)
        assert nowhere.sum() == 0
        assert somewhere.shape == (variants.SIDE // STRIDE,) * 2
    assert np.isfinite(same).all()


def test_training_is_the_same_each_time_and_leaves_a_network_that_loads(
    made: Sequence[training.Struck], tmp_path: Path
) -> None:
    folders = [training.train(made, made[:2], PLAN, tmp_path / name) for name in ("one", "two")]
    first, second = ((folder / "weights.safetensors").read_bytes() for folder in folders)
    assert first == second
    pairs = np.stack([training.pair(made[0], np.random.default_rng(7), True)[0]])
    assert np.isfinite(variants.load(folders[0]).same(pairs)).all()


def test_the_loss_falls_on_pairs_that_are_seen_often(made: Sequence[training.Struck]) -> None:
    batch = training.Pairs(made, PLAN).batch(0)
    torch.manual_seed(0)
    network = TwinNet()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(15):
        loss = training.loss_of(network, *batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_the_shipped_network_parts_drawn_pins_from_their_variants() -> None:
    """Pins of the sample, which are drawn by other code than those that it was trained on."""
    pins = sample.pins(60)
    families: dict[str, list[int]] = {}
    for at, one in enumerate(pins):
        if one.entry.family:
            families.setdefault(one.entry.family, []).append(at)
    chosen = [members for members in families.values() if len(members) > 1]
    assert chosen
    inside = np.ones((variants.SIDE, variants.SIDE), bool)

    def view(at: int) -> UInt8Image:
        return _small(sample.catalogue_view(at))

    same = [variants.paired(view(m[0]), _dimmed(view(m[0])), inside) for m in chosen]
    other = [variants.paired(view(m[0]), _dimmed(view(m[1])), inside) for m in chosen]
    found = variants.load().same(np.stack(same + other))
    assert auroc(found[: len(same)], found[len(same) :]) > 0.85


def _small(image: UInt8Image) -> UInt8Image:
    import cv2

    return np.asarray(cv2.resize(image, (variants.SIDE, variants.SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _dimmed(image: UInt8Image) -> UInt8Image:
    """The picture in a warmer, weaker light."""
    return np.clip(image * np.array([0.85, 0.8, 0.72]) + 8, 0, 255).astype(np.uint8)
