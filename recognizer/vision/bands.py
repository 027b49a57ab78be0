"""Bands: a large PNG or TIFF read from top to bottom, some rows at a time, so that memory stays level.

Pillow decodes a PNG or TIFF whole, at four bytes a pixel: 800 MB for a scan of 200 megapixels. Both can be read in
parts. The strips or tiles of a TIFF are packed one by one, and a TIFF of a few of them is a small file. The rows of a
PNG are packed as one stream, each row told by the one above it: a band is a small PNG whose first row is the last one
of the band before, as it came out. Pillow decodes either.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import (
    COLORMAP,
    COMPRESSION,
    EXTRASAMPLES,
    FILLORDER,
    JPEGTABLES,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    PREDICTOR,
    ROWSPERSTRIP,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILEBYTECOUNTS,
    TILELENGTH,
    TILEOFFSETS,
    TILEWIDTH,
    YCBCRSUBSAMPLING,
)

BAND: Final = 16_000_000
"""Bytes of a band, about, before it is made a picture."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KINDS: Final = {1: 0, 2: 4, 3: 2, 4: 6}  # bytes of a pixel -> PNG's colour type of so many channels of eight bits
_WIDTH, _HEIGHT, _BITS = 256, 257, 258
_KEPT: Final = (
    *(_BITS, COMPRESSION, PHOTOMETRIC_INTERPRETATION, FILLORDER, SAMPLESPERPIXEL, PLANAR_CONFIGURATION, PREDICTOR),
    *(COLORMAP, EXTRASAMPLES, SAMPLEFORMAT, JPEGTABLES, YCBCRSUBSAMPLING, TILEWIDTH, TILELENGTH),
)
"""Tags of a TIFF that say how its strips or tiles are to be read."""
_PLAIN: Final = 1  # no compression
_SHORT, _LONG, _UNDEFINED = 3, 4, 7


@dataclass(frozen=True, slots=True)
class Bands:
    """A picture's width and height as it is stored, before it is turned upright, and its bands from top to bottom."""

    size: tuple[int, int]
    parts: Iterator[Image.Image]


def bands(data: bytes, image: Any) -> Bands | None:
    """Return the bands of a picture, whole rows in their order, in the mode that it is opened with.

    `image` is `data` opened and not decoded. None where its kind cannot be read so: another format, an interlaced PNG
    or one of 16-bit colours, a TIFF of separate planes or of one packed strip. The iterator raises ValueError,
    zlib.error, OSError or struct.error where the data are damaged or cut short.
    """
    if image.format == "PNG":
        head = _png_head(data)
        return None if head is None else Bands(head[:2], _png_bands(data, image, head))
    if image.format == "TIFF":
        size = int(image.tag_v2[_WIDTH]), int(image.tag_v2[_HEIGHT])  # those of `image` are upright
        parts = _tiff_parts(image, size)
        return None if parts is None else Bands(size, _tiff_bands(data, image, size, *parts))
    return None


def exif(data: bytes) -> bytes:
    """Return the EXIF of a PNG, which may stand behind its pixels, where Pillow only finds it by reading them all."""
    return b"".join(b"Exif\0\0" + content for kind, content in _chunks(data) if kind == b"eXIf")


