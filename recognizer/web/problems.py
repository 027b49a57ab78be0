"""Problems: errors as RFC 9457 problem details, or as a page where a browser asked for one."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from recognizer.errors import (
    CatalogueError,
    EntryNotFound,
    IndexBusy,
    IndexError_,
    LotChanged,
    ModelError,
    PhotoError,
    PhotoTooBig,
    ZnachkiError,
)

MEDIA: Final = "application/problem+json"


class Problem(HTTPException):
    """An answer that is an error: its status, what is the matter, and for 503 and 429 when to try again."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(max(1, retry_after))}
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        super().__init__(status, detail, headers)


class Busy(ZnachkiError):
    """More is asked than the service can answer in time."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, round(retry_after))


class TooManyPins(ZnachkiError):
    """A photo with more pins than were asked for: a lot, which takes longer than a request should."""


def problem_of(error: ZnachkiError) -> Problem:
    """Translate what the library refuses into an answer."""
    if isinstance(error, Busy):
        return Problem(503, str(error), error.retry_after)
    if isinstance(error, EntryNotFound):
        return Problem(404, str(error))
    if isinstance(error, PhotoTooBig | TooManyPins):
        return Problem(413, str(error))
    if isinstance(error, PhotoError):
        return Problem(400, str(error))
    if isinstance(error, IndexBusy):
        return Problem(503, str(error), 60)
    if isinstance(error, IndexError_ | ModelError):
        return Problem(503, str(error), 30)
    if isinstance(error, CatalogueError | LotChanged):
        return Problem(409, str(error))
    return Problem(400, str(error))


def problem_body(status: int, detail: str) -> dict[str, Any]:
    """The members of a problem; its type is the plain one, for the status says which kind it is."""
    return {"type": "about:blank", "title": _title(status), "status": status, "detail": detail}


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as an answer."""
    return JSONResponse(problem_body(status, detail), status, headers=dict(headers or {}), media_type=MEDIA)


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
