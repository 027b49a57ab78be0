"""The report of an audit: one HTML file that needs nothing else, the findings of each kind with their photos."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from recognizer.catalogue.store import Catalogue
from recognizer.curating.audit import Audit, Finding, Kind
from recognizer.files import write_whole
from recognizer.locales.words import phrase
from recognizer.reports.page_templates import template
from recognizer.reports.photo_report import Inlined, inlined
from recognizer.reports.pictures import catalogue_picture, thumbnail

SIDE: Final = 110
"""Long side in pixels of the photos in a row."""

MOST_SHOWN: Final = 300
"""Rows of a kind that show their photos, about 8 kB each."""

WORDS: Final = {
    Kind.SAME_PHOTO: phrase("one photo under two numbers"),
    Kind.NEARER_TO_ANOTHER: phrase("a photo nearer to another entry"),
    Kind.MIXED_ROLES: phrase("faces and reverses mixed"),
    Kind.DUPLICATE: phrase("one photo twice in an entry"),
    Kind.UNREADABLE: phrase("unreadable photos"),
    Kind.TINY: phrase("tiny photos"),
    Kind.NO_PHOTO: phrase("entries without a photo"),
    Kind.ONE_PHOTO: phrase("entries with one photo only"),
}
"""What each kind is called."""


def write_audit(path: Path, found: Audit, catalogue: Catalogue) -> None:
    """Write what an audit found as one HTML file, beside `path` and renamed; raises ZnachkiError where that fails."""
    groups = [(kind, [one for one in found.findings if one.kind is kind]) for kind in Kind]
    pictures: dict[int, Inlined | None] = {}
    for _, rows in groups:
        for row in rows[:MOST_SHOWN]:
            _show(row, catalogue, pictures)
    html = template("audit.html").render(found=found, groups=groups, words=WORDS, pictures=pictures)
    write_whole(path, html.encode())


def _show(row: Finding, catalogue: Catalogue, pictures: dict[int, Inlined | None]) -> None:
    for image_id in row.image_ids:
        if image_id not in pictures:
            image = catalogue_picture(catalogue, image_id)
            pictures[image_id] = None if image is None else inlined(thumbnail(image, SIDE))
