"""The verdict: evidences of catalogue photos to entries with probabilities, and one word for the pin.

Small fitted models, all in `ranking.json` beside this package's modules, with the data and figures that they come from
(made by `python -m training.rank`). Two questions are asked, each with a number of its own:

  - Is it this drawing? The candidates are ordered by a conditional logit over all EVIDENCES, with one set of weights
    where some candidate agrees with the query point by point and another where none does, for a similarity that decides
    relief metal misleads beside sixty inliers. A logistic regression then says how likely the first answer's drawing is
    right, from how strong and how far ahead of all other drawings it is.
  - Is it this variant? The same logit, over the entries that show the drawing alone, shares the chance out between
    them; a second logistic regression says how likely the catalogue lacks the variant, from how unlike their colours
    are once both pictures lie over one another.

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
from recognizer.search.similarity import REFERENCE
from recognizer.types import Box, CatalogueEntry, Hit, Match, Recognition, Verdict

Floats = NDArray[np.float64]

EVIDENCES: Final = ("similarity", "votes", "inliers", "appearance", "colour", "overlap", "same", "silhouette")
"""Order of the columns of `evidences`; the ranking has a weight for each where keypoints agree, and one where not."""

SIGNS: Final = (
    *("agreement", "agreed_lead", "agreed_similarity", "agreed_inliers", "agreed_appearance", "agreed_overlap"),
    *("apart_lead", "apart_ahead", "apart_standing", "apart_inliers", "apart_silhouette"),
)
"""Order of the columns of `signs`: what tells the right drawing where keypoints agree, and what where they do not."""

_RUNNERS_UP: Final = 5
"""Other entries whose mean score is what an answer is ahead of: one of them may be near by chance, or by a variant."""

_COHORT: Final = 10
"""Other entries, the most similar ones, above whose mean similarity an answer stands. A similarity of .6 says little of
a photo to which many entries have .55, as all have of one drawing school, and much of metal that is like none. Of the
cases on which no keypoints agree, 200 known emblems and 490 pins and emblems that their catalogue lacks, this and
`_RUNNERS_UP` tell .77 of the known ones while three of the others pass, lead and similarity alone .68."""

_MOST_AHEAD: Final = 10.0

UNLIKE: Final = ("same", "colour", "appearance")
"""What tells a variant that the catalogue lacks from the pin itself, of the first answer's photo; more of any speaks
for the pin itself."""

IN_QUESTION: Final = 0.05
"""Share of the drawing's chance from which on an entry that shows the drawing is in question beside the first one."""

_AGREED: Final = (6, 14)
"""Inliers of the best candidate between which the weights pass from one set to the other. On `emblems/`, where
keypoints carry nothing, the best wrong photo seldom has more than 6; on `pins/` most right ones have over 14."""


_ALIKE: Final = 0.4
"""Appearance from which on a candidate shows the drawing of the first answer, where that is seen at all. On `pins/` it
makes a family of .09 of the known queries' first answers."""

LIKELY: Final = 0.7
"""Least probability of any answer but `unknown`. Over folds of entries on `pins/`, 0.5 answered .97 of the known pins
and called .19 of the unknown ones a family, 0.7 .96 and .13, which is the share of variants among them."""

_NEVER: Final = 2.0  # a threshold that no chance reaches

FALSE_MATCHES: Final = 0.005
"""Share of the pins whose drawing the catalogue lacks that may be called `match`, if nothing else is asked for."""

LACKING_MATCHES: Final = 0.05
"""The same of the pins whose drawing it has, but in other variants only."""

MOST_LOST: Final = 0.03
"""Share of the pins that the catalogue has which may be called `new_variant` to keep that rate. By today's network a
twentieth of the variants cannot be told from the pin itself under another light, at any price worth paying."""

