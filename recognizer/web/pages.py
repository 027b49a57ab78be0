"""The pages: what people see. Everything works without JavaScript; with it, it works without waiting for a new page."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from recognizer import program_version
from recognizer.collecting.condition import Condition
from recognizer.decision.checks import in_words
from recognizer.errors import EntryNotFound
from recognizer.locales import sentences
from recognizer.locales.catalogues import languages
from recognizer.locales.words import counted, day, day_and_time, language_name, number, said
from recognizer.reports.answers import Answer, answer_json
from recognizer.reports.photo_report import VERDICT_WORDS
from recognizer.types import CatalogueEntry, Role
from recognizer.web import counters, views
from recognizer.web.access.asking import (
    Collector,
    Reads,
    Sent,
    Serves,
    check_proof,
    language_of,
    local_path,
    text_of,
)
from recognizer.web.access.ranks import Rank
from recognizer.web.access.sessions import COOKIE, SECONDS
from recognizer.web.api import documented, picture_sizes, reads
from recognizer.web.collection.held import held_of, held_words, jar_names
from recognizer.web.corrections import delete_kept, keep_correction
from recognizer.web.gallery import Gallery, side_of
from recognizer.web.language import COOKIE as LANGUAGE_COOKIE
from recognizer.web.problems import Problem, TooManyPins
from recognizer.web.schemas import CorrectionFields
from recognizer.web.service import NOBODY, Service, service_of
from recognizer.web.starting.trial import trial_photos
from recognizer.web.starting.works import STAGES
from recognizer.web.uploads import shown_name

STATIC: Final = Path(__file__).parent / "static"
_TEMPLATES: Final = Path(__file__).parent / "templates"
FEW: Final = 3
"""Pins that are answered on one page; a photo of more is a lot. A chain or a box beside a pin may count as one."""

router = APIRouter(include_in_schema=False)
pictures = APIRouter(tags=["pictures"])
environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def pin_photo(image_id: int | str, side: int = 240) -> str:
    """The address of a catalogue photo cut to its pin."""
    return f"/pictures/{image_id}.jpg?side={side}&cut=true"


environment.globals["pin_photo"] = pin_photo  # of macros too, which get no context


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of a template."""
    service = service_of(request)
    language = language_of(request)
    token = service.signed_in(request)
    person = service.person(request)
    rank = person.rank if person is not None else Rank.READER
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    again = quote(address if request.method == "GET" else "/")
    html = environment.get_template(template).render(
        t=lambda text, /, **values: said(text, language, **values),
        number=lambda value: number(value, language),
        tongue=lambda code: language_name(code, language),
        day=lambda moment: day(moment, language),
        moment=lambda at: day_and_time(at, language),
        holds=lambda held: held_words(held, language),
        conditions=[grade.value for grade in Condition],
        check_words=lambda checks: [f"{said(name, language)}: {values}" for name, values in in_words(checks)],
        language=language,
        here=request.url.path,
        spoken={code: name for code, name in languages().items() if code != language},
        again=again,
        who=token.name if token else "",
        proof=service.form_proof(request) if person is not None else "",
        may_correct=service.settings.open_corrections or rank.reaches(Rank.COLLECTOR),
        may_keep=rank.reaches(Rank.COLLECTOR),
        may_curate=rank.reaches(Rank.CURATOR),
        may_own=rank.reaches(Rank.OWNER),
        n=lambda count, noun: counted(count, noun, language),
        told=lambda text: sentences.told(text, language),
        happened=lambda what: sentences.happened(what, language),
        entries=len(service.engine.loaded.shelf.entries),
        lacking=lambda: service.engine.loaded.unindexed,
        title_of=lambda entry: title_of(entry, language),
        verdicts=VERDICT_WORDS,
        work=service.works.state if rank.reaches(Rank.CURATOR) and service.works.at_work else None,
        stages=STAGES,
        **values,
    )
    return HTMLResponse(html, status, headers={"Vary": "Accept-Language, Cookie"})


def title_of(entry: CatalogueEntry, language: str) -> str:
    """An entry's title in a language, or in the one that it has."""
    titles = (entry.title, entry.title_en) if language == "ru" else (entry.title_en, entry.title)
    return titles[0] or titles[1]


def told(request: Request, text: str) -> Response:
    """A few words as an answer: a page of their own, or bare where a script sent the form and stays on its page."""
    if request.headers.get("x-quiet"):
        return PlainTextResponse(said(text, language_of(request)))
    return page(request, "message.html", heading=text, detail="")


# Photos


