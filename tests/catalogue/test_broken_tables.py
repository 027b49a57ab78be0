"""Random bytes and broken tables: each is read or refused with our own error, and none hangs."""

import io
import random
import sys
import time
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from recognizer.catalogue.imports import import_source
from recognizer.catalogue.store import Catalogue
from recognizer.collecting import listings
from recognizer.errors import PhotoError, ZnachkiError
from recognizer.vision.photos import open_photo

LONGEST = 5.0
"""Seconds that no file may take."""

MOST_MEMORY = 500_000_000
"""Bytes that the process may grow by over all files: a file of a kilobyte may say that it is 250 megapixels."""


def whole_files() -> list[tuple[str, bytes]]:
    """A whole file of each kind, to be broken."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["Номер", "Название"], [1, "x"], [2, "y"]):
        book.active.append(row)
    sheet = io.BytesIO()
    book.save(sheet)
    found = [("t.xlsx", sheet.getvalue())]
    found.append(("t.csv", "entry_id;title;years\n1;Ёлка;1961\n2;x;2002 -\n".encode("cp1251")))
    found.append(("t.txt", "entry_id\ttitle\n1\tЁлка\n".encode("utf-16")))
    found.append(("t.json", b'{"itemSummaries": [{"itemId": "1", "title": "x"}]}'))
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"):
        picture = io.BytesIO()
        Image.radial_gradient("L").resize((60, 40)).save(picture, kind)
        found.append((f"t.{kind.lower()}", picture.getvalue()))
    return found


def broken(rng: random.Random, data: bytes) -> bytes:
    """A file cut short, with bytes changed, or of random bytes alone."""
    way = rng.randrange(3)
    if way == 0:
        return data[: rng.randrange(1, len(data))]
    if way == 1:
        return rng.randbytes(rng.randrange(1, 4000))
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 30)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def most_memory() -> int:
    """The most bytes that this process has had; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_broken_files_are_read_or_refused_and_none_hangs(tmp_path: Path, count: int) -> None:
    rng, before = random.Random(28), most_memory()
    files = whole_files()
    refused = 0
    told: list[tuple[str, str, bool]] = []
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        for number in range(count):
            name, data = files[number % len(files)]
            path = tmp_path / "given" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(broken(rng, data))
            began = time.monotonic()
            try:
                if path.suffix in (".xlsx", ".csv", ".txt"):
                    import_source(catalogue, path, dry_run=True)
                elif path.suffix == ".json":
                    refused += len(listings.read([path])[1])
                else:
                    open_photo(path)
            except ZnachkiError as error:
                refused += 1
                told.append((name, str(error), isinstance(error, PhotoError)))
            assert time.monotonic() - began < LONGEST, (number, name)
            path.unlink()
    assert refused > count / 3
    assert most_memory() - before < MOST_MEMORY
    assert [one for one in told if not one[1].startswith(one[0])] == []
    assert [message for _, message, of_photo in told if of_photo and "\n" in message] == []
