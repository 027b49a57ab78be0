"""The pages of the catalogue: to browse by filters and in an order, and each entry, with its form to change it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from recognizer.catalogue.store import Catalogue
from recognizer.errors import IndexError_
from recognizer.locales.words import phrase
from recognizer.reports.near import between
from recognizer.reports.pictures import catalogue_picture
from recognizer.search.features import embedding_settings
from recognizer.search.index import read_embeddings
from recognizer.types import CatalogueEntry, CatalogueImage, Role
from recognizer.vision.photos import jpeg_uri
from recognizer.web import views
from recognizer.web.access.asking import Curator, CuratorsForm, Reads, local_path, text_of
from recognizer.web.access.ranks import Rank
from recognizer.web.answering.shelf import Sort
from recognizer.web.api import photo_adding
from recognizer.web.browsing.asked import Asked, asked_of, entries_asked
from recognizer.web.browsing.changing import EDITED, cells_of, changed
from recognizer.web.browsing.past import confirmed_by, past_of, take_back, touches_photos
from recognizer.web.collection.held import held_of, jar_names
from recognizer.web.pages import page
from recognizer.web.problems import Problem
from recognizer.web.service import Service
from recognizer.web.uploads import shown_name

router = APIRouter(include_in_schema=False)

_PAGE: Final = 48
_SIMILAR: Final = 8
_LISTED: Final = 60
"""Themes, series, materials, places and languages that are offered at once, the fullest first."""

_BESIDE: Final = 6
"""Variants of one drawing that stand side by side with what differs; more are only shown."""

_KEPT: Final = 200
"""Families of which it is remembered where their photos differ."""

SORTS: Final = {
    Sort.CAME: phrase("as it came"),
    Sort.NEWEST: phrase("latest first"),
    Sort.NUMBER: phrase("by number"),
    Sort.TITLE: phrase("by title"),
    Sort.YEAR: phrase("by year"),
}


@router.get("/catalogue")
async def catalogue(
    request: Request,
    service: Reads,
    asked: Annotated[Asked, Depends(asked_of)],
    number: Annotated[int, Query(ge=1, le=1_000_000, alias="page")] = 1,
) -> Response:
    """The catalogue to browse and to search."""
    shelf = service.engine.loaded.shelf
    mine = service.page_writer(request) is not None
    owned = await asyncio.to_thread(service.collection(request).owned) if mine else {}
    ids = await entries_asked(service, asked, owned)
    start = (number - 1) * _PAGE
    return page(
        request,
        "catalogue.html",
        shelf=shelf,
        asked=asked,
        sorts=SORTS,
        below=shelf.below(asked.theme)[:_LISTED],
        series_list=_fullest(shelf.series),
        materials=_fullest(shelf.materials),
        places=_fullest(shelf.places),
        tongues=_fullest(shelf.languages),
        found=[
            _card(shelf.entries[entry_id], shelf.face(entry_id))
            for entry_id in ids[start : start + _PAGE]
            if entry_id in shelf.entries
        ],
        owned=owned,
        total=len(ids),
        before=asked.link(page=number - 1) if number > 1 else "",
        after=asked.link(page=number + 1) if start + _PAGE < len(ids) else "",
        link=lambda **values: "/catalogue?" + urlencode(values, doseq=True),
    )


def _fullest(groups: Any) -> list[tuple[str, Sequence[str]]]:
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))[:_LISTED]


@router.get("/entries/{entry_id:path}")
async def entry(request: Request, service: Reads, entry_id: str) -> Response:
    """An entry with its photos, the variants of its drawing side by side, and those like it."""
    found = await asyncio.to_thread(service.engine.catalogue.lookup, entry_id.replace("\x00", ""))
    one = found.entry
    shelf = service.engine.loaded.shelf
    photos = list(shelf.photos.get(one.entry_id, ()))
    similar = await asyncio.to_thread(_similar, service, one.entry_id, photos)
    held = await asyncio.to_thread(held_of, request, service, [one.entry_id])
    jars = await asyncio.to_thread(jar_names, service.collection(request)) if held is not None else []
    members = [other for other in shelf.families.get(one.family, ()) if other != one.entry_id] if one.family else []
    mine, curates = held is not None, service.page_writer(request, Rank.CURATOR) is not None
    past = await asyncio.to_thread(past_of, service.engine.catalogue, one.entry_id) if mine else []
    confirmed = await asyncio.to_thread(confirmed_by, service.engine.catalogue, one.entry_id) if mine else []
    beside = [one, *(shelf.entries[other] for other in members[: _BESIDE - 1])] if members else []
    return page(
        request,
        "entry.html",
        entry=one,
        via=found.via,
        held=held[one.entry_id] if held is not None else None,
        jars=jars,
        photos=photos,
        facts=views.facts(one),
        beside=[_card(other, shelf.face(other.entry_id)) for other in beside],
        differing=differing(beside),
        nearer=await asyncio.to_thread(_from_near, service, beside) if beside else {},
        family=[_card(shelf.entries[other], shelf.face(other)) for other in members[_BESIDE - 1 : 24]],
        similar=[_card(shelf.entries[other], shelf.face(other)) for other in similar if other not in members],
        themes=[(one.theme[: depth + 1], step) for depth, step in enumerate(one.theme)],
        past=past,
        undoes=curates,
        confirmed=confirmed,
        edited=EDITED,
        cells=cells_of(one),
        roles=list(Role),
        link=lambda **values: "/catalogue?" + urlencode(values, doseq=True),
    )


def _from_near(service: Service, beside: Sequence[CatalogueEntry]) -> dict[str, tuple[str, str]]:
    """The place where photos of variants differ most, by entry_id: a data URI, and the colour there where that tells
    them apart. Looked for once as long as catalogue and index stay as they are."""
    now = service.engine.loaded
    faces = {one.entry_id: face.image_id for one in beside if (face := now.shelf.face(one.entry_id)) is not None}
    if now.recognizer is None:
        return {}
    ids = tuple(faces.values())
    if ids not in now.between:
        members = []
        for entry_id, image_id in faces.items():
            picture = catalogue_picture(service.engine.catalogue, image_id)
            try:
                if picture is not None:
                    members.append((entry_id, picture, now.recognizer.index.reference(image_id)))
            except (IndexError_, KeyError):
                continue  # not indexed yet, or damaged: nothing can be said of it
        if len(now.between) >= _KEPT:
            now.between.clear()
        now.between[ids] = between(members)
    return {one.number: (jpeg_uri(one.picture, 80), one.colour) for one in now.between[ids]}


def differing(entries: Sequence[CatalogueEntry]) -> list[tuple[str, list[str]]]:
    """What entries say differently, as (label, what each says)."""
    said = [dict(views.facts(one)) for one in entries]
    labels = dict.fromkeys(label for facts in said for label in facts)
    rows = [(label, [facts.get(label, "") for facts in said]) for label in labels]
    return [row for row in rows if len(set(row[1])) > 1]


@router.post("/edit/{entry_id:path}")
async def edit(service: Reads, who: Curator, form: CuratorsForm, entry_id: str) -> Response:
    """Change what is said of an entry: what was changed in the form, and nothing else."""
    was = {column: text_of(form, f"was-{column}", 4000) for column in EDITED}
    given = {column: text_of(form, column, 4000) for column in EDITED if column in form}

    def make(catalogue: Catalogue) -> CatalogueEntry:
        (now,) = catalogue.entries([entry_id])
        catalogue.upsert([changed(now, was, given)])
        return catalogue.entries([entry_id])[0]

    made = await service.editor.change(f"{who}: update {entry_id[:200]}", make, photos=False)
    return RedirectResponse(_address(made.entry_id), 303)


@router.post("/history/{change_id}/undo")
async def undo(request: Request, service: Reads, who: Curator, form: CuratorsForm, change_id: int) -> Response:
    """Take a change of the catalogue back; the photos that it added or took out leave or come back."""
    collector = service.collection(request).collector

    def make(catalogue: Catalogue) -> None:
        take_back(catalogue, change_id, collector)

    photos = await asyncio.to_thread(touches_photos, service.engine.catalogue, change_id)
    await service.editor.change(who, make, photos=photos)
    return RedirectResponse(local_path(text_of(form, "back", 2000)) or "/catalogue", 303)


@router.post("/photos/{entry_id:path}")
async def add_photo(service: Reads, who: Curator, form: CuratorsForm, entry_id: str) -> Response:
    """Add a photo to an entry, indexed when this is answered."""
    sent, role = form.get("photo"), text_of(form, "role")
    if not isinstance(sent, UploadFile) or not sent.size:
        raise Problem(400, "no photo was sent; choose one")
    shows = Role(role) if role in list(Role) else Role.FACE
    make = photo_adding(service, entry_id, await sent.read(), shown_name(sent.filename), shows)
    made = await service.editor.change(f"{who}: photo for {entry_id[:200]}", make, photos=shows is Role.FACE)
    return RedirectResponse(_address(made.entry_id), 303)


def _address(entry_id: str) -> str:
    return f"/entries/{quote(entry_id, safe='')}"


def _card(one: CatalogueEntry, face: CatalogueImage | None) -> dict[str, Any]:
    return {"entry": one, "image_id": face.image_id if face else None}


def _similar(service: Service, entry_id: str, photos: list[CatalogueImage]) -> list[str]:
    """The entries whose photos are most like one's first photo to the model, without those withdrawn."""
    now = service.engine.loaded
    face = next((photo for photo in photos if photo.role is Role.FACE), None)
    if now.recognizer is None or face is None:
        return []
    index = now.recognizer.index
    try:
        settings = embedding_settings(index.manifest.fingerprint)
        zooms = read_embeddings(index.folder, settings, face.sha256)
        near = index.similar(zooms, _SIMILAR * 3)
    except IndexError_:
        return []  # not indexed yet
    owners = (now.shelf.images[image_id].entry_id for image_id, _ in near if image_id in now.shelf.images)
    active = set(now.shelf.active)
    others = [owner for owner in dict.fromkeys(owners) if owner != entry_id and owner in active]
    return others[:_SIMILAR]
