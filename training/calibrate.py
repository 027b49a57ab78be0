"""Calibrates the sureness of answers to one catalogue: `znachki calibrate`.

With queries whose answers are known (a table, and what people have said of answers), the probabilities of the ranking
that ships are bent to them: one slope and one offset on its log-odds (Platt 1999), drawn towards 1 and 0 so that a few
queries do little; every query is asked once more with its entry left out. Without any, photographs of the catalogue's
own pins are drawn, and asked with their entries left out: that says what is called `match` although the catalogue lacks
it, which is all that the operating point needs; probabilities stay as they ship, for a drawn photograph of a known
photo is found too easily to say how sure one may be of a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from recognizer.decision import calibration, verdict
from recognizer.decision.calibration import Calibration
from recognizer.decision.verdict import FALSE_MATCHES, Measured, Ranking
from recognizer.errors import CatalogueError, PhotoError
from recognizer.identify import Recognizer
from recognizer.types import Photo, Role, Status
from recognizer.vision.photos import open_photo
from training.cases import Case, case_of, left_out
from training.data import cutout
from training.pictures import augment
from training.rank import FOLDS, LACKING, figures_of, judge, operating, with_left_out

MOST_DRAWN: Final = 400
"""Entries that are photographed where there are no queries."""

_DRAWN_PIXELS: Final = 512
_PRIOR: Final = 20.0
"""Queries that the slope of 1 and the offset of 0 count as."""


def calibrate(
    data: Path,
    queries: Sequence[tuple[Path, str | None]],
    *,
    rate: float = FALSE_MATCHES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Calibration:
    """Calibrate a data folder, with queries or without any, and keep the calibration beside its index.

    A query that cannot be read is told to `say` and left out. Raises CatalogueError where nothing is left to ask.
    """
    with Recognizer.open(data) as recognizer:
        shipped = verdict.ranking()
        manifest = recognizer.index.manifest
        if queries:
            cases = _asked(recognizer, queries, progress, say)
            source = f"{len(cases)} queries with known answers"
        else:
            cases = _drawn(recognizer, data, seed, progress, say)
            source = f"{len(cases)} drawn photographs of the catalogue's own pins, their entries left out"
    if not cases:
        raise CatalogueError(f"{data}: nothing to calibrate on; give queries, or import photos and run `znachki index`")
    ranking = fitted(cases, shipped, rate) if queries else measured(cases, shipped, rate)
    made = Calibration(
        ranking=ranking,
        fingerprint=manifest.fingerprint,
        settings=manifest.settings,
        photos=len(manifest.images),
        source=source,
        figures=cross_validated(cases, shipped, rate) if queries else {},
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    calibration.write(data / "index", made)
    return made


def fitted(cases: Sequence[Case], shipped: Ranking, rate: float) -> Ranking:
    """Return the shipped ranking with its chance of the drawing bent to these cases, and its thresholds for `rate`."""
    asked = with_left_out(cases)
    weight = np.concatenate([np.ones(len(cases)), np.full(len(asked) - len(cases), LACKING)])
    judged = [judge(case, shipped) for case in asked]
    # What is left out while a variant stays shows a drawing that the catalogue still has: it says nothing of drawings.
    telling = np.array([at < len(cases) or one.drawn or not one.seen for at, one in enumerate(judged)])
    drawn = np.array([one.drawn for one in judged])[telling]
    logits = np.array([_logit(one.chances.drawing) for one in judged])[telling]
    slope, offset = _platt(logits, drawn, weight[telling])
    model = replace(
        shipped,
        drawing=tuple(slope * value for value in shipped.drawing),
        drawing_bias=slope * shipped.drawing_bias + offset,
    )
    return measured(cases, model, rate)


def measured(cases: Sequence[Case], model: Ranking, rate: float) -> Ranking:
    """Return the ranking with what these cases say of its thresholds, and the thresholds for `rate`.

    Every known case is asked with its entry left out as well. What the cases say nothing of stays as the ranking has
    it: how sure right answers are where none is known, and all of variants where none is left out beside its variants.
    """
    asked = with_left_out(cases)
    held = operating(asked, [judge(case, model) for case in asked], replace(model, measured=Measured()), rate).measured
    if not any(held.known):
        held = replace(held, known=model.measured.known)
    if not held.same or not held.lacking:
        held = replace(held, same=model.measured.same, lacking=model.measured.lacking)
    return replace(model, measured=held).at(rate)


def cross_validated(cases: Sequence[Case], shipped: Ranking, rate: float) -> dict[str, float]:
    """Return the figures of the cases, each judged by a calibration that saw none of its entry."""
    entries = sorted({case.answer for case in cases if case.answer})
    place = {
        entry: int(at) for entry, at in zip(entries, np.random.default_rng(0).permutation(len(entries)), strict=True)
    }
    folds = [(place[case.answer] if case.answer else at) % FOLDS for at, case in enumerate(cases)]
    models = {}
    for fold in sorted(set(folds)):
        others = [case for case, of in zip(cases, folds, strict=True) if of != fold]
        models[fold] = fitted(others, shipped, rate) if others else shipped
    return figures_of(cases, [models[fold] for fold in folds])


def _asked(
    recognizer: Recognizer,
    queries: Sequence[tuple[Path, str | None]],
    progress: Callable[[int, int], None] | None,
    say: Callable[[str], None] | None,
) -> list[Case]:
    cases = []
    for done, (path, answer) in enumerate(queries, 1):
        try:
            cases.append(case_of(recognizer, open_photo(path), answer))
        except PhotoError as error:
            if say:
                say(str(error))
        if progress:
            progress(done, len(queries))
    return cases


def _drawn(
    recognizer: Recognizer,
    data: Path,
    seed: int,
    progress: Callable[[int, int], None] | None,
    say: Callable[[str], None] | None,
) -> list[Case]:
    """A drawn photograph of each of at most MOST_DRAWN entries, as unknown pins: the entry's hits left out."""
    rng = np.random.default_rng(seed)
    active = {entry.entry_id for entry in recognizer.catalogue.entries() if entry.status is Status.ACTIVE}
    faces = {image.entry_id: image for image in recognizer.catalogue.images(Role.FACE) if image.entry_id in active}
    chosen = sorted(faces)
    if len(chosen) > MOST_DRAWN:
        chosen = sorted(rng.choice(chosen, MOST_DRAWN, replace=False).tolist())
    backdrops = augment.grounds(rng, 12, _DRAWN_PIXELS)
    cases = []
    for done, entry_id in enumerate(chosen, 1):
        path = recognizer.catalogue.picture_path(faces[entry_id])
        try:
            picture, _ = augment.photograph(cutout(path, data / "runs" / "cutouts"), rng, _DRAWN_PIXELS, backdrops)
        except PhotoError as error:
            if say:
                say(str(error))
            continue
        case = left_out(case_of(recognizer, Photo(picture, "", str(path)), entry_id))
        if case.hits:
            cases.append(case)
        if progress:
            progress(done, len(chosen))
    return cases


def _platt(
    logits: NDArray[np.float64], right: Sequence[bool] | NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope (0 up) and offset that make the logits (n,) log-odds of `right`, drawn towards 1 and 0."""
    inputs, target, share = torch.tensor(logits), torch.tensor(np.asarray(right, float)), torch.tensor(weight)
    values = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([values], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        search.zero_grad()
        said = inputs * values[0].exp() + values[1]
        lost = torch.nn.functional.binary_cross_entropy_with_logits(said, target, weight=share, reduction="sum")
        loss: torch.Tensor = lost + _PRIOR * (values**2).sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(step)  # type: ignore[no-untyped-call]
    slope, offset = values.detach().tolist()
    return float(np.exp(slope)), float(offset)


def _logit(chance: float) -> float:
    bounded = min(max(chance, 1e-6), 1 - 1e-6)
    return float(np.log(bounded / (1 - bounded)))
