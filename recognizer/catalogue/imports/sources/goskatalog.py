"""Goskatalog: records of the State Catalogue of the Museum Fund of Russia.

Two forms are read: the open-data dump, an array of `{"data": {...}}` (a page of it has that array under `data`), and
the JSON of one exhibit as the catalogue's site answers it. A picture is known by an id of its own, `images[].id`: the
number of the exhibit, put in its place, answers with somebody else's picture.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.imports.rows import Picture, Row
from recognizer.catalogue.imports.sizes import parse_millimetres
from recognizer.catalogue.imports.sources.json_records import records
from recognizer.catalogue.imports.years import parse_years
from recognizer.types import Role

PICTURE_ADDRESS: Final = "https://goskatalog.ru/muzfo-imaginator/rest/images/original/{}"

_MATERIALS: Final = (
    *("металл", "латун", "томпак", "алюмини", "мед", "бронз", "серебр", "золот", "сталь", "мельхиор", "нейзильбер"),
    *("пластмасс", "пластик", "стекл", "ткан", "дерев", "кож", "бумаг", "фарфор", "керамик", "сплав"),
)


def takes(path: Path, head: bytes) -> bool:
    """Whether a file names the fields of an exhibit."""
    return b'"regNumber"' in head and (b'"gikNumber"' in head or b'"periodStr"' in head or b'"dimStr"' in head)


def read(path: Path, notes: list[str]) -> Iterator[Row]:
    """Yield a row for each exhibit; its pictures are addresses, without a licence, for the museums give none."""
    lost: list[str] = []
    for place, record, wrong in records(path):
        page = record.get("data") if isinstance(record, dict) else None
        exhibits = page if isinstance(page, list) else [record]
        for number, exhibit in enumerate(exhibits, 1):
            here = f"record {number}" if isinstance(page, list) else place
            if wrong:
                yield Row(here, wrong=wrong)
                continue
            inner = exhibit.get("data", exhibit) if isinstance(exhibit, dict) else exhibit
            yield _row(here, inner, lost)
    if lost:
        notes.append(f"sizes not understood and left out: {len(lost)}, the first of {lost[0]}")


def _row(place: str, exhibit: Any, lost: list[str]) -> Row:
    if not isinstance(exhibit, dict):
        return Row(place, wrong=f"{type(exhibit).__name__}, not an exhibit; give the dump as it was downloaded")
    number, name = text(exhibit.get("regNumber")), text(exhibit.get("name"))
    if not number:
        return Row(place, wrong="no regNumber; an exhibit without one cannot be told from others")
    wrong = "" if name else f"exhibit {number} has no name"
    technologies = [one for said in _list(exhibit.get("technologies")) for one in re.split(r"\s*[;,]\s*", said) if one]
    period = text(exhibit.get("periodStr"))
    cells = {
        "entry_id": f"goskatalog-{number}",
        "number": number,
        "title": name,
        "place": text(exhibit.get("productionPlace")),
        "material": ", ".join(one for one in technologies if one.lower().startswith(_MATERIALS)),
        "technique": ", ".join(technologies),
        "size_mm": _size(place, text(exhibit.get("dimStr")), lost),
        "identifiers": _identifiers(exhibit, number),
    }
    fields: dict[str, Any] = {}
    if period:
        try:
            year_from, year_to = parse_years(period)
            fields = {"year_from": year_from, "year_to": year_to, "years_text": period}
        except ValueError as error:
            wrong = wrong or str(error)
    try:
        pictures = _pictures(exhibit, number)
    except ValueError as error:
        wrong, pictures = wrong or str(error), ()
    return Row(place, cells, pictures, fields, wrong)


def _size(place: str, dimensions: str, lost: list[str]) -> str:
    try:
        return parse_millimetres(dimensions) if dimensions else ""
    except ValueError:
        lost.append(f"{place}: {dimensions!r}")
        return ""


def _identifiers(exhibit: dict[str, Any], number: str) -> str:
    named = {"goskatalog": number, "gik": exhibit.get("gikNumber"), "inventory": exhibit.get("invNumber")}
    return "; ".join(f"{system}:{one}" for system, said in named.items() if (one := text(said).replace(";", ",")))


def _pictures(exhibit: dict[str, Any], number: str) -> tuple[Picture, ...]:
    images = exhibit.get("images") or []
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise ValueError(f"images of exhibit {number} are no list of records")
    museum = exhibit.get("museum")
    holder = text(museum.get("name")) if isinstance(museum, dict) else ""
    source = ", ".join(part for part in (f"Goskatalog {number}", holder) if part)
    found: dict[str, Picture] = {}
    for image in images:
        picture_id = text(image.get("id"))
        if not picture_id.isdecimal():
            raise ValueError(f"a picture of exhibit {number} has no id; the number of the exhibit is none")
        address = PICTURE_ADDRESS.format(picture_id)
        name = text(image.get("fileName")) or text(image.get("originalName"))
        found.setdefault(address, Picture(address, role_of(name), source=source))
    return tuple(found.values())


def role_of(name: str) -> Role | None:
    """What a picture's name says that it shows, None where it says nothing."""
    words = re.sub(r"[\W\d_]+", " ", name.lower())
    if re.search(r"\brevers|оборот|\bреверс|\bоб\b|\bback\b", words):
        return Role.REVERSE
    return Role.FACE if re.search(r"\bavers|\bobverse|\bаверс|лицев|\bfront\b", words) else None


def text(value: Any) -> str:
    """A value as trimmed text on one line; "" for what is missing or not simple."""
    simple = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return unicodedata.normalize("NFC", " ".join(str(value).split())) if simple else ""


def _list(value: Any) -> list[str]:
    return (
        [one for one in map(text, value) if one] if isinstance(value, list) else [one for one in [text(value)] if one]
    )
