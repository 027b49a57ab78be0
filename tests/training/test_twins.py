"""Drawn variants differ from their pin in what they are asked to, and the network that ships is measured by kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from recognizer.types import Float32, UInt8Image
from training import measure_twins, twins
from training.twins import Plan


@dataclass(frozen=True)
class Drawn:
    """As much of a Design as striking needs."""

    picture: UInt8Image

    def read(self) -> UInt8Image:
        return self.picture


@pytest.fixture
def drawn(design: UInt8Image) -> Drawn:
    return Drawn(design)


def some(drawn: Drawn, kind: str, count: int = 12) -> list[twins.Struck]:
    made = (twins.struck(drawn.read(), np.random.default_rng(seed), kind) for seed in range(6 * count))
    return [one for one in made if one is not None][:count]


@pytest.mark.parametrize("kind", ["plating", "enamel", "all enamel", "digit", "word", "detail"])
def test_every_kind_of_variant_differs_from_its_pin_and_not_everywhere(drawn: Drawn, kind: str) -> None:
    made = some(drawn, kind)
    assert len(made) > 5
    for one in made:
        assert one.pin.shape[1:] == one.variant.shape[1:]
        assert 0.001 < one.differs.mean() < 0.9


def test_a_variant_of_one_digit_differs_less_than_one_of_a_word(drawn: Drawn) -> None:
    digits, words = ([one.differs.mean() for one in some(drawn, kind)] for kind in ("digit", "word"))
    assert np.median(digits) < np.median(words) / 1.5


def test_one_plan_makes_one_bank_and_a_share_of_digits_another(drawn: Drawn) -> None:
    plan = Plan(pins=6)
    first, second = twins.bank([drawn], plan), twins.bank([drawn], plan)  # type: ignore[list-item]
    assert all(np.array_equal(one.differs, other.differs) for one, other in zip(first, second, strict=True))
    other = twins.bank([drawn], Plan(pins=6, digits=1.0))  # type: ignore[list-item]
    assert np.mean([one.differs.mean() for one in other]) < np.mean([one.differs.mean() for one in first])


@pytest.mark.parametrize(("says", "expected"), [(1.0, 1.0), (0.0, 0.5), (-1.0, 0.0)])
def test_a_network_is_measured_by_how_it_ranks_single_pins_and_variants(
    drawn: Drawn, says: float, expected: float
) -> None:
    class Network:
        def same(self, pairs: Float32) -> Float32:
            return np.array([says, 0.0], np.float32)

    assert measure_twins.measure(Network(), [drawn], "enamel", 8) == expected  # type: ignore[arg-type, list-item]