_COVERS: Final = 0.5
"""Overlap from which on it shows it in the same place: a neighbour that reaches into the crop overlaps by less."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of first answers, lowest first.

    `known` and `unknown` are chances of the drawing, each a pair: with agreement of keypoints, and without; `known`
    where the drawing was right, `unknown` where the catalogue lacks it. `same` and `lacking` are chances that the
    catalogue lacks the variant, of drawings found right by agreement: `same` where it has the pin, `lacking` where not.
    """

    known: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    unknown: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    same: tuple[float, ...] = ()
    lacking: tuple[float, ...] = ()

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

    def new_variant(self, rate: float, lost: float) -> float:
        """Return the least chance of a variant that the catalogue lacks to be called one: at most `rate` of `lacking`
        stay under it, but no more than `lost` of `same` reach it, which counts first."""
        if not self.lacking or not self.same:
            return _NEVER
        ordered = sorted(self.same, reverse=True)
        losable = int(lost * len(ordered) + 1e-9)
        least = float(np.nextafter(ordered[losable], 2.0)) if losable < len(ordered) else 0.0
        wanted = sorted(self.lacking)[int(rate * len(self.lacking) + 1e-9)]
        return max(least, wanted)

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

    `agreed` and `apart` are the weights of EVIDENCES with and without agreement of keypoints; `drawing` with
    `drawing_bias` those of SIGNS for the first answer's drawing, `unlike` with `unlike_bias` those of UNLIKE for a
    variant that the catalogue lacks. `match` are the least chances of the drawing for that verdict with and without
    agreement, `family` that for a choice between several entries, `new_variant` the least chance of a variant that the
    catalogue lacks for that verdict. `measured` holds what stands behind them.
    """

    agreed: tuple[float, ...]
    apart: tuple[float, ...]
    drawing: tuple[float, ...]
    drawing_bias: float
    unlike: tuple[float, ...]
    unlike_bias: float
    match: tuple[float, float]
    family: float
    new_variant: float = _NEVER
    measured: Measured = field(default_factory=Measured)

    def at(self, false_match_rate: float, lacking_rate: float = LACKING_MATCHES) -> Ranking:
        """Return the ranking with `match` where at most `false_match_rate` of the pins whose drawing a catalogue lacks
        get it, and `new_variant` so that at most `lacking_rate` of the variants that it lacks do, as far as MOST_LOST
        of the pins that it has allows.

        Raises ModelError where none were measured.
        """
        return replace(
            self,
            match=self.measured.thresholds(false_match_rate),
            new_variant=self.measured.new_variant(lacking_rate, MOST_LOST),
        )


@lru_cache(maxsize=1)
def ranking() -> Ranking:
    """Return the ranking that ships with the package."""
    held = json.loads(resources.files("recognizer").joinpath("ranking.json").read_text(encoding="utf-8"))
    return ranking_from(held)


def ranking_from(document: Mapping[str, Any]) -> Ranking:
    """Return the ranking that a JSON object holds; ModelError when coefficients are missing."""
    try:
        return Ranking(
            agreed=tuple(float(document["agreed"][name]) for name in EVIDENCES),
            apart=tuple(float(document["apart"][name]) for name in EVIDENCES),
            drawing=tuple(float(document["drawing"][name]) for name in SIGNS),
            drawing_bias=float(document["drawing_bias"]),
            unlike=tuple(float(document["unlike"][name]) for name in UNLIKE),
            unlike_bias=float(document["unlike_bias"]),
            match=_pair(document["match"]),
            family=float(document["family"]),
            new_variant=float(document["new_variant"]),
            measured=Measured(
                known=_pair_of_lists(document["measured"]["known"]),
                unknown=_pair_of_lists(document["measured"]["unknown"]),
                same=tuple(map(float, document["measured"]["same"])),
                lacking=tuple(map(float, document["measured"]["lacking"])),
            ),
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
        "drawing": dict(zip(SIGNS, _rounded(ranking.drawing), strict=True)),
        "drawing_bias": round(ranking.drawing_bias, 4),
        "unlike": dict(zip(UNLIKE, _rounded(ranking.unlike), strict=True)),
        "unlike_bias": round(ranking.unlike_bias, 4),
        "match": _named(ranking.match),
        "family": ranking.family,
        "new_variant": ranking.new_variant,
        "measured": {
            **{name: _named([_rounded(part) for part in pair]) for name, pair in measured.items()},
            "same": _rounded(ranking.measured.same),
            "lacking": _rounded(ranking.measured.lacking),
        },
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
    """Return the evidences (n, 8) of one query's candidates in the order of EVIDENCES, and how far keypoints agree (0
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
            [hit.overlap for hit in hits],
            [_bounded(hit.same) for hit in hits],
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
    """Return what tells a right drawing from a wrong one, in the order of SIGNS.

    `score` (n,) and `owners`, the entry_id of each hit, belong to `hits`. Leads are over the best photo of any other
    entry, and are bounded: past a point it does not matter how far ahead an answer is.
    """
    first = int(score.argmax())
    rivals: dict[str, float] = {}
    cohort: dict[str, float] = {}
    for owner, hit, value in zip(owners, hits, score.tolist(), strict=True):
        if owner != owners[first]:
            rivals[owner] = max(value, rivals.get(owner, -np.inf))
            cohort[owner] = max(hit.similarity, cohort.get(owner, -np.inf))
    behind = sorted(rivals.values(), reverse=True)
    lead = min(float(score[first]) - max(behind, default=-np.inf), 5.0)
    ahead = min(float(score[first]) - float(np.mean(behind[:_RUNNERS_UP])), _MOST_AHEAD) if behind else _MOST_AHEAD
    # A small catalogue has no ten others; different pins are as alike as this on the scale of all similarities.
    alike = sorted(cohort.values(), reverse=True)[:_COHORT]
    alike += [REFERENCE.mean] * (_COHORT - len(alike))
    best = hits[first]
    standing = best.similarity - float(np.mean(alike))
    _, agreement = evidences(hits)
    inliers = np.log1p(min(best.inliers, 100))
    agreed = [1.0, lead, best.similarity, inliers, best.appearance, best.overlap]
    apart = [lead, ahead, standing, inliers, best.silhouette]
    return np.array([*(agreement * value for value in agreed), *((1 - agreement) * value for value in apart)])


