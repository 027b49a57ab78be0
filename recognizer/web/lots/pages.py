"""The pages of a lot: its pictures with outlines to tap, its pins in groups, and what can be taken along."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from recognizer.catalogue.table_cells import safe_row
from recognizer.collecting.holdings import Kind
from recognizer.collecting.lot_groups import Card, Group, group_of
from recognizer.collecting.lot_marks import seen
from recognizer.collecting.lot_totals import Totals
from recognizer.collecting.picture_answers import PinAnswer, pin_of
from recognizer.errors import EntryNotFound
from recognizer.locales.words import price
from recognizer.reports import lot_report
from recognizer.reports.answers import percent
from recognizer.types import NAMED, Verdict
from recognizer.web import views
from recognizer.web.access.asking import Reads, language_of
from recognizer.web.collection.held import held_of, jar_names
from recognizer.web.lots.boards import GROUPS, LotView, Wanted, buy_list, lot_view
from recognizer.web.pages import page
from recognizer.web.service import Service

router = APIRouter(include_in_schema=False)

BUY_COLUMNS: Final = ("entry_id", "number", "title", "pins", "wished", "check_variant")


@router.get("/lots/{job_id}")
async def lot(
    request: Request,
    service: Reads,
    job_id: str,
    show: Annotated[str, Query(max_length=20)] = "",
    number: Annotated[int, Query(ge=1, le=100_000, alias="page")] = 1,
) -> Response:
    """A lot: how far it is, its pictures with outlines, and its pins in groups."""
    state = await asyncio.to_thread(service.lots.state, job_id)
    only = Group(show) if show in list(Group) else None
    view, totals, jars = await asyncio.to_thread(_view, service, request, job_id, number, only)
    about = service.lots.about(job_id)
    return page(
        request,
        "lot.html",
        state=state,
        view=view,
        totals=totals,
        about=about,
        jars=jars,
        amount=lambda value, currency: price(value, currency, language_of(request)),
        groups=GROUPS,
        outline_path=views.outline_path,
        corner=corner,
        to_count=_counter(service, request, job_id),
        group_of=group_of,
        percent=percent,
        entry_of=lambda match: service.engine.loaded.shelf.entries.get(match["entry_id"]),
        photo_of=service.engine.loaded.shelf.photo_of,
    )


def _view(
    service: Service, request: Request, job_id: str, number: int, only: Group | None
) -> tuple[LotView, Totals, list[str]]:
    """What a page of a lot shows, what all of the lot comes to, and the jars that there are."""
    marker = service.marker(request)
    view = lot_view(service.lots.answers(job_id), marker, page=number, only=only)
    held = service.collection(request).holdings(Kind.OWN).values() if marker is not None else ()
    jars = sorted({one.jar for several in held for one in several if one.jar})
    return view, service.lots.totals(job_id, marker), jars


def _counter(service: Service, request: Request, job_id: str) -> Callable[[str, Card], list[str]] | None:
    """What names the pins of a card that were not counted to the collection yet; None where nobody may count them."""
    if service.page_writer(request) is None:
        return None
    counted = service.lots.counted(job_id, service.collection(request))

    def names(key: str, card: Card) -> list[str]:
        return [name for number in card.numbers if (name := f"{key}-{number}") not in counted]

    return names


def corner(pin: PinAnswer) -> tuple[float, float]:
    """Where the number of a pin is written: at the top left of its outline."""
    left, top, right, bottom = pin["box"]
    x, y = min(pin.get("outline") or [[left, top], [right, bottom]], key=lambda place: place[0] + place[1])
    return x, y


@router.get("/lots/{job_id}/pins/{key}/{number}")
async def lot_pin(request: Request, service: Reads, job_id: str, key: str, number: int) -> Response:
    """One pin of a lot with all entries that were offered for it."""
    task, answer = await asyncio.to_thread(service.lots.answer, job_id, key)
    pin = pin_of(answer, number)
    if pin is None:
        raise EntryNotFound(f"no pin {number} on this picture; it was deleted, joined or parted")
    marker = await asyncio.to_thread(service.marker, request)
    if marker is not None:
        marks = marker.marks(map(seen, answer["recognitions"]), task.listing.condition)
        for one, mark in zip(answer["recognitions"], marks, strict=True):
            one["mark"] = str(mark)
    return page(
        request,
        "lot_pin.html",
        job_id=job_id,
        answer=answer,
        task=task,
        pin=pin,
        counted=f"{key}-{number}" in service.lots.counted(job_id, service.collection(request)),
        **await asyncio.to_thread(_held, service, request, pin),
        group=group_of(pin),
        groups=GROUPS,
        outline_path=views.outline_path,
        percent=percent,
        entry_of=lambda match: service.engine.loaded.shelf.entries.get(match["entry_id"]),
        photo_of=service.engine.loaded.shelf.photo_of,
    )


def _held(service: Service, request: Request, pin: PinAnswer) -> dict[str, Any]:
    """What of a pin's first entry is held, and the jars that there are; None and none where nobody may say so."""
    best = pin["matches"][0]["entry_id"] if pin["matches"] and Verdict(pin["verdict"]) in NAMED else ""
    held = held_of(request, service, [best]) if best else None
    return {"held": held and held[best], "jars": jar_names(service.collection(request)) if held else []}


