"""Measures agree with numbers worked by hand and with naive code that follows their definitions word by word."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.measuring import metrics
from recognizer.measuring.metrics import Outcomes
from recognizer.types import Box, CatalogueEntry, Hit, Match, Recognition, Verdict

# few different values, so that ties are common
SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0]), min_size=1, max_size=30)
RANKS = st.lists(st.integers(0, 60), min_size=1, max_size=40)
quick = settings(max_examples=150, deadline=None)


def recognition(box: Box, *probabilities: tuple[str, float]) -> Recognition:
    matches = tuple(Match(CatalogueEntry(entry_id), 1, p, Hit(1)) for entry_id, p in probabilities)
    return Recognition(box, matches, Verdict.MATCH)


# Ranks


def test_rank_is_by_entry_and_ties_count_against_it() -> None:
    scores = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.7}
    assert metrics.rank_of("a", scores) == 1
    assert metrics.rank_of("b", scores) == 2
    assert metrics.rank_of("c", scores) == 4  # d has the same score and is taken to stand before c
    assert metrics.rank_of("e", scores) == 0


def test_equal_scores_for_all_are_no_answer() -> None:
    assert metrics.rank_of("a", {"a": 0.5, "b": 0.5, "c": 0.5}) == 3


def test_answers_of_several_pins_merge_by_best_probability() -> None:
    one = recognition(Box(0, 0, 9, 9), ("a", 0.4), ("b", 0.3))
    two = recognition(Box(9, 0, 20, 9), ("c", 0.8), ("b", 0.6))
    merged = metrics.merged([one, two])
    assert [(match.entry.entry_id, match.probability) for match, _ in merged] == [("c", 0.8), ("b", 0.6), ("a", 0.4)]
    assert [found.box.left for _, found in merged] == [9, 9, 0]
    assert metrics.merged([]) == []


def test_a_capped_probability_is_no_tie_but_equal_evidence_is() -> None:
    def match(entry_id: str, probability: float, inliers: int) -> Match:
        return Match(CatalogueEntry(entry_id), 1, probability, Hit(1, inliers=inliers))

    matches = (match("a", 0.3, 9), match("b", 0.3, 8), match("c", 0.3, 8), match("d", 0.3, 8), match("e", 0.1, 8))
    scores = metrics.scores_of(metrics.merged([Recognition(Box(0, 0, 9, 9), matches, Verdict.UNKNOWN)]))
    assert [metrics.rank_of(entry_id, scores) for entry_id in "abcde"] == [1, 4, 4, 4, 5]
    assert metrics.scores_of([]) == {}


def test_recall_at_k_by_hand() -> None:
    ranks = [1, 3, 0, 5, 6]  # at 1: one of five; at 5: ranks 1, 3, 5; at 50: all but the one not found
    assert metrics.recall_at(ranks, 1) == pytest.approx(1 / 5)
    assert metrics.recall_at(ranks, 5) == pytest.approx(3 / 5)
    assert metrics.recall_at(ranks, 50) == pytest.approx(4 / 5)


def test_mean_reciprocal_rank_by_hand() -> None:
    # 1/1 + 1/2 + 0 + 1/4 = 1.75, over four queries
    assert metrics.mean_reciprocal_rank([1, 2, 0, 4]) == pytest.approx(1.75 / 4)


@given(RANKS, st.integers(1, 60))
@quick
def test_rank_measures_agree_with_naive_code(ranks: list[int], k: int) -> None:
    assert metrics.recall_at(ranks, k) == pytest.approx(sum(1 for r in ranks if 0 < r <= k) / len(ranks))
    assert metrics.mean_reciprocal_rank(ranks) == pytest.approx(sum(1 / r for r in ranks if r) / len(ranks))


# Known and unknown together


def test_gap_by_hand() -> None:
    # in order of confidence: right, unknown, right, wrong; three known queries
    # precision at the 1st is 1/1, at the 3rd 2/3; (1 + 2/3) / 3 = 5/9
    confidence, right = [0.9, 0.8, 0.7, 0.2], [True, False, True, False]
    assert metrics.global_average_precision(confidence, right, known=3) == pytest.approx(5 / 9)


def test_gap_counts_wrong_answers_of_equal_confidence_first() -> None:
    # tied at .5: wrong, then right; precision at the right one is 1/2
    assert metrics.global_average_precision([0.5, 0.5], [True, False], known=1) == pytest.approx(1 / 2)


def test_gap_of_a_query_without_an_answer_is_a_miss_and_no_mistake() -> None:
    # one right answer of two known queries: 1/1 over 2; an unknown query left unanswered costs nothing
    assert metrics.global_average_precision([0.1, math.nan, math.nan], [True, False, False], 2) == pytest.approx(1 / 2)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.4]), st.booleans()), max_size=25), st.integers(0, 5))
@quick
def test_gap_agrees_with_naive_code(answers: list[tuple[float, bool]], missed: int) -> None:
    known = sum(right for _, right in answers) + missed
    result = metrics.global_average_precision([c for c, _ in answers], [r for _, r in answers], known)
    if not known:
        assert math.isnan(result)
        return
    in_order = [right for _, right in sorted((-confidence, right) for confidence, right in answers)]  # False first
    total = sum(sum(in_order[:seen]) / seen for seen in range(1, len(in_order) + 1) if in_order[seen - 1])
    assert result == pytest.approx(total / known)


def test_auroc_by_hand() -> None:
    # pairs right > unknown: .9 > .8, .9 > .3, .6 > .3 of four pairs
    assert metrics.auroc([0.9, 0.6], [0.8, 0.3]) == pytest.approx(3 / 4)
    assert metrics.auroc([0.5], [0.5]) == pytest.approx(1 / 2)
    assert metrics.auroc([0.5], [-math.inf]) == 1.0  # an unknown pin left unanswered


@given(SCORES, SCORES)
@quick
def test_auroc_agrees_with_every_pair(positive: list[float], negative: list[float]) -> None:
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positive for n in negative]
    assert metrics.auroc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))


def test_false_positives_at_95_by_hand() -> None:
    # 20 right answers .01 to .20; 95% kept lets one go, so the threshold is .02; of four unknown ones .02 and .5 pass
    right = [i / 100 for i in range(1, 21)]
    assert metrics.false_positives_at(right, [0.005, 0.015, 0.02, 0.5]) == pytest.approx(2 / 4)
    # with 19 right answers none may go (18 of 19 is 94.7%): the threshold is .01 and .015 passes too
    assert metrics.false_positives_at(right[:19], [0.005, 0.015, 0.02, 0.5]) == pytest.approx(3 / 4)


@given(SCORES, SCORES, st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
@quick
def test_false_positives_agree_with_trying_every_threshold(
    right: list[float], unknown: list[float], kept: float
) -> None:
    keeping = [t for t in right if sum(r >= t for r in right) >= kept * len(right) - 1e-9]
    expected = sum(u >= max(keeping) for u in unknown) / len(unknown)
    assert metrics.false_positives_at(right, unknown, kept) == pytest.approx(expected)


# All of them


OUTCOMES = Outcomes(
    ranks=np.array([1, 2, 0, 1, 0, 0]),
    confidence=np.array([0.9, 0.6, np.nan, 0.4, 0.7, np.nan]),
    known=np.array([True, True, True, True, False, False]),
    match=np.array([True, False, False, False, True, False]),
    family=np.array([False, True, False, True, False, False]),
    held=np.array([False, True, False, False, False, False]),
    hidden_match=np.array([True, False, True, False, False, False]),
    hidden_new=np.array([False, True, False, False, False, False]),
    variant=np.array([True, True, False, False, False, False]),
)


def test_measures_by_hand() -> None:
    found = metrics.measures(OUTCOMES, 12, {"total": 31.5})
    assert (found.queries, found.unknown_queries, found.entries) == (6, 2, 12)
    assert (found.recall_at_1, found.recall_at_5, found.recall_at_50) == (2 / 4, 3 / 4, 3 / 4)
    assert found.mrr == pytest.approx((1 + 1 / 2 + 0 + 1) / 4)
    # answers by confidence: .9 right, .7 unknown, .6 wrong, .4 right; (1/1 + 2/4) / 4 known
    assert found.gap == pytest.approx(1.5 / 4)
    # right .9 and .4 against unknown .7 and none: .9 beats both, .4 only the one without an answer
    assert found.auroc == pytest.approx(3 / 4)
    assert found.fpir_at_95 == pytest.approx(1 / 2)  # threshold .4: .7 passes
    # six bins of one, no answer counting as 0: .1 + .6 + 0 + .6 + .7 + 0
    assert found.calibration_error == pytest.approx(2.0 / 6)
    assert (found.known_matched, found.known_answered, found.unknown_matched) == (1 / 4, 3 / 4, 1 / 2)
    # of three answers the match is right, one family has the true entry and the other has not
    assert found.answers_right == pytest.approx(2 / 3)
    assert found.misses_in_family == pytest.approx(1 / 2)
    assert found.matches_right == 1
    # four known queries asked with their entry hidden: two of which a variant stays, one of them matched, one told
    assert (found.variants, found.variant_matched, found.new_variant_found, found.hidden_matched) == (2, 0.5, 0.5, 0.5)


def test_measures_have_the_agreed_keys_in_json() -> None:
    found = metrics.measures(OUTCOMES, 12, {"decode": 1.0, "total": 31.5}).as_json()
    assert list(found) == [
        *("queries", "unknown_queries", "entries", "recall_at_1", "recall_at_5", "recall_at_10", "recall_at_50"),
        *("mrr", "gap", "auroc", "fpir_at_95", "calibration_error", "variants", "known_matched", "matches_right"),
        *("known_answered", "answers_right", "misses_in_family", "unknown_matched", "hidden_matched"),
        *("variant_matched", "new_variant_found", "milliseconds"),
    ]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_cannot_be_measured_is_null_in_json() -> None:
    only_unknown = metrics.measures(OUTCOMES.take([4, 5]), 12, {}).as_json()
    missing = [name for name in metrics.QUALITIES if name not in ("calibration_error", "unknown_matched")]
    assert [name for name, value in only_unknown.items() if value is None] == missing
    only_known = metrics.measures(OUTCOMES.take(OUTCOMES.known), 12, {}).as_json()
    assert [name for name, value in only_known.items() if value is None] == ["auroc", "fpir_at_95", "unknown_matched"]


def test_perfect_answers_are_perfect_by_every_measure() -> None:
    known = np.array([True, True, False])
    never, variant = ~known & known, np.array([True, False, False])
    perfect = Outcomes(
        np.array([1, 1, 0]), np.array([1.0, 1.0, 0.0]), known, known, never, never, never, variant, variant
    )
    expected = [1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, float("nan"), 0, 0, 0, 1]
    assert metrics.qualities(perfect).tolist() == pytest.approx(expected, nan_ok=True)


# Intervals and calibration


def test_the_interval_of_a_share_has_width_where_all_or_none_hold() -> None:
    assert metrics.wilson([]) == pytest.approx((math.nan, math.nan), nan_ok=True)
    assert metrics.wilson([False] * 61) == pytest.approx((0, 0.0593), abs=5e-4)  # z^2 / (n + z^2)
    assert metrics.wilson([True] * 61) == pytest.approx((0.9407, 1), abs=5e-4)
    low, high = metrics.wilson([True] * 50 + [False] * 50)
    assert (low, high) == pytest.approx((0.4038, 0.5962), abs=5e-4)


def test_bootstrap_draws_whole_groups() -> None:
    seen: list[tuple[int, ...]] = []

    def statistic(rows: metrics.Ints) -> list[float]:
        seen.append(tuple(sorted(rows.tolist())))
        return [0.0]

    metrics.bootstrap(["a", "b", "a"], statistic, resamples=200)
    assert set(seen) == {(0, 0, 2, 2), (0, 1, 2), (1, 1)}


def test_bootstrap_is_seeded_and_brackets_the_truth() -> None:
    rng = np.random.default_rng(7)
    values = rng.random(400) < 0.8

    def share(rows: metrics.Ints) -> list[float]:
        return [float(values[rows].mean())]

    low, high = metrics.bootstrap(range(400), share)
    assert metrics.bootstrap(range(400), share) == (low, high)
    # the binomial's own interval: .8 within 1.96 * sqrt(.8 * .2 / 400) = .039
    assert high[0] - low[0] == pytest.approx(2 * 0.039, rel=0.15)
    assert low[0] < values.mean() < high[0]


def test_photos_of_one_entry_widen_the_interval() -> None:
    values = np.repeat(np.random.default_rng(3).random(40) < 0.7, 10)  # ten photos an entry, all well or all ill

    def share(rows: metrics.Ints) -> list[float]:
        return [float(values[rows].mean())]

    alone, together = (metrics.bootstrap(groups, share) for groups in (range(400), np.repeat(range(40), 10).tolist()))
    assert together[1][0] - together[0][0] > 2 * (alone[1][0] - alone[0][0])


def test_bootstrap_leaves_out_resamples_that_cannot_be_measured() -> None:
    low, high = metrics.bootstrap(["a", "b"], lambda rows: [math.nan, math.nan if 0 in rows else 1.0], resamples=50)
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[1]) == (1.0, 1.0)


def test_bins_are_of_equal_mass_and_in_order() -> None:
    bins = metrics.equal_mass_bins([0.5, 0.1, 0.9, 0.3, 0.7], 2)
    assert [part.tolist() for part in bins] == [[1, 3, 0], [4, 2]]
    assert metrics.equal_mass_bins([], 4) == []
    assert [len(part) for part in metrics.equal_mass_bins([0.2, 0.1], 10)] == [1, 1]


def test_calibration_error_by_hand() -> None:
    # two bins of two: .1, .3 of which none is right: off by .2; .6, .8 of which one is right: off by .2
    assert metrics.expected_calibration_error([0.8, 0.1, 0.6, 0.3], [1, 0, 0, 0], bins=2) == pytest.approx(0.2)
    assert metrics.expected_calibration_error([1.0, 0.0], [True, False], bins=2) == 0.0
    assert math.isnan(metrics.expected_calibration_error([], []))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(1, 12))
@quick
def test_calibration_error_is_a_weighted_mean_over_bins_that_part_all_rows(
    rows: list[tuple[float, bool]], bins: int
) -> None:
    said, right = [p for p, _ in rows], [r for _, r in rows]
    parts = metrics.equal_mass_bins(said, bins)
    assert sorted(row for part in parts for row in part.tolist()) == list(range(len(rows)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    gaps = [abs(sum(said[i] for i in part) - sum(right[i] for i in part)) for part in parts]
    assert metrics.expected_calibration_error(said, right, bins) == pytest.approx(sum(gaps) / len(rows), abs=1e-12)
