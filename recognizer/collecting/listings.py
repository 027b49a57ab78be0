"""Listings: the lots of a sale and their pictures, from picture files, folders, or eBay Browse ItemSummary lines.

An ItemSummary is a JSON object of eBay's Browse API: one a line, alone, in an array, or in the answer of a search as it
comes, `{"itemSummaries": [...]}`, a line or a file for each page. Of it `itemId`, `title`, `price`, `conditionId` and
`itemWebUrl` are read. Its pictures lie beside the file or in a folder of one's own, named by the `itemId`;
`znachki fetch FILE` brings them there (`listing_pictures`), and nothing else does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from recognizer.collecting.condition import condition_of_ebay
from recognizer.errors import CatalogueError, PhotoError
from recognizer.vision.photos import list_photos

_LISTED: Final = (".jsonl", ".ndjson", ".json")


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


def read(
    sources: Iterable[Path], pictures: Path | None = None, notes: list[str] | None = None
) -> tuple[list[Listing], list[Unread]]:
    """Return the listings of files, folders and files of ItemSummaries in their order, and what gave none.

    `pictures` is the folder with the pictures of listings; without it they lie beside their file. A picture named twice
    counts once, and so does a copy of it in the same listing or among pictures without one: that goes to `notes`.
    """
    listings: list[Listing] = []
    unread: list[Unread] = []
    for source in sources:
        if source.is_dir():
            before = len(listings)
            for file in sorted(source.glob("*.json*")):
                if _holds_items(file):
                    _read_items(file, pictures or source, listings, unread)
            found = list_photos(source)
            listings += [Listing(str(path), (path,)) for path in found]
            if len(listings) == before:
                unread.append(Unread(str(source), "no photos in this folder; name one that has some"))
        elif holds_listings(source.name):
            _read_items(source, pictures or source.parent, listings, unread)
        elif source.exists():
            listings.append(Listing(str(source), (source,)))
        else:
            unread.append(Unread(str(source), "no such file or folder"))
    return _once(listings, [] if notes is None else notes), unread


def _once(listings: Sequence[Listing], notes: list[str]) -> list[Listing]:
    """The listings, each picture and each key but once; a line that tells a listing again is the newer one."""
    newest = {listing.key: listing for listing in listings}
    seen: set[Path] = set()
    alone: dict[str, Path] = {}
    kept = []
    for listing in newest.values():
        bare = listing.pictures == (Path(listing.key),)
        copies = alone if bare else {}
        pictures = []
        for path in listing.pictures:
            if path in seen:
                continue
            seen.add(path)
            content = _content(path)
            if content and (first := copies.setdefault(content, path)) != path:
                notes.append(f"{path}: the same picture as {first}, counted once")
            else:
                pictures.append(path)
        if pictures:
            kept.append(replace(listing, pictures=tuple(pictures)))
    return kept


def _content(path: Path) -> str:
    """The sha256 of a picture's file, "" where it is empty or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() if path.stat().st_size else ""
    except OSError:
        return ""


def _holds_items(file: Path) -> bool:
    """Whether a file in a folder of pictures seems to hold ItemSummaries."""
    try:
        with file.open("rb") as opened:
            head = opened.read(1 << 16)
    except OSError:
        return False
    return b'"itemSummaries"' in head or b'"itemId"' in head


def _read_items(file: Path, pictures: Path, listings: list[Listing], unread: list[Unread]) -> None:
    try:
        text = file.read_text(encoding="utf-8-sig")
        held = _by_item(list_photos(pictures))
    except (OSError, UnicodeDecodeError, PhotoError) as error:
        unread.append(Unread(str(file), f"cannot be read ({error})"))
        return
    _take_items(file, text, held, str(pictures), listings, unread)


def of_sent(name: str, text: str, pictures: Mapping[str, Path]) -> tuple[list[Listing], list[Unread]]:
    """Return the listings of a text of ItemSummaries that was sent beside its pictures, and what gave none.

    `pictures` tells by the name that each was sent under where it lies now.
    """
    listings: list[Listing] = []
    unread: list[Unread] = []
    held = {of: [pictures[str(path)] for path in paths] for of, paths in _by_item([*map(Path, pictures)]).items()}
    _take_items(Path(name), text, held, "what was sent", listings, unread)
    return listings, unread