def reduced(found: Bands, factor: int, prepare: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Return the picture of bands, each `factor` x `factor` pixels one, their mean.

    `prepare` brings a band to the mode of the result. Raises ValueError where rows are missing.
    """
    width, height = found.size
    canvas: Image.Image | None = None
    rest: Image.Image | None = None
    seen = done = 0
    for band in found.parts:
        seen += band.height
        ready = prepare(band)
        if rest is not None:
            ready = _stacked(rest, ready)
        if canvas is None:
            canvas = Image.new(ready.mode, (-(-width // factor), -(-height // factor)))
        whole = ready.height // factor * factor
        if whole:
            canvas.paste(ready.crop((0, 0, width, whole)).reduce(factor), (0, done))
            done += whole // factor
        rest = ready.crop((0, whole, width, ready.height)) if whole < ready.height else None
    if canvas is None or seen < height:
        raise ValueError(f"{seen} of {height} rows")
    if rest is not None:
        canvas.paste(rest.reduce(factor), (0, done))
    return canvas


def _stacked(above: Image.Image, below: Image.Image) -> Image.Image:
    both = Image.new(below.mode, (below.width, above.height + below.height))
    both.paste(above, (0, 0))
    both.paste(below, (0, above.height))
    return both


# PNG (W3C Recommendation, third edition)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks of a PNG: kind and content."""
    view, at = memoryview(data), len(_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, view[at + 8 : at + 8 + length]
        at += 12 + length


def _png_head(data: bytes) -> tuple[int, int, int, int] | None:
    """Width, height, bytes of a row and bytes of a pixel, of which there are one to four; None of another kind."""
    kind, content = next(_chunks(data), (b"", memoryview(b"")))
    if kind != b"IHDR" or len(content) < 13:
        return None
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content[:13])
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    across, pixel = -(-width * bits // 8), max(1, bits // 8)
    return None if interlaced or pixel not in _KINDS else (width, height, across, pixel)


def _png_bands(data: bytes, image: Any, head: tuple[int, int, int, int]) -> Iterator[Image.Image]:
    width, height, across, pixel = head
    step = max(1, BAND // across)
    unpacked = _Inflated(content for kind, content in _chunks(data) if kind == b"IDAT")
    tile = image.tile[0]
    raw = tile[3] if isinstance(tile[3], str) else tile[3][0]
    above = b""
    for top in range(0, height, step):
        rows = min(step, height - top)
        packed = above + unpacked.take(rows * (across + 1))
        values = _decoded(packed, across // pixel, rows + bool(above), pixel)[bool(above) :]
        above = b"\x00" + values[-1].tobytes()
        band = Image.frombytes(image.mode, (width, rows), values.tobytes(), "raw", raw)
        if image.palette is not None:
            band.putpalette(image.palette)
        band.info = image.info
        yield band


class _Inflated:
    """What is packed in parts, unpacked by so many bytes at a time."""

    def __init__(self, parts: Iterator[memoryview]) -> None:
        self._parts, self._left, self._unpack = parts, b"", zlib.decompressobj()

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes; ValueError where there are fewer."""
        found = bytearray()
        while len(found) < count:
            packed: bytes | memoryview | None = self._left or next(self._parts, None)
            if packed is None or self._unpack.eof:
                raise ValueError("cut short")
            found += self._unpack.decompress(packed, count - len(found))
            self._left = self._unpack.unconsumed_tail
        return bytes(found)


def _decoded(rows: bytes, width: int, height: int, pixel: int) -> Any:
    """Undo the filters of a PNG's rows: (height, width * pixel) uint8. Bytes are all that filters know of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, _KINDS[pixel], 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    file = b"".join(
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part)) for kind, part in parts
    )
    with Image.open(io.BytesIO(_SIGNATURE + file), formats=("PNG",)) as opened:
        return np.asarray(opened).reshape(height, width * pixel)


# TIFF (revision 6.0)


def _tiff_parts(image: Any, size: tuple[int, int]) -> tuple[list[tuple[int, int]], int, int] | None:
    """Offset and bytes of every part, rows of a part, and how many lie side by side; None of another kind."""
    width, height = size
    tags = image.tag_v2
    if tags.get(PLANAR_CONFIGURATION, 1) != 1 or image.mode in ("I", "F"):
        return None
    if TILEOFFSETS in tags:
        parts, rows = list(zip(tags[TILEOFFSETS], tags[TILEBYTECOUNTS], strict=True)), int(tags[TILELENGTH])
        return parts, rows, -(-width // int(tags[TILEWIDTH]))
    counts = tags.get(STRIPBYTECOUNTS, ())
    parts, rows = list(zip(tags[STRIPOFFSETS], counts, strict=True)), int(tags.get(ROWSPERSTRIP, height))
    across = -(-width * sum(tags.get(_BITS, (1,))) // 8)
    if rows * across <= 4 * BAND:
        return parts, rows, 1
    if tags.get(COMPRESSION, _PLAIN) != _PLAIN:
        return None
    # A large strip that is not packed is parted into smaller ones.
    step = max(1, BAND // across)
    finer = [
        (offset + top * across, min(step, rows - top, height - at * rows - top) * across)
        for at, (offset, _) in enumerate(parts)
        for top in range(0, min(rows, height - at * rows), step)
    ]
    return (finer, step, 1) if len(parts) == 1 or rows % step == 0 else None


def _tiff_bands(
    data: bytes, image: Any, size: tuple[int, int], parts: Sequence[tuple[int, int]], rows: int, beside: int
) -> Iterator[Image.Image]:
    width, height = size
    order = ">" if data[:2] == b"MM" else "<"
    largest = max(1, max(count for _, count in parts) * beside)
    unpacked = max(1, rows * width * len(image.getbands()))
    at_once = max(1, BAND // max(largest, unpacked))  # rows of parts
    for first in range(0, -(-height // rows), at_once):
        top = first * rows
        part = (width, min(at_once * rows, height - top))
        held = parts[first * beside : (first + at_once) * beside]
        if any(offset + count > len(data) for offset, count in held):
            raise ValueError("cut short")
        with Image.open(io.BytesIO(_tiff(data, image, held, rows, part, order)), formats=("TIFF",)) as band:
            band.load()
            yield band


def _tiff(
    data: bytes, image: Any, parts: Sequence[tuple[int, int]], rows: int, size: tuple[int, int], order: str
) -> bytes:
    """A TIFF of some of the parts of another one."""
    tags = image.tag_v2
    starts, at = [], 8
    for _, count in parts:
        starts.append(at)
        at += count + count % 2
    tiled = TILEOFFSETS in tags
    entries: dict[int, tuple[int, Sequence[int] | bytes]] = {
        _WIDTH: (_LONG, size[:1]),
        _HEIGHT: (_LONG, size[1:]),
        (TILEOFFSETS if tiled else STRIPOFFSETS): (_LONG, starts),
        (TILEBYTECOUNTS if tiled else STRIPBYTECOUNTS): (_LONG, [count for _, count in parts]),
    }
    if not tiled:
        entries[ROWSPERSTRIP] = (_LONG, (rows,))
    for tag in _KEPT:
        if tag in tags:
            value = tags[tag]
            kept = value if isinstance(value, bytes | tuple) else (value,)
            entries[tag] = (_UNDEFINED if isinstance(kept, bytes) else _SHORT, kept)
    body = b"".join(data[offset : offset + count] + b"\0" * (count % 2) for offset, count in parts)
    return struct.pack(f"{order}2sHI", b"MM" if order == ">" else b"II", 42, at) + body + _directory(entries, at, order)


def _directory(entries: dict[int, tuple[int, Sequence[int] | bytes]], at: int, order: str) -> bytes:
    """The directory of a TIFF that lies at offset `at`, with the values that do not fit into it behind it."""
    table, beyond = struct.pack(f"{order}H", len(entries)), b""
    end = at + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        held = (
            values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}{'HI'[kind == _LONG]}", *values)
        )
        if len(held) > 4:
            place = struct.pack(f"{order}I", end + len(beyond))
            beyond += held + b"\0" * (len(held) % 2)
        else:
            place = held.ljust(4, b"\0")
        table += struct.pack(f"{order}HHI", tag, kind, len(values)) + place
    return table + struct.pack(f"{order}I", 0) + beyond
