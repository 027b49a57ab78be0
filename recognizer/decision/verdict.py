"""The verdict: evidences of catalogue photos to entries with probabilities, and one word for the pin.

Small fitted models, all in `ranking.json` beside this module, with the data and figures that they come from (made by
`python -m training.rank`). The first orders the candidates of one query: a conditional logit over similarity, votes,
inliers, appearance and colour, with one set of weights where some candidate agrees with the query point by point and
another where none does, for a similarity that decides relief metal misleads beside sixty inliers. The second says how
likely the first answer is right, from how strong and how far ahead it is and whether it is a twin; the third, by the
same signs, how likely the first answer's drawing is right, whichever of its variants the pin is.

Whether two pins are one (`Hit.same`) orders nothing: in folds over entries of `pins/` at 112 pixels, where plating and
letters hardly show, it cost .009 of the first answers.

An entry is a variant of the first answer where the curator says so (`family`), or where the photo shows it as well: its
drawing agrees point by point in the same place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError
from recognizer.types import Box, CatalogueEntry, Hit, Match, Recognition, Verdict

Floats = NDArray[np.float64]

EVIDENCES: Final = ("similarity", "votes", "inliers", "appearance", "colour", "silhouette")
"""Order of the columns of `evidences`; the ranking has a weight for each where keypoints agree, and one where not."""

SIGNS: Final = (
    *("agreement", "agreed_lead", "agreed_similarity", "agreed_inliers", "agreed_appearance", "agreed_colour"),
    *("agreed_overlap", "agreed_same", "apart_lead", "apart_similarity", "apart_inliers"),
)
"""Order of the columns of `signs`: what counts where keypoints agree, and what counts where they do not."""

_AGREED: Final = (6, 14)
"""Inliers of the best candidate between which the weights pass from one set to the other. On `emblems/`, where
keypoints carry nothing, the best wrong photo seldom has more than 6; on `pins/` most right ones have over 14."""


_ALIKE: Final = 0.4
"""Appearance from which on a candidate shows the drawing of the first answer, where that is seen at all. On `pins/` it
makes a family of .09 of the known queries' first answers."""

LIKELY: Final = 0.7
"""Least probability of any answer but `unknown`. Over folds of entries on `pins/`, 0.5 answered .97 of the known pins
and called .19 of the unknown ones a family, 0.7 .96 and .13, which is the share of variants among them."""

_COVERS: Final = 0.5
"""Overlap from which on it shows it in the same place: a neighbour that reaches into the crop overlaps by less."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Probabilities of first answers, each a pair: with agreement of keypoints, and without; lowest first.

    `known` where the answer was right, `unknown` where the catalogue lacks the pin.
    """

    known: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    unknown: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())

    def thresholds(self, rate: float) -> tuple[float, float]:
        """Return the two thresholds that keep most of `known` while at most `rate` of all `unknown` reach them."""
        unseen = sum(map(len, self.unknown))
        if not unseen:
            raise ModelError("nothing was measured on pins that the catalogue lacks; run `znachki calibrate`")
        allowed = int(rate * unseen + 1e-9)
        choices = [
            (_above(self.unknown[0], count), _above(self.unknown[1], allowed - count)) for count in range(allowed + 1)
        ]
        return max(choices, key=lambda pair: (self.kept(pair), -pair[0]))

    def kept(self, match: tuple[float, float]) -> float:
        """Return the share of the right answers that reach these thresholds, NaN where none were measured."""
        return _reaching(self.known, match)

    def false(self, match: tuple[float, float]) -> float:
        """Return the share of the pins that the catalogue lacks that do."""
        return _reaching(self.unknown, match)


def _above(values: Sequence[float], count: int) -> float:
    """A threshold that at most `count` of the values reach.

    It lies halfway between the last value that reaches it and the next one that does not: just above the latter, pins
    that were not measured came over it more often than asked. In folds on `pins/`, 3 of 63 did, and 2 from halfway.
    """
    ordered = sorted(values, reverse=True)
    if count >= len(ordered):
        return LIKELY
    least = float(np.nextafter(ordered[count], 2.0))
    return max(least, (ordered[count] + ordered[count - 1]) / 2) if count else least


def _reaching(values: tuple[Sequence[float], Sequence[float]], match: tuple[float, float]) -> float:
    total = sum(map(len, values))
    reached = sum(value >= least for part, least in zip(values, match, strict=True) for value in part)
    return reached / total if total else float("nan")


