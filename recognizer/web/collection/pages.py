"""The pages of a collection: jars, wishes, swaps, how complete series and themes are, and what is missing."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse

from recognizer.catalogue.imports.sources.write_opennumismat import write_opennumismat
from recognizer.collecting.holdings import Collection, Holding, Kind, Missing, list_text
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.locales.sentences import told as in_language
from recognizer.locales.words import phrase, said
from recognizer.reports.want_sheet import sheet_html
from recognizer.types import CatalogueEntry
from recognizer.web.access.asking import Collector, CollectorsForm, Reads, language_of, local_path, text_of
from recognizer.web.answering.shelf import Shelf
from recognizer.web.collection.held import Held, held_in, held_words
from recognizer.web.pages import page
from recognizer.web.problems import Problem
from recognizer.web.service import Service
from recognizer.web.uploads import shown_name

router = APIRouter(include_in_schema=False)

_PAGE: Final = 96
_FACES: Final = 4
"""Pictures of a jar on the page of all jars."""

_PRINTED: Final = 1000
"""Pins on one sheet to print, about 100 pages."""

_SHEET_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)

Page = Annotated[int, Query(ge=1, le=100_000, alias="page")]
Series = Annotated[str, Query(max_length=500)]
Theme = Annotated[list[str] | None, Query(description="outermost first; again for each step")]


@dataclass(frozen=True, slots=True)
class Shown:
    """One pin on a page: its entry, the photo that it is known by, and what is held of it."""

    entry: CatalogueEntry
    image_id: int | None
    held: Held
    count: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar: its name, "" for pins in none, how many pins and entries lie in it, and a few of their photos."""

    name: str
    pins: int
    entries: int
    faces: tuple[int, ...]


def _jars(shelf: Shelf, owned: dict[str, list[Holding]]) -> list[Jar]:
    """The jars by name, those in none at the end."""
    inside: dict[str, list[Holding]] = {}
    for holdings in owned.values():
        for holding in holdings:
            inside.setdefault(holding.jar, []).append(holding)
    found = []
    for name in sorted(inside, key=lambda name: (not name, name.casefold())):
        faces = (shelf.face(holding.entry_id) for holding in inside[name])
        shown = [face.image_id for face in faces if face is not None][:_FACES]
        found.append(Jar(name, sum(one.count for one in inside[name]), len(inside[name]), tuple(shown)))
    return found


@router.get("/collection")
async def collection(request: Request, service: Reads, who: Collector) -> Response:
    """All jars, and where the lists are."""
    shelf, mine = service.engine.loaded.shelf, service.collection(request)
    held = await asyncio.to_thread(mine.holdings)
    kinds = {
        kind: {entry_id: [one for one in some if one.kind is kind] for entry_id, some in held.items()} for kind in Kind
    }
    counts = {kind.value: sum(one.count for some in kinds[kind].values() for one in some) for kind in Kind}
    jars = _jars(shelf, kinds[Kind.OWN])
    entries = sum(1 for some in kinds[Kind.OWN].values() if some)
    link = _link("/collection/jar")
    return page(request, "collection/jars.html", jars=jars, counts=counts, owned=entries, link=link, kinds=Kind)


@router.get("/collection/jar")
async def jar(
    request: Request, service: Reads, who: Collector, name: Annotated[str, Query(max_length=400)] = "", number: Page = 1
) -> Response:
    """The pins of one jar."""
    held = await asyncio.to_thread(service.collection(request).holdings, Kind.OWN)
    lying = [(entry_id, one) for entry_id, some in held.items() for one in some if one.jar == name]
    show = _Show(service, held)
    total = sum(one.count for _, one in lying)
    address = _link("/collection/jar", name=name)
    return _listed(request, lying, show, number, address, "collection/jar.html", name=name, lying=total)


@router.get("/collection/wishes")
async def wishes(request: Request, service: Reads, who: Collector, number: Page = 1) -> Response:
    """The pins that are wished for."""
    return await _list_page(request, service, Kind.WISH, number)


@router.get("/collection/swaps")
async def swaps(request: Request, service: Reads, who: Collector, number: Page = 1) -> Response:
    """The pins that would be swapped."""
    return await _list_page(request, service, Kind.SWAP, number)


async def _list_page(request: Request, service: Service, kind: Kind, number: int) -> Response:
    held = await asyncio.to_thread(service.collection(request).holdings)
    said_of = {entry_id: [one for one in some if one.kind is kind] for entry_id, some in held.items()}
    pins = [(entry_id, some[0]) for entry_id, some in said_of.items() if some]
    path = "/collection/wishes" if kind is Kind.WISH else "/collection/swaps"
    return _listed(
        request, pins, _Show(service, held), number, _link(path), "collection/list.html", kind=kind.value, back=path
    )


@router.get("/collection/progress")
async def progress(
    request: Request, service: Reads, who: Collector, by: Annotated[str, Query(pattern="^(series|theme)$")] = "series"
) -> Response:
    """How far each series, or each theme, is collected."""
    shelf = service.engine.loaded.shelf
    active = [shelf.entries[entry_id] for entry_id in shelf.active]
    groups = await asyncio.to_thread(service.collection(request).progress, by, active)
    begun = [group for group in groups if group.owned]
    begun.sort(key=lambda group: (-group.percent, group.name))
    others = [group for group in groups if not group.owned]
    link = _link("/collection/missing")
    return page(request, "collection/progress.html", by=by, begun=begun, others=others, link=link)


