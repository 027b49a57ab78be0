"""Listings: the lots of a sale and their pictures, from picture files, folders, or eBay Browse ItemSummary lines.

An ItemSummary is a JSON object of eBay's Browse API, one a line; of it `itemId`, `title`, `price`, `conditionId` and
`itemWebUrl` are read. Its pictures lie beside the file or in a folder of one's own, named by the `itemId`: znachki
never fetches them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from recognizer.collecting.condition import condition_of_ebay
from recognizer.errors import PhotoError
from recognizer.vision.photos import list_photos


@dataclass(frozen=True, slots=True)
class Listing:
    """One lot for sale: its key, what the seller says, and its pictures.

    `key` is the itemId, or the path as it was given for a picture without a listing. `price` is in `currency`, None
    where none is told; `condition` the grade that the seller gives, "" where he gives none.
    """

    key: str
    pictures: tuple[Path, ...]
    title: str = ""
    price: Decimal | None = None
    currency: str = ""
    url: str = ""
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A source that gave no picture: a file that is missing, a line that is no listing, a listing without pictures."""

    source: str
    reason: str


def read(sources: Iterable[Path], pictures: Path | None = None) -> tuple[list[Listing], list[Unread]]:
    """Return the listings of files, folders and `.jsonl` files in their order, and what gave none.

    `pictures` is the folder with the pictures of listings; without it they lie beside their file. A picture named twice
    counts once.
    """
    listings: list[Listing] = []
    unread: list[Unread] = []
    for source in sources:
        if source.is_dir():
            found = list_photos(source)
            listings += [Listing(str(path), (path,)) for path in found]
            if not found:
                unread.append(Unread(str(source), "no photos in this folder; name one that has some"))
        elif source.suffix.lower() in (".jsonl", ".ndjson"):
            _read_lines(source, pictures or source.parent, listings, unread)
        elif source.exists():
            listings.append(Listing(str(source), (source,)))
        else:
            unread.append(Unread(str(source), "no such file or folder"))
    return _once(listings), unread


def _once(listings: Sequence[Listing]) -> list[Listing]:
    """The listings, each picture and each key but once; a line that tells a listing again is the newer one."""
    newest = {listing.key: listing for listing in listings}
    seen: set[Path] = set()
    kept = []
    for listing in newest.values():
        pictures = tuple(path for path in listing.pictures if path not in seen)
        seen.update(pictures)
        if pictures:
            kept.append(replace(listing, pictures=pictures))
    return kept


def _read_lines(file: Path, pictures: Path, listings: list[Listing], unread: list[Unread]) -> None:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        held = _by_item(list_photos(pictures))
    except (OSError, UnicodeDecodeError, PhotoError) as error:
        unread.append(Unread(str(file), f"cannot be read ({error})"))
        return
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            listing = _listing(json.loads(line), held)
        except (ValueError, TypeError, KeyError) as error:
            unread.append(Unread(f"{file}:{row}", f"no ItemSummary ({error})"))
            continue
        if listing.pictures:
            listings.append(listing)
        else:
            unread.append(
                Unread(
                    f"{file}:{row}",
                    f"no picture of {listing.key} in {pictures}; name it {plain(listing.key)}.jpg",
                )
            )


def _listing(item: Any, held: Mapping[str, Sequence[Path]]) -> Listing:
    if not isinstance(item, dict) or not isinstance(item.get("itemId"), str) or not item["itemId"].strip():
        raise ValueError("it has no itemId")
    key = item["itemId"].strip()
    price, currency = item.get("price") or {}, ""
    amount: Decimal | None = None
    if isinstance(price, dict) and price.get("value") is not None:
        try:
            amount = Decimal(str(price["value"]))
        except InvalidOperation:
            raise ValueError(f"price {price['value']!r} is no number") from None
        currency = str(price.get("currency") or "")
    pictures = [path for name in _names(key) for path in held.get(name, ())]
    return Listing(
        key,
        tuple(dict.fromkeys(pictures)),
        str(item.get("title") or ""),
        amount,
        currency,
        str(item.get("itemWebUrl") or ""),
        condition_of_ebay(str(item.get("conditionId") or "")) or "",
    )


def plain(key: str) -> str:
    """An itemId as a file name that every system takes: "v1|110|0" as "v1_110_0"."""
    return re.sub(r"[^\w.-]", "_", key)


def _names(key: str) -> list[str]:
    """The names that pictures of an item may have: its itemId, that as a file name, and the legacy id inside it."""
    parts = key.split("|")
    names = [key, plain(key), parts[1] if len(parts) == 3 else key]
    return list(dict.fromkeys(names))


def _by_item(pictures: Sequence[Path]) -> dict[str, list[Path]]:
    """Pictures by every name that they may be of: `<item>.jpg`, `<item>-2.jpg`, `<item>_2.jpg`, `<item>/2.jpg`."""
    held: dict[str, list[Path]] = {}
    for path in sorted(pictures):
        numbered = re.fullmatch(r"(.+?)[-_ ](\d{1,2})", path.stem)
        names = {path.stem, path.parent.name, *([numbered[1]] if numbered else [])}
        for name in names:
            held.setdefault(name, []).append(path)
    return held