@dataclass(frozen=True, slots=True)
class Ranking:
    """The fitted coefficients.

    `agreed` and `apart` are the weights of EVIDENCES with and without agreement of keypoints; `signs` with `bias` those
    of SIGNS for the first answer, `drawing` with `drawing_bias` for its drawing. `match` are the least probabilities of
    that verdict with and without agreement, `family` that of the drawing for this one. `measured` holds what stands
    behind `match`.
    """

    agreed: tuple[float, ...]
    apart: tuple[float, ...]
    signs: tuple[float, ...]
    bias: float
    drawing: tuple[float, ...]
    drawing_bias: float
    match: tuple[float, float]
    family: float
    measured: Measured = field(default_factory=Measured)

    def at(self, false_match_rate: float) -> Ranking:
        """Return the ranking with `match` where at most this share of the pins that a catalogue lacks get it.

        Raises ModelError where none were measured.
        """
        return replace(self, match=self.measured.thresholds(false_match_rate))


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
            drawing=tuple(float(held["drawing"][name]) for name in SIGNS),
            drawing_bias=float(held["drawing_bias"]),
            match=_pair(held["match"]),
            family=float(held["family"]),
            measured=Measured(*(_pair_of_lists(held["measured"][name]) for name in ("known", "unknown"))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"ranking.json: {error} is missing or no number; make it with `python -m training.rank`"
        ) from error


def as_json(ranking: Ranking) -> dict[str, Any]:
    """Return a ranking as the JSON object that `ranking_from` reads, its numbers to four places."""
    measured = {"known": ranking.measured.known, "unknown": ranking.measured.unknown}
    return {
        "agreed": dict(zip(EVIDENCES, _rounded(ranking.agreed), strict=True)),
        "apart": dict(zip(EVIDENCES, _rounded(ranking.apart), strict=True)),
        "signs": dict(zip(SIGNS, _rounded(ranking.signs), strict=True)),
        "bias": round(ranking.bias, 4),
        "drawing": dict(zip(SIGNS, _rounded(ranking.drawing), strict=True)),
        "drawing_bias": round(ranking.drawing_bias, 4),
        "match": _named(ranking.match),
        "family": ranking.family,
        "measured": {name: _named([_rounded(part) for part in pair]) for name, pair in measured.items()},
    }


def _named(pair: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("agreed", "apart"), pair, strict=True))


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def _pair(held: Mapping[str, Any]) -> tuple[float, float]:
    return float(held["agreed"]), float(held["apart"])


