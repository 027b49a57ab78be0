"""Pictures in the cells of an XLSX workbook: Excel's "Place in cell", which openpyxl does not read.

Such a cell holds an error value for older programs and a number `vm` that leads to the picture by five steps
(ECMA-376 part 1, 18.9, and [MS-XLSX] 2.6): vm -> valueMetadata -> futureMetadata XLRICHVALUE -> rich value -> its key
_rvRel:LocalImageIdentifier -> richValueRel -> relationship -> part of the package.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import IO, Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from openpyxl.utils import coordinate_to_tuple

RELATIONS: Final = "xl/richData/richValueRel.xml"
"""The part that only workbooks with pictures in cells have."""

LARGEST: Final = 50_000_000
"""Bytes of a part of XML that is read here: that of a million pictures is smaller."""

_LOCAL_IMAGE: Final = "_rvRel:LocalImageIdentifier"
_ID: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def pictures_in_cells(book: zipfile.ZipFile, sheet: str) -> dict[tuple[int, int], str]:
    """Return the part that holds the picture of each cell with one, by row and column from 1; `sheet` is a part too.

    What leads to no picture is left out. Raises what zipfile and ElementTree raise where the workbook is damaged.
    """
    if RELATIONS not in book.namelist():
        return {}
    parts = _parts_of_values(book)
    with book.open(sheet) as file:
        return {place: parts[vm] for place, vm in _marked(file) if vm in parts}


def _marked(sheet: IO[bytes]) -> Iterator[tuple[tuple[int, int], int]]:
    """Place and number `vm` of the cells of a sheet that have one."""
    for _, element in ElementTree.iterparse(sheet):
        kind = _kind(element)
        if kind == "c" and (vm := element.get("vm", "")).isdecimal() and (place := element.get("r")):
            yield coordinate_to_tuple(place), int(vm)
        if kind in ("c", "row"):
            element.clear()


def _parts_of_values(book: zipfile.ZipFile) -> dict[int, str]:
    """The part of the picture that each `vm` leads to."""
    metadata = _xml(book, "xl/metadata.xml")
    kinds = [one.get("name") for one in _all(metadata, "metadataType")]
    rich: list[int] = []
    for future in _all(metadata, "futureMetadata"):
        if future.get("name") == "XLRICHVALUE":
            rich = [_number(one, "i") for one in _all(future, "rvb")]
    pictures = _pictures(book)
    found: dict[int, str] = {}
    values = _first(metadata, "valueMetadata")
    for vm, block in enumerate(_all(values, "bk"), 1):
        for record in _all(block, "rc"):
            kind, at = _number(record, "t") - 1, _number(record, "v")
            if 0 <= kind < len(kinds) and kinds[kind] == "XLRICHVALUE" and 0 <= at < len(rich) and rich[at] in pictures:
                found[vm] = pictures[rich[at]]
    return found


def _pictures(book: zipfile.ZipFile) -> dict[int, str]:
    """The part of the picture of each rich value that is one, by its place among them."""
    keys = [
        [key.get("n") for key in _all(structure, "k")]
        for structure in _all(_xml(book, "xl/richData/rdrichvaluestructure.xml"), "s")
    ]
    folder = posixpath.dirname(RELATIONS)
    related = {
        one.get("Id"): posixpath.normpath(posixpath.join(folder, one.get("Target", "")))
        for one in _all(_xml(book, f"{folder}/_rels/{posixpath.basename(RELATIONS)}.rels"), "Relationship")
    }
    targets = [related.get(one.get(_ID)) for one in _all(_xml(book, RELATIONS), "rel")]
    there = set(book.namelist())
    found: dict[int, str] = {}
    for at, value in enumerate(_all(_xml(book, "xl/richData/rdrichvalue.xml"), "rv")):
        structure = _number(value, "s")
        held = [part.text or "" for part in _all(value, "v")]
        names = keys[structure] if 0 <= structure < len(keys) else []
        said = dict(zip(names, held, strict=False)).get(_LOCAL_IMAGE, "")
        target = targets[int(said)] if said.isdecimal() and int(said) < len(targets) else None
        if target is not None and target.lstrip("/") in there:
            found[at] = target.lstrip("/")
    return found


def _xml(book: zipfile.ZipFile, part: str) -> Element:
    if book.getinfo(part).file_size > LARGEST:
        raise ValueError(f"{part} is larger than {LARGEST:,} bytes")
    return ElementTree.fromstring(book.read(part))


def _kind(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: Element | None, kind: str) -> list[Element]:
    return [] if element is None else [one for one in element.iter() if _kind(one) == kind]


def _first(element: Element, kind: str) -> Element | None:
    return next(iter(_all(element, kind)), None)


def _number(element: Element, name: str) -> int:
    said = element.get(name, "")
    return int(said) if said.isdecimal() else -1
