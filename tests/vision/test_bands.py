"""Large scans are read a band at a time, to the same picture as whole ones, in memory that stays level."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from recognizer.errors import PhotoError, PhotoTooBig
from recognizer.vision import bands, photos
from recognizer.vision.photos import check_photo, enlarged, open_photo, photo_size

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything from 20,000 pixels on counts as large, and bands are of a few rows."""
    monkeypatch.setattr(photos, "WHOLE_PIXELS", 20_000)
    monkeypatch.setattr(bands, "BAND", 9_000)


def picture(width: int = 333, height: int = 211) -> Image.Image:
    """Colours that differ from place to place, smooth enough that every way of shrinking gives the same."""
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, (7, 11, 3)).astype(np.float32)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def alpha(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(image.getchannel("R"))
    return image


def deep(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


EXIF = Image.Exif()
EXIF[0x0112] = 6
LARGE: dict[str, bytes] = {
    "PNG of colours": saved(picture(), "PNG"),
    "PNG with EXIF behind its pixels": saved(picture(), "PNG", exif=EXIF),
    "PNG of greys": saved(picture().convert("L"), "PNG"),
    "PNG of deep greys": saved(deep(picture()), "PNG"),
    "PNG of a palette": saved(picture().quantize(64), "PNG"),
    "PNG of a palette of four bits": saved(picture().quantize(16), "PNG", bits=4),
    "PNG of two colours": saved(picture().convert("1"), "PNG"),
    "PNG with transparent parts": saved(alpha(picture()), "PNG"),
    "PNG of greys with transparent parts": saved(alpha(picture()).convert("LA"), "PNG"),
    "PNG with a transparent colour": saved(picture().quantize(64), "PNG", transparency=3),
    "TIFF not packed": saved(picture(), "TIFF"),
    "TIFF of one strip": saved(picture(), "TIFF", tiffinfo={278: 211}),
    "TIFF of LZW strips": saved(picture(), "TIFF", compression="tiff_lzw", tiffinfo={278: 16}),
    "TIFF of deflated strips, predicted": saved(
        picture(), "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: 10, 317: 2}
    ),
    "TIFF of JPEG strips": saved(picture(), "TIFF", compression="jpeg", quality=95, tiffinfo={278: 16}),
    "TIFF of CMYK": saved(picture().convert("CMYK"), "TIFF", compression="tiff_lzw", tiffinfo={278: 7}),
    "TIFF of deep greys": saved(deep(picture()), "TIFF", compression="tiff_lzw", tiffinfo={278: 7}),
    "TIFF of a palette": saved(picture().quantize(64), "TIFF", compression="packbits", tiffinfo={278: 7}),
    "TIFF turned by its EXIF": saved(picture(), "TIFF", compression="tiff_lzw", tiffinfo={278: 7, 274: 6}),
    "JPEG": saved(picture(), "JPEG", quality=95),
    "JPEG of CMYK": saved(picture().convert("CMYK"), "JPEG", quality=95),
}


def tiled() -> bytes:
    """A TIFF in tiles of 64 x 48, which Pillow reads and does not write; big-endian too."""
    image = picture()
    pixels = np.asarray(image)
    across, down = -(-image.width // 64), -(-image.height // 48)
    padded = np.zeros((down * 48, across * 64, 3), np.uint8)
    padded[: image.height, : image.width] = pixels
    parts = [
        zlib.compress(padded[y * 48 : y * 48 + 48, x * 64 : x * 64 + 64].tobytes())
        for y in range(down)
        for x in range(across)
    ]
    body, starts = b"", []
    for part in parts:
        starts.append(8 + len(body))
        body += part + b"\0" * (len(part) % 2)
    short, long = 3, 4
    entries: dict[int, Any] = {
        256: (long, (image.width,)),
        257: (long, (image.height,)),
        258: (short, (8, 8, 8)),
        259: (short, (8,)),
        262: (short, (2,)),
        277: (short, (3,)),
        322: (long, (64,)),
        323: (long, (48,)),
        324: (long, starts),
        325: (long, [len(part) for part in parts]),
    }
    at = 8 + len(body)
    return struct.pack(">2sHI", b"MM", 42, at) + body + bands._directory(entries, at, ">")


LARGE["TIFF in tiles"] = tiled()


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("side", [60, 100])
def test_a_large_scan_gives_the_picture_that_a_whole_one_gives(
    kind: str, side: int, request: pytest.FixtureRequest
) -> None:
    data = LARGE[kind]
    expected = open_photo(data, "scan", max_side=side)
    request.getfixturevalue("small_bound")
    found = open_photo(data, "scan", max_side=side)
    assert found.image.shape == expected.image.shape
    difference = np.abs(found.image.astype(int) - expected.image)
    assert difference.mean() < (9 if "two colours" in kind else 3)  # dots differ more by the way of shrinking
    assert np.ptp(found.image) > 60
    assert check_photo(data, "scan") == check_photo(data, "scan")


@pytest.mark.parametrize("kind", ["PNG of colours", "TIFF of LZW strips", "TIFF in tiles", "JPEG"])
def test_a_large_scan_is_read_at_half_its_size_and_no_larger(kind: str, small_bound: None) -> None:
    photo = open_photo(LARGE[kind], "scan", max_side=100)
    assert photo.image.shape[1] == 100
    assert photo.full == pytest.approx(166 / 100)
    closer = enlarged(photo, 9.0)
    assert closer.shape[1] == 166
    plain = np.asarray(picture().resize((166, 105), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(closer - plain).mean() < 3  # the sides are odd: half a pixel apart
    assert photo_size(LARGE[kind], "scan") == (333, 211)


@pytest.mark.parametrize("kind", [kind for kind in LARGE if "JPEG" not in kind])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_large_scan_that_is_cut_short_is_refused_by_name(kind: str, share: float, small_bound: None) -> None:
    data = LARGE[kind]
    for read in (open_photo, check_photo):
        with pytest.raises(PhotoError, match=r"^scan\.x: (damaged or cut short|not a picture)"):
            read(data[: int(share * len(data))], "scan.x")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved(picture(), "JPEG", progressive=True), "a progressive JPEG"),
        (saved(picture(), "WEBP"), "WEBP"),
        (saved(picture(), "BMP"), "BMP"),
    ],
    ids=["progressive JPEG", "WEBP", "BMP"],
)
def test_a_large_picture_of_a_kind_that_is_only_read_whole_is_refused_with_the_cure(
    data: bytes, kind: str, small_bound: None
) -> None:
    with pytest.raises(PhotoTooBig, match=rf"^scan: 0\.1 megapixels, more than 0, which {kind} can be read of; save"):
        open_photo(data, "scan")


def test_an_interlaced_png_and_a_tiff_of_one_packed_strip_are_not_read_in_bands() -> None:
    data = bytearray(LARGE["PNG of colours"])
    data[28] = 1
    with Image.open(io.BytesIO(LARGE["PNG of colours"])) as image:
        assert bands.bands(LARGE["PNG of colours"], image) is not None
        assert bands.bands(bytes(data), image) is None
    with Image.open(io.BytesIO(saved(picture(), "BMP"))) as image:
        assert bands.bands(b"", image) is None


MEASURED = """
import resource, sys, time
from pathlib import Path
from recognizer.vision.photos import enlarged, open_photo
before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
photo = open_photo(Path(sys.argv[1]))
print(*photo.image.shape[:2], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.perf_counter() - begun)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="memory is told by the resource module")
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_a_scan_of_200_megapixels_takes_less_memory_than_its_pixels(kind: str, tmp_path: Path) -> None:
    width, height = 14_000, 14_300
    row = np.tile(np.arange(256, dtype=np.uint8), (width * 3) // 256 + 1)[: width * 3]
    path = tmp_path / "scan"
    if kind == "PNG":
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        pack = zlib.compressobj(1)
        same = b"\x02" + bytes(len(row))  # as above
        packed = b"".join(pack.compress(same if y else b"\x00" + row.tobytes()) for y in range(height))
        chunks = ((b"IHDR", header), (b"IDAT", packed + pack.flush()), (b"IEND", b""))
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
        )
    else:
        tiff = {"compression": "tiff_lzw", "tiffinfo": {278: 64}}
        options: dict[str, Any] = tiff if kind == "TIFF" else {"quality": 60}
        with Image.fromarray(np.broadcast_to(row.reshape(1, width, 3), (height, width, 3)).copy()) as image:
            image.save(path, kind, **options)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MEASURED, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    down, across, kilobytes, seconds = (float(word) for word in done.stdout.split())
    assert max(down, across) == 1600
    assert kilobytes * 1024 < 200e6 + path.stat().st_size, f"{kilobytes / 1024:.0f} MB"
    assert seconds < 60
