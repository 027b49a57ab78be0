"""The pages of curating: queues to look through, and the buttons that settle what stands in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from recognizer.catalogue import corrections
from recognizer.catalogue.store import QUERIES, Catalogue
from recognizer.curating import discover
from recognizer.curating.discover import SEEN, Cluster
from recognizer.errors import EntryNotFound
from recognizer.locales.words import phrase
from recognizer.reports.answers import percent
from recognizer.reports.audit_report import WORDS
from recognizer.types import CatalogueEntry
from recognizer.web.access.asking import Curator, CuratorsForm, Reads, local_path, text_of
from recognizer.web.corrections import undo_correction
from recognizer.web.curating.doubts import doubts, pin_picture
from recognizer.web.curating.findings import Found, findings, mend, read_audit
from recognizer.web.curating.passed import Passed
from recognizer.web.pages import page, told
from recognizer.web.problems import Problem
from recognizer.web.service import Service
from recognizer.web.starting.works import DISCOVER, Kind, Order

router = APIRouter(include_in_schema=False)

_PAGE: Final = 20
"""Things on one page of a queue: each has pictures, and is looked at."""

_CROPS: Final = 12

_One = TypeVar("_One")

Page = Annotated[int, Query(ge=1, le=100_000, alias="page")]


@router.get("/curating")
async def overview(request: Request, service: Reads, who: Curator) -> Response:
    """All queues, with how much stands in each."""
    clusters, found, said, doubted = await asyncio.to_thread(
        lambda: (_clusters(service), _findings(service), _corrections(service), doubts(service))
    )
    held = read_audit(service.settings.folder)
    return page(
        request,
        "curating/overview.html",
        counts={
            "unknown": len(clusters),
            "audit": len(found),
            "corrections": len(said),
            "doubts": len(doubted),
        },
        audited=held["made"] if held else "",
        kept=bool(service.lots.kept() or service.store.all()),
    )


def _part(things: Sequence[_One], number: int, path: str) -> dict[str, Any]:
    """A page of a queue, as its template shows it."""
    start = (number - 1) * _PAGE
    return {
        "found": things[start : start + _PAGE],
        "total": len(things),
        "back": f"{path}?page={number}" if number > 1 else path,
        "before": f"{path}?page={number - 1}" if number > 1 else "",
        "after": f"{path}?page={number + 1}" if start + _PAGE < len(things) else "",
    }


def _settled(request: Request, back: str, text: str, otherwise: str) -> Response:
    """The queue again, or a few words where a script stays on it."""
    if request.headers.get("x-quiet"):
        return told(request, text)
    return RedirectResponse(local_path(back) or otherwise, 303)


@router.post("/curating/pass")
async def pass_over(request: Request, service: Reads, form: CuratorsForm) -> Response:
    """Note that something was looked at and stays as it is."""
    name = text_of(form, "name", 2000)
    if not name:
        raise Problem(422, "what is to be passed over is missing; load the page anew")
    await asyncio.to_thread(Passed(service.settings.folder).add, name)
    return _settled(request, text_of(form, "back", 2000), phrase("Left as it is."), "/curating")


# What the audit found


def _findings(service: Service) -> list[Found]:
    held = read_audit(service.settings.folder)
    if held is None:
        return []
    return findings(held, service.engine.loaded.shelf, Passed(service.settings.folder).all())


@router.post("/curating/audit/begin")
async def begin_audit(service: Reads, form: CuratorsForm) -> Response:
    """Look through the catalogue's photos, in the background."""
    await asyncio.to_thread(service.works.begin, Order(Kind.AUDIT))
    return RedirectResponse("/start/progress", 303)


@router.get("/curating/audit")
async def audit_page(request: Request, service: Reads, who: Curator, number: Page = 1) -> Response:
    """What the audit found, each with the buttons that mend it."""
    found = await asyncio.to_thread(_findings, service)
    shelf = service.engine.loaded.shelf
    part = _part(found, number, "/curating/audit")
    return page(request, "curating/audit.html", kinds=WORDS, entry_of=shelf.entries.get, **part)


@router.post("/curating/audit/mend")
async def mend_finding(request: Request, service: Reads, who: Curator, form: CuratorsForm) -> Response:
    """Do what the button of a finding says."""
    do, subject, to = (text_of(form, name) for name in ("do", "subject", "to"))

    def make(catalogue: Catalogue) -> None:
        mend(catalogue, do, subject, to)

    await service.editor.change(f"{who}: audit, {do[:20]} {subject[:200]}", make, photos=True)
    return _settled(request, text_of(form, "back", 2000), phrase("Done"), "/curating/audit")


# Pins that the catalogue lacks


def _clusters(service: Service) -> list[Cluster]:
    """Unknown pins that were seen several times, are no entry yet, and were not passed over."""
    try:
        clusters = discover.read_clusters(service.settings.data / DISCOVER)
    except EntryNotFound:
        return []
    passed = Passed(service.settings.folder).all()
    held = service.engine.catalogue.pictures_held()
    return [
        one
        for one in clusters
        if one.seen >= SEEN
        and not one.entry_id
        and f"cluster {one.cluster}" not in passed
        and not any(crop.crop in held for crop in one.crops)
    ]


