"""Wikimedia Commons: structured data of files (MediaInfo), as `wbgetentities` answers it or as the dump holds it.

Files of one object (the same P195 collection and P217 inventory number) become one entry, of which the first file
tells; P180 says what is depicted, P571 when it was made, P275 and P6216 under which licence the picture stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from recognizer.catalogue.imports.rows import Picture, Row
from recognizer.catalogue.imports.sources.goskatalog import role_of, text
from recognizer.catalogue.imports.sources.json_records import records

LICENCES: Final = {
    "Q6938433": "CC0",
    "Q19652": "public domain",
    "Q98592850": "public domain",
    "Q88088423": "public domain",
    "Q20007257": "CC BY 4.0",
    "Q14947546": "CC BY 3.0",
    "Q19125117": "CC BY 2.0",
    "Q18810333": "CC BY 2.5",
    "Q18199165": "CC BY-SA 4.0",
    "Q14946043": "CC BY-SA 3.0",
    "Q19113751": "CC BY-SA 2.5",
    "Q19068220": "CC BY-SA 2.0",
}
"""Licences and copyright statuses by their Wikidata item; another one is kept as its item."""


def takes(path: Path, head: bytes) -> bool:
    """Whether a file holds MediaInfo entities."""
    return b'"mediainfo"' in head and b'"statements"' in head


def read(path: Path, notes: list[str]) -> Iterator[Row]:
    """Yield a row for each file; the dump names no files, so that its rows have no picture, which is noted."""
    nameless = 0
    told: set[str] = set()
    for place, record, wrong in records(path):
        many = record.get("entities") if isinstance(record, dict) else None
        for entity in many.values() if isinstance(many, dict) else [record]:
            here = place if not isinstance(many, dict) else _place(entity)
            if wrong:
                yield Row(here, wrong=wrong)
            elif isinstance(entity, dict) and "missing" in entity:
                notes.append(f"{here}: the file is gone, passed over")
            else:
                row = _row(here, entity)
                nameless += not (row.wrong or row.pictures)
                entry_id = row.cells.get("entry_id", "")
                if entry_id in told and not row.wrong:
                    row = Row(row.place, {"entry_id": entry_id}, row.pictures)
                told.add(entry_id)
                yield row
    if nameless:
        notes.append(f"files without a name, and so without a picture: {nameless}; ask wbgetentities for them")


def _place(entity: Any) -> str:
    name = text(entity.get("id")) if isinstance(entity, dict) else ""
    return name.encode("ascii", "backslashreplace").decode() or "an entity"


def _row(place: str, entity: Any) -> Row:
    if not isinstance(entity, dict) or entity.get("type") != "mediainfo" or not text(entity.get("id")):
        return Row(place, wrong="no MediaInfo entity; give the answer of wbgetentities or the dump")
    statements = entity.get("statements")
    said = statements if isinstance(statements, dict) else {}  # an empty one is written []
    number, collection = _first(said, "P217"), _first(said, "P195")
    entry_id = f"commons-{collection}-{number}" if number and collection else f"commons-{entity['id']}"
    identifiers = [
        f"commons:{entity['id']}",
        *([f"inventory:{number.replace(';', ',')}"] if number else []),
        *(f"wikidata:{item}" for item in _values(said, "P180")),
    ]
    labels = entity.get("labels")
    named = labels if isinstance(labels, dict) else {}
    cells = {"entry_id": entry_id, "number": number or str(entity["id"])}
    fields: dict[str, Any] = {}
    wrong = ""
    try:
        fields |= _years(said)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        wrong = "P571 is no date of Wikibase"
    try:
        pictures = _pictures(entity, said)
    except UnicodeEncodeError:
        wrong, pictures = f"title {entity['title']!r} is no name of a file", ()
    fields["identifiers"] = tuple(tuple(one.split(":", 1)) for one in dict.fromkeys(identifiers))
    cells |= {"title": _label(named, "ru"), "title_en": _label(named, "en")}
    return Row(place, cells, pictures, fields, wrong)


def _pictures(entity: dict[str, Any], said: dict[str, Any]) -> tuple[Picture, ...]:
    title = text(entity.get("title")).removeprefix("File:").replace(" ", "_")
    if not title:
        return ()
    items = _values(said, "P275") or [item for item in _values(said, "P6216") if item in LICENCES]
    author = _author(said)
    page = f"https://commons.wikimedia.org/wiki/File:{quote(title)}"
    licence = ", ".join(LICENCES.get(item, f"wikidata {item}") for item in items)
    return (Picture(address_of(title), role_of(title), licence, f"{page} ({author})" if author else page),)


def address_of(title: str) -> str:
    """Where Commons keeps the file of a title, "Some_pin.jpg": in a folder named by the MD5 of the name."""
    name = title.replace(" ", "_")
    name = name[:1].upper() + name[1:]
    folder = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return f"https://upload.wikimedia.org/wikipedia/commons/{folder[0]}/{folder[:2]}/{quote(name)}"


def _values(said: dict[str, Any], name: str) -> list[str]:
    """The values of a property as text, items by their id, preferred ones first; deprecated ones do not count."""
    found: list[tuple[int, str]] = []
    for claim in _dicts(said.get(name)):
        value = _value(claim)
        rank = {"preferred": 0, "normal": 1}.get(text(claim.get("rank", "normal")), 2)
        one = text(value.get("id")) if isinstance(value, dict) else text(value)
        if one and rank < 2:
            found.append((rank, one))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _first(said: dict[str, Any], name: str) -> str:
    return next(iter(_values(said, name)), "")


def _value(claim: Any) -> Any:
    snak = claim.get("mainsnak") if isinstance(claim, dict) else None
    data = snak.get("datavalue") if isinstance(snak, dict) else None
    return data.get("value") if isinstance(data, dict) else None


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _label(named: dict[str, Any], language: str) -> str:
    label = named.get(language)
    return text(label.get("value")) if isinstance(label, dict) else ""


def _author(said: dict[str, Any]) -> str:
    """The author as a name that the file gives (P170 qualified by P2093), "" where he is only an item."""
    for claim in _dicts(said.get("P170")):
        qualifiers = claim.get("qualifiers")
        for snak in _dicts(qualifiers.get("P2093")) if isinstance(qualifiers, dict) else []:
            if name := text(_value({"mainsnak": snak})):
                return name
    return ""


def _years(said: dict[str, Any]) -> dict[str, Any]:
    """The years of P571: Wikibase's precision 9 is a year, 8 a decade, 7 a century; finer ones are days and months."""
    for claim in _dicts(said.get("P571")):
        value = _value(claim)
        if value is None:
            continue
        year, precision = int(value["time"].lstrip("+")[:4]), value.get("precision", 9)
        if precision >= 9:
            return {"year_from": year, "year_to": year, "years_text": str(year)}
        if precision == 8:
            first = year - year % 10
            return {"year_from": first, "year_to": first + 9, "years_text": f"{first}s"}
        if precision == 7:
            first = (year - 1) // 100 * 100 + 1
            return {"year_from": first, "year_to": first + 99, "years_text": f"{first}-{first + 99}"}
    return {}