@router.get("/collection/missing")
async def missing(
    request: Request,
    service: Reads,
    who: Collector,
    series: Series = "",
    theme: Theme = None,
    show: Annotated[str, Query(pattern="^(all|missing)$")] = "all",
    number: Page = 1,
) -> Response:
    """What of a series or a theme is there, and what is missing, in grey."""
    mine = service.collection(request)
    found = await asyncio.to_thread(_missing, service, mine, series, theme)
    held = await asyncio.to_thread(mine.holdings)
    owned = {entry.entry_id for entry in found.owned}
    of = {entry.entry_id for entry in (*found.owned, *found.missing)}
    order = [entry_id for entry_id in service.engine.loaded.shelf.active if entry_id in of]
    if show == "missing":
        order = [entry_id for entry_id in order if entry_id not in owned]
    pins: list[tuple[str, Holding | None]] = [(entry_id, None) for entry_id in order]
    asked: dict[str, Any] = ({"series": series} if series else {}) | ({"theme": theme} if theme else {})
    address = _link("/collection/missing", **asked)
    values = {"group": found, "asked": asked, "show": show, "query": urlencode(asked, doseq=True)}
    shown = _Show(service, held)
    return _listed(
        request, pins, shown, number, lambda **more: address(show=show, **more), "collection/missing.html", **values
    )


def _missing(service: Service, mine: Collection, series: str, theme: list[str] | None) -> Missing:
    """What of a series, of a theme by its path, or of all entries in use is owned and what is not."""
    shelf = service.engine.loaded.shelf
    entries = [shelf.entries[entry_id] for entry_id in shelf.chosen(tuple(theme or ()), series)]
    name = " · ".join(text for text in (series, " / ".join(theme or ())) if text)
    if name and not entries:
        raise EntryNotFound(f"no entry of {name!r} in the catalogue")
    return replace(mine.missing(entries=entries), name=name)


class _Show:
    """Makes pins ready to be shown; only those of the page that is asked for, for a list may have any number."""

    def __init__(self, service: Service, held: Mapping[str, Sequence[Holding]]) -> None:
        self._shelf = service.engine.loaded.shelf
        self._held = held

    def __call__(self, entry_id: str, one: Holding | None) -> Shown:
        entry, face = self._shelf.entries.get(entry_id), self._shelf.face(entry_id)
        about = ", ".join(text for text in (one.price, one.note) if text) if one is not None else ""
        return Shown(
            entry or CatalogueEntry(entry_id, entry_id),
            face.image_id if face else None,
            held_in(self._held.get(entry_id, ())),
            one.count if one else 0,
            about,
        )


def _listed(
    request: Request,
    pins: Sequence[tuple[str, Holding | None]],
    ready: _Show,
    number: int,
    address: Callable[..., str],
    template: str,
    **values: Any,
) -> Response:
    """A page of a list of pins, each an entry_id with the holding that the list is about."""
    start = (number - 1) * _PAGE
    return page(
        request,
        template,
        found=[ready(*pin) for pin in pins[start : start + _PAGE]],
        total=len(pins),
        before=address(page=number - 1) if number > 1 else "",
        after=address(page=number + 1) if start + _PAGE < len(pins) else "",
        **values,
    )


def _link(path: str, **fixed: Any) -> Callable[..., str]:
    """A function that makes addresses of a page: what is fixed, and what is asked beside."""

    def link(**more: Any) -> str:
        query = urlencode(fixed | more, doseq=True)
        return f"{path}?{query}" if query else path

    return link


# Saying


@router.post("/collection/say")
async def say(request: Request, service: Reads, form: CollectorsForm) -> Response:
    """Say what is owned, wished for, to swap or sold: bare words where a script stays on its page."""
    number = text_of(form, "entry_id")
    given = {name: text_of(form, name) for name in ("do", "jar", "was", "price", "note", "condition")}
    count = text_of(form, "count") or "1"
    if not count.isdecimal():
        raise Problem(422, f"count {count!r} is no number")
    mine = service.collection(request)
    held = await asyncio.to_thread(_say, service, mine, number, int(count), given, "jar" in form)
    if request.headers.get("x-quiet"):
        return PlainTextResponse(held_words(held, language_of(request)), headers={"X-Owned": str(held.count)})
    return RedirectResponse(local_path(text_of(form, "back", 2000)) or f"/entries/{quote(number, safe='')}", 303)


def _say(service: Service, mine: Collection, number: str, count: int, given: dict[str, str], names_jar: bool) -> Held:
    with service.engine.catalogue.transaction():
        entry_id = service.engine.catalogue.lookup(number).entry.entry_id
        there = held_in(mine.holdings(ids=[entry_id]).get(entry_id, ()))
        _DO.get(given["do"], _unknown)(mine, entry_id, count, given, there, names_jar)
    return held_in(mine.holdings(ids=[entry_id]).get(entry_id, ()))


