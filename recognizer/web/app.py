"""The app: routes, errors and the parts behind them, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from recognizer import program_version
from recognizer.errors import ZnachkiError
from recognizer.locales.sentences import told as in_language
from recognizer.locales.words import phrase, said
from recognizer.web import api, pages
from recognizer.web.access.asking import language_of
from recognizer.web.access.guard import API, Guard
from recognizer.web.access.once import Once
from recognizer.web.browsing import pages as browsing
from recognizer.web.collection import pages as collection
from recognizer.web.curating import pages as curating
from recognizer.web.gallery import Gallery
from recognizer.web.lots import api as lot_api
from recognizer.web.lots import forms as lot_forms
from recognizer.web.lots import pages as lot_pages
from recognizer.web.problems import problem_of, problem_response
from recognizer.web.schemas import ProblemBody
from recognizer.web.service import Service
from recognizer.web.settings import Settings
from recognizer.web.starting import pages as starting
from recognizer.web.training import pages as training

OPENAPI: Final = "/api/v1/openapi.json"


def create_app(settings: Settings) -> FastAPI:
    """Make the app of a data folder; raises ZnachkiError where that has no catalogue."""
    service = Service.of(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.gallery = Gallery()
        service.start()
        try:
            yield
        finally:
            await asyncio.to_thread(service.stop)

    app = FastAPI(
        title="znachki",
        version=program_version(),
        summary="Tells which catalogue number a pin has, from a photo",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(api.router)
    app.include_router(lot_api.router)
    app.include_router(pages.pictures)
    app.include_router(lot_pages.router)
    app.include_router(lot_forms.router)
    app.include_router(starting.router)
    app.include_router(collection.router)
    app.include_router(browsing.router)
    app.include_router(curating.router)
    app.include_router(training.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ZnachkiError, _refused)
    app.add_middleware(Once)
    app.add_middleware(Guard, settings=settings, counters=service.counters)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Location", "Retry-After", "ETag"],
        )
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Put into the OpenAPI document what FastAPI cannot know: how tokens are shown, and what problems look like."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            components = schema.setdefault("components", {})
            components.setdefault("schemas", {})["ProblemBody"] = ProblemBody.model_json_schema()
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for operations in schema["paths"].values():
                for operation in operations.values():
                    if "401" in operation["responses"]:
                        operation["security"] = [{}, {"token": []}]
                    for held in operation["responses"].values():
                        if "application/problem+json" in held.get("content", {}):
                            held["content"].pop("application/json", None)
        found: dict[str, Any] = app.openapi_schema or schema
        return found

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _told(request, error.status_code, str(error.detail), dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:10]]
    return _told(request, 422, "; ".join(told), {})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ZnachkiError)
    problem = problem_of(error)
    return _told(request, problem.status_code, str(problem.detail), dict(problem.headers or {}))


def _told(request: Request, status: int, detail: str, headers: dict[str, str]) -> Response:
    """An error as a page where a browser asked for one, as a problem everywhere else."""
    if request.url.path.startswith((API, "/pictures/")) or "text/html" not in request.headers.get("accept", ""):
        return problem_response(status, detail, headers)
    if (status, detail) == (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase):  # no route of ours, not a missing pin
        detail = said("There is no such page.", language_of(request))
    if status == 401:
        answer = pages.page(request, "sign_in.html", status, wrong=False)
    else:
        what = in_language(detail, language_of(request))
        answer = pages.page(request, "message.html", status, heading=phrase("Error"), detail=what)
    answer.headers.update({name: value for name, value in headers.items() if name != "WWW-Authenticate"})
    return answer
