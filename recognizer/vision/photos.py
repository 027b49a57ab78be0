"""Photos: from a file of any common kind to an upright RGB picture of bounded size."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from recognizer.errors import PhotoError, PhotoTooBig
from recognizer.types import Photo, UInt8Image
from recognizer.vision import bands

MAX_PIXELS: Final = 256_000_000
"""Pixels that a photo may have: an A3 sheet scanned at 1000 dpi, 200-megapixel phones."""

WHOLE_PIXELS: Final = 120_000_000
"""Pixels that are decoded at once: the 108-megapixel phones pass; 120 million take 480 MB in Pillow. What has more is
read at half its size at most: a JPEG by its own coarser scales, PNG and TIFF a band at a time (`bands`)."""

MAX_BYTES: Final = 800_000_000
"""Bytes that a file may have: an uncompressed TIFF of MAX_PIXELS still passes."""

ENDINGS: Final = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".mpo",),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "HEIF": (".heic", ".heif", ".hif"),
    "AVIF": (".avif",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "JPEG2000": (".jp2",),
}
"""Formats that are read, by Pillow's name, each with its usual file endings, the first one preferred."""

KINDS: Final = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP or JPEG 2000"

_UPRIGHT: Final = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_ORIENTATION: Final = 0x0112
_BY_SCALES: Final = ("JPEG", "MPO")
"""Formats that are decoded at a half, a quarter or an eighth of their size as cheaply as that has pixels."""
_warnings_lock = threading.Lock()


def open_photo(source: Path | bytes | BinaryIO, name: str | None = None, *, max_side: int = 1600) -> Photo:
    """Decode one photo: upright, sRGB, transparent parts on white, neither side longer than `max_side` pixels.

    `source` is a path, a file's bytes, or an open binary file, which is read to its end; `name` stands in messages and
    in `Photo.source` (the path's last part unless given). A photo is never enlarged; of an animation the first frame
    counts. Raises PhotoError, beginning with the name, for whatever cannot be read: missing, empty, truncated, no
    picture, or more than MAX_PIXELS. What has more than WHOLE_PIXELS is read at half its size at most.
    """
    data, name = read_photo(source, name)
    pixels, full = _decoded(data, name, max_side)
    return Photo(pixels, hashlib.sha256(data).hexdigest(), name, data if full > 1 else b"", full)


def enlarged(photo: Photo, factor: float) -> UInt8Image:
    """Return a photo's picture `factor` times as large as its `image`, or as near to that as its file goes.

    The file is decoded anew, at no more than the size asked for where its format can do that. Raises PhotoError.
    """
    factor = min(factor, photo.full)
    if factor <= 1:
        return photo.image
    pixels, _ = _decoded(photo.encoded, photo.source, round(factor * max(photo.image.shape[:2])))
    return pixels


def _decoded(data: bytes, name: str, max_side: int) -> tuple[UInt8Image, float]:
    """The picture, bounded, and how many times as large the file's own can be read."""
    with _decoding(name), _opened(data, name) as image:
        own = max(image.size)
        if _is_large(image):
            own //= 2
            plain = _reduced(data, image, min(max_side, own))
        else:
            _draft(image, max_side)
            image.load()
            plain = _eight_bit(image)
        pixels = np.array(_upright(_to_srgb(_shrunk(plain, max_side), image), _orientation(image)))
    return pixels, max(1.0, own / max(pixels.shape[:2]))


def _is_large(image: Image.Image) -> bool:
    return image.width * image.height > WHOLE_PIXELS


