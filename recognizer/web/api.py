"""The API under /api/v1: what programs ask, in the words of the command line's JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse

from recognizer.catalogue.corrections import listed
from recognizer.catalogue.numbers import systems_in
from recognizer.catalogue.store import Catalogue
from recognizer.curating import word_search
from recognizer.errors import CatalogueError, PhotoError
from recognizer.types import CatalogueEntry, CatalogueImage, Photo, Recognition, Role
from recognizer.vision.photos import check_photo
from recognizer.web import schemas
from recognizer.web.access.ranks import Rank
from recognizer.web.corrections import correction_body, delete_kept, keep_correction, undo_correction
from recognizer.web.gallery import Gallery
from recognizer.web.problems import MEDIA, Problem
from recognizer.web.schemas import entry_body
from recognizer.web.service import Service, photo_json, service_of
from recognizer.web.uploads import decode, shown_name

_One = TypeVar("_One")

AT_ONCE: Final = 10
"""Photos that one request may ask about; more are a lot."""

MOST_PINS: Final = 40
"""Pins of one photo that are answered while a request waits; a photo with more is a lot."""

_PAGE: Final = 50
_FOUND: Final = 1000  # entries that a search by words goes through at most

_TEXTS: Final = {
    400: "the request, or a photo in it, cannot be read",
    401: "a token is needed, or is not known",
    403: "the token is of too low a rank",
    404: "there is none",
    408: "the body took too long",
    409: "the catalogue refuses it",
    413: "too many bytes, pixels, photos or pins",
    421: "asked under a name that the service does not have",
    422: "a parameter is missing or wrong",
    429: "too many requests; Retry-After says when to go on",
    503: "busy or not ready; Retry-After says when to try again",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation that are problems, those that every operation may give among them."""
    return {
        status: {
            "description": _TEXTS[status],
            "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status in sorted({400, 413, 421, 422, 429, 503, *statuses})
    }


def reads(request: Request) -> Service:
    """The service, for whoever may read."""
    service = service_of(request)
    service.check_reader(request)
    return service


Reads = Annotated[Service, Depends(reads)]
Serves = Annotated[Service, Depends(service_of)]
EntryId = Annotated[str, Path(description="entry_id, or any number of the entry", max_length=400)]
Photos = Annotated[list[UploadFile], File(min_length=1, description="a picture file; again for further photos")]

router = APIRouter(prefix="/api/v1")


# The service


@router.get("/health", tags=["service"], responses=documented(), response_model=schemas.HealthBody)
async def health() -> Any:
    """Say that the process answers; of no use to know whether photos are answered, which is `ready`."""
    return {"status": "ok"}


@router.get("/ready", tags=["service"], responses=documented(), response_model=schemas.HealthBody)
async def ready(service: Serves) -> Any:
    """Say that photos are answered; 503 while the model is being loaded, or where there is no index."""
    service.engine.recognizer()
    return {"status": "ok"}


@router.get("/version", tags=["service"], responses=documented(), response_model=schemas.VersionBody)
async def version(service: Serves) -> Any:
    """Name program, model and index: answers of two indexes with one fingerprint are the same."""
    return service.version()


# Photos


@router.post("/identify", tags=["photos"], responses=documented(401, 403, 408), response_model=schemas.AnswerBody)
async def identify(
    request: Request,
    service: Reads,
    photo: Photos,
    role: Annotated[list[Role] | None, Form(description="what each photo shows, in their order")] = None,
    k: Annotated[int, Form(ge=1, le=50, description="most entries for a pin")] = 5,
    numbers: Annotated[str, Form(max_length=200, description="systems to tell numbers under, by commas")] = "",
    points: Annotated[bool, Form(description="give the matched points")] = False,
    keep: Annotated[bool, Form(description="keep the photos, which needs a token")] = False,
) -> Any:
    """Say which entries are on photos. A photo that cannot be read is told in `errors`, the others are answered.

    A photo shows one pin or a few; 413 asks to send a photo of many pins as a lot. Photos of another role than `face`
    are of the same pin as the one face beside them, and help to choose between its variants; their own answer is empty.
    """
    who = service.writer(request, Rank.COLLECTOR) if keep else ""
    if len(photo) > AT_ONCE:
        raise Problem(413, f"{len(photo)} photos, more than {AT_ONCE}; send them as a lot")
    roles = [*(role or []), *[Role.FACE] * len(photo)][: len(photo)]
    opened, errors = await opened_photos(service, photo)
    if not opened:
        raise errors[0][1]
    found = await service.engine.identify([(one, roles[at]) for at, one in opened], k, MOST_PINS)
    sizes = await picture_sizes(request, service, found) if points else {}
    systems = systems_in(numbers)
    bodies = []
    for (at, one), pins in zip(opened, found, strict=True):
        body = photo_json(one, roles[at], pins, sizes, systems, points)
        if keep:
            kept = await asyncio.to_thread(service.store.keep, one, roles[at].value, who, body["recognitions"])
            body["upload_id"] = kept.upload_id
        bodies.append(body)
    told = [{"photo": name, "error": str(error)} for name, error in errors]
    return JSONResponse({"photos": bodies, "errors": told})


async def opened_photos(
    service: Service, photos: Sequence[UploadFile]
) -> tuple[list[tuple[int, Photo]], list[tuple[str, PhotoError]]]:
    """Decode uploads; returns those that are pictures with their places, and the names and errors of the others."""
    opened, errors = [], []
    for at, upload in enumerate(photos):
        name = shown_name(upload.filename)
        try:
            opened.append((at, await service.decoder.photo(await upload.read(), name)))
        except PhotoError as error:
            errors.append((name, error))
    return opened, errors


async def picture_sizes(
    request: Request, service: Service, found: Sequence[Sequence[Recognition]]
) -> dict[int, tuple[int, int]]:
    """Sizes of the catalogue photos that were matched point by point."""
    gallery: Gallery = request.app.state.gallery
    images = service.engine.loaded.shelf.images
    wanted = {
        match.image_id for pins in found for pin in pins for match in pin.matches if match.hit.matched is not None
    }

    def sizes() -> dict[int, tuple[int, int]]:
        there = {image_id: images[image_id] for image_id in wanted if image_id in images}
        held = {key: gallery.size(service.engine.catalogue, image) for key, image in there.items()}
        return {image_id: size for image_id, size in held.items() if size is not None}

    return await asyncio.to_thread(sizes)


@router.get("/uploads", tags=["photos"], responses=documented(401, 403), response_model=schemas.UploadsBody)
async def uploads(
    request: Request,
    service: Serves,
    limit: Annotated[int, Query(ge=1, le=1000)] = _PAGE,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Any:
    """List the photos that are kept, the newest first; needs a curator's token."""
    service.writer(request)
    held = (await asyncio.to_thread(service.store.all))[::-1]
    page, after = paged("/api/v1/uploads", held, limit, offset)
    return JSONResponse({"uploads": [asdict(one) for one in page], "total": len(held), "next": after})


def paged(
    path: str, held: Sequence[_One], limit: int, offset: int, asked: Mapping[str, Any] | None = None
) -> tuple[Sequence[_One], str | None]:
    """A page of what there is, and the path of the next one, None after the last; `asked` is what else was asked."""
    if offset + limit >= len(held):
        return held[offset:], None
    given = {name: value for name, value in (asked or {}).items() if value not in ("", None)}
    more = given | {"limit": limit, "offset": offset + limit}
    return held[offset : offset + limit], f"{path}?{urlencode(more, doseq=True)}"


@router.delete("/uploads/{upload_id}", tags=["photos"], status_code=204, responses=documented(401, 404))
async def delete_upload(service: Reads, upload_id: str) -> Response:
    """Delete a photo that was kept; whoever knows its id may."""
    await delete_kept(service, upload_id)
    return Response(status_code=204)


# Lots


@router.post(
    "/lots", tags=["lots"], status_code=202, responses=documented(401, 403, 408), response_model=schemas.LotBody
)
async def create_lot(
    request: Request,
    response: Response,
    service: Reads,
    photo: Photos,
    k: Annotated[int, Form(ge=1, le=50, description="most entries for a pin")] = 5,
    keep: Annotated[bool, Form(description="keep the lot for good, which needs a token")] = False,
) -> Any:
    """Begin a lot: pictures of many pins, answered one after the other. It is deleted a day after its end."""
    if keep:
        service.writer(request, Rank.COLLECTOR)
    if len(photo) > service.settings.max_photos:
        raise Problem(413, f"{len(photo)} photos, more than {service.settings.max_photos}")
    pictures = [(shown_name(upload.filename), await upload.read()) for upload in photo]
    if not any(data for _, data in pictures):
        raise Problem(400, "no photo with anything in it")
    state = await asyncio.to_thread(service.lots.create, pictures, k=k, kept=keep)
    response.headers["Location"] = f"/api/v1/lots/{state.job_id}"
    return _lot(asdict(state))


@router.get("/lots/{job_id}", tags=["lots"], responses=documented(401, 404), response_model=schemas.LotBody)
async def lot(service: Reads, job_id: str) -> Any:
    """Say how far a lot is."""
    return _lot(asdict(await asyncio.to_thread(service.lots.state, job_id)))


@router.get(
    "/lots/{job_id}/result", tags=["lots"], responses=documented(401, 404), response_model=schemas.LotResultBody
)
async def lot_result(request: Request, service: Reads, job_id: str) -> Any:
    """Give what was found in a lot so far, what is owned and missing of it, and for how much."""
    state = await asyncio.to_thread(service.lots.state, job_id)
    return JSONResponse(
        {"state": state.state} | await asyncio.to_thread(lambda: service.lots.result(job_id, service.marker(request)))
    )


@router.delete("/lots/{job_id}", tags=["lots"], status_code=204, responses=documented(401, 404))
async def delete_lot(service: Reads, job_id: str) -> Response:
    """Delete a lot with its pictures and answers; whoever knows its id may."""
    await asyncio.to_thread(service.lots.delete, job_id)
    return Response(status_code=204)


def _lot(state: Mapping[str, Any]) -> dict[str, Any]:
    path = f"/api/v1/lots/{state['job_id']}"
    return {**state, "result": f"{path}/result", "page": f"/lots/{state['job_id']}"}


# Entries


@router.get("/entries", tags=["entries"], responses=documented(401), response_model=schemas.EntriesBody)
async def entries(
    service: Reads,
    q: Annotated[
        str,
        Query(
            max_length=200,
            description="words, each of which begins a word of the entry, or any number; where no entry has them, "
            "words that say the same as titles",
        ),
    ] = "",
    theme: Annotated[list[str] | None, Query(description="theme, outermost first; again for each step")] = None,
    series: Annotated[str, Query(max_length=500)] = "",
    decade: Annotated[int | None, Query(ge=-3000, le=3000, examples=[1960])] = None,
    family: Annotated[str, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = _PAGE,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Any:
    """Search entries by words or a number, or list those of a theme, series, decade or family; all without either."""
    shelf = service.engine.loaded.shelf
    ids = await chosen_entries(service, q, tuple(theme or ()), series, decade, family)
    asked = {"q": q, "theme": theme, "series": series, "decade": decade, "family": family}
    page, after = paged("/api/v1/entries", ids, limit, offset, asked)
    found = [shelf.entries[entry_id] for entry_id in page if entry_id in shelf.entries]
    bodies = [entry_body(entry, list(shelf.photos.get(entry.entry_id, ()))) for entry in found]
    return JSONResponse({"entries": bodies, "total": len(ids), "next": after})


async def chosen_entries(
    service: Service, words: str, theme: tuple[str, ...], series: str, decade: int | None, family: str
) -> list[str]:
    """The entry_ids of all that is asked: by words best first, the entry of that very number before them.

    Where no entry has the words, those whose titles say the same, in whatever language they were asked for.
    """
    ids = service.engine.loaded.shelf.chosen(theme, series, decade, family)
    words = words.replace("\x00", " ").strip()
    if not words:
        return ids

    def found() -> list[str]:
        catalogue = service.engine.catalogue
        hits = [entry.entry_id for entry in catalogue.search(words, _FOUND)]
        with suppress(CatalogueError):  # no number, or one of several entries, which the words find
            hits.insert(0, catalogue.lookup(words).entry.entry_id)
        ready = service.engine.loaded.recognizer
        if not hits and ready is not None:
            like = word_search.search(catalogue, words, index=ready.index, model=ready.model, limit=_PAGE)
            hits = [one.entry.entry_id for one in like if one.by_meaning]
        return list(dict.fromkeys(hits))

    hits = await asyncio.to_thread(found)
    if not (theme or series or decade is not None or family):
        return hits
    of = set(ids)
    return [entry_id for entry_id in hits if entry_id in of]


@router.post(
    "/entries", tags=["entries"], status_code=201, responses=documented(401, 403, 409), response_model=schemas.EntryBody
)
async def create_entry(request: Request, response: Response, service: Serves, entry: schemas.NewEntry) -> Any:
    """Create an entry. It can be found by words at once, and by photos as soon as it has one."""
    who = service.writer(request)
    given = _given(entry)

    def make(catalogue: Catalogue) -> CatalogueEntry:
        if catalogue.known([entry.entry_id]):
            raise CatalogueError(f"there is an entry {entry.entry_id!r} already; update it, or take another entry_id")
        catalogue.upsert([CatalogueEntry(**given)])
        return catalogue.entries([entry.entry_id])[0]

    made = await service.editor.change(f"{who}: create {entry.entry_id}", make, photos=False)
    response.headers["Location"] = f"/api/v1/entries/{quote(made.entry_id, safe='')}"
    return entry_body(made, [])


@router.patch(
    "/entries/{entry_id:path}",
    tags=["entries"],
    responses=documented(401, 403, 404, 409),
    response_model=schemas.EntryBody,
)
async def update_entry(request: Request, service: Serves, entry_id: EntryId, entry: schemas.EntryFields) -> Any:
    """Change what is said of an entry; what is left out stays as it is."""
    who = service.writer(request)

    def make(catalogue: Catalogue) -> CatalogueEntry:
        now = catalogue.entry(entry_id)
        catalogue.upsert([replace(now, **_given(entry))])
        return catalogue.entries([now.entry_id])[0]

    made = await service.editor.change(f"{who}: update {entry_id[:200]}", make, photos=False)
    return entry_body(made, await asyncio.to_thread(service.engine.catalogue.images, None, made.entry_id))


@router.post(
    "/entries/{entry_id:path}/photos",
    tags=["entries"],
    status_code=201,
    responses=documented(401, 403, 404, 408, 409),
    response_model=schemas.ImageBody,
)
async def add_photo(
    request: Request,
    service: Serves,
    entry_id: EntryId,
    photo: Annotated[UploadFile, File(description="a picture file")],
    role: Annotated[Role, Form(description="what it shows")] = Role.FACE,
    licence: Annotated[str, Form(max_length=500)] = "",
    source: Annotated[str, Form(max_length=2000)] = "",
) -> Any:
    """Add a photo to an entry. It is indexed, and the entry found by it, when this is answered."""
    who = service.writer(request)
    data, name = await photo.read(), shown_name(photo.filename)
    make = photo_adding(service, entry_id, data, name, role, licence=licence, source=source)
    made = await service.editor.change(f"{who}: photo for {entry_id[:200]}", make, photos=role is Role.FACE)
    return entry_body(CatalogueEntry(made.entry_id), [made])["images"][0]


def photo_adding(
    service: Service, entry_id: str, data: bytes, name: str, role: Role, **about: str
) -> Callable[[Catalogue], CatalogueImage]:
    """The change that adds a photo to an entry, once its bytes are found to be a picture of bounded size."""

    def make(catalogue: Catalogue) -> CatalogueImage:
        entry = catalogue.lookup(entry_id).entry
        decode(data, name, service.settings.max_pixels)
        return catalogue.add_image(entry.entry_id, data, check_photo(data, name), role, **about)

    return make


@router.post(
    "/entries/{entry_id:path}/withdraw",
    tags=["entries"],
    responses=documented(401, 403, 404, 409),
    response_model=schemas.EntryBody,
)
async def withdraw_entry(request: Request, service: Serves, entry_id: EntryId) -> Any:
    """Take an entry out of use. Its numbers still answer, saying so; photos are answered with it no more."""
    who = service.writer(request)
    made = await service.editor.change(
        f"{who}: withdraw {entry_id[:200]}", lambda catalogue: catalogue.withdraw(entry_id), photos=True
    )
    return entry_body(made, await asyncio.to_thread(service.engine.catalogue.images, None, made.entry_id))


@router.get(
    "/entries/{entry_id:path}", tags=["entries"], responses=documented(401, 404, 409), response_model=schemas.EntryBody
)
async def entry(service: Reads, entry_id: EntryId) -> Any:
    """Give the entry that a number stands for today, and say how it leads there."""
    found = await asyncio.to_thread(service.engine.catalogue.lookup, entry_id)
    images = await asyncio.to_thread(service.engine.catalogue.images, None, found.entry.entry_id)
    return JSONResponse(entry_body(found.entry, images, found.note))


def _given(fields: schemas.EntryFields) -> dict[str, Any]:
    """What was given of an entry, lists as the catalogue has them; null empties a field as the empty text does."""
    given: dict[str, Any] = {}
    for name, value in fields.model_dump(exclude_unset=True).items():
        empty: Any = None if name.startswith("year_") else () if name in _LISTS else ""
        kept = empty if value is None else value
        given[name] = tuple(tuple(one) if isinstance(one, list) else one for one in kept) if name in _LISTS else kept
    for text in _texts(given.values()):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "a text with half a character in it") from None
        if "\x00" in text:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "a text with a zero character in it")
    return given


_LISTS: Final = ("theme", "inscriptions", "languages", "identifiers")


def _texts(values: Any) -> list[str]:
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, tuple):
            found += _texts(value)
    return found


# Corrections


@router.post(
    "/corrections",
    tags=["corrections"],
    status_code=201,
    responses=documented(401, 403, 404, 409),
    response_model=schemas.CorrectionBody,
)
async def add_correction(request: Request, service: Serves, correction: schemas.CorrectionFields) -> Any:
    """Say that an answer was right, or what is."""
    who = service.corrector(request)
    token = service.shown(request)
    writes = token is not None and token.rank.reaches(Rank.CURATOR)
    return await keep_correction(service, correction, who, writes=writes)


@router.get(
    "/corrections", tags=["corrections"], responses=documented(401, 403), response_model=schemas.CorrectionsBody
)
async def corrections(
    request: Request,
    service: Serves,
    limit: Annotated[int, Query(ge=1, le=1000)] = _PAGE,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Any:
    """List corrections, the newest first; needs a curator's token."""
    service.writer(request)
    held = (await asyncio.to_thread(listed, service.engine.catalogue))[::-1]
    page, after = paged("/api/v1/corrections", held, limit, offset)
    return JSONResponse({"corrections": [correction_body(one) for one in page], "total": len(held), "next": after})


@router.delete(
    "/corrections/{correction_id}", tags=["corrections"], status_code=204, responses=documented(401, 403, 404)
)
async def delete_correction(
    request: Request, service: Serves, correction_id: Annotated[int, Path(ge=1, le=2**62)]
) -> Response:
    """Take a correction back, and the photo that it added."""
    await undo_correction(service, correction_id, service.writer(request))
    return Response(status_code=204)
