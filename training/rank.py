"""Fits the ranking: how the evidences of a candidate are weighed, and how sure an answer is.

    python -m training.rank --queries DATA QUERIES.csv PX --queries ... [--out recognizer/ranking.json]

Each `--queries` names a data folder with catalogue and index, queries with known answers, and the long side in pixels
that the photos are shrunk to first (0: as they are). The weights are a conditional logit (McFadden 1974) over the
candidates of a query, every set of queries counting alike; the probability is a logistic regression over the first
answers, unknown pins among them. What the JSON says of recall, AUROC and calibration error comes from folds over
entries: no query is judged by weights that saw its entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from recognizer.catalogue.imports import read_queries
from recognizer.decision import verdict
from recognizer.decision.verdict import EVIDENCES, SIGNS, Ranking
from recognizer.files import write_whole
from recognizer.identify import Recognizer
from recognizer.measuring import metrics
from recognizer.search.features import SETTINGS
from recognizer.types import Hit, Photo, Verdict
from recognizer.vision import crops, variants, weights
from recognizer.vision.photos import open_photo

FOLDS: Final = 10
RIDGE: Final = 1e-3
"""Weight of the squared coefficients of the ranking, in units of a standard deviation of the evidence. From .0003 to
.003 recall over folds of entries was the same within one query; .01 lost `emblems/`, which leans on one evidence."""

SURE_RIDGE: Final = 1e-4
"""The same for the signs of a right answer. Over folds of entries .003 shrank probabilities to the middle: calibration
error .10, against .05."""

FALSE_MATCHES: Final = 0.01
"""Share of the pins that the catalogue lacks which may be called `match`, if nothing else is asked for. An eighth of
those of `pins/` are variants of a drawing that the catalogue has in other colours; a `match` is for what is beyond
that doubt, and all else that is likely is a `family`."""

_MOST_QUANTILES: Final = 201

LACKING: Final = 0.4
"""Weight of a case with its entry left out, against 1 of the case itself: without these every answer by similarity
alone would look sure. Over folds of entries 0.2 gave an AUROC of .926 on `pins/`, 0.4 .935, 0.7 .940, and a calibration
error of .154, .188 and .224 on `emblems/`."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One query: the hits of its candidates, the entry_id of each, and the right one, None for an unknown pin.

    `families` names the family of those entries that have one.
    """

    group: int
    hits: tuple[Hit, ...]
    owners: tuple[str, ...]
    answer: str | None
    families: Mapping[str, str] = field(default_factory=dict)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which hits are of the right entry, (n,)."""
        return np.array([owner == self.answer for owner in self.owners])


def collect(data: Path, queries: Path, px: int, group: int) -> list[Case]:
    """Return a case a query photo, which shows one pin, with the evidences as `identify` takes them."""
    label = f"{queries.parent.name} {px or ''}"
    with Recognizer.open(data) as recognizer:
        return [
            case_of(recognizer, shrunk(open_photo(path), px), answer, group)
            for path, answer in tqdm(read_queries(queries), desc=label, disable=None)
        ]


def case_of(recognizer: Recognizer, photo: Photo, answer: str | None, group: int = 0) -> Case:
    """Return the case of a photo of one pin; `answer` is its entry_id, None where the catalogue lacks it."""
    hits = [hit for hit in recognizer.hits([crops.single(photo)])[0] if recognizer.entry_of(hit.image_id) is not None]
    owners = [recognizer.entry_of(hit.image_id) for hit in hits]
    ids = tuple(owner.entry_id for owner in owners if owner)
    families = {entry_id: name for entry_id in ids if (name := recognizer.families.get(entry_id))}
    return Case(group, tuple(hits), ids, answer, families)


