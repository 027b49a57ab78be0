"""Calibration bends probabilities to what was seen, sets the operating point, and serves only the index it is of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recognizer.decision import calibration, verdict
from recognizer.decision.calibration import Calibration
from recognizer.decision.verdict import Measured
from recognizer.errors import ModelError
from recognizer.search.index import Manifest
from recognizer.types import Hit, Verdict
from training import calibrate
from training.cases import Case
from training.rank import judge

MANIFEST = Manifest("base", "f" * 16, "hull", 1, 8, tuple((at, "s") for at in range(100)), "v", "d")


def cases(count: int, easy: float, unknown: int = 0, seed: int = 0) -> list[Case]:
    """Queries of relief pins whose right candidate is as much more similar as `easy` says."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(count + unknown):
        hits = [Hit(k + 1, float(rng.normal(0.5, 0.06)), float(rng.uniform(0.01, 0.1))) for k in range(8)]
        hits[0] = replace(hits[0], similarity=float(rng.normal(0.5 + (easy if at < count else 0.0), 0.06)))
        answer = f"e{at % 50}" if at < count else None
        made.append(Case(0, tuple(hits), (f"e{at % 50}", *(f"o{k}" for k in range(7))), answer))
    return made


def error(asked: Sequence[Case], model: verdict.Ranking) -> float:
    """How far what is said lies from what is right, on average, the cases taken with their entries left out as well."""
    judged = [judge(case, model) for case in asked]
    return abs(float(np.mean([one.chance for one in judged]) - np.mean([one.right for one in judged])))


def test_probabilities_are_bent_to_the_queries() -> None:
    shipped = verdict.ranking()
    doubting = replace(shipped, drawing_bias=shipped.drawing_bias - 3)
    made = calibrate.fitted(cases(300, 0.25, unknown=60), doubting, 0.05)
    fresh = cases(300, 0.25, unknown=60, seed=1)
    assert error(fresh, made) < 0.5 * error(fresh, doubting)
    assert made.drawing_bias > doubting.drawing_bias


def test_a_few_queries_do_little() -> None:
    doubting = replace(verdict.ranking(), drawing_bias=verdict.ranking().drawing_bias - 4)
    few, many = (calibrate.fitted(cases(n, 0.25), doubting, 0.0) for n in (3, 300))
    fresh = cases(100, 0.25, seed=1)
    said = [np.mean([judge(case, model).chance for case in fresh]) for model in (doubting, few, many)]
    assert said[1] - said[0] < 0.5 * (said[2] - said[0])


def test_the_order_of_answers_is_left_alone() -> None:
    shipped = verdict.ranking()
    made = calibrate.fitted(cases(100, 0.2, unknown=30), shipped, 0.05)
    assert (made.agreed, made.apart) == (shipped.agreed, shipped.apart)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2])
def test_no_more_unknown_pins_than_the_rate_are_called_match(rate: float) -> None:
    asked = cases(200, 0.25, unknown=100)
    made = calibrate.fitted(asked, verdict.ranking(), rate)
    unknown = [case for case in asked if case.answer is None]
    said = [verdict.word(case.hits, verdict.scores(case.hits, made), case.owners, {}, made) for case in unknown]
    assert np.mean([one is Verdict.MATCH for one in said]) <= rate


def test_without_unknown_queries_the_left_out_ones_stand_for_them() -> None:
    made = calibrate.fitted(cases(120, 0.25), verdict.ranking(), 0.01)
    assert sum(map(len, made.measured.unknown)) == 120
    assert made.measured.false(made.match) <= 0.01


def test_figures_come_from_calibrations_that_did_not_see_the_entry() -> None:
    figures = calibrate.cross_validated(cases(150, 0.25, unknown=40), verdict.ranking(), 0.05)
    assert (figures["queries"], figures["unknown_queries"]) == (190, 40)
    assert figures["recall_at_1"] > 0.8
    assert figures["auroc"] > 0.8


# On the disk


def kept(photos: int = 100, fingerprint: str = "f" * 16, settings: str = "hull") -> Calibration:
    ranking = replace(verdict.ranking(), measured=Measured(((0.9,), (0.8,)), ((0.3,), (0.2, 0.7))), match=(0.31, 0.71))
    return Calibration(ranking, fingerprint, settings, photos, "3 queries", {"auroc": 0.9}, "2026-01-01T00:00:00+00:00")


def test_a_calibration_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    assert calibration.read(tmp_path) is None
    calibration.write(tmp_path, kept())
    again = calibration.read(tmp_path)
    assert again is not None
    assert again.ranking.measured == kept().ranking.measured
    assert replace(again, ranking=kept().ranking) == kept()
    assert [path.name for path in tmp_path.iterdir()] == [calibration.FILE]


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (kept(), ""),
        (kept(photos=92), ""),
        (kept(photos=80), "80 photos"),
        (kept(fingerprint="0" * 16), "another model"),
        (kept(settings="older"), "another way"),
    ],
    ids=["same", "grown a little", "grown", "model", "features"],
)
def test_it_serves_only_the_index_that_it_was_made_for(tmp_path: Path, held: Calibration, why: str) -> None:
    calibration.write(tmp_path, held)
    ranking, reason = calibration.ranking_for(tmp_path, MANIFEST)
    assert why in reason
    assert bool(reason) == bool(why)
    assert ranking.match == (verdict.ranking().match if why else held.ranking.match)


def test_another_rate_moves_the_thresholds(tmp_path: Path) -> None:
    calibration.write(tmp_path, kept())
    strict, _ = calibration.ranking_for(tmp_path, MANIFEST, 0.0)
    lax, _ = calibration.ranking_for(tmp_path, MANIFEST, 1.0)
    assert strict.match[1] > 0.7 >= lax.match[1]


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"format": 1, "ranking": {}})])
def test_a_damaged_calibration_is_named_with_the_cure(tmp_path: Path, content: str) -> None:
    (tmp_path / calibration.FILE).write_text(content)
    with pytest.raises(ModelError, match=r"calibration\.json: .*znachki calibrate"):
        calibration.read(tmp_path)
