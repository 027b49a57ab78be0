"""Asking: who asks for a page, what they may, and the forms that they send.

What a route needs stands in its signature: `Reads`, `Collector`, `Curator` or `Owner`, and a form of theirs. Who has
not the rank is refused before a byte of a body is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import FormData

from recognizer.locales.words import said
from recognizer.web.access.ranks import NEEDED, Rank
from recognizer.web.language import COOKIE as LANGUAGE_COOKIE
from recognizer.web.language import chosen
from recognizer.web.problems import Problem
from recognizer.web.service import Service, service_of

Serves = Annotated[Service, Depends(service_of)]


def readable(request: Request) -> Service:
    """The service, for whoever may read; others are asked to sign in."""
    service = service_of(request)
    if service.settings.private and service.signed_in(request) is None:
        raise Problem(401, said("Sign in", language_of(request)))
    return service


Reads = Annotated[Service, Depends(readable)]


def language_of(request: Request) -> str:
    """The language that a browser is answered in."""
    return chosen(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


async def form_of(request: Request, service: Serves) -> AsyncIterator[FormData]:
    """The form that was sent; raises Problem where the sender is signed in and the form is not ours."""
    async with request.form(max_files=service.settings.max_photos, max_fields=50) as form:
        if service.signed_in(request) is not None:
            check_proof(request, service, form)
        yield form


def check_proof(request: Request, service: Service, form: FormData) -> None:
    """Raise Problem where a form was not made here for whoever sends it."""
    proof = form.get("proof")
    if not isinstance(proof, str) or not service.proves(request, proof):
        raise Problem(403, "this form is too old, or not of this page; load the page anew and send it again")


Sent = Annotated[FormData, Depends(form_of)]


def writer(request: Request, service: Serves, least: Rank = Rank.COLLECTOR) -> str:
    """Name who uses the page; raises Problem where that is nobody of a rank at `least`, before a body is read."""
    who = service.page_writer(request, least)
    if who is None:
        signed_in = service.person(request) is not None
        raise Problem(403 if signed_in else 401, said(NEEDED[least] if signed_in else "Sign in", language_of(request)))
    return who


def collector(request: Request, service: Serves) -> str:
    """Name who has a collection here, as `writer`."""
    return writer(request, service, Rank.COLLECTOR)


def curator(request: Request, service: Serves) -> str:
    """Name who may change the catalogue, as `writer`."""
    return writer(request, service, Rank.CURATOR)


def owner(request: Request, service: Serves) -> str:
    """Name who may train and promote models, as `writer`."""
    return writer(request, service, Rank.OWNER)


Collector = Annotated[str, Depends(collector)]
Curator = Annotated[str, Depends(curator)]
Owner = Annotated[str, Depends(owner)]


async def collectors_form(request: Request, service: Serves, who: Collector) -> AsyncIterator[FormData]:
    """The form that a collector sent; raises Problem where it was somebody else, or the form was not made here."""
    async with request.form(max_files=service.settings.max_photos, max_fields=500) as form:
        check_proof(request, service, form)
        yield form


async def curators_form(request: Request, service: Serves, who: Curator) -> AsyncIterator[FormData]:
    """The form that a curator sent, as `collectors_form`."""
    async with request.form(max_files=service.settings.max_photos, max_fields=500) as form:
        check_proof(request, service, form)
        yield form


async def owners_form(request: Request, service: Serves, who: Owner) -> AsyncIterator[FormData]:
    """The form that an owner sent, as `collectors_form`."""
    async with request.form(max_files=service.settings.max_photos, max_fields=500) as form:
        check_proof(request, service, form)
        yield form


CollectorsForm = Annotated[FormData, Depends(collectors_form)]
CuratorsForm = Annotated[FormData, Depends(curators_form)]
OwnersForm = Annotated[FormData, Depends(owners_form)]


def text_of(form: FormData, name: str, most: int = 400) -> str:
    """A text of a form, "" where there is none."""
    value = form.get(name)
    return value[:most].replace("\x00", "") if isinstance(value, str) else ""


def local_path(text: str) -> str:
    """A path of this page, fit for a Location header; "" for whatever leads elsewhere."""
    local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return quote(text, safe="/?&=%+,;:@!~*'()-._#") if local else ""
