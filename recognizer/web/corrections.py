"""Corrections through the page and the API: checked, and kept where the command line keeps them too.

The photo goes with a correction only where it was sent to be kept. A correction that adds it to an entry is indexed and
in use when it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from recognizer.catalogue import corrections
from recognizer.catalogue.corrections import Correction, Query, Said, query_of
from recognizer.catalogue.store import Catalogue
from recognizer.types import Box
from recognizer.vision.photos import open_photo
from recognizer.web.problems import Problem
from recognizer.web.schemas import CorrectionFields
from recognizer.web.service import Service


async def keep_correction(service: Service, given: CorrectionFields, who: str, *, writes: bool) -> dict[str, Any]:
    """Keep a correction and return its body; `writes` says whether who sends it may change the catalogue.

    Raises Problem where something is missing, EntryNotFound where an entry or a kept photo is not known.
    """
    said = Said(given.said)
    right = given.offered if said is Said.CONFIRMED else given.entry_id if said is Said.CORRECTED else ""
    if said is Said.CORRECTED and not right:
        raise Problem(422, "which entry it is, is missing: give its entry_id or number")
    if said is Said.CONFIRMED and not right:
        raise Problem(422, "which entry was right, is missing: give it as `offered`")
    if given.add_photo and not (right and given.upload_id):
        raise Problem(
            422, "a photo to add needs its upload_id, and the entry that it shows: send it with keep=true first"
        )
    if given.add_photo and not writes:
        raise Problem(403, "adding a photo to the catalogue needs a token that may write")
    query = await asyncio.to_thread(_query, service, given)
    recognizer = service.engine.loaded.recognizer
    manifest = recognizer.index.manifest if recognizer else None
    make: Callable[[Catalogue], Correction] = partial(
        corrections.add,
        query=query,
        said=said,
        entry_id=right,
        who=who,
        offered=given.offered,
        model=manifest.fingerprint if manifest else "",
        index_made=manifest.digest if manifest else "",
        note=given.note,
        add_photo=given.add_photo,
    )
    if given.add_photo:
        made = await service.editor.change(f"{who}: correction, photo for {right[:200]}", make, photos=True)
    else:
        made = await asyncio.to_thread(make, service.engine.catalogue)
    return correction_body(made)


def correction_body(one: Correction) -> dict[str, Any]:
    """A correction as JSON; where its picture lies is nobody's business outside."""
    body = asdict(one) | {"kept": bool(one.picture)}
    del body["picture"]
    return body


async def undo_correction(service: Service, correction_id: int, who: str) -> None:
    """Take a correction back, and the photo that it added out of use; raises EntryNotFound."""
    catalogue = service.engine.catalogue
    held = await asyncio.to_thread(corrections.listed, catalogue)
    added = any(one.correction_id == correction_id and one.image_id for one in held)
    undo = partial(corrections.undo, correction_id=correction_id, who=who)
    if added:
        await service.editor.change(f"{who}: correction {correction_id} taken back", undo, photos=True)
    else:
        await asyncio.to_thread(undo, catalogue)


async def delete_kept(service: Service, upload_id: str) -> None:
    """Delete a kept photo, also from the corrections that were made with it; raises EntryNotFound."""
    await asyncio.to_thread(service.store.delete, upload_id)
    await asyncio.to_thread(corrections.forget_upload, service.engine.catalogue, upload_id)


def _query(service: Service, given: CorrectionFields) -> Query:
    """What is kept of the photo that a correction is about: of one that was answered as several, the pin that is meant.

    The answer says how many pins there are, and nothing is split again: that may find another number of them.
    """
    if not given.upload_id:
        return Query(given.sha256, given.box)
    kept = service.store.find(given.upload_id)
    if kept.sha256 != given.sha256:
        raise Problem(422, "the kept photo is another one than the answer was about: its sha256 differs")
    data = service.store.picture(given.upload_id)
    photo = open_photo(data, "the kept photo")
    box = Box(*given.box) if given.box and kept.pins != 1 else None
    made = query_of(photo, data, ".jpg", box, upload_id=given.upload_id)
    return Query(given.sha256, given.box if box else None, made.data, made.ending, given.upload_id)
