"""Measures of retrieval and of knowing what one does not know, as plain functions on arrays.

A query is a photo with a true entry, or with none where the catalogue lacks the pin. Ranks are of entries, not photos:
an entry counts once, by its best photo. Rank 0 stands for a true entry that is not among the answers, and for a query
without one. What cannot be measured, such as recall without a known query, is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recognizer.types import Match, Recognition

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STAGES: Final = ("decode", "embed", "keypoints", "search", "verify", "total")
"""The stages whose milliseconds `Measures` tells; `total` also holds what lies between them."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What an evaluation found; the fields are the keys of its JSON.

    `queries` counts all photos asked, `unknown_queries` those of pins that the catalogue lacks, `entries` those that
    could have been answered. Recalls and `mrr` are over the known queries, `gap` and `auroc` over all; `fpir_at_95` is
    the share of unknown queries that pass a threshold which keeps 95% of the right answers. `calibration_error` is over
    all queries. Of the known ones, `known_matched` get a match, of which `matches_right` are right, and
    `known_answered` a match or a family, of which `answers_right` are right: the entry, or among the members;
    `misses_in_family` of the wrong first answers are a family that has the true entry. `unknown_matched` of the unknown
    queries get a match. Each known query is also asked as if the catalogue lacked its entry: `hidden_matched` of those
    of which it then has no other variant get a match; of the others, `variants` many, `variant_matched` get a match and
    `new_variant_found` are told as a new variant. `milliseconds` has a median a photo for each of STAGES.
    """

    queries: int
    unknown_queries: int
    entries: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    recall_at_50: float
    mrr: float
    gap: float
    auroc: float
    fpir_at_95: float
    calibration_error: float
    variants: int
    known_matched: float
    matches_right: float
    known_answered: float
    answers_right: float
    misses_in_family: float
    unknown_matched: float
    hidden_matched: float
    variant_matched: float
    new_variant_found: float
    milliseconds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain data in their order, None for what could not be measured."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in ((name, getattr(self, name)) for name in self.__slots__)
        }


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How each query went, one row a query, all arrays (n,).

    `ranks` int64 is the rank of the true entry among the entries answered, 0 where it is not among them or there is
    none; `confidence` float64 is the score of the best answer, NaN where there was no answer; `known` bool says whether
    the query has a true entry; `match` and `family` bool are the verdict, `held` bool says whether it is among
    the members of a family. `hidden_match` and `hidden_new` bool are whether a known query gets a match, or is told as
    a new variant, where its entry is hidden; `variant` bool whether the catalogue then has another variant of it.
    """

    ranks: Ints
    confidence: Floats
    known: Bools
    match: Bools
    family: Bools
    held: Bools
    hidden_match: Bools
    hidden_new: Bools
    variant: Bools

    def take(self, rows: ArrayLike) -> Outcomes:
        """Return the outcomes of some rows, by number or by a mask."""
        chosen = np.asarray(rows)
        return Outcomes(*(getattr(self, name)[chosen] for name in self.__slots__))


QUALITIES: Final = (
    *("recall_at_1", "recall_at_5", "recall_at_10", "recall_at_50", "mrr", "gap", "auroc", "fpir_at_95"),
    *("calibration_error", "known_matched", "matches_right", "known_answered", "answers_right", "misses_in_family"),
    *("unknown_matched", "hidden_matched", "variant_matched", "new_variant_found"),
)
"""The fields of `Measures` that tell how good the answers are, in the order in which `qualities` returns them."""


def qualities(outcomes: Outcomes) -> Floats:
    """Return the values of QUALITIES, float64."""
    ranks, confidence, known = outcomes.ranks, outcomes.confidence, outcomes.known
    right = known & (ranks == 1)
    return np.array(
        [
            *(recall_at(ranks[known], k) for k in (1, 5, 10, 50)),
            mean_reciprocal_rank(ranks[known]),
            global_average_precision(confidence, right, int(known.sum())),
            auroc(_scores(confidence[right]), _scores(confidence[~known])),
            false_positives_at(_scores(confidence[right]), _scores(confidence[~known])),
            expected_calibration_error(np.nan_to_num(confidence), right),
            *(_share(said) for said in rates(outcomes).values()),
        ]
    )