def holds_listings(name: str) -> bool:
    """Whether a file is, by its name, one of ItemSummaries and no picture."""
    return Path(name).suffix.lower() in _LISTED


def _take_items(
    file: Path,
    text: str,
    held: Mapping[str, Sequence[Path]],
    where: str,
    listings: list[Listing],
    unread: list[Unread],
) -> None:
    for place, item in _items(file, text, unread):
        try:
            listing = _listing(item, held)
        except (ValueError, TypeError, KeyError) as error:
            unread.append(Unread(place, f"no ItemSummary ({error})"))
            continue
        if listing.pictures:
            listings.append(listing)
        else:
            name = f"{plain(listing.key)}.jpg"
            reason = f"no picture of {listing.key} in {where}; name it {name}"
            known = _addresses(item)
            unread.append(Unread(place, reason + (f", or let `znachki fetch {file}` bring it" if known else "")))


def addresses(file: Path, pictures: Path | None = None) -> list[tuple[str, str]]:
    """Return the pictures that listings of a file name and that do not lie in the folder of its pictures.

    Each is (name of the file it is to have, without ending; address). A listing that has pictures under names of
    another kind wants none. Raises CatalogueError where the file cannot be read or holds no listings.
    """
    folder = pictures or file.parent
    unread: list[Unread] = []
    try:
        text = file.read_text(encoding="utf-8-sig")
        held = _by_item(list_photos(folder))
    except (OSError, UnicodeDecodeError, PhotoError) as error:
        raise CatalogueError(f"{file}: cannot be read ({error}); give a file of eBay ItemSummaries") from error
    found: dict[str, str] = {}
    items = [item for _, item in _items(file, text, unread)]
    for item in items:
        key = item.get("itemId") if isinstance(item, dict) else None
        if not isinstance(key, str) or not key.strip():
            continue
        own = [f"{plain(key.strip())}-{at}" for at in range(1, len(_addresses(item)) + 1)]
        there = {path.stem for name in _names(key.strip()) for path in held.get(name, ())}
        if there <= set(own):
            found |= {name: address for name, address in zip(own, _addresses(item), strict=True) if name not in there}
    if not items and unread:
        raise CatalogueError(f"{file}: {unread[0].reason}")
    return list(found.items())


def _items(file: Path, text: str, unread: list[Unread]) -> Iterator[tuple[str, Any]]:
    """Each ItemSummary of a text with its place: "FILE:7" of a line, "FILE:item 7" of a whole document."""
    with suppress(ValueError, RecursionError):
        for number, item in enumerate(_opened(json.loads(text)), 1):
            yield (f"{file}:1" if number == 1 and "\n" not in text.strip() else f"{file}:item {number}"), item
        return
    if file.suffix.lower() == ".json" and not _opens_with_record(text):
        unread.append(Unread(str(file), "no JSON of ItemSummaries, or cut short; save it anew"))
        return
    for row, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            several = _opened(json.loads(line))
        except (ValueError, RecursionError) as error:
            unread.append(Unread(f"{file}:{row}", f"no ItemSummary ({error})"))
            continue
        yield from ((f"{file}:{row}", item) for item in several)


def _opens_with_record(text: str) -> bool:
    try:
        return isinstance(json.loads(text.lstrip().partition("\n")[0]), dict)
    except (ValueError, RecursionError):
        return False


def _opened(document: Any) -> list[Any]:
    """The items of a page of a search, of an array of items or pages, or of one item."""
    if isinstance(document, list):
        return [item for one in document for item in _opened(one)]
    if isinstance(document, dict) and "itemId" not in document:
        if isinstance(document.get("itemSummaries"), list):
            return list(document["itemSummaries"])
        if document.get("total") == 0:
            return []  # a search that found nothing
    return [document]


def _addresses(item: Any) -> list[str]:
    """Where the pictures of an ItemSummary lie on the web, the main one first."""
    further = item.get("additionalImages")
    images = [item.get("image"), *(further if isinstance(further, list) else [])]
    found = [one.get("imageUrl") for one in images if isinstance(one, dict)]
    return [address for address in found if isinstance(address, str)]


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
