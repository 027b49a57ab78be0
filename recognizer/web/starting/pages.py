"""The pages of the first start: try the drawn sample, bring a catalogue, look it over, import it, follow the work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from recognizer.catalogue.imports.column_map import SYSTEMS
from recognizer.catalogue.imports.encodings import OLDER
from recognizer.catalogue.imports.plan import listed
from recognizer.catalogue.imports.proposal import NUMBER_OF, Proposal, chosen_map, propose
from recognizer.catalogue.wanted import State as Wanted
from recognizer.catalogue.wanted import wanted as wanted_pictures
from recognizer.errors import CatalogueError
from recognizer.locales.words import phrase, said, time_left
from recognizer.web.access.asking import Curator, CuratorsForm, Reads, Sent, Serves, check_proof, language_of, text_of
from recognizer.web.browsing.changing import EDITED
from recognizer.web.pages import answer_one, page
from recognizer.web.problems import Problem
from recognizer.web.service import Service
from recognizer.web.starting.sources import Source
from recognizer.web.starting.trial import is_trial, trial_photo, trial_photos
from recognizer.web.starting.works import Kind, Order, State

router = APIRouter(include_in_schema=False)

MOST_FILES: Final = 5000
"""Files that may be sent at once; more fit into an archive."""

CHOICES: Final = {
    "entry_id": phrase("Number of the entry (each its own)"),
    **EDITED,
    "number": phrase("Number as shown"),
    "languages": phrase("Languages"),
    "status": phrase("Status"),
    "merged_into": phrase("Taken over by"),
    "image": phrase("Picture"),
    "role": phrase("What the picture shows"),
    "licence": phrase("Licence"),
    "source": phrase("Source"),
}
"""What a column may be taken for, in the words of the page."""


@router.get("/start")
async def start(request: Request, service: Reads) -> Response:
    """Welcome who has no catalogue yet, and take more of it from who has."""
    shelf = service.engine.loaded.shelf
    wanted = await asyncio.to_thread(_wanted, service)
    return page(
        request,
        "starting/welcome.html",
        empty=not shelf.entries,
        trial=is_trial(service),
        unindexed=service.engine.loaded.unindexed,
        wanted=wanted,
        most_mb=service.settings.max_source // 1_000_000,
    )


def _wanted(service: Service) -> int:
    """How many pictures that were given as addresses wait to be fetched."""
    return len(wanted_pictures(service.engine.catalogue, Wanted.WANTED))


@router.post("/start/sample")
async def sample(service: Reads, form: CuratorsForm) -> Response:
    """Draw the sample, import and index it."""
    return await _begin(service, Order(Kind.SAMPLE))


@router.post("/start/index")
async def index(service: Reads, form: CuratorsForm) -> Response:
    """Index what is not indexed yet."""
    return await _begin(service, Order(Kind.INDEX))


@router.post("/start/fetch")
async def fetch(service: Reads, form: CuratorsForm) -> Response:
    """Fetch the pictures that were given as addresses, and index them."""
    return await _begin(service, Order(Kind.FETCH))


async def _begin(service: Service, order: Order) -> Response:
    await asyncio.to_thread(service.works.begin, order)
    return RedirectResponse("/start/progress", 303)


# Work


_QUEUES: Final = {Kind.AUDIT: "/curating/audit", Kind.DISCOVER: "/curating/unknown"}
"""Where what came of a work is looked through."""


@router.get("/start/progress")
async def work(request: Request, service: Reads, who: Curator) -> Response:
    """How far the work is, and what came of it."""
    state = service.works.state
    if state is not None and state.ended and state.order.kind is Kind.LOOK and not state.error:
        return RedirectResponse(f"/start/sources/{state.order.source_id}/look", 303)
    if state is not None and state.ended and state.order.kind in _QUEUES and not state.error:
        return RedirectResponse(_QUEUES[state.order.kind], 303)
    wanted = await asyncio.to_thread(_wanted, service)
    language = language_of(request)
    return page(
        request,
        "starting/work.html",
        state=state,
        kinds=Kind,
        trial_photos=trial_photos(service),
        wanted=wanted,
        left=time_left(state.left, language) if state else "",
    )


@router.get("/start/progress/state")
async def work_state(request: Request, service: Reads, who: Curator) -> Response:
    """How far the work is, for the page that follows it."""
    state = service.works.state or State(Order(Kind.INDEX), ended=True)
    about = {name: getattr(state, name) for name in ("stage", "done", "total", "ended")}
    return JSONResponse(about | {"left": time_left(state.left, language_of(request))})


@router.get("/start/sample/{name}.jpg")
async def sample_photo(service: Reads, name: str) -> Response:
    """A drawn photo to try the sample with."""
    path = await asyncio.to_thread(trial_photo, service, name)
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.post("/start/sample/{name}/identify")
async def identify_sample(request: Request, service: Reads, form: Sent, name: str) -> Response:
    """Answer a drawn photo as if it had been uploaded."""
    path = await asyncio.to_thread(trial_photo, service, name)
    return await answer_one(request, service, path.name, await asyncio.to_thread(path.read_bytes), None)


# Sources


async def sent_source(request: Request, service: Serves, who: Curator) -> AsyncIterator[FormData]:
    """The form with a catalogue, whose sender was looked at before a byte of it is read."""
    async with request.form(max_files=MOST_FILES, max_fields=50) as form:
        check_proof(request, service, form)
        yield form


@router.post("/start/sources")
async def bring(service: Reads, form: Annotated[FormData, Depends(sent_source)]) -> Response:
    """Keep a catalogue that was sent, to be looked over."""
    sent = [one for one in form.getlist("file") if isinstance(one, UploadFile) and one.filename]
    if not sent:
        raise Problem(400, "no file was sent; choose one")
    files = [(str(one.filename), one.file) for one in sent]
    source = await asyncio.to_thread(service.sources.bring, files)
    return RedirectResponse(f"/start/sources/{source.source_id}", 303)


@router.get("/start/sources/{source_id}")
async def source_page(
    request: Request,
    service: Reads,
    who: Curator,
    source_id: str,
    sheet: Annotated[str, Query(max_length=200)] = "",
    encoding: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The columns of a table with what each is taken for; what has no columns is looked over at once."""
    source = await asyncio.to_thread(service.sources.find, source_id)
    return await _columns_page(request, source, sheet, encoding)


