"""The fit finds the evidence that decides, is judged on entries that it has not seen, and comes back from its JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from recognizer.decision import verdict
from recognizer.decision.verdict import EVIDENCES, SIGNS, Ranking
from recognizer.types import Hit, Photo, Verdict
from training import cases as collected
from training import rank
from training.cases import Case, left_out
from training.rank import cross_validate, fit

Draw = Callable[[np.random.Generator, bool], Hit]
CANDIDATES = 8


def hit(
    rng: np.random.Generator,
    similarity: float | None = None,
    inliers: int | None = None,
    appearance: float | None = None,
) -> Hit:
    """A candidate that says nothing but what is given."""
    return Hit(
        int(rng.integers(1, 1 << 40)),
        float(rng.uniform(0.2, 0.8)) if similarity is None else similarity,
        float(rng.uniform(0.01, 0.2)),
        int(rng.integers(0, 5)) if inliers is None else inliers,
        float(rng.uniform(-0.2, 0.6)) if appearance is None else appearance,
    )


def by_similarity(rng: np.random.Generator, right: bool) -> Hit:
    return hit(rng, similarity=float(rng.normal(0.7 if right else 0.4, 0.08)))


def by_appearance(rng: np.random.Generator, right: bool) -> Hit:
    return hit(rng, inliers=int(rng.integers(30, 60)), appearance=float(rng.normal(0.8 if right else 0.3, 0.12)))


def by_nothing(rng: np.random.Generator, right: bool) -> Hit:
    return hit(rng)


def made(draw: Draw, known: int, unknown: int = 0, seed: int = 0, group: int = 0) -> list[Case]:
    """Queries whose right candidate is told by `draw` alone; those of unknown pins have no right one."""
    rng = np.random.default_rng(seed)
    cases = []
    for at in range(known + unknown):
        answer = f"entry-{at % 60}" if at < known else None
        others = [f"other-{rng.integers(0, 500)}" for _ in range(CANDIDATES)]
        owners = [answer, *others[1:]] if answer else others
        hits = [draw(rng, owner == answer) for owner in owners]
        order = rng.permutation(CANDIDATES)
        cases.append(Case(group, tuple(hits[i] for i in order), tuple(str(owners[i]) for i in order), answer))
    return cases


def right(cases: Sequence[Case], model: Ranking) -> float:
    """Which part of the known queries is answered right."""
    known = [case for case in cases if case.answer]
    return float(
        np.mean([case.owners[int(verdict.scores(case.hits, model).argmax())] == case.answer for case in known])
    )


def probability(case: Case, model: Ranking) -> float:
    return rank.judge(case, model).chance


def word(case: Case, model: Ranking) -> Verdict:
    return verdict.word(case.hits, verdict.scores(case.hits, model), case.owners, {}, model)


@pytest.mark.parametrize(
    ("draw", "weights", "decides"),
    [(by_similarity, "apart", "similarity"), (by_appearance, "agreed", "appearance")],
)
def test_the_fit_finds_the_evidence_that_decides(draw: Draw, weights: str, decides: str) -> None:
    model = fit(made(draw, 150))
    # In units of how much each evidence differs between candidates.
    table = np.concatenate([verdict.evidences(case.hits)[0] for case in made(draw, 150)])
    strength = dict(zip(EVIDENCES, np.array(getattr(model, weights)) * table.std(axis=0), strict=True))
    assert strength[decides] > 1
    assert strength[decides] > 3 * max(abs(value) for name, value in strength.items() if name != decides)
    assert right(made(draw, 200, seed=1), model) > 0.9


def test_each_set_of_weights_learns_from_its_own_cases() -> None:
    both = made(by_similarity, 120, group=0) + made(by_appearance, 120, seed=2, group=1)
    model = fit(both)
    assert right(made(by_similarity, 200, seed=3), model) > 0.9
    assert right(made(by_appearance, 200, seed=4), model) > 0.9


def test_where_nothing_decides_nothing_is_sure() -> None:
    cases = made(by_nothing, 200)
    model = fit(cases)
    assert right(made(by_nothing, 300, seed=1), model) < 0.3
    given = [probability(case, model) for case in made(by_nothing, 200, seed=2)]
    assert np.mean(given) == pytest.approx(right(cases, model), abs=0.1)
    assert max(given) < 0.7


def test_the_probability_is_how_often_the_answer_is_right() -> None:
    def sometimes(rng: np.random.Generator, right: bool) -> Hit:
        return hit(rng, similarity=float(rng.normal(0.55 if right else 0.4, 0.1)))

    model = fit(made(sometimes, 500))
    fresh = made(sometimes, 500, seed=1)
    given = np.array([probability(case, model) for case in fresh])
    # among pins of which some are in no entry, as the fit takes it: every case once more with its entry left out
    without = np.array([probability(left_out(case), model) for case in fresh])
    asked = len(fresh) * (1 + rank.LACKING)
    said = (given.sum() + rank.LACKING * without.sum()) / asked
    assert said == pytest.approx(right(fresh, model) * len(fresh) / asked, abs=0.07)
    sure, unsure = given >= np.median(given), given < np.median(given)
    picked = [np.array(fresh, dtype=object)[which].tolist() for which in (sure, unsure)]
    assert right(picked[0], model) > right(picked[1], model) + 0.15


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2])
def test_no_more_unknown_pins_than_the_rate_are_called_match(rate: float) -> None:
    unknown = [
        Case(0, case.hits, case.owners, None)  # no candidate is right, and most look so
        for case in made(lambda rng, right: by_similarity(rng, False), 200, seed=5)
    ]
    model = fit(made(by_similarity, 200) + unknown, rate)
    words = [word(case, model) for case in unknown]
    assert np.mean([said is Verdict.MATCH for said in words]) <= rate
    known = [word(case, model) for case in made(by_similarity, 200)]
    assert np.mean([said is Verdict.MATCH for said in known]) > 0.6


def test_a_pin_left_out_beside_its_variant_does_not_make_drawings_unsure() -> None:
    cases = made(by_appearance, 200)
    model = fit(cases)
    assert np.median([rank.judge(case, model).chances.drawing for case in cases]) > 0.8


def test_queries_whose_entry_is_not_among_the_candidates_are_no_fault() -> None:
    cases = made(by_similarity, 100)
    lost = [
        Case(0, case.hits, tuple("x" if owner == case.answer else owner for owner in case.owners), case.answer)
        for case in cases[:10]
    ]
    model = fit(lost + cases[10:])
    assert right(cases[10:], model) > 0.9
    figures = cross_validate(lost + cases[10:], ["made"])["made"]
    assert figures["recall_at_1"] == pytest.approx(0.9, abs=0.08)


def test_a_small_set_counts_as_much_as_a_large_one() -> None:
    cases = made(by_nothing, 30, group=0) + made(by_nothing, 300, group=1)
    weight = rank._even(cases)
    assert weight[:30].sum() == pytest.approx(weight[30:].sum())
    assert weight.sum() == pytest.approx(len(cases))


def test_the_fit_is_the_same_every_time() -> None:
    cases = made(by_similarity, 80, unknown=20)
    assert fit(cases) == fit(list(cases))


# Cross-validation


def test_no_query_is_judged_by_weights_that_saw_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = made(by_similarity, 150, unknown=30)
    seen: list[list[Case]] = []
    judged: dict[int, int] = {}
    really_fit, really_judge = rank.fit, rank.judge
    models: list[Ranking] = []
    given: list[Case] = []

    def watched_fit(chosen: Sequence[Case]) -> Ranking:
        seen.append(list(chosen))
        models.append(really_fit(chosen))
        return models[-1]

    def watched_judge(case: Case, model: Ranking) -> rank.Judged:
        if number := next((at for at, made in enumerate(models, 1) if made is model), 0):
            judged[id(case)] = number - 1
            given.append(case)  # one whose entry is hidden is made for the figures: its id is not to be used again
        return really_judge(case, model)

    monkeypatch.setattr(rank, "fit", watched_fit)
    monkeypatch.setattr(rank, "judge", watched_judge)
    cross_validate(cases, ["made"])
    assert len(seen) == rank.FOLDS
    assert set(judged) >= {id(case) for case in cases}
    for case in cases:
        held_out = seen[judged[id(case)]]
        assert all(other is not case for other in held_out)
        if case.answer is not None:
            assert case.answer not in {other.answer for other in held_out}


def test_what_is_learnt_by_heart_does_not_show_in_the_figures() -> None:
    figures = cross_validate(made(by_nothing, 150, unknown=40), ["made"])["made"]
    assert figures["recall_at_1"] < 0.3
    assert figures["auroc"] == pytest.approx(0.5, abs=0.2)


def test_figures_are_a_set_and_count_its_queries() -> None:
    cases = made(by_similarity, 100, unknown=20, group=0) + made(by_nothing, 60, seed=1, group=1)
    figures = cross_validate(cases, ["good", "bad"])
    assert list(figures) == ["good", "bad"]
    assert (figures["good"]["queries"], figures["good"]["unknown_queries"]) == (120, 20)
    assert (figures["bad"]["queries"], figures["bad"]["unknown_queries"]) == (60, 0)
    assert figures["good"]["recall_at_1"] > 0.9 > 0.5 > figures["bad"]["recall_at_1"]
    assert figures["good"]["recall_at_5"] >= figures["good"]["recall_at_1"]
    # the fit reckons with pins in no entry more often than this set has them
    assert 0 <= figures["good"]["calibration_error"] < 0.3
    assert "auroc" not in figures["bad"]  # no unknown pins to tell from


# The file


def test_a_fit_comes_back_from_its_json() -> None:
    model = fit(made(by_similarity, 80, unknown=20))
    held = json.loads(json.dumps(rank.as_json(model, ["made"], {"made": {"recall_at_1": 0.5}}), ensure_ascii=False))
    again = verdict.ranking_from(held)
    for name in (
        "agreed",
        "apart",
        "drawing",
        "drawing_bias",
        "unlike",
        "unlike_bias",
        "match",
        "family",
        "new_variant",
    ):
        assert getattr(again, name) == pytest.approx(getattr(model, name), abs=1e-4)
    assert again.measured.unknown[1] == pytest.approx(model.measured.unknown[1], abs=1e-4)
    assert (tuple(held["agreed"]), tuple(held["drawing"])) == (EVIDENCES, SIGNS)
    assert held["fitted_on"] == ["made"]
    assert held["cross_validated"] == {"made": {"recall_at_1": 0.5}}


def test_photos_are_shrunk_to_the_side_asked_for_and_never_enlarged() -> None:
    photo = Photo(np.zeros((300, 600, 3), np.uint8), "0" * 64, "photo")
    assert collected.shrunk(photo, 112).image.shape == (56, 112, 3)
    assert collected.shrunk(photo, 0) is photo
    assert collected.shrunk(photo, 600) is photo
