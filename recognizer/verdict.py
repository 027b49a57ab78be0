"""The verdict: evidences of catalogue photos to entries with probabilities, and one word for the pin.

Two small fitted models, both in `ranking.json` beside this module, with the data and figures that they come from
(made by `python -m training.rank`). The first orders the candidates of one query: a conditional logit over
similarity, votes, inliers and appearance, with one set of weights where some candidate agrees with the query point by
point and another where none does, for a similarity that decides relief metal misleads beside sixty inliers. The
second says how likely the first answer is right, from how strong and how far ahead it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError
from recognizer.types import Box, CatalogueEntry, Hit, Match, Recognition, Verdict

Floats = NDArray[np.float64]

EVIDENCES: Final = ("similarity", "votes", "inliers", "appearance")
"""Order of the columns of `evidences`; the ranking has a weight for each where keypoints agree, and one where not."""

SIGNS: Final = (
    *("agreement", "agreed_lead", "agreed_inliers", "agreed_appearance"),
    *("apart_lead", "apart_similarity", "apart_inliers"),
)
"""Order of the columns of `signs`: what counts where keypoints agree, and what counts where they do not."""

_AGREED: Final = (6, 14)
"""Inliers of the best candidate between which the weights pass from one set to the other. On `emblems/`, where
keypoints carry nothing, the best wrong photo seldom has more than 6; on `pins/` most right ones have over 14."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The fitted coefficients.

    `agreed` and `apart` are the weights of EVIDENCES with and without agreement of keypoints, `signs` those of SIGNS
    with `bias` before them, `match` the least probability of a `match`.
    """

    agreed: tuple[float, ...]
    apart: tuple[float, ...]
    signs: tuple[float, ...]
    bias: float
    match: float


@lru_cache(maxsize=1)
def ranking() -> Ranking:
    """Return the ranking that ships with the package."""
    held = json.loads(resources.files("recognizer").joinpath("ranking.json").read_text(encoding="utf-8"))
    return ranking_from(held)


def ranking_from(held: Mapping[str, Any]) -> Ranking:
    """Return the ranking that a JSON object holds; ModelError when coefficients are missing."""
    try:
        return Ranking(
            agreed=tuple(float(held["agreed"][name]) for name in EVIDENCES),
            apart=tuple(float(held["apart"][name]) for name in EVIDENCES),
            signs=tuple(float(held["signs"][name]) for name in SIGNS),
            bias=float(held["bias"]),
            match=float(held["match"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"ranking.json: {error} is missing or no number; make it with `python -m training.rank`"
        ) from error


def evidences(hits: Sequence[Hit]) -> tuple[Floats, float]:
    """Return the evidences (n, 4) of one query's candidates in the order of EVIDENCES, and how far keypoints agree (0
    to 1)."""
    inliers = np.array([hit.inliers for hit in hits], np.float64)
    votes = np.array([hit.votes for hit in hits], np.float64)
    most = votes.max(initial=0.0)
    table = np.column_stack(
        [
            [hit.similarity for hit in hits],
            # Votes count against the best candidate's: how many there are depends on the size of the catalogue.
            np.log((votes / most if most > 0 else votes) + 0.05),
            np.log1p(inliers),
            [hit.appearance for hit in hits],
        ]
    )
    agreement = (inliers.max(initial=0.0) - _AGREED[0]) / (_AGREED[1] - _AGREED[0])
    return table, float(np.clip(agreement, 0, 1))


def scores(hits: Sequence[Hit], model: Ranking) -> Floats:
    """Return the ranking scores (n,) of one query's candidates, log-odds against one another."""
    if not hits:
        return np.zeros(0)
    table, agreement = evidences(hits)
    weights = agreement * np.array(model.agreed) + (1 - agreement) * np.array(model.apart)
    return np.asarray(table @ weights)


def signs(hits: Sequence[Hit], score: Floats, owners: Sequence[str]) -> Floats:
    """Return what tells a right first answer from a wrong one, in the order of SIGNS.

    `score` (n,) and `owners`, the entry_id of each hit, belong to `hits`. The leads are over the best photo of any
    other entry, and are bounded: past a point it does not matter how far ahead an answer is.
    """
    first = int(score.argmax())
    others = [float(score[at]) for at, owner in enumerate(owners) if owner != owners[first]]
    lead = min(float(score[first]) - max(others, default=-np.inf), 5.0)
    best = hits[first]
    _, agreement = evidences(hits)
    agreed = [1.0, lead, np.log1p(min(best.inliers, 100)), best.appearance]
    apart = [lead, best.similarity, np.log1p(min(best.inliers, 100))]
    return np.array([*(agreement * value for value in agreed), *((1 - agreement) * value for value in apart)])


def decide(box: Box, hits: Sequence[Hit], entries: Mapping[int, CatalogueEntry], model: Ranking, k: int) -> Recognition:
    """Return the answer for one pin: the best `k` entries by their best photo, probabilities and the verdict.

    `entries` gives the entry of every image_id; hits of photos that it lacks do not count. The probabilities of an
    answer add up to at most 1; what is left is that the pin is in no entry, or in one further down.
    """
    known = [hit for hit in hits if hit.image_id in entries]
    if not known:
        return Recognition(box, (), Verdict.UNKNOWN)
    score = scores(known, model)
    owners = [entries[hit.image_id].entry_id for hit in known]
    best: dict[str, int] = {}
    for at in np.argsort(-score, kind="stable"):
        best.setdefault(owners[at], int(at))
    weight = np.exp(score[list(best.values())] - score.max())
    right = _logistic(float(signs(known, score, owners) @ np.array(model.signs)) + model.bias)
    rest = float(weight[1:].sum())
    probabilities = [right, *(min(right, (1 - right) * float(part) / max(rest, 1.0)) for part in weight[1:])]
    matches = tuple(
        Match(entries[known[at].image_id], known[at].image_id, probability, known[at])
        for at, probability in zip(best.values(), probabilities, strict=True)
    )
    return Recognition(box, matches[:k], _verdict(matches, model))


def _verdict(matches: Sequence[Match], model: Ranking) -> Verdict:
    first = matches[0]
    if first.probability >= model.match:
        return Verdict.MATCH
    family = first.entry.family
    if family and sum(match.probability for match in matches if match.entry.family == family) >= model.match:
        return Verdict.FAMILY
    return Verdict.UNKNOWN


def _logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