async def _columns_page(request: Request, source: Source, sheet: str, encoding: str, wrong: str = "") -> Response:
    proposal: Proposal | None = None
    if source.kind == "table":
        given = None if sheet or encoding else source.mapping
        try:
            proposal = await asyncio.to_thread(propose, source.path, sheet, encoding, given)
        except CatalogueError as error:
            wrong = wrong or str(error)
    systems = [(NUMBER_OF + system, system) for system in SYSTEMS]
    return page(
        request,
        "starting/source.html",
        422 if wrong else 200,
        source=source,
        proposal=proposal,
        wrong=wrong,
        choices=CHOICES,
        systems=systems,
        encodings=("utf-8-sig", "utf-16", *OLDER),
        encoding=encoding or (proposal.mapping.encoding if proposal else ""),
        sheet=sheet or (proposal.mapping.sheet if proposal else ""),
    )


@router.post("/start/sources/{source_id}/look")
async def look_over(request: Request, service: Reads, form: CuratorsForm, source_id: str) -> Response:
    """Keep the columns that were chosen, and see what an import would change."""
    source = await asyncio.to_thread(service.sources.find, source_id)
    sheet, encoding = text_of(form, "sheet"), text_of(form, "encoding")
    if source.kind == "table":
        try:
            await asyncio.to_thread(_keep_columns, source, form, sheet, encoding)
        except CatalogueError as error:
            return await _columns_page(request, source, sheet, encoding, str(error))
    return await _begin(service, Order(Kind.LOOK, source_id))


def _keep_columns(source: Source, form: FormData, sheet: str, encoding: str) -> None:
    proposal = propose(source.path, sheet, encoding)
    chosen = {column.header: text_of(form, f"column-{number}", 200) for number, column in enumerate(proposal.columns)}
    source.keep_map(chosen_map(proposal, chosen))


@router.get("/start/sources/{source_id}/look")
async def look_page(request: Request, service: Reads, who: Curator, source_id: str) -> Response:
    """What an import would change, and what keeps it from doing so."""
    source = await asyncio.to_thread(service.sources.find, source_id)
    look = source.look
    if look is None:
        return RedirectResponse("/start/progress" if service.works.at_work else f"/start/sources/{source_id}", 303)
    here = f"{source.files}/"
    return page(
        request,
        "starting/look.html",
        source=source,
        look=look,
        trial=is_trial(service),
        plain=lambda text: text.replace(here, "").replace(str(source.files), source.names[0]),
        wrong=listed((place, what) for place, what in look.get("errors", ())),
        field=_field,
        place_of=lambda place: _place(place, language_of(request)),
    )


def _place(place: str, language: str) -> str:
    """A place of a source, such as "line 7", in a language; a file's name stays as it is."""
    word, _, number = place.rpartition(" ")
    return f"{said(word, language)} {number}" if word in ("line", "row", "record", "coin") else place


def _field(name: str) -> str:
    """What a field of an entry is called on the page, "" for one that has no name there."""
    return CHOICES.get("years" if name.startswith("year") else name, "")


@router.post("/start/sources/{source_id}/leave-out")
async def leave_out(service: Reads, form: CuratorsForm, source_id: str) -> Response:
    """See what an import would change without the rows that are wrong."""
    source = await asyncio.to_thread(service.sources.find, source_id)
    return await _begin(service, Order(Kind.LOOK, source_id, _left_out(source)))


def _left_out(source: Source) -> tuple[str, ...]:
    """The rows that were left out before, and those that are wrong now."""
    look: dict[str, Any] = source.look or {}
    return (*look.get("leave_out", ()), *(place for place, _ in look.get("errors", ())))


@router.post("/start/sources/{source_id}/import")
async def import_(service: Reads, form: CuratorsForm, source_id: str) -> Response:
    """Import a source that was looked over, and index it."""
    source = await asyncio.to_thread(service.sources.find, source_id)
    look = source.look
    if look is None or "rows" not in look:
        raise Problem(409, "look it over first, and mend what is wrong with it")
    order = Order(Kind.IMPORT, source_id, tuple(look["leave_out"]), bool(text_of(form, "anew")))
    return await _begin(service, order)


@router.post("/start/sources/{source_id}/delete")
async def delete(service: Reads, form: CuratorsForm, source_id: str) -> Response:
    """Delete what was sent."""
    if service.works.at_work and service.works.state and service.works.state.order.source_id == source_id:
        raise Problem(409, "it is being worked on; wait for that to end")
    await asyncio.to_thread(service.sources.delete, source_id)
    return RedirectResponse("/start", 303)
