"""Similarities of any model are brought to the scale of the base that ships, and stay in order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index import spread
from recognizer.search import embedder
from recognizer.search.similarity import OF_BASE, Scale
from recognizer.types import Float32, UInt8Image


class Squeezed:
    """The base's embeddings with a direction common to all pins added, which makes them more alike."""

    name = "squeezed"

    def __init__(self, share: float) -> None:
        self.base, self.share = embedder.load(), share

    def embed_zooms(self, images: list[UInt8Image]) -> Float32:
        zooms = self.base.embed_zooms(images)
        common = np.ones(zooms.shape[-1], np.float32) / np.sqrt(zooms.shape[-1])
        moved = zooms + self.share * common
        return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True), np.float32)


def test_a_scale_moves_its_mean_and_spread_onto_the_others_and_keeps_the_order() -> None:
    narrow, wide = Scale(0.5, 0.05), Scale(0.3, 0.1)
    moved = narrow.onto(wide, np.array([0.5, 0.55, 0.45, 0.6]))
    assert moved.tolist() == pytest.approx([0.3, 0.4, 0.2, 0.5])
    assert wide.onto(narrow, moved).tolist() == pytest.approx([0.5, 0.55, 0.45, 0.6])


def test_the_scale_of_the_base_is_what_is_measured_of_it() -> None:
    base = embedder.load()
    found = spread.measured(base)
    assert found.mean == pytest.approx(OF_BASE.mean, abs=0.005)
    assert found.spread == pytest.approx(OF_BASE.spread, abs=0.002)
    assert spread.of_model(base) == OF_BASE


def test_a_model_to_which_pins_are_more_alike_has_a_higher_mean_and_less_spread() -> None:
    found = spread.measured(Squeezed(0.7))  # type: ignore[arg-type]
    assert found.mean > OF_BASE.mean + 0.1
    assert found.spread < 0.9 * OF_BASE.spread


def test_a_model_to_which_all_pins_are_alike_is_stretched_no_more_than_twice(tiny_model: Path) -> None:
    assert spread.of_model(embedder.load(tiny_model)).spread >= OF_BASE.spread / 2
