"""The page of training: start it, watch its curves, compare on held-out photos, promote or go back."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from recognizer.errors import ModelError
from recognizer.networks.processor import CURE, TORCH
from recognizer.search.model_folder import check_name
from recognizer.web.access.asking import Owner, OwnersForm, Reads, text_of
from recognizer.web.pages import page
from recognizer.web.problems import Problem
from recognizer.web.service import Service
from recognizer.web.training.curves import HEIGHT, WIDTH, Curve, curves
from recognizer.web.training.errand import Errand, What

router = APIRouter(include_in_schema=False)

STEPS: Final = 220
MOST_STEPS: Final = 20_000


@router.get("/training")
async def training(request: Request, service: Reads, who: Owner) -> Response:
    """What is trained, the models that there are, and how they did."""
    values = await asyncio.to_thread(_shown, service)
    return page(request, "training/training.html", steps=STEPS, most_steps=MOST_STEPS, **values)


def _shown(service: Service) -> dict[str, Any]:
    from training.promote import listed

    errand = service.errands.now
    found = _curves(service, errand)
    try:
        held = listed(service.settings.data)
    except ModelError as error:
        raise Problem(409, str(error)) from None
    return {
        "lacks": "" if has_torch() else CURE[TORCH],
        "errand": errand,
        "at_work": service.errands.at_work,
        "curves": found,
        "stage": stage_of(found),
        "width": WIDTH,
        "height": HEIGHT,
        "models": held["models"],
        "history": held["history"][::-1],
        "before": held["before"],
        "compared": {row["model"]: service.errands.compared(row["model"]) for row in held["models"]},
    }


def has_torch() -> bool:
    """Whether PyTorch is installed, without which nothing is trained."""
    try:
        return find_spec("torch") is not None
    except ValueError:  # a test took it away
        return False


def _curves(service: Service, errand: Errand | None) -> list[Curve]:
    if errand is None or errand.what is not What.TRAIN:
        return []
    return curves(service.settings.data / "runs" / errand.model, errand.steps)


@router.get("/training/state")
async def state(service: Reads, who: Owner) -> Response:
    """How far it is, for the page that follows it: another stage for each new point of the curve."""
    errand = service.errands.now
    found = await asyncio.to_thread(_curves, service, errand)
    points = sum(len(curve.rows) for curve in found)
    return JSONResponse(
        {
            "stage": stage_of(found),
            "done": found[-1].step if found else 0,
            "total": errand.steps if errand is not None and points else 0,
            "ended": not service.errands.at_work,
            "left": "",
        }
    )


def stage_of(found: list[Curve]) -> str:
    """What changes with every new point of the curves."""
    return f"{sum(len(curve.rows) for curve in found)} points"


async def _begin(service: Service, errand: Errand) -> Response:
    if not has_torch() and errand.what is not What.ROLLBACK:
        raise Problem(409, f"this needs PyTorch, which is not installed: {CURE[TORCH]}")
    await asyncio.to_thread(service.errands.begin, errand)
    return RedirectResponse("/training", 303)


@router.post("/training/begin")
async def begin(service: Reads, form: OwnersForm) -> Response:
    """Train a model on the catalogue, in the background."""
    name, given = text_of(form, "model", 80).strip(), text_of(form, "steps", 6)
    try:
        check_name(name)
    except ModelError as error:
        raise Problem(422, str(error)) from None
    if not given.isdecimal() or not 1 <= int(given) <= MOST_STEPS:
        raise Problem(422, f"steps {given!r}: give a number from 1 to {MOST_STEPS:,}")
    if (service.settings.data / "models" / name).exists():
        raise Problem(409, f"there is a model {name!r} already; take another name")
    return await _begin(service, Errand(What.TRAIN, name, int(given)))


@router.post("/training/compare")
async def compare(service: Reads, form: OwnersForm) -> Response:
    """Ask held-out photos to a model, the current one and the base, in the background."""
    return await _begin(service, Errand(What.COMPARE, _model(service, text_of(form, "model"))))


@router.post("/training/promote")
async def promote(service: Reads, form: OwnersForm) -> Response:
    """Make a model the current one, if it is no worse, or with `force` in any case."""
    model = _model(service, text_of(form, "model"))
    return await _begin(service, Errand(What.PROMOTE, model, force=bool(text_of(form, "force"))))


@router.post("/training/rollback")
async def rollback(service: Reads, form: OwnersForm) -> Response:
    """Return to the model before the current one."""
    return await _begin(service, Errand(What.ROLLBACK))


@router.post("/training/stop")
async def stop(service: Reads, form: OwnersForm) -> Response:
    """Stop what is being done."""
    await asyncio.to_thread(service.errands.cancel)
    return RedirectResponse("/training", 303)


def _model(service: Service, name: str) -> str:
    """The name of a model that there is; raises Problem."""
    from training.promote import listed

    if name not in [row["model"] for row in listed(service.settings.data)["models"]]:
        raise Problem(404, f"there is no model {name[:80]!r}")
    return name