def rates(outcomes: Outcomes) -> dict[str, Bools]:
    """Return what is counted for the last of QUALITIES, from `known_matched` on: whether it holds, case by case."""
    known = outcomes.known
    right = known & (outcomes.ranks == 1)
    answered = known & (outcomes.match | outcomes.family)
    good = (outcomes.match & right) | (outcomes.family & outcomes.held)
    return {
        "known_matched": outcomes.match[known],
        "matches_right": right[known & outcomes.match],
        "known_answered": answered[known],
        "answers_right": good[answered],
        "misses_in_family": (outcomes.family & outcomes.held)[known & ~right],
        "unknown_matched": outcomes.match[~known],
        "hidden_matched": outcomes.hidden_match[known & ~outcomes.variant],
        "variant_matched": outcomes.hidden_match[known & outcomes.variant],
        "new_variant_found": outcomes.hidden_new[known & outcomes.variant],
    }


def measures(outcomes: Outcomes, entries: int, milliseconds: Mapping[str, float]) -> Measures:
    """Sum outcomes up as `Measures`; `entries` and `milliseconds` are passed on."""
    values = dict(zip(QUALITIES, qualities(outcomes).tolist(), strict=True))
    queries = len(outcomes.known)
    unknown, variants = queries - int(outcomes.known.sum()), int((outcomes.known & outcomes.variant).sum())
    return Measures(queries, unknown, entries, variants=variants, **values, milliseconds={**milliseconds})


# Ranks


def merged(recognitions: Sequence[Recognition]) -> list[tuple[Match, Recognition]]:
    """Merge the answers for all pins on a photo: each entry by its most probable match, best first, and whose it is."""
    best: dict[str, tuple[Match, Recognition]] = {}
    for recognition in recognitions:
        for match in recognition.matches:
            entry_id = match.entry.entry_id
            if entry_id not in best or match.probability > best[entry_id][0].probability:
                best[entry_id] = (match, recognition)
    return sorted(best.values(), key=lambda pair: -pair[0].probability)


def scores_of(answers: Sequence[tuple[Match, Recognition]]) -> dict[Hashable, float]:
    """Score merged answers by their order, the first 0, the next -1, for `rank_of`.

    Only answers with equal probability and equal evidence are tied: a probability may be capped, and what is shown
    first by better evidence is first. Equal evidence is no order.
    """
    scores: dict[Hashable, float] = {}
    before: tuple[float, ...] | None = None
    for place, (match, _) in enumerate(answers):
        hit = match.hit
        own = (match.probability, hit.similarity, hit.votes, hit.inliers, hit.appearance)
        scores[match.entry.entry_id] = next(reversed(scores.values())) if own == before else -float(place)
        before = own
    return scores


def rank_of(entry: Hashable, scores: Mapping[Hashable, float]) -> int:
    """Return the rank of an entry by its score, 1 the best, 0 where it has none.

    Ties count against it: entries with the same score stand before it, so that equal scores for all are no answer.
    """
    if entry not in scores:
        return 0
    own = scores[entry]
    return sum(score >= own for score in scores.values())


def recall_at(ranks: ArrayLike, k: int) -> float:
    """Return the share of ranks (n,) that are 1 to `k`; 0 is a true entry that was not found."""
    places = np.asarray(ranks, np.int64)
    return float(((places >= 1) & (places <= k)).mean()) if len(places) else math.nan


def mean_reciprocal_rank(ranks: ArrayLike) -> float:
    """Return the mean of 1 / rank over ranks (n,), rank 0 giving 0 (Voorhees, TREC-8, 1999)."""
    places = np.asarray(ranks, np.float64)
    return float(np.where(places > 0, 1 / np.maximum(places, 1), 0).mean()) if len(places) else math.nan


# Known and unknown together


def global_average_precision(confidence: ArrayLike, right: ArrayLike, known: int) -> float:
    """Return GAP, the mean over `known` queries of the precision at each right answer in order of confidence.

    `confidence` (n,) is of each query's best answer, unknown queries among them, NaN where there was none; `right` (n,)
    says whether that answer is the true entry. Also called micro-AP (Perronnin, Liu and Renders, CVPR 2009), as used by
    the Google Landmarks and Met data sets. Of equal confidences the wrong answers count first.
    """
    scores, correct = np.asarray(confidence, np.float64), np.asarray(right, np.bool_)
    if not known:
        return math.nan
    answered = ~np.isnan(scores)
    scores, correct = scores[answered], correct[answered]
    correct = correct[np.lexsort((correct, -scores))]
    precision = np.cumsum(correct) / np.arange(1, len(correct) + 1)
    return float(precision[correct].sum() / known)