def _reduced(data: bytes, image: Image.Image, max_side: int) -> Image.Image:
    """A picture of more than WHOLE_PIXELS, half as large at most and no smaller than asked, of eight bits a channel."""
    if image.format in _BY_SCALES:
        _draft(image, max_side)
        image.load()
        return _eight_bit(image)
    found = bands.bands(data, image)
    if found is None:
        raise AssertionError("refused when it was opened")
    if image.format == "PNG":
        image.info.setdefault("exif", bands.exif(data))
    # Pillow's own way to shrink: a mean first, as long as twice the size is left for the finer filter after it
    return bands.reduced(found, max(2, max(image.size) // (2 * max_side)), _eight_bit)


def read_photo(source: Path | bytes | BinaryIO, name: str | None = None) -> tuple[bytes, str]:
    """Read a photo's bytes, undecoded, and return them with the name for messages.

    Raises PhotoError, beginning with the name, where there is no such file, where it is empty or over MAX_BYTES.
    """
    if isinstance(source, bytes):
        name = name or "photo"
        data = source
    elif isinstance(source, Path):
        name = name or source.name or str(source)
        data = _read_path(source, name)
    else:
        given = getattr(source, "name", None)
        name = name or (Path(given).name if isinstance(given, str) else "photo")
        try:
            data = source.read(MAX_BYTES + 1)
        except OSError as error:
            raise PhotoError(f"{name}: cannot be read ({error.strerror or error}); check the file") from error
    if not data:
        raise PhotoError(f"{name}: empty file (0 bytes); copy the photo again")
    if len(data) > MAX_BYTES:
        raise PhotoTooBig(_too_long(name, len(data)))
    return data, name


def photo_size(source: Path | bytes | BinaryIO, name: str | None = None) -> tuple[int, int]:
    """Return a photo's width and height in pixels as its header tells them, before it is turned upright.

    Nothing is decoded. Raises PhotoError as `open_photo` does, PhotoTooBig where there are more than MAX_PIXELS.
    """
    data, name = read_photo(source, name)
    with _decoding(name), _opened(data, name) as image:
        return image.size


def check_photo(source: Path | bytes | BinaryIO, name: str | None = None) -> str:
    """Read every byte of a photo's pixels, as cheaply as finds damage, and return the ending of its format, ".jpg".

    The ending is that of the content, whatever the file is called. Raises PhotoError as `open_photo` does.
    """
    data, name = read_photo(source, name)
    with _decoding(name), _opened(data, name) as image:
        found = bands.bands(data, image) if _is_large(image) else None
        if found is None:
            _draft(image, 64)
            image.load()
        elif sum(band.height for band in found.parts) < found.size[1]:
            raise ValueError("rows are missing")
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        return ENDINGS[kind][0]


def list_photos(folder: Path) -> list[Path]:
    """List the photos under a folder, at any depth, known by their endings, sorted by path; hidden ones are left out.

    Raises PhotoError where `folder` is no folder.
    """
    if not folder.is_dir():
        raise PhotoError(f"{folder}: no such folder; check the name")
    known = {ending for endings in ENDINGS.values() for ending in endings}
    found = (path for path in folder.rglob("*") if path.suffix.lower() in known and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def encode_jpeg(image: UInt8Image, quality: int = 85) -> bytes:
    """Encode an (height, width, 3) uint8 RGB picture as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def jpeg_uri(image: UInt8Image, quality: int = 85) -> str:
    """Encode a picture as `encode_jpeg` does, as a data URI: a page that holds it needs no file beside it."""
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(image, quality)).decode()}"


def encode_png(image: UInt8Image) -> bytes:
    """Encode an (height, width, 3 or 4) uint8 RGB or RGBA picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _read_path(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            raise PhotoError(f"{name}: a folder, not a photo; name a photo inside it")
        if path.exists() and not path.is_file():
            raise PhotoError(f"{name}: neither a file nor a folder; name a photo")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise PhotoTooBig(_too_long(name, size))
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise PhotoError(f"{name}: no such file; check the name ({path})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"{name}: cannot be read ({reason}); check the file and who may read it") from error


def _too_long(name: str, size: int) -> str:
    return f"{name}: {size:,} bytes, more than {MAX_BYTES:,}; save it as JPEG"


def _too_big(name: str, pixels: int, most: int = MAX_PIXELS, kind: str = "") -> str:
    said = f"{name}: {pixels / 1e6:.1f} megapixels, more than {most / 1e6:.0f}"
    if kind:
        return f"{said}, which {kind} can be read of; save it as JPEG that is not progressive, or smaller"
    return f"{said}; save it smaller (2000 px will do)"


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into a PhotoError that tells the cure."""
    try:
        yield
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError(f"{name}: not enough memory to decode it; save it smaller") from error
    except Image.DecompressionBombError as error:
        size = re.search(r"\d+", str(error))
        raise PhotoTooBig(_too_big(name, int(size[0]) if size else 2 * MAX_PIXELS)) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: not a picture that can be read, or cut short; give a {KINDS} file") from error
    except Exception as error:  # a decoder may raise anything on a hostile file, struct.error and KeyError included
        reason = " ".join(str(error).split())
        raise PhotoError(f"{name}: damaged or cut short ({reason}); copy the photo again or save it anew") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back Pillow's warnings: what matters of them is an error here.

    Filters of warnings belong to the process, so that two threads must not change them at once: keep it short inside.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _register_heif() -> None:
    pillow_heif.register_heif_opener()


def _opened(data: bytes, name: str) -> Image.Image:
    """The picture before any pixel of it is decoded, once its size is known to be bearable."""
    _register_heif()
    with _quiet(), _bound():
        image = Image.open(io.BytesIO(data), formats=_formats())
    if (pixels := image.width * image.height) > MAX_PIXELS:
        raise PhotoTooBig(_too_big(name, pixels))
    if pixels > WHOLE_PIXELS and (kind := _whole_only(data, image)):
        raise PhotoTooBig(_too_big(name, pixels, WHOLE_PIXELS, kind))
    return image


def _whole_only(data: bytes, image: Image.Image) -> str:
    """Name the kind of a picture that can only be decoded whole; "" where it can be read smaller or in bands."""
    if image.format in _BY_SCALES:
        # All of a progressive JPEG is kept until its last scan, at two bytes a value.
        return "a progressive JPEG" if image.info.get("progressive") else ""
    if bands.bands(data, image) is not None:
        return ""
    return f"{image.format} of this kind" if image.format in ("PNG", "TIFF") else str(image.format)


@contextmanager
def _bound() -> Iterator[None]:
    """Let Pillow open what MAX_PIXELS allows; its own bound is lower. Not to be entered by two threads at once."""
    held = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # an error is raised from twice that on
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = held


@cache
def _formats() -> tuple[str, ...]:
    """The formats of ENDINGS that this Pillow can open; none that would start another program, as EPS does."""
    Image.init()
    return tuple(kind for kind in ENDINGS if kind in Image.OPEN)


def _draft(image: Image.Image, max_side: int) -> None:
    """Let a JPEG be decoded at a half, a quarter or an eighth where that is still no smaller than asked."""
    factor = max_side / max(image.size)
    if factor < 1:
        image.draft(None, (max(1, round(image.width * factor)), max(1, round(image.height * factor))))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or the EXIF is damaged."""
    try:
        with _quiet():
            value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF raises anything, and the pixels are good all the same
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture as L, RGB, CMYK or LAB of eight bits a channel, transparent parts on white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_scaled(image))
    if image.mode in ("L", "RGB", "CMYK", "LAB") and "transparency" not in image.info:
        return image
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled(image: Image.Image) -> UInt8Image:
    """Deep greys brought to 0 to 255: (height, width) uint8.

    Sixteen-bit values are a share of 65535. Of the wider kinds the range is only known by its values: 0 to 1 (floating
    point only), 0 to 255 and 0 to 65535 are taken for what they seem, anything else is stretched from least to most.
    """
    sixteen = image.mode.startswith("I;16")
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if sixteen:
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 1.0 if image.mode == "F" and high <= 1 else 255.0 if high <= 255 else 65535.0
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return np.round(scaled).clip(0, 255).astype(np.uint8)


def _shrunk(image: Image.Image, max_side: int) -> Image.Image:
    factor = max_side / max(image.size)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Resampling.LANCZOS, reducing_gap=3.0)


def _to_srgb(image: Image.Image, opened: Image.Image) -> Image.Image:
    """The picture in sRGB by the ICC profile that it was opened with; by the plain formula where that does not work."""
    if image.mode == "LAB":
        return _convert(image, ImageCms.createProfile("LAB"))
    profile = opened.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "sRGB" in (source.profile.profile_description or ""):
            return image
        return _convert(image, source)
    except Exception:  # a damaged profile, or one for other channels: the plain formula is close enough
        return image.convert("RGB")


def _convert(image: Image.Image, source: Any) -> Image.Image:
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    if converted is None:
        raise ValueError("no conversion")
    return converted