def _add(mine: Collection, entry_id: str, count: int, given: dict[str, str], there: Held, names_jar: bool) -> None:
    jar = given["jar"] if names_jar else there.jar if there.owned else None
    mine.gain(entry_id, count, jar)


def _own(mine: Collection, entry_id: str, count: int, given: dict[str, str], there: Held, names_jar: bool) -> None:
    was = given["was"]
    if count and given["jar"].strip() != was and any(one.jar == was for one in there.owned):
        mine.move(entry_id, was, given["jar"])
        was = given["jar"].strip()
    jar = was if not count else given["jar"]
    about = {"price": given["price"], "note": given["note"], "condition": given["condition"]}
    mine.own(entry_id, count, jar, **about)


def _wish(mine: Collection, entry_id: str, count: int, given: dict[str, str], there: Held, names_jar: bool) -> None:
    mine.wish(entry_id, count)


def _swap(mine: Collection, entry_id: str, count: int, given: dict[str, str], there: Held, names_jar: bool) -> None:
    mine.swap(entry_id, count)


def _sold(mine: Collection, entry_id: str, count: int, given: dict[str, str], there: Held, names_jar: bool) -> None:
    mine.sell(entry_id, count, given["jar"] if names_jar else there.jar, price=given["price"] or None)


def _unknown(mine: Collection, entry_id: str, count: int, given: dict[str, str], there: Held, names_jar: bool) -> None:
    raise Problem(422, f"do {given['do'][:40]!r} is none of {', '.join(_DO)}")


_DO: Final = {"add": _add, "own": _own, "wish": _wish, "swap": _swap, "sold": _sold}


# To take along, and to bring


@router.get("/collection/sheet.html")
async def sheet(
    request: Request,
    service: Reads,
    who: Collector,
    kind: Annotated[str, Query(pattern="^(wish|swap|missing)$")] = "wish",
    series: Series = "",
    theme: Theme = None,
) -> Response:
    """The want-list or swap-list as a sheet to print."""
    language = language_of(request)
    rows = await asyncio.to_thread(_rows, service, service.collection(request), kind, series, theme)
    names = {"swap": phrase("Swap list"), "wish": phrase("Want list")}
    name = said(names.get(kind, phrase("What is missing")), language)
    title = " · ".join(text for text in (name, series, " / ".join(theme or ())) if text)
    html = await asyncio.to_thread(
        sheet_html, service.engine.catalogue, title, rows[:_PRINTED], lambda text: said(text, language), language
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _SHEET_POLICY})


@router.get("/collection/table.csv")
async def table(
    request: Request,
    service: Reads,
    who: Collector,
    kind: Annotated[str, Query(pattern="^(own|wish|swap|missing)$")] = "own",
    series: Series = "",
    theme: Theme = None,
) -> Response:
    """What is owned, wished for, to swap or missing as a table, which can be brought back."""
    text = list_text(await asyncio.to_thread(_rows, service, service.collection(request), kind, series, theme))
    headers = {"Content-Disposition": f'attachment; filename="{kind}.csv"'}
    return Response("\ufeff" + text, media_type="text/csv; charset=utf-8", headers=headers)


def _rows(
    service: Service, mine: Collection, kind: str, series: str, theme: list[str] | None
) -> list[tuple[CatalogueEntry, Holding]]:
    if kind == "missing":
        return mine.looked_for(_missing(service, mine, series, theme).missing)
    return mine.listed(Kind(kind))


@router.post("/collection/table")
async def take_table(request: Request, service: Reads, form: CollectorsForm) -> Response:
    """Say of every row of a table that its pin is owned, wished for or to be swapped: of all rows, or of none."""
    sent, kind = form.get("file"), text_of(form, "kind")
    if not isinstance(sent, UploadFile) or not sent.filename:
        raise Problem(400, "no file was sent; choose one")
    if kind not in ("own", "wish", "swap"):
        raise Problem(422, f"kind {kind!r} is none of own, wish, swap")
    name, data = shown_name(sent.filename), await sent.read()
    try:
        mine, jar = service.collection(request), text_of(form, "jar").strip() or None
        await asyncio.to_thread(_take, mine, name, data, Kind(kind), jar)
    except CatalogueError as error:
        what = in_language(str(error), language_of(request))
        return page(request, "message.html", 422, heading="That did not work", detail=what)
    return RedirectResponse(
        {"own": "/collection", "wish": "/collection/wishes", "swap": "/collection/swaps"}[kind], 303
    )


def _take(mine: Collection, name: str, data: bytes, kind: Kind, jar: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        mine.take_table(path, kind, jar)


@router.get("/collection/catalogue.db")
async def opennumismat(service: Reads, who: Collector) -> Response:
    """The whole catalogue, with its photos, as a collection that OpenNumismat opens and `Bring` takes back."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "catalogue.db"
    await asyncio.to_thread(write_opennumismat, service.engine.catalogue, path)
    done = BackgroundTask(folder.cleanup)
    return FileResponse(path, media_type="application/vnd.sqlite3", filename="catalogue.db", background=done)
