"""Fits the ranking: how the evidences of a candidate are weighed, how sure an answer is, and from when on it is said.

    python -m training.rank --queries DATA QUERIES.csv PX --queries ... [--sets DIR] [--kept DIR] [--out ranking.json]

Each `--queries` names a data folder with catalogue and index, queries with known answers, and the long side in pixels
that the photos are shrunk to first (0: as they are). `--sets` is the folder of all sets, whose `variants.csv` say which
pins show one drawing; `--kept` keeps the evidences, which take minutes, for the next fit, which takes seconds.

The weights are a conditional logit (McFadden 1974) over the candidates of a query, every set of queries counting alike;
the chances are logistic regressions over the first answers. Every known query is asked once more with its entry
hidden: it is an unknown pin then, or a variant that the catalogue lacks where another entry shows its drawing. What the
JSON says of recall, AUROC and calibration error comes from folds over entries: no query is judged by weights that saw
its entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recognizer.decision import verdict
from recognizer.decision.verdict import EVIDENCES, FALSE_MATCHES, LACKING_MATCHES, SIGNS, UNLIKE, Chances, Ranking
from recognizer.files import write_whole
from recognizer.measuring import metrics
from recognizer.networks import weights
from recognizer.search.features import SETTINGS
from recognizer.types import Verdict
from recognizer.vision.comparing import variants
from training.cases import Case, collect, collect_places, left_out, variants_in

FOLDS: Final = 10
_UNSEEN: Final = 4  # folds in which cases are judged for the thresholds by weights that did not see them
_FEWEST: Final = 40  # cases that are worth parting

RIDGE: Final = 1e-3
"""Weight of the squared coefficients of the ranking, in units of a standard deviation of the evidence. From .0003 to
.003 recall over folds of entries was the same within one query; .01 lost `emblems/`, which leans on one evidence."""

SURE_RIDGE: Final = 1e-4
"""The same for the signs of a right answer. Over folds of entries .003 shrank probabilities to the middle: calibration
error .10, against .05."""

_MOST_QUANTILES: Final = 2001

UNLIKE_RIDGE: Final = 1e-3

_SELDOM: Final = -20.0  # log-odds of a variant that the catalogue lacks where none was ever measured

LACKING: Final = 0.4
"""Weight of a case with its entry left out, against 1 of the case itself: without these every answer by similarity
alone would look sure. Over folds of entries 0.2 gave an AUROC of .926 on `pins/`, 0.4 .935, 0.7 .940, and a calibration
error of .154, .188 and .224 on `emblems/`."""

Floats = NDArray[np.float64]


def fit(cases: Sequence[Case], rate: float = FALSE_MATCHES, lacking_rate: float = LACKING_MATCHES) -> Ranking:
    """Return the ranking fitted to these cases; for the rates see `Ranking.at`.

    Thresholds are set on cases that the weights behind them did not see, in folds over entries: on its own cases a fit
    is surer of the right answers, and less sure of the wrong ones, than it will be of others.
    """
    model = coefficients(cases)
    folds = folds_of(cases, _UNSEEN)
    if len(set(folds.tolist())) < _UNSEEN or len(cases) < _FEWEST:
        asked = with_left_out(cases)
        return operating(asked, [judge(case, model) for case in asked], model, rate, lacking_rate)
    asked, judged = [], []
    for fold in range(_UNSEEN):
        part = coefficients([case for case, of in zip(cases, folds, strict=True) if of != fold])
        held = with_left_out([case for case, of in zip(cases, folds, strict=True) if of == fold])
        asked += held
        judged += [judge(case, part) for case in held]
    return operating(asked, judged, model, rate, lacking_rate)


def coefficients(cases: Sequence[Case]) -> Ranking:
    """Return the ranking fitted to these cases, without thresholds."""
    agreed, apart = _fit_weights(cases)
    nothing = (0.0,) * len(SIGNS), 0.0, (0.0,) * len(UNLIKE), 0.0
    draft = Ranking(agreed, apart, *nothing, (1.0, 1.0), verdict.LIKELY)
    asked = with_left_out(cases)
    judged = [judge(case, draft) for case in asked]
    even = np.concatenate([_even(cases), np.full(len(asked) - len(cases), LACKING)])
    drawn = np.array([one.drawn for one in judged])
    rising = np.array([name != "agreement" for name in SIGNS])
    drawing, drawing_bias = _fit_signs(np.array([one.signs for one in judged]), drawn, even, rising)
    model = replace(draft, drawing=drawing, drawing_bias=drawing_bias)
    told = np.array([_tells_variants(one) for one in judged])
    lacks = np.array([not one.in_catalogue for one in judged])
    if not ((told & lacks).any() and (told & ~lacks).any()):
        return replace(model, unlike_bias=_SELDOM)
    rows = -np.array([one.unlike for one in judged])[told]
    unlike, unlike_bias = _fit_signs(rows, lacks[told], even[told], np.ones(len(UNLIKE), bool), UNLIKE_RIDGE)
    return replace(model, unlike=tuple(-value for value in unlike), unlike_bias=unlike_bias)


def folds_of(cases: Sequence[Case], count: int) -> NDArray[np.int64]:
    """Return the fold (n,) of each case, all of one entry in the same."""
    entries = sorted({case.answer for case in cases if case.answer})
    order = np.random.default_rng(0).permutation(len(entries))
    place = {entry: int(at) for entry, at in zip(entries, order, strict=True)}
    return np.array([(place[case.answer] if case.answer else at) % count for at, case in enumerate(cases)])


def with_left_out(cases: Sequence[Case]) -> list[Case]:
    """Return the cases, and behind them those whose entry is a candidate once more, without it."""
    return [*cases, *(left for case in cases if case.right.any() and (left := left_out(case)).hits)]


def _tells_variants(one: Judged) -> bool:
    """Whether a case says how variants differ: the drawing is right and seen, and the pin itself where it can be."""
    return one.seen and one.drawn and (one.right or not one.in_catalogue)


def operating(
    asked: Sequence[Case],
    judged: Sequence[Judged],
    model: Ranking,
    rate: float = FALSE_MATCHES,
    lacking_rate: float = LACKING_MATCHES,
) -> Ranking:
    """Return the ranking with its thresholds and what stands behind them, from how these cases were `judged`."""

    def chances(chosen: Callable[[Judged], bool]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        rows = [(verdict.agrees(case.hits), one) for case, one in zip(asked, judged, strict=True) if chosen(one)]
        parts = [[one.chances.drawing for agree, one in rows if agree == wanted] for wanted in (True, False)]
        return _quantiles(np.array(parts[0])), _quantiles(np.array(parts[1]))

    known = chances(lambda one: one.drawn and one.in_catalogue)
    unknown = chances(lambda one: not one.drawn and not one.in_catalogue)
    told = [one for one in judged if _tells_variants(one)]
    held, lacking = ([one.chances.lacking for one in told if one.in_catalogue == wanted] for wanted in (True, False))
    measured = verdict.Measured(known, unknown, _quantiles(np.array(held)), _quantiles(np.array(lacking)))
    model = replace(model, measured=measured)
    return model.at(rate, lacking_rate) if any(unknown) else model


def _quantiles(values: Floats) -> tuple[float, ...]:
    """All values, or a hundred and one quantiles of more, lowest first."""
    if len(values) > _MOST_QUANTILES:
        values = np.quantile(values, np.linspace(0, 1, _MOST_QUANTILES))
    return tuple(np.sort(values).tolist())


@dataclass(frozen=True, slots=True)
class Judged:
    """What a ranking says of a case, and what is true.

    `signs` and `unlike` are those of the first answer; `right` says whether that is the pin, `drawn` whether it shows
    its drawing, `in_catalogue` whether the catalogue has the pin, `seen` whether the first answer agrees by points.
    """

    signs: Floats
    unlike: Floats
    right: bool
    drawn: bool
    in_catalogue: bool
    seen: bool
    chances: Chances

    @property
    def chance(self) -> float:
        """How likely the first answer is right by what the ranking says."""
        return self.chances.of(self.chances.questioned[0])


def judge(case: Case, model: Ranking) -> Judged:
    """Judge a case by a ranking."""
    score = verdict.scores(case.hits, model)
    first = int(score.argmax())
    same = verdict.variants(case.hits, score, case.owners, case.families)
    merged = ["" if owner in same else owner for owner in case.owners]
    owner = case.owners[first]
    return Judged(
        verdict.signs(case.hits, score, merged),
        verdict.unlike(case.hits[first]),
        owner == case.answer,
        owner == case.answer or owner in case.alike or case.answer in same,
        case.answer is not None,
        verdict.agrees([case.hits[first]]),
        verdict.chances(case.hits, score, case.owners, case.families, model),
    )


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


def _fit_signs(
    rows: Floats, right: NDArray[np.bool_], even: Floats, rising: NDArray[np.bool_], ridge: float = SURE_RIDGE
) -> tuple[tuple[float, ...], float]:
    """A logistic regression: weights of the columns, of those in `rising` never below 0, and the bias."""
    centre, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    inputs, target, weight = (
        torch.tensor((rows - centre) / spread),
        torch.tensor(right.astype(float)),
        torch.tensor(even),
    )

    # More of any sign never makes an answer less sure; only what it means that keypoints agree at all may be either.
    never_less = torch.tensor(rising)

    def coefficients(beta: Tensor) -> Tensor:
        return torch.where(never_less, torch.nn.functional.softplus(beta[1:]), beta[1:])

    def loss(beta: Tensor) -> Tensor:
        logits = inputs @ coefficients(beta) + beta[0]
        lost = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, weight=weight)
        return lost + ridge * (coefficients(beta) ** 2).sum()

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
    folds = folds_of(cases, FOLDS)
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
    words = np.array([_word(case, model) for case, model in zip(cases, models, strict=True)], object)
    lacking = [(left, model) for case, model in zip(cases, models, strict=True) for left in with_left_out([case])[1:]]
    hidden = [(judge(left, model).drawn, _word(left, model)) for left, model in lacking]
    for at, (case, model) in enumerate(zip(cases, models, strict=True)):
        score = verdict.scores(case.hits, model)
        if case.right.any():
            best = score[case.right].max()
            ahead = {owner for owner, value in zip(case.owners, score, strict=True) if value >= best}
            ranks[at] = len(ahead - {case.answer}) + 1
    members = [len(one.chances.questioned) for one in judged]
    return _figures(ranks, judged, words, np.array(members)) | _hidden_figures(hidden)


def _word(case: Case, model: Ranking) -> Verdict:
    return verdict.word(case.hits, verdict.scores(case.hits, model), case.owners, case.families, model)


def _hidden_figures(hidden: Sequence[tuple[bool, Verdict]]) -> dict[str, float]:
    """What is said of known pins whose entry is hidden: of the drawing another is called a match, or a variant."""
    others = [word for drawn, word in hidden if not drawn]
    variants = [word for drawn, word in hidden if drawn]
    found: dict[str, float] = {"hidden": len(others), "hidden_variants": len(variants)}
    if others:
        found["hidden_matched"] = sum(word in (Verdict.MATCH, Verdict.NEW_VARIANT) for word in others) / len(others)
    if variants:
        found["variant_matched"] = sum(word is Verdict.MATCH for word in variants) / len(variants)
        found["new_variant_found"] = sum(word is Verdict.NEW_VARIANT for word in variants) / len(variants)
    return {name: round(value, 4) for name, value in found.items()}


def _figures(
    ranks: NDArray[np.int64], judged: Sequence[Judged], words: NDArray[Any], members: NDArray[np.int64]
) -> dict[str, float]:
    known, drawn = np.array([one.in_catalogue for one in judged]), np.array([one.drawn for one in judged])
    probability = np.array([one.chance for one in judged])
    drawing = np.array([one.chances.drawing for one in judged])
    right = known & (ranks == 1)
    match, family = words == Verdict.MATCH, words == Verdict.FAMILY
    told = match | (family & drawn & (members <= 3))
    found: dict[str, float] = {
        "queries": len(ranks),
        "unknown_queries": int((~known).sum()),
        "recall_at_1": metrics.recall_at(ranks[known], 1),
        "recall_at_5": metrics.recall_at(ranks[known], 5),
        "calibration_error": metrics.expected_calibration_error(probability, right),
        "known_matched": float(match[known].mean()),
        "known_matched_or_among_three": float(told[known].mean()),
        "known_new_variant": float((words == Verdict.NEW_VARIANT)[known].mean()),
        "matches_right": _share(right[known & match]),
    }
    if (~known).any():
        found["auroc"] = metrics.auroc(probability[right], probability[~known])
        found["auroc_drawing"] = metrics.auroc(drawing[known & drawn], drawing[~known])
        found["unknown_matched"] = float(match[~known].mean())
        found["unknown_family"] = float(family[~known].mean())
        found["unknown_new_variant"] = float((words == Verdict.NEW_VARIANT)[~known].mean())
    return {name: round(value, 4) for name, value in found.items()}


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def as_json(ranking: Ranking, names: Sequence[str], figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the content of `ranking.json`."""
    return {
        "format": 1,
        **verdict.as_json(ranking),
        "false_matches": FALSE_MATCHES,
        "lacking_matches": LACKING_MATCHES,
        "fitted_on": list(names),
        "features": f"{SETTINGS}/{weights.digest(variants.SHIPPED)}",
        "cross_validated": figures,
    }