@router.get("/")
async def first(request: Request, service: Reads) -> Response:
    """The page to upload to."""
    loaded = service.engine.loaded
    if not loaded.shelf.entries:
        return RedirectResponse("/start", 303)
    return page(request, "index.html", ready=loaded.recognizer is not None, trial=trial_photos(service))


@router.post("/identify")
async def identify(request: Request, service: Reads, form: Sent) -> Response:
    """Answer a photo of a pin or FEW; one of many pins, and several photos, become a lot."""
    sent = [one for one in form.getlist("photo") if isinstance(one, UploadFile) and (one.filename or one.size)]
    if not sent:
        raise Problem(400, "no photo was sent; choose one")
    keeper = service.page_writer(request) if text_of(form, "keep") else None
    if keeper is not None:
        check_proof(request, service, form)
    if len(sent) == 1:
        return await answer_one(request, service, shown_name(sent[0].filename), await sent[0].read(), keeper)
    photos = [(shown_name(one.filename), await one.read()) for one in sent]
    return await _lot_of(service, photos, keeper is not None)


async def answer_one(request: Request, service: Service, name: str, data: bytes, keeper: str | None) -> Response:
    """Answer one photo, which becomes a lot where it has many pins; kept where `keeper` names who wants that."""
    photo = await service.decoder.photo(data, name)
    try:
        (found,) = await service.engine.identify([(photo, Role.FACE)], 5, most_pins=FEW)
    except TooManyPins:
        return await _lot_of(service, [(name, data)], keeper is not None)
    upload_id = ""
    if keeper is not None:
        pins = answer_json(Answer(photo, tuple(found)))["recognitions"]
        kept = await asyncio.to_thread(service.store.keep, photo, Role.FACE.value, keeper, pins)
        upload_id = kept.upload_id
    sizes = await picture_sizes(request, service, [found])
    engine = service.engine
    shown = await asyncio.to_thread(
        views.answered, photo, found, engine.loaded.shelf, engine.catalogue, sizes, upload_id
    )
    best = {pin.offered[0].entry.entry_id for pin in shown.pins if pin.offered}
    held = await asyncio.to_thread(held_of, request, service, best)
    jars = await asyncio.to_thread(jar_names, service.collection(request)) if held is not None else []
    return page(request, "answer.html", answer=shown, held=held, jars=jars)


async def _lot_of(service: Service, photos: list[tuple[str, bytes]], kept: bool) -> Response:
    state = await asyncio.to_thread(service.lots.create, photos, k=5, kept=kept)
    return RedirectResponse(f"/lots/{state.job_id}", 303)


@router.post("/corrections")
async def correct(request: Request, service: Reads, form: Sent) -> Response:
    """Note what somebody says of an answer, in one click."""
    who = service.page_writer(request)
    if who is not None:
        check_proof(request, service, form)
    elif not service.settings.open_corrections:
        raise Problem(401, said("Sign in to confirm or correct answers.", language_of(request)))
    box = [int(part) for part in text_of(form, "box").split(",") if part.strip().lstrip("-").isdecimal()]
    try:
        given = CorrectionFields.model_validate(
            {
                "said": text_of(form, "said"),
                "sha256": text_of(form, "sha256"),
                "box": tuple(box) if len(box) == 4 else None,
                "offered": text_of(form, "offered"),
                "entry_id": text_of(form, "entry_id").strip(),
                "upload_id": text_of(form, "upload_id"),
                "add_photo": bool(text_of(form, "add_photo")),
            }
        )
    except ValidationError as error:
        raise Problem(422, "; ".join(str(one["msg"]) for one in error.errors())) from None
    writes = service.page_writer(request, Rank.CURATOR) is not None
    await keep_correction(service, given, who or NOBODY, writes=writes)
    back = local_path(text_of(form, "back", 2000))
    if back and not request.headers.get("x-quiet"):
        return RedirectResponse(back, 303)
    return told(request, "Thank you, noted.")


@router.post("/uploads/{upload_id}/delete")
async def delete_upload(request: Request, service: Reads, form: Sent, upload_id: str) -> Response:
    """Delete a photo that was kept."""
    await delete_kept(service, upload_id)
    return told(request, "Deleted.")


@router.get("/kept")
async def kept(request: Request, service: Reads, who: Collector) -> Response:
    """What is kept of photos and lots, each with a button to delete it; a collector sees only photos of his own."""
    photos, lots_kept = await asyncio.to_thread(lambda: (service.store.all(), service.lots.kept()))
    if service.page_writer(request, Rank.CURATOR) is None:
        photos, lots_kept = [photo for photo in photos if photo.who == who], []
    return page(request, "kept.html", photos=photos[::-1], lots=lots_kept)