def shrunk(photo: Photo, px: int) -> Photo:
    """Return the photo with its long side at most `px` pixels, as it is for 0."""
    height, width = photo.image.shape[:2]
    if not px or max(height, width) <= px:
        return photo
    size = (max(1, round(width * px / max(height, width))), max(1, round(height * px / max(height, width))))
    return Photo(
        np.asarray(cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA), np.uint8), photo.sha256, photo.source
    )


def fit(cases: Sequence[Case], rate: float = FALSE_MATCHES) -> Ranking:
    """Return the ranking fitted to these cases, `match` where at most `rate` of their unknown pins get it."""
    agreed, apart = _fit_weights(cases)
    none = (0.0,) * len(SIGNS)
    draft = Ranking(agreed, apart, none, 0.0, none, 0.0, (1.0, 1.0), verdict.LIKELY)
    lacking = [left_out(case) for case in cases if case.right.any()]
    asked = [*cases, *(case for case in lacking if case.hits)]
    judged = [judge(case, draft) for case in asked]
    even = np.concatenate([_even(cases), np.full(len(asked) - len(cases), LACKING)])
    right = np.array([one.right for one in judged])
    signs, bias = _fit_signs(np.array([one.signs for one in judged]), right, even)
    # What is left out while a variant stays shows a drawing that the catalogue still has: it says nothing of drawings.
    telling = np.array([at < len(cases) or not verdict.agrees(case.hits) for at, case in enumerate(asked)])
    merged, drawn = np.array([one.merged for one in judged]), np.array([one.drawn for one in judged])
    drawing, drawing_bias = _fit_signs(merged[telling], drawn[telling], even[telling])
    model = replace(draft, signs=signs, bias=bias, drawing=drawing, drawing_bias=drawing_bias)
    return _operating(cases, model, rate)


