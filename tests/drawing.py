"""Pictures for tests that need some and do not mind what is on them, and ways to keep a picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What a camera did to a picture that carries this orientation, so that undoing it brings it upright."""


def draw(path: Path, seed: int) -> Path:
    """Write a small picture, another one for each seed, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)).save(path)
    return path


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file of a kind that Pillow knows."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def tagged(orientation: int) -> Image.Exif:
    """Return EXIF data that says how the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def oriented(picture: Image.Image, kind: str, orientation: int, **options: object) -> bytes:
    """Return an upright picture as the file of a camera that was held so."""
    turn = BACK[orientation]
    return saved(picture if turn is None else picture.transpose(turn), kind, exif=tagged(orientation), **options)