def unlike(hit: Hit) -> Floats:
    """Return what tells a variant that the catalogue lacks from the pin that a photo shows, in the order of UNLIKE."""
    return np.array([_bounded(hit.same), hit.colour, hit.appearance])


def _bounded(log_odds: float) -> float:
    """The log-odds of `same` are bounded: past a point they say how large and sharp the picture is."""
    return float(np.clip(log_odds, -3, 3))


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


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely the first answer's drawing is right, which share of that each entry that shows it has, itself among
    them, and how likely the catalogue lacks the variant where the drawing is right."""

    drawing: float
    shares: Mapping[str, float]
    lacking: float

    @property
    def questioned(self) -> tuple[str, ...]:
        """The entries in question, the likeliest first: one where no other comes near."""
        ordered = sorted(self.shares, key=lambda owner: -self.shares[owner])
        return tuple(owner for at, owner in enumerate(ordered) if not at or self.shares[owner] >= IN_QUESTION)

    def of(self, owner: str) -> float:
        """Return how likely the pin is this entry, one of those that show the drawing."""
        return self.drawing * (1 - self.lacking) * self.shares[owner]


def chances(
    hits: Sequence[Hit], score: Floats, owners: Sequence[str], families: Mapping[str, str], model: Ranking
) -> Chances:
    """Return the chances of one query's first answer; `score` (n,) and `owners` belong to `hits`, see `variants`."""
    same = variants(hits, score, owners, families)
    first = int(score.argmax())
    merged = ["" if owner in same else owner for owner in owners]
    drawing = _logistic(float(signs(hits, score, merged) @ np.array(model.drawing)) + model.drawing_bias)
    weight: dict[str, float] = {}
    for owner, value in zip(owners, score.tolist(), strict=True):
        if owner in same:
            weight[owner] = max(float(np.exp(value - score[first])), weight.get(owner, 0.0))
    total = sum(weight.values())
    agreement = evidences(hits)[1] if agrees([hits[first]]) else 0.0
    lacking = agreement * _logistic(float(unlike(hits[first]) @ np.array(model.unlike)) + model.unlike_bias)
    return Chances(drawing, {owner: value / total for owner, value in weight.items()}, lacking)


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
    found = chances(known, score, owners, families, model)
    weight = {owner: float(np.exp(score[at] - score.max())) for owner, at in best.items()}
    right = found.of(owners[int(score.argmax())])
    # What the drawing lacks falls to all others, as far as they come near.
    others = max(sum(weight[owner] for owner in best if owner not in found.shares), 1.0)
    probability = {
        owner: found.of(owner) if owner in found.shares else min(right, (1 - found.drawing) * weight[owner] / others)
        for owner in best
    }
    matches = sorted(
        (
            Match(entries[known[at].image_id], known[at].image_id, probability[owner], known[at])
            for owner, at in best.items()
        ),
        key=lambda match: -match.probability,
    )
    said = _word(found, agrees(known), model)
    answer = Recognition(
        box,
        tuple(matches),
        said,
        members=found.questioned if said is Verdict.FAMILY else (),
        drawing=found.drawing,
        lacking=found.lacking,
        variants=tuple(sorted(found.shares, key=lambda owner: -found.shares[owner])),
    )
    return bounded(answer, k)


