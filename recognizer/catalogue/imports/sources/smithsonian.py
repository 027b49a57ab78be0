"""Smithsonian Open Access: JSON lines as the institution publishes them, of EDAN records.

Only what is given away is taken: a record whose `metadata_usage.access` is CC0, and of its media those pictures whose
own `usage.access` is CC0; a record may be free and its pictures not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.imports.rows import Picture, Row
from recognizer.catalogue.imports.sizes import parse_millimetres
from recognizer.catalogue.imports.sources.goskatalog import text
from recognizer.catalogue.imports.sources.json_records import records
from recognizer.catalogue.imports.years import parse_years

_FREE: Final = "CC0"


def takes(path: Path, head: bytes) -> bool:
    """Whether a file has the parts of an EDAN record."""
    return b'"descriptiveNonRepeating"' in head


def read(path: Path, notes: list[str]) -> Iterator[Row]:
    """Yield a row for each record that is CC0, with the addresses of its pictures that are; notes count the others."""
    passed: Counter[str] = Counter()
    for place, record, wrong in records(path):
        answer = record.get("response") if isinstance(record, dict) else None
        rows = answer.get("rows") if isinstance(answer, dict) else None
        for number, one in enumerate(rows if isinstance(rows, list) else [record], 1):
            here = f"record {number}" if isinstance(rows, list) else place
            row = Row(here, wrong=wrong) if wrong else _row(here, one, passed)
            if row is not None:
                yield row
    for what, count in sorted(passed.items()):
        notes.append(f"{what}: {count}")


def _row(place: str, record: Any, passed: Counter[str]) -> Row | None:
    content = record.get("content") if isinstance(record, dict) else None
    about = content.get("descriptiveNonRepeating") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(about, dict):
        return Row(place, wrong="no content.descriptiveNonRepeating; give the lines as they were downloaded")
    if _access(about, "metadata_usage") != _FREE:
        passed["records passed over, not CC0"] += 1
        return None
    number, title = text(about.get("record_ID")), _content(about.get("title")) or text(record.get("title"))
    if not number:
        return Row(place, wrong="no record_ID; a record without one cannot be told from others")
    free = content.get("freetext")
    said = free if isinstance(free, dict) else {}
    fields: dict[str, Any] = {}
    wrong = "" if title else f"record {number} has no title"
    if dates := _labelled(said, "date"):
        try:
            first, last = parse_years("; ".join(dates))
            fields = {"year_from": first, "year_to": last, "years_text": "; ".join(dates)}
        except ValueError as error:
            wrong = wrong or str(error)
    inventory = _labelled(said, "identifier", r"id number|accession|catalog|inventory|object number")
    identifiers = [f"smithsonian:{number}", *(f"inventory:{one.replace(';', ',')}" for one in inventory)]
    cells = {
        "entry_id": f"si-{number}",
        "number": number,
        "title_en": title,
        "theme": " / ".join(_labelled(said, "setName")[:1]),
        "country": ", ".join(_labelled(said, "place", r"place|country|made")[:1]),
        "maker": ", ".join(_labelled(said, "name", r"maker|manufactur|issuer")[:1]),
        "material": ", ".join(_labelled(said, "physicalDescription", r"medium|material|physical description")[:1]),
        "size_mm": _size(_labelled(said, "physicalDescription", r"dimension|measurement")),
        "identifiers": "; ".join(dict.fromkeys(identifiers)),
    }
    return Row(place, cells, _pictures(about, passed), fields, wrong)


def _pictures(about: dict[str, Any], passed: Counter[str]) -> tuple[Picture, ...]:
    online = about.get("online_media")
    media = online.get("media") if isinstance(online, dict) else None
    source = ", ".join(
        part for part in (text(about.get("data_source")), text(about.get("record_link") or about.get("guid"))) if part
    )
    found: dict[str, Picture] = {}
    for one in media if isinstance(media, list) else []:
        if not isinstance(one, dict) or text(one.get("type")) != "Images":
            continue
        if _access(one, "usage") != _FREE:
            passed["pictures passed over, not CC0"] += 1
        elif address := _address(one):
            found.setdefault(address, Picture(address, None, _FREE, source))
    return tuple(found.values())


def _address(media: dict[str, Any]) -> str:
    """Where a picture can be fetched: as a JPEG of full size, else as the delivery service gives it."""
    resources = media.get("resources")
    for resource in resources if isinstance(resources, list) else []:
        if isinstance(resource, dict) and text(resource.get("label")).lower().startswith("high-resolution jpeg"):
            return text(resource.get("url"))
    address = text(media.get("content"))
    return address if address.startswith(("http://", "https://")) else ""


def _access(record: dict[str, Any], name: str) -> str:
    usage = record.get(name)
    return text(usage.get("access")) if isinstance(usage, dict) else ""


def _content(value: Any) -> str:
    return text(value.get("content")) if isinstance(value, dict) else text(value)


def _labelled(said: dict[str, Any], name: str, label: str = "") -> list[str]:
    """The contents of a free-text field, those whose label fits."""
    parts = said.get(name)
    fitting = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    chosen = [part for part in fitting if re.search(label, text(part.get("label")), re.IGNORECASE)]
    return [one for one in map(_content, chosen) if one]


def _size(measures: list[str]) -> str:
    for measure in measures:
        try:
            return parse_millimetres(measure)
        except ValueError:
            continue
    return ""
