"""Sheets to print: a want-list or swap-list with pictures, and each number as a QR code that a phone reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import jinja2
import segno

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Holding
from recognizer.errors import CatalogueError, PhotoError
from recognizer.files import write_whole
from recognizer.types import CatalogueEntry, CatalogueImage, Role
from recognizer.vision.photos import jpeg_uri, open_photo

PICTURE_SIDE: Final = 220
"""Pixels of a picture on the sheet: 25 mm at 220 dots an inch, about 8 kB."""


def write_sheet(path: Path, catalogue: Catalogue, title: str, rows: Iterable[tuple[CatalogueEntry, Holding]]) -> int:
    """Write holdings as one HTML file to print, pictures and QR codes inside, and return how many there are.

    Raises CatalogueError where the file cannot be written.
    """
    listed = list(rows)
    write_whole(path, sheet_html(catalogue, title, listed).encode(), CatalogueError)
    return len(listed)


def sheet_html(
    catalogue: Catalogue,
    title: str,
    rows: Iterable[tuple[CatalogueEntry, Holding]],
    words: Callable[[str], str] = str,
    language: str = "en",
) -> str:
    """Draw the sheet of holdings; `words` says its few words in the language that it is in.

    A picture that is missing or damaged leaves its place empty. The QR code holds the entry's number.
    """
    faces: dict[str, CatalogueImage] = {}
    for image in catalogue.images(Role.FACE, unused=True):
        faces.setdefault(image.entry_id, image)
    cards = [_card(entry, held, _picture(catalogue, faces, entry.entry_id), words) for entry, held in rows]
    loader = jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("sheet.html").render(title=title, cards=cards, t=words, language=language)


def qr_svg(text: str) -> str:
    """Draw a text as a QR code, an SVG element of one path; raises ValueError for more than a code holds."""
    return segno.make(text, error="m", micro=False).svg_inline(scale=2, border=2, omitsize=True)


def _card(
    entry: CatalogueEntry, held: Holding, picture: str, words: Callable[[str], str]
) -> Mapping[str, str | list[str]]:
    number = entry.number or entry.entry_id
    about = [entry.series, entry.years_text, entry.country, entry.size_mm]
    others = [f"{system} {other}" for system, other in entry.identifiers]
    said = [
        f"× {held.count}" if held.count > 1 else "",
        words(held.condition) if held.condition else "",
        held.price,
        held.note,
    ]
    return {
        "number": number,
        "title": entry.title or entry.title_en,
        "about": [text for text in about if text],
        "others": others,
        "said": [text for text in said if text],
        "picture": picture,
        "qr": qr_svg(number),
    }


def _picture(catalogue: Catalogue, faces: Mapping[str, CatalogueImage], entry_id: str) -> str:
    """A pin's picture as a data address, "" where there is none to show."""
    if entry_id not in faces:
        return ""
    try:
        photo = open_photo(catalogue.picture_path(faces[entry_id]), max_side=PICTURE_SIDE)
    except PhotoError:
        return ""
    return jpeg_uri(photo.image)