def bounded(answer: Recognition, k: int) -> Recognition:
    """Return an answer with its best `k` entries, and those further down between which a family leaves the choice."""
    kept = [match for at, match in enumerate(answer.matches) if at < k or match.entry.entry_id in answer.members]
    return replace(answer, matches=tuple(kept))


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
    return _word(chances(hits, score, owners, families, model), agrees(hits), model)


def _word(found: Chances, agreed: bool, model: Ranking) -> Verdict:
    if found.drawing >= model.family and len(found.questioned) > 1:
        return Verdict.FAMILY
    if found.drawing < model.match[0 if agreed else 1]:
        return Verdict.UNKNOWN
    return Verdict.NEW_VARIANT if found.lacking >= model.new_variant else Verdict.MATCH


def with_evidence(answer: Recognition, log_odds: Mapping[str, float], model: Ranking) -> Recognition:
    """Return an answer with what further evidence says for its entries, as log-odds by entry_id, in their new order.

    Such evidence chooses between the entries, it brings none in: the share that they have together grows no further
    than that of the likeliest. A family may become a match by it, and a match a family; where it brings another drawing
    to the front, that one is sure or the pin unknown.
    """
    if not any(log_odds.values()):
        return answer
    raised = {
        match.entry.entry_id: _logistic(_logit(match.probability) + log_odds.get(match.entry.entry_id, 0.0))
        for match in answer.matches
    }
    total = sum(match.probability for match in answer.matches)
    factor = min(1.0, max(total, max(raised.values())) / sum(raised.values()))
    matches = sorted(
        (replace(match, probability=raised[match.entry.entry_id] * factor) for match in answer.matches),
        key=lambda match: -match.probability,
    )
    now = {match.entry.entry_id: match.probability for match in matches}
    first = matches[0].entry.entry_id
    same = [one for one in now if one in answer.variants] if first in answer.variants else [first]
    together = max(sum(now[one] for one in same), 1e-9)
    found = Chances(
        max(answer.drawing if first in answer.variants else 0.0, min(together, 1.0)),
        {one: now[one] / together for one in same},
        answer.lacking if answer.variants[:1] == (first,) else 0.0,
    )
    word = _word(found, agrees([match.hit for match in matches]), model)
    return replace(
        answer,
        matches=tuple(matches),
        verdict=word,
        members=found.questioned if word is Verdict.FAMILY else (),
        checks=(),
        drawing=found.drawing,
        lacking=found.lacking,
        variants=tuple(same),
    )


def _logit(chance: float) -> float:
    bounded = min(max(chance, 1e-4), 1 - 1e-4)
    return float(np.log(bounded / (1 - bounded)))


def _logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
