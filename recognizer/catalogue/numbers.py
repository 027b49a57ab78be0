"""Numbers of pins under the numbering systems that collectors use, and what makes two writings one number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from recognizer.types import CatalogueEntry

SYSTEMS: Final[Mapping[str, str]] = {
    "ilyinskii": "Ilyinskii's catalogue: number",
    "avers": "Avers catalogues: volume-number",
    "konros": "Konros catalogue: type/number",
    "goskatalog": "Russian state museum register: registration number",
    "inventory": "a museum's inventory number",
    "colnect": "Colnect: item number",
    "own": "the collector's own number",
}
"""Numbering systems that znachki knows, each with how its numbers are made up; any other name serves as well."""

_OTHER_NAMES: Final = {
    **dict.fromkeys(("ильинский", "ильинского", "ильинский в.н.", "ilinskii", "ilyinsky", "ilinsky"), "ilyinskii"),
    **dict.fromkeys(("аверс", "аверса"), "avers"),
    **dict.fromkeys(("конрос", "conros"), "konros"),
    **dict.fromkeys(("госкаталог", "goskatalog.ru", "государственный каталог"), "goskatalog"),
    **dict.fromkeys(("инвентарный", "инв", "инв.", "inv", "inv.", "гик", "кп"), "inventory"),
    **dict.fromkeys(("свой", "мой", "mine"), "own"),
}
_FORMS: Final = {
    "ilyinskii": r"\d+\W*\w?",
    "avers": r"\W*\d+\W+\d+\W*\w?",
    "konros": r"\W*\w+\W+\d+\W*\w?",
    "goskatalog": r"\d+",
    "colnect": r"\d+",
}
_SIGNS: Final = re.compile(r"№|#|\b(?:том|тип|vol|volume|type|no|nr)\b\.?|\bт\.|\bn°|\bno(?=\d)", re.IGNORECASE)
_PARTS: Final = re.compile(r"\d+|[^\W\d_]+")
_LOOK_ALIKE: Final = str.maketrans("авекмнорстухі", "abekmhopctyxi")


@dataclass(frozen=True, slots=True)
class Collision:
    """One number of one system that several active entries have; system "number" is the catalogue's own."""

    system: str
    number: str
    entry_ids: tuple[str, ...]


def system_of(name: str) -> str:
    """Bring a numbering system's name, in Russian or English, to the one that is kept: "Аверс" is "avers"."""
    folded = " ".join(name.casefold().split())
    return _OTHER_NAMES.get(folded, folded)


def systems_in(names: str) -> tuple[str, ...]:
    """Read the numbering systems that are named with commas between them, each once: "аверс, own"."""
    return tuple(dict.fromkeys(system_of(name) for name in names.split(",") if name.strip()))


def number_key(number: str) -> str:
    """Bring a number to what it has in common with its other writings.

    Case, spaces, signs, the words for volume and number, leading zeros, and letters that look alike in Cyrillic and
    Latin do not matter: "т. 8 № 012а" and "8-12a" (with a Latin letter) are one number.
    """
    text = _SIGNS.sub(" ", unicodedata.normalize("NFKC", number.replace("№", " "))).casefold()
    text = text.replace("ё", "е").translate(_LOOK_ALIKE)
    parts = [part.lstrip("0") or "0" if part.isdecimal() else part for part in _PARTS.findall(text)]
    return _joined(parts) if parts else " ".join(number.casefold().split())


def parse_number(text: str) -> tuple[str, str]:
    """Part a number as it is asked for into system and number: "avers:8-12", "Аверс 8-12"; "" where none is named."""
    system, colon, number = text.partition(":")
    if colon and number.strip():
        return system_of(system), number.strip()
    first, _, rest = text.strip().partition(" ")
    if rest and (system := system_of(first)) in SYSTEMS:
        return system, rest.strip()
    return "", text.strip()


def is_well_formed(system: str, number: str) -> bool:
    """Say whether a number is made up as its system's numbers are; any number of an unknown system is."""
    form = _FORMS.get(system)
    return form is None or re.fullmatch(form, _SIGNS.sub(" ", number).strip()) is not None


def numbers_under(entry: CatalogueEntry, systems: Sequence[str]) -> dict[str, str]:
    """Map each of `systems` to the entry's numbers under it, several joined by "; ", "" where it has none."""
    wanted = [system_of(system) for system in systems if system.strip()]
    return {system: "; ".join(number for of, number in entry.identifiers if of == system) for system in wanted}


def collisions_of(numbers: Iterable[tuple[str, str, str, str]]) -> list[Collision]:
    """Find the numbers that several entries have among (system, key, number, entry_id), by system and number."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for system, key, number, entry_id in numbers:
        groups.setdefault((system, key), {}).setdefault(entry_id, number)
    found = [
        Collision(system, next(iter(group.values())), tuple(group))
        for (system, _), group in groups.items()
        if len(group) > 1
    ]
    return sorted(found, key=lambda collision: (collision.system, collision.number))


def _joined(parts: list[str]) -> str:
    """The parts of a number with "-" between them, but a letter goes with the digits before it: 12 а is 12а."""
    text = parts[0]
    for before, part in pairwise(parts):
        text += part if before.isdecimal() and part.isalpha() and len(part) == 1 else f"-{part}"
    return text