def _operating(cases: Sequence[Case], model: Ranking, rate: float) -> Ranking:
    """The ranking with its thresholds and quantiles, from how it judges these cases."""
    judged = [judge(case, model) for case in cases]
    agrees = [verdict.agrees(case.hits) for case in cases]

    def chances(chosen: Callable[[Case, Judged], bool]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        rows = [(agree, one) for case, agree, one in zip(cases, agrees, judged, strict=True) if chosen(case, one)]
        parts = [[one.chance for agree, one in rows if agree == wanted] for wanted in (True, False)]
        return _quantiles(np.array(parts[0])), _quantiles(np.array(parts[1]))

    known = chances(lambda case, one: one.right)
    unknown = chances(lambda case, one: case.answer is None)
    model = replace(model, measured=verdict.Measured(known, unknown))
    return model.at(rate) if any(unknown) else model


def _quantiles(values: Floats) -> tuple[float, ...]:
    """All values, or a hundred and one quantiles of more, lowest first."""
    if len(values) > _MOST_QUANTILES:
        values = np.quantile(values, np.linspace(0, 1, _MOST_QUANTILES))
    return tuple(np.sort(values).tolist())


@dataclass(frozen=True, slots=True)
class Judged:
    """What a ranking says of a case: signs of the first answer and of its drawing, whether they are right, how sure."""

    signs: Floats
    merged: Floats
    right: bool
    drawn: bool
    chance: float
    chance_drawn: float


def judge(case: Case, model: Ranking) -> Judged:
    """Judge a case by a ranking."""
    score = verdict.scores(case.hits, model)
    same = verdict.variants(case.hits, score, case.owners, case.families)
    merged = ["" if owner in same else owner for owner in case.owners]
    return Judged(
        verdict.signs(case.hits, score, case.owners),
        verdict.signs(case.hits, score, merged),
        case.owners[int(score.argmax())] == case.answer,
        case.answer in same,
        *verdict.chances(case.hits, score, case.owners, same, model),
    )


def left_out(case: Case) -> Case:
    """Return the case as it would be if the catalogue lacked the pin: the hits of its entry are gone."""
    kept = [at for at, owner in enumerate(case.owners) if owner != case.answer]
    hits, owners = tuple(case.hits[at] for at in kept), tuple(case.owners[at] for at in kept)
    return replace(case, hits=hits, owners=owners, answer=None)


def _even(cases: Sequence[Case]) -> Floats:
    """Weights (n,) under which every set of queries counts alike."""
    groups = np.array([case.group for case in cases])
    return np.array([1 / (groups == group).sum() for group in groups]) * len(groups) / len(set(groups.tolist()))


def _fit_weights(cases: Sequence[Case]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    chosen = [at for at, case in enumerate(cases) if case.right.any()]
    weight = torch.tensor(_even(cases)[chosen])
    tables = []
    for at in chosen:
        table, agreement = verdict.evidences(cases[at].hits)
        tables.append(np.hstack([agreement * table, (1 - agreement) * table]))
    spread = np.concatenate(tables).std(axis=0) + 1e-9
    longest = max(len(table) for table in tables)
    rows = torch.zeros(len(chosen), longest, len(spread), dtype=torch.float64)
    absent = torch.full((len(chosen), longest), -torch.inf, dtype=torch.float64)
    wrong = absent.clone()
    for row, (at, table) in enumerate(zip(chosen, tables, strict=True)):
        rows[row, : len(table)] = torch.tensor(table / spread)
        absent[row, : len(table)] = 0
        wrong[row, : len(table)][torch.tensor(cases[at].right)] = 0

    def loss(beta: Tensor) -> Tensor:
        strength = torch.nn.functional.softplus(beta)  # more of an evidence never speaks against a candidate
        score = rows @ strength
        lost = torch.logsumexp(score + absent, 1) - torch.logsumexp(score + wrong, 1)
        return (weight * lost).mean() + RIDGE * (strength**2).sum()

    beta = _minimise(loss, len(spread))
    weights = torch.nn.functional.softplus(torch.tensor(beta)).numpy() / spread
    half = len(EVIDENCES)
    return tuple(weights[:half].tolist()), tuple(weights[half:].tolist())


def _fit_signs(rows: Floats, right: NDArray[np.bool_], even: Floats) -> tuple[tuple[float, ...], float]:
    centre, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    inputs, target, weight = (
        torch.tensor((rows - centre) / spread),
        torch.tensor(right.astype(float)),
        torch.tensor(even),
    )

    # More of any sign never makes an answer less sure; only what it means that keypoints agree at all may be either.
    rising = torch.tensor([name != "agreement" for name in SIGNS])

    def coefficients(beta: Tensor) -> Tensor:
        return torch.where(rising, torch.nn.functional.softplus(beta[1:]), beta[1:])

    def loss(beta: Tensor) -> Tensor:
        logits = inputs @ coefficients(beta) + beta[0]
        lost = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, weight=weight)
        return lost + SURE_RIDGE * (coefficients(beta) ** 2).sum()

    beta = _minimise(loss, rows.shape[1] + 1)
    signs = coefficients(torch.tensor(beta)).numpy() / spread
    return tuple(signs.tolist()), float(beta[0] - (signs * centre).sum())


def _minimise(loss: Callable[[Tensor], Tensor], size: int) -> Floats:
    beta = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([beta], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        search.zero_grad()
        value = loss(beta)
        value.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        return value

    search.step(step)  # type: ignore[no-untyped-call]  # torch has no type for it
    found: Floats = beta.detach().numpy()
    return found


def cross_validate(cases: Sequence[Case], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the figures of each set of queries, every query judged by a ranking that saw none of its entry."""
    entries = sorted({case.answer for case in cases if case.answer})
    order = np.random.default_rng(0).permutation(len(entries))
    place = {entry: int(at) for entry, at in zip(entries, order, strict=True)}
    folds = np.array([(place[case.answer] if case.answer else at) % FOLDS for at, case in enumerate(cases)])
    models = [fit([case for case, of in zip(cases, folds, strict=True) if of != fold]) for fold in range(FOLDS)]
    groups = np.array([case.group for case in cases])
    return {
        name: figures_of(
            [cases[row] for row in np.flatnonzero(groups == at).tolist()],
            [models[int(folds[row])] for row in np.flatnonzero(groups == at).tolist()],
        )
        for at, name in enumerate(names)
    }


def figures_of(cases: Sequence[Case], models: Sequence[Ranking]) -> dict[str, float]:
    """Return how the rankings do that belong to these cases one by one."""
    ranks = np.full(len(cases), 10**6)
    judged = [judge(case, model) for case, model in zip(cases, models, strict=True)]
    words = np.empty(len(cases), object)
    for at, (case, model) in enumerate(zip(cases, models, strict=True)):
        score = verdict.scores(case.hits, model)
        if case.right.any():
            best = score[case.right].max()
            ahead = {owner for owner, value in zip(case.owners, score, strict=True) if value >= best}
            ranks[at] = len(ahead - {case.answer}) + 1
        words[at] = verdict.word(case.hits, score, case.owners, case.families, model)
    known = np.array([case.answer is not None for case in cases])
    chances, drawn = np.array([one.chance for one in judged]), np.array([one.drawn for one in judged])
    return _figures(ranks, chances, words, drawn, known)


def _figures(
    ranks: NDArray[np.int64],
    probability: Floats,
    words: NDArray[Any],
    drawn: NDArray[np.bool_],
    known: NDArray[np.bool_],
) -> dict[str, float]:
    right = known & (ranks == 1)
    match, family = words == Verdict.MATCH, words == Verdict.FAMILY
    good = (match & right) | (family & known & drawn)
    missed = known & ~right
    found: dict[str, float] = {
        "queries": len(ranks),
        "unknown_queries": int((~known).sum()),
        "recall_at_1": metrics.recall_at(ranks[known], 1),
        "recall_at_5": metrics.recall_at(ranks[known], 5),
        "calibration_error": metrics.expected_calibration_error(probability, right),
        "known_matched": float(match[known].mean()),
        "known_answered": float((match | family)[known].mean()),
        "answers_right": _share(good[known & (match | family)]),
    }
    if missed.any():
        found["misses_in_family"] = float((family & drawn)[missed].mean())
    if (~known).any():
        found["auroc"] = metrics.auroc(probability[right], probability[~known])
        found["unknown_matched"] = float(match[~known].mean())
        found["unknown_family"] = float(family[~known].mean())
    return {name: round(value, 4) for name, value in found.items()}


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def as_json(ranking: Ranking, names: Sequence[str], figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the content of `ranking.json`."""
    return {
        "format": 1,
        **verdict.as_json(ranking),
        "false_matches": FALSE_MATCHES,
        "fitted_on": list(names),
        "features": f"{SETTINGS}/{weights.digest(variants.SHIPPED)}",
        "cross_validated": figures,
    }


@click.command(help=__doc__.split("\n")[0] if __doc__ else "")
@click.option(
    "--queries",
    "sets",
    type=(click.Path(exists=True, path_type=Path), click.Path(exists=True, path_type=Path), int),
    multiple=True,
    required=True,
    help="DATA QUERIES.csv PX: a data folder, its queries, and the long side to shrink them to (0: none).",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to write the JSON; without it only figures are shown."
)
def main(sets: Sequence[tuple[Path, Path, int]], out: Path | None) -> None:
    """Collect, cross-validate, fit, write."""
    names = [f"{queries.parent.name}/{queries.name}" + (f" at {px} px" if px else "") for _, queries, px in sets]
    cases = [case for group, (data, queries, px) in enumerate(sets) for case in collect(data, queries, px, group)]
    figures = cross_validate(cases, names)
    text = json.dumps(as_json(fit(cases), names, figures), indent=2, ensure_ascii=False)
    click.echo(text)
    if out:
        write_whole(out, (text + "\n").encode())


if __name__ == "__main__":
    main()
