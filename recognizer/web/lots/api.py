"""The API of a lot's pins: what a person does to them on the page, a program may do too."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from recognizer.collecting.lot_edits import Change, What
from recognizer.web import schemas
from recognizer.web.api import Reads, documented
from recognizer.web.service import NOBODY

router = APIRouter(prefix="/api/v1/lots/{job_id}/pictures/{key}/edits", tags=["lots"])

Key = Annotated[str, Path(description="the picture's key, as the result has it", max_length=64)]


@router.post("", status_code=201, responses=documented(401, 404, 409), response_model=schemas.LotEditBody)
async def change_pins(service: Reads, job_id: str, key: Key, edit: schemas.LotEditFields) -> Any:
    """Split, join, delete or draw pins of a picture; what comes of it is identified, under numbers of its own."""
    line = edit.line
    change = Change(
        What(edit.what),
        tuple(edit.pins),
        edit.parts,
        None if line is None else (line[0], line[1]),
        tuple(edit.points),
        edit.box,
    )
    return JSONResponse(asdict(await asyncio.to_thread(service.lots.change, job_id, key, change, NOBODY)), 201)


@router.delete("/{edit}", responses=documented(401, 404, 409), response_model=schemas.LotEditBody)
async def undo_change(service: Reads, job_id: str, key: Key, edit: Annotated[int, Path(ge=1, le=1_000_000)]) -> Any:
    """Take a change back: what it made goes, what it took away comes again."""
    return JSONResponse(asdict(await asyncio.to_thread(service.lots.undo, job_id, key, edit)))