def _collected(
    data: Path, queries: Path, px: int, group: int, alike: Mapping[str, Collection[str]], kept: Path | None
) -> list[Case]:
    if queries.name == "lots.csv":
        return collect_places(data, queries, group, alike, kept)
    return collect(data, queries, px, group, alike, kept)


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
@click.option(
    "--sets",
    "known_variants",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of the sets, whose variants.csv name pins of one drawing.",
)
@click.option("--kept", type=click.Path(path_type=Path), help="Folder that keeps the evidences for the next fit.")
def main(
    sets: Sequence[tuple[Path, Path, int]], out: Path | None, known_variants: Path | None, kept: Path | None
) -> None:
    """Collect, cross-validate, fit, write."""
    names = [f"{queries.parent.name}/{queries.name}" + (f" at {px} px" if px else "") for _, queries, px in sets]
    alike = variants_in(known_variants) if known_variants else {}
    cases = [
        case
        for group, (data, queries, px) in enumerate(sets)
        for case in _collected(data, queries, px, group, alike, kept)
    ]
    figures = cross_validate(cases, names)
    text = json.dumps(as_json(fit(cases), names, figures), indent=2, ensure_ascii=False)
    click.echo(text)
    if out:
        write_whole(out, (text + "\n").encode())


if __name__ == "__main__":
    main()