def _pair_of_lists(held: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(map(float, held["agreed"])), tuple(map(float, held["apart"]))


def evidences(hits: Sequence[Hit]) -> tuple[Floats, float]:
    """Return the evidences (n, 6) of one query's candidates in the order of EVIDENCES, and how far keypoints agree (0
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
            [hit.colour for hit in hits],
            [hit.silhouette for hit in hits],
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
    inliers = np.log1p(min(best.inliers, 100))
    agreed = [1.0, lead, best.similarity, inliers, best.appearance, best.colour, best.overlap, best.same]
    apart = [lead, best.similarity, np.log1p(min(best.inliers, 100))]
    return np.array([*(agreement * value for value in agreed), *((1 - agreement) * value for value in apart)])


def agrees(hits: Sequence[Hit]) -> bool:
    """Say whether some candidate agrees with the query point by point."""
    return max((hit.inliers for hit in hits), default=0) >= _AGREED[1]


def variants(hits: Sequence[Hit], score: Floats, owners: Sequence[str], families: Mapping[str, str]) -> set[str]:
    """Return the entries whose drawing the first answer's is, itself among them.

    `owners` names the entry of each hit, `families` the family of an entry where it has one. Where the
    keypoints of the first answer agree, every entry that looks the same in the same place is one.
    """
    first = int(score.argmax())
    best = hits[first]
    family = families.get(owners[first], "")
    same = {owner for owner in owners if family and families.get(owner, "") == family}
    if best.inliers >= _AGREED[1]:
        seen = [hit.appearance >= _ALIKE and hit.overlap >= min(_COVERS, best.overlap) for hit in hits]
        same |= {owner for owner, here in zip(owners, seen, strict=True) if here}
    return same | {owners[first]}


def chances(
    hits: Sequence[Hit], score: Floats, owners: Sequence[str], same: set[str], model: Ranking
) -> tuple[float, float]:
    """Return how likely the first answer is right, and how likely its drawing is: that of the entries in `same`."""
    right = _logistic(float(signs(hits, score, owners) @ np.array(model.signs)) + model.bias)
    merged = ["" if owner in same else owner for owner in owners]
    drawn = _logistic(float(signs(hits, score, merged) @ np.array(model.drawing)) + model.drawing_bias)
    return right, max(right, drawn)


def decide(
    box: Box,
    hits: Sequence[Hit],
    entries: Mapping[int, CatalogueEntry],
    model: Ranking,
    k: int,
    families: Mapping[str, str] | None = None,
) -> Recognition:
    """Return the answer for one pin: the best `k` entries by their best photo, probabilities and the verdict.

    `entries` gives the entry of every image_id; hits of photos that it lacks do not count. `families` names the family
    of an entry, by default the one that a curator gave it. The probabilities of an
    answer add up to at most 1; what is left is that the pin is in no entry, or in one further down.
    """
    known = [hit for hit in hits if hit.image_id in entries]
    if not known:
        return Recognition(box, (), Verdict.UNKNOWN)
    score = scores(known, model)
    owners = [entries[hit.image_id].entry_id for hit in known]
    if families is None:
        families = {entries[hit.image_id].entry_id: entries[hit.image_id].family for hit in known}
    best: dict[str, int] = {}
    for at in np.argsort(-score, kind="stable"):
        best.setdefault(owners[at], int(at))
    same = variants(known, score, owners, families)
    right, drawn = chances(known, score, owners, same, model)
    first = next(iter(best))
    weight = {owner: float(np.exp(score[at] - score.max())) for owner, at in best.items()}
    # What the drawing has over the first answer falls to its variants, what it lacks to all others.
    shared = {
        kind: sum(weight[owner] for owner in best if owner != first and (owner in same) == kind)
        for kind in (True, False)
    }
    probability = {first: right}
    for owner in list(best)[1:]:
        left = drawn - right if owner in same else 1 - drawn
        total = shared[True] if owner in same else max(shared[False], 1.0)
        probability[owner] = min(right, left * weight[owner] / max(total, 1e-9))
    matches = sorted(
        (
            Match(entries[known[at].image_id], known[at].image_id, probability[owner], known[at])
            for owner, at in best.items()
        ),
        key=lambda match: -match.probability,
    )
    said = _word(right, drawn, agrees(known), model)
    if said is not Verdict.FAMILY:
        return Recognition(box, tuple(matches[:k]), said)
    members = tuple(match.entry.entry_id for match in matches if match.entry.entry_id in same)
    shown = [match for at, match in enumerate(matches) if at < k or match.entry.entry_id in same]
    return Recognition(box, tuple(shown), said, members=members)


def without_pin(answer: Recognition, hits: Sequence[Hit]) -> Recognition:
    """Return the answer for a photo on which no pin was found: `not_a_pin`, unless some entry is likely.

    `hits` are its candidates. One that agrees point by point is a pin that was not found, whichever variant it is.
    """
    if answer.verdict is not Verdict.UNKNOWN or agrees(hits):
        return answer
    return replace(answer, verdict=Verdict.NOT_A_PIN)


def word(
    hits: Sequence[Hit], score: Floats, owners: Sequence[str], families: Mapping[str, str], model: Ranking
) -> Verdict:
    """Return the verdict alone, for hits whose entries are known by name only."""
    same = variants(hits, score, owners, families)
    return _word(*chances(hits, score, owners, same, model), agrees(hits), model)


def _word(right: float, drawn: float, agreed: bool, model: Ranking) -> Verdict:
    if right >= model.match[0 if agreed else 1]:
        return Verdict.MATCH
    return Verdict.FAMILY if drawn >= model.family else Verdict.UNKNOWN


def moved(answer: Recognition, said: Mapping[str, float], model: Ranking) -> Recognition:
    """Return an answer with what further evidence says for its entries, as log-odds by entry_id, in their new order.

    Such evidence chooses between the entries, it brings none in: the share that they have together grows no further
    than that of the likeliest. A family may become a match by it, and a match a family.
    """
    if not any(said.values()):
        return answer
    raised = {
        match.entry.entry_id: _logistic(_logit(match.probability) + said.get(match.entry.entry_id, 0.0))
        for match in answer.matches
    }
    total = sum(match.probability for match in answer.matches)
    factor = min(1.0, max(total, max(raised.values())) / sum(raised.values()))
    matches = sorted(
        (replace(match, probability=raised[match.entry.entry_id] * factor) for match in answer.matches),
        key=lambda match: -match.probability,
    )
    best = matches[0]
    if best.probability >= model.match[0 if agrees([match.hit for match in matches]) else 1]:
        return replace(answer, matches=tuple(matches), verdict=Verdict.MATCH, members=(), checks=())
    members = tuple(match.entry.entry_id for match in matches if match.entry.entry_id in answer.members)
    said_now = Verdict.FAMILY if answer.verdict is Verdict.MATCH else answer.verdict
    if said_now is Verdict.FAMILY:
        members = members or (best.entry.entry_id,)
    return replace(answer, matches=tuple(matches), verdict=said_now, members=members)


def _logit(chance: float) -> float:
    bounded = min(max(chance, 1e-4), 1 - 1e-4)
    return float(np.log(bounded / (1 - bounded)))


def _logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
