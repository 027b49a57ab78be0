"""A pin is named alike, however its photo was kept: every orientation, several pictures in a file, CMYK, 16 bits, clear
parts, frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from drawing import BACK, oriented, saved, tagged
from PIL import Image

from recognizer.identify import Recognizer
from recognizer.types import UInt8Image
from recognizer.vision.photos import open_photo

Query = Callable[[int], tuple[Path, str | None]]


def several(picture: Image.Image) -> bytes:
    """A Multi-Picture file, as phones write: the photo, and a small preview after it."""
    return saved(picture, "MPO", save_all=True, append_images=[picture.resize((80, 60))], quality=92)


def heic(picture: Image.Image) -> bytes:
    """A HEIC that says to turn it: its pixels lie on their side."""
    pillow_heif.register_heif_opener()
    return saved(picture.transpose(BACK[6]), "HEIF", exif=tagged(6).tobytes(), quality=90)


def deep(picture: Image.Image) -> bytes:
    done, held = cv2.imencode(".png", np.asarray(picture)[:, :, ::-1].astype(np.uint16) * 257)
    assert done
    return held.tobytes()


def clear(picture: Image.Image) -> bytes:
    """A palette of which one colour is clear, as of a cut-out from a web page."""
    small = picture.quantize(255)
    return saved(small, "PNG", transparency=255)


def moving(picture: Image.Image) -> bytes:
    frames = [Image.new("RGB", picture.size, colour) for colour in ("white", "black")]
    return saved(picture, "WEBP", save_all=True, append_images=frames, duration=200, quality=92)


KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    **{f"JPEG {turn}": lambda picture, turn=turn: oriented(picture, "JPEG", turn, quality=92) for turn in BACK},
    "MPO": several,
    "HEIC on its side": heic,
    "CMYK of Adobe": lambda picture: adobe(picture),
    "CMYK as TIFF": lambda picture: saved(picture.convert("CMYK"), "TIFF"),
    "16 bits": deep,
    "clear palette": clear,
    "frames": moving,
}


def adobe(picture: Image.Image) -> bytes:
    """A CMYK JPEG with the mark of Adobe, whose inks are kept the other way round."""
    plain = saved(picture.convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in plain[:200]  # Pillow writes it so
    return plain


@pytest.fixture(scope="module")
def asked(query: Query) -> tuple[Image.Image, str]:
    path, entry_id = query(0)
    assert entry_id is not None
    with Image.open(path) as opened:
        return opened.convert("RGB"), entry_id


@pytest.mark.parametrize("kind", KINDS)
def test_a_pin_is_named_alike_however_its_photo_was_kept(
    kind: str, asked: tuple[Image.Image, str], recognizer: Recognizer
) -> None:
    picture, entry_id = asked
    photo = open_photo(KINDS[kind](picture), kind)
    assert difference(photo.image, np.asarray(picture)) < 12  # the same picture, upright
    (answer,) = recognizer.identify([photo])[0]
    assert answer.matches[0].entry.entry_id == entry_id


def difference(one: UInt8Image, other: UInt8Image) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(float) - other).mean())