def auroc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Return the chance that a positive scores above a negative, a tie counting half (Mann and Whitney 1947).

    Both are (n,) scores of any lengths, infinities included; NaN where either is empty.
    """
    above, below = np.asarray(positive, np.float64), np.sort(np.asarray(negative, np.float64))
    if not len(above) or not len(below):
        return math.nan
    less, not_more = np.searchsorted(below, above, "left"), np.searchsorted(below, above, "right")
    return float((less + not_more).mean() / 2 / len(below))


def false_positives_at(right: ArrayLike, unknown: ArrayLike, kept: float = 0.95) -> float:
    """Return the share of `unknown` scores that pass the highest threshold which keeps `kept` of the `right` ones.

    A score passes where it is at least the threshold, so that a tie lets the unknown in. The false-positive
    identification rate of ISO/IEC 19795-1, at a stated share of true answers. NaN where either is empty.
    """
    true, false = np.sort(np.asarray(right, np.float64)), np.asarray(unknown, np.float64)
    if not len(true) or not len(false):
        return math.nan
    lost = math.floor(len(true) * (1 - kept) + 1e-9)
    return float((false >= true[min(lost, len(true) - 1)]).mean())


def _share(values: Bools) -> float:
    return float(values.mean()) if len(values) else math.nan


def _scores(confidence: Floats) -> Floats:
    """Confidences with no answer made the least of all."""
    return np.where(np.isnan(confidence), -np.inf, confidence)


# Intervals and calibration


def bootstrap(
    groups: Sequence[Hashable],
    statistic: Callable[[Ints], ArrayLike],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Return the lower and upper ends of percentile intervals of statistics, whole groups drawn with replacement.

    `groups` names the group of each row: photos of one entry go well or ill together, and an interval that draws them
    one by one is too narrow. `statistic` gets the drawn rows, (m,) int64, and returns (s,); so are both ends, NaN where
    a statistic could never be measured. Seeded. Efron 1979; the cluster bootstrap of Field and Welsh 2007.
    """
    rows: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        rows.setdefault(group, []).append(row)
    if not rows:
        raise ValueError("no rows to draw from; give at least one group")
    members = [np.array(numbers, np.int64) for numbers in rows.values()]
    draws = np.random.default_rng(seed).integers(0, len(members), (resamples, len(members)))
    values = np.array([statistic(np.concatenate([members[i] for i in draw])) for draw in draws], np.float64)
    low, high = np.full(values.shape[1], math.nan), np.full(values.shape[1], math.nan)
    for column in range(values.shape[1]):
        measured = values[:, column][~np.isnan(values[:, column])]
        if len(measured):
            low[column], high[column] = np.quantile(measured, ((1 - level) / 2, (1 + level) / 2))
    return low, high


def wilson(held: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share, from whether it holds in each of the cases (n,) bool; NaN without cases.

    The score interval of Wilson (1927), which has width also where it holds in all or in none.
    """
    cases = np.asarray(held, np.bool_)
    n = len(cases)
    if not n:
        return math.nan, math.nan
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = float(cases.mean())
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def equal_mass_bins(values: ArrayLike, bins: int) -> list[Ints]:
    """Part rows into bins of as equal size as can be, by value, the lowest first; each is (m,) int64 row numbers.

    There are at most as many bins as rows; equal values keep their order (Nguyen and O'Connor, EMNLP 2015).
    """
    order = np.argsort(np.asarray(values, np.float64), kind="stable")
    return [part.astype(np.int64) for part in np.array_split(order, min(bins, len(order)))] if len(order) else []


def expected_calibration_error(probability: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """Return how far probabilities are from the share that is right, averaged over equal-mass bins by their size.

    `probability` (n,) 0 to 1 and `right` (n,) bool; 0 is perfectly calibrated; NaN without rows. Naeini, Cooper and
    Hauskrecht (AAAI 2015), with bins of equal mass instead of equal width.
    """
    said, true = np.asarray(probability, np.float64), np.asarray(right, np.float64)
    parts = equal_mass_bins(said, bins)
    if not parts:
        return math.nan
    return float(sum(len(part) * abs(said[part].mean() - true[part].mean()) for part in parts) / len(said))