@router.get("/uploads/{upload_id}.jpg")
async def kept_photo(service: Reads, upload_id: str) -> Response:
    """A kept photo; whoever knows its id may see it, as he may delete it."""
    data = await asyncio.to_thread(service.store.picture, upload_id)
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


# Catalogue photos


@pictures.get(
    "/pictures/{image_id}.jpg",
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "the picture, encoded anew"},
        304: {"description": "the one that the ETag names is still right"},
        **documented(401, 404),
    },
    response_class=Response,
)
async def picture(
    request: Request,
    service: Annotated[Service, Depends(reads)],
    image_id: int,
    side: Annotated[int, Query(ge=1, le=4000, description="longest side in pixels: 96, 240, 480 or 960")] = 480,
    cut: Annotated[bool, Query(description="show the pin alone, where the index knows its outline")] = False,
) -> Response:
    """A catalogue photo."""
    loaded = service.engine.loaded
    image = loaded.shelf.images.get(image_id)
    if image is None:
        raise EntryNotFound(f"no photo {image_id} in the catalogue")
    size = side_of(side)
    gallery: Gallery = request.app.state.gallery
    outline = None
    if cut and loaded.recognizer is not None:
        outline = await asyncio.to_thread(gallery.outline, loaded.recognizer.index, image)
    tag = f'"{image.sha256[:24]}-{size}{"" if outline is None else "-pin"}"'
    who = "private" if service.settings.private else "public"
    headers = {"ETag": tag, "Cache-Control": f"{who}, max-age=86400"}
    if tag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    made = await gallery.picture(service.engine.catalogue, image, size, outline)
    return Response(made, media_type="image/jpeg", headers=headers)


# Signing in, languages, and what programs read


@router.get("/sign-in")
async def sign_in_page(request: Request, service: Serves) -> Response:
    """The page to sign in."""
    return page(request, "sign_in.html", wrong=False)


@router.post("/sign-in")
async def sign_in(request: Request, service: Serves) -> Response:
    """Begin a session for whoever has a token."""
    async with request.form(max_files=0, max_fields=10) as form:
        token = service.tokens.find(text_of(form, "token").strip())
    if token is None:
        return page(request, "sign_in.html", 403, wrong=True)
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, service.sessions.begin(token), max_age=SECONDS, httponly=True, samesite="strict", secure=secure
    )
    return answer


@router.post("/sign-out")
async def sign_out(form: Sent) -> Response:
    """End the session."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@router.get("/language")
async def language(
    request: Request,
    to: Annotated[str, Query(max_length=20)] = "en",
    after: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """Speak another language from now on."""
    answer = RedirectResponse(local_path(after) or "/", 303)
    if to in languages():
        answer.set_cookie(LANGUAGE_COOKIE, to, max_age=SECONDS * 12, samesite="lax", httponly=True)
    return answer


@router.get("/api")
async def about(request: Request, service: Serves) -> Response:
    """The page about the API and the snippet for other sites."""
    schema = request.app.openapi()
    operations = [
        (method.upper(), path, operation.get("description", "").split("\n")[0])
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    address = str(request.base_url).rstrip("/")
    return page(request, "api.html", operations=operations, address=address, version=program_version())


@router.get("/manifest.webmanifest")
async def manifest(request: Request, service: Serves) -> Response:
    """What a phone needs to keep the page among its programs: its name, colours and icons."""
    icons = [
        {"src": f"/static/icon-{side}.png", "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}
        for side, purpose in ((192, "any"), (512, "any"), (512, "maskable"))
    ]
    about = {
        "name": "znachki",
        "short_name": "znachki",
        "description": said("Which pin is this?", language_of(request)),
        "lang": language_of(request).replace("_", "-"),
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f4f2ee",
        "theme_color": "#b3202c",
        "icons": icons,
    }
    headers = {"Vary": "Accept-Language, Cookie"}
    return Response(json.dumps(about, ensure_ascii=False), media_type="application/manifest+json", headers=headers)


@router.get("/metrics")
async def metrics(request: Request, service: Serves) -> Response:
    """Figures for Prometheus; in a private service for those with a token."""
    service.check_reader(request)
    recognizer = service.engine.loaded.recognizer
    gauges = {
        "znachki_ready": float(recognizer is not None),
        "znachki_waiting_photos": float(service.engine.waiting),
        "znachki_index_photos": float(len(recognizer.index) if recognizer else 0),
        "znachki_index_generation": float(recognizer.index.manifest.generation if recognizer else 0),
        "znachki_resident_bytes": _resident_bytes(),
    }
    return Response(service.counters.text(gauges), media_type=counters.MEDIA)


def _resident_bytes() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