@router.get("/lots/{job_id}/state")
async def lot_state(service: Reads, job_id: str) -> Response:
    """What of a lot's state the page asks for again and again."""
    state = await asyncio.to_thread(service.lots.state, job_id)
    about = {name: getattr(state, name) for name in ("state", "pictures", "answered", "pins_answered", "pins")}
    return Response(json.dumps(about), media_type="application/json")


@router.get("/lots/{job_id}/pictures/{name}.jpg")
async def lot_picture(service: Reads, job_id: str, name: str) -> Response:
    """A small picture of a lot."""
    path = await asyncio.to_thread(service.lots.file, job_id, name)
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.get("/lots/{job_id}/pins.csv")
async def lot_csv(request: Request, service: Reads, job_id: str) -> Response:
    """The pins of a lot as a table."""
    rows = lot_report.rows(await asyncio.to_thread(_result, service, request, job_id))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, lot_report.CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(safe_row, rows))
    return _attachment("\ufeff" + table.getvalue(), "text/csv; charset=utf-8", "pins.csv")


@router.get("/lots/{job_id}/missing")
async def lot_missing(request: Request, service: Reads, job_id: str) -> Response:
    """What of a lot the collection lacks, to be printed or taken to the stall."""
    wanted = await asyncio.to_thread(_wanted, service, request, job_id)
    return page(request, "lot_missing.html", job_id=job_id, wanted=wanted, shelf=service.engine.loaded.shelf)


@router.get("/lots/{job_id}/missing.csv")
async def lot_missing_csv(request: Request, service: Reads, job_id: str) -> Response:
    """The buy list as a table."""
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, BUY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in await asyncio.to_thread(_wanted, service, request, job_id):
        pins = "; ".join(f"{picture} {pin}" for picture, pin in one.places)
        row = {"entry_id": one.entry_id, "number": one.number, "title": one.title, "pins": pins}
        row |= {"wished": "1" if one.wished else "", "check_variant": "1" if one.unsure else ""}
        writer.writerow(safe_row(row))
    return _attachment("\ufeff" + table.getvalue(), "text/csv; charset=utf-8", "missing.csv")


def _wanted(service: Service, request: Request, job_id: str) -> list[Wanted]:
    return buy_list(service.lots.answers(job_id), service.marker(request))


def _result(service: Service, request: Request, job_id: str) -> dict[str, Any]:
    return service.lots.result(job_id, service.marker(request))


@router.get("/lots/{job_id}/lots.json")
async def lot_json(request: Request, service: Reads, job_id: str) -> Response:
    """The answers of a lot as JSON."""
    found = await asyncio.to_thread(_result, service, request, job_id)
    return _attachment(json.dumps(found, ensure_ascii=False, indent=1), "application/json", "lots.json")


@router.get("/lots/{job_id}/report.html")
async def lot_report_file(request: Request, service: Reads, job_id: str) -> Response:
    """The report of a lot as it is now, a page that needs nothing else."""
    text = await asyncio.to_thread(lambda: service.lots.report(job_id, service.marker(request)))
    return _attachment(text, "text/html; charset=utf-8", "report.html")


def _attachment(text: str, media: str, name: str) -> Response:
    return Response(text, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})
