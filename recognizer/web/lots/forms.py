"""What the page of a lot sends: changes of its pins, its price, what is to be owned, and that it is to be deleted."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from recognizer.collecting.lot_edits import Change, Edited, What
from recognizer.collecting.lot_groups import Group
from recognizer.locales.words import phrase
from recognizer.web.access.asking import Reads, Sent, check_proof, language_of, text_of, writer
from recognizer.web.collection.held import held_in, held_words
from recognizer.web.pages import page, told
from recognizer.web.problems import Problem
from recognizer.web.service import NOBODY

router = APIRouter(include_in_schema=False)


@router.post("/lots/{job_id}/delete")
async def delete_lot(request: Request, service: Reads, form: Sent, job_id: str) -> Response:
    """Delete a lot."""
    await asyncio.to_thread(service.lots.delete, job_id)
    return told(request, "Deleted.")


@router.post("/lots/{job_id}/pictures/{key}/pins")
async def change_pins(request: Request, service: Reads, form: Sent, job_id: str, key: str) -> Response:
    """Split, join, delete or draw pins of a picture."""
    change = _change(form)
    who = service.page_writer(request) or NOBODY
    edited = await asyncio.to_thread(service.lots.change, job_id, key, change, who)
    return _edited(request, form, job_id, edited)


@router.post("/lots/{job_id}/pictures/{key}/undo")
async def undo_change(request: Request, service: Reads, form: Sent, job_id: str, key: str) -> Response:
    """Take a change of a picture's pins back."""
    given = text_of(form, "edit")
    edited = await asyncio.to_thread(service.lots.undo, job_id, key, int(given) if given.isdecimal() else 0)
    return _edited(request, form, job_id, edited)


def _change(form: FormData) -> Change:
    """What a form asks for; raises Problem where it asks for nothing that there is."""
    numbers = {name: _numbers(text_of(form, name, 20_000)) for name in ("pins", "with", "line", "points", "box")}
    parts = _numbers(text_of(form, "parts"))
    pins = [*numbers["pins"], *numbers["with"]]
    if text_of(form, "what") not in list(What) or any(number != int(number) for number in (*pins, *parts)):
        raise Problem(422, "what is to be done to which pins is missing, or no number")
    box = bool(numbers["box"])
    places = numbers["box"] or numbers["points"]
    line = numbers["line"]
    return Change(
        What(text_of(form, "what")),
        tuple(int(number) for number in pins),
        int(parts[0]) if parts else 0,
        ((line[0], line[1]), (line[2], line[3])) if len(line) == 4 else None,
        tuple(zip(places[::2], places[1::2], strict=False)),
        box,
    )


def _numbers(text: str) -> list[float]:
    """The numbers of a text, parted by commas or spaces; raises Problem where one is none."""
    try:
        found = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise Problem(422, f"{text[:40]!r}: give numbers, parted by commas") from None
    if not all(abs(number) < 1e7 for number in found):
        raise Problem(422, f"{text[:40]!r}: a number is too large")
    return found


def _edited(request: Request, form: FormData, job_id: str, edited: Edited) -> Response:
    """What was changed, for a script; the page of the lot for a plain form."""
    if request.headers.get("x-quiet"):
        return JSONResponse(asdict(edited))
    return RedirectResponse(_back(form, job_id), 303)


def _back(form: FormData, job_id: str) -> str:
    """The page of a lot that a form was sent from."""
    show, number = text_of(form, "show", 20), text_of(form, "page", 6)
    asked = {"show": show if show in list(Group) else "", "page": number if number.isdecimal() else ""}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/lots/{job_id}" + (f"?{query}" if query else "")


@router.post("/lots/{job_id}/price")
async def say_price(service: Reads, form: Sent, job_id: str) -> Response:
    """Note what a lot costs."""
    text, currency = text_of(form, "price", 20).strip().replace(",", "."), text_of(form, "currency", 12).strip()
    try:
        price = Decimal(text) if text else None
    except InvalidOperation:
        raise Problem(422, f"{text!r} is no price; give a number, as 12.50") from None
    if price is not None and not (price.is_finite() and 0 <= price < 10**9):
        raise Problem(422, f"{text!r} is no price; give a number, as 12.50")
    await asyncio.to_thread(service.lots.say_price, job_id, price, currency)
    return RedirectResponse(_back(form, job_id), 303)


@router.post("/lots/{job_id}/own")
async def own_lot(request: Request, service: Reads, form: Sent, job_id: str) -> Response:
    """Count pins of a lot to those owned, in a jar."""
    writer(request, service)
    check_proof(request, service, form)
    mine = service.collection(request)
    jar, missing = text_of(form, "jar", 200).strip() or None, text_of(form, "which") == "missing"
    names = [name for name in text_of(form, "pins", 20_000).split(",") if name]
    own = functools.partial(service.lots.own, job_id, mine, jar, missing=missing, pins=names or None)
    taken = await asyncio.to_thread(own)
    if not request.headers.get("x-quiet"):
        return page(request, "lot_owned.html", job_id=job_id, taken=len(taken), jar=jar or "")
    if len(set(taken.values())) != 1:
        return told(
            request, phrase("Done") if taken else phrase("Every pin that this lot surely shows was counted before.")
        )
    entry_id = next(iter(taken.values()))
    held = await asyncio.to_thread(lambda: held_in(mine.holdings(ids=[entry_id]).get(entry_id, ())))
    return PlainTextResponse(held_words(held, language_of(request)), headers={"X-Owned": str(held.count)})