@router.post("/curating/unknown/begin")
async def begin_discovery(service: Reads, form: CuratorsForm) -> Response:
    """Put the unknown pins of kept lots together, in the background."""
    await asyncio.to_thread(service.works.begin, Order(Kind.DISCOVER))
    return RedirectResponse("/start/progress", 303)


@router.get("/curating/unknown")
async def unknown_page(request: Request, service: Reads, who: Curator, number: Page = 1) -> Response:
    """Unknown pins that were seen several times, each a proposal for an entry."""
    found = await asyncio.to_thread(_clusters, service)
    return page(request, "curating/unknown.html", most=_CROPS, **_part(found, number, "/curating/unknown"))


@router.get("/curating/unknown/{crop}.jpg")
async def crop_picture(service: Reads, who: Curator, crop: str) -> Response:
    """The picture of an unknown pin."""
    path = service.settings.data / DISCOVER / "crops" / f"{crop}.jpg"
    if not crop.isalnum() or not path.is_file():
        raise EntryNotFound("no such picture; put the unknown pins together anew")
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.post("/curating/unknown/accept")
async def accept(request: Request, service: Reads, who: Curator, form: CuratorsForm) -> Response:
    """Make an entry of an unknown pin, its pictures as photos, or photos of the entry whose number is given."""
    name, number, title = text_of(form, "cluster"), text_of(form, "number").strip(), text_of(form, "title").strip()
    if not number:
        raise Problem(422, "the number of the new entry is missing; write one")
    folder = service.settings.data / DISCOVER
    chosen = await asyncio.to_thread(discover.read_cluster, folder, name)

    into = bool(text_of(form, "into"))

    def make(catalogue: Catalogue) -> CatalogueEntry:
        if into:
            return discover.accept_into(folder, catalogue, chosen, number)
        return discover.accept(folder, catalogue, chosen, number, title)

    made = await service.editor.change(f"{who}: discover {chosen.cluster} as {number}", make, photos=True)
    return _settled(request, f"/entries/{quote(made.entry_id, safe='')}", phrase("Done"), "/curating/unknown")


# Corrections, and answers that nobody judged


def _corrections(service: Service) -> list[corrections.Correction]:
    """The corrections that count and that no curator looked through yet, the newest first."""
    passed = Passed(service.settings.folder).all()
    said = corrections.listed(service.engine.catalogue)
    return [one for one in reversed(said) if f"correction {one.correction_id}" not in passed]


@router.get("/curating/corrections")
async def corrections_page(request: Request, service: Reads, who: Curator, number: Page = 1) -> Response:
    """What people said of answers, to be looked through."""
    found = await asyncio.to_thread(_corrections, service)
    shelf = service.engine.loaded.shelf
    part = _part(found, number, "/curating/corrections")
    return page(request, "curating/corrections.html", entry_of=shelf.entries.get, face_of=_face(service), **part)


@router.get("/curating/corrections/{correction_id}.jpg")
async def correction_picture(service: Reads, who: Curator, correction_id: int) -> Response:
    """The picture that a correction is about."""
    said = await asyncio.to_thread(corrections.listed, service.engine.catalogue)
    name = next((one.picture for one in said if one.correction_id == correction_id), "")
    path = service.settings.data / QUERIES / name
    if not name or not path.is_file():
        raise EntryNotFound("no picture is kept of it")
    return FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})


@router.post("/curating/corrections/undo")
async def take_back(request: Request, service: Reads, who: Curator, form: CuratorsForm) -> Response:
    """Take a correction back, and the photo that it added."""
    given = text_of(form, "correction_id")
    await undo_correction(service, int(given) if given.isdecimal() else 0, who)
    return _settled(request, text_of(form, "back", 2000), phrase("Taken back."), "/curating/corrections")


@router.get("/curating/doubts")
async def doubts_page(request: Request, service: Reads, who: Curator, number: Page = 1) -> Response:
    """Answers that nobody judged yet, the doubtful ones first, with the entries to choose from."""
    found = await asyncio.to_thread(doubts, service)
    shelf = service.engine.loaded.shelf
    part = _part(found, number, "/curating/doubts")
    shown: dict[str, Any] = {"entry_of": shelf.entries.get, "photo_of": shelf.photo_of, "percent": percent}
    return page(request, "curating/doubts.html", **shown, **part)


@router.get("/uploads/{upload_id}/{pin}.jpg")
async def kept_pin(service: Reads, who: Curator, upload_id: str, pin: int) -> Response:
    """One pin of a kept photo."""
    data = await asyncio.to_thread(pin_picture, service.store, upload_id, pin)
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def _face(service: Service) -> Callable[[str], int | None]:
    """What gives the image_id of the photo that an entry is known by."""
    shelf = service.engine.loaded.shelf

    def face(entry_id: str) -> int | None:
        found = shelf.face(entry_id)
        return found.image_id if found is not None else None

    return face
