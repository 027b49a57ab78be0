"""Photos to crops: where on a photo pins are."""

from __future__ import annotations

from typing import Final

from recognizer.types import Box, Crop, Photo

SETTINGS: Final = "whole"
"""What the crops depend on; an index made with other settings is of no use."""


def split(photo: Photo) -> list[Crop]:
    """Return the crops of a photo: the whole of it as one pin."""
    height, width = photo.image.shape[:2]
    return [Crop(photo.image, Box(0, 0, width, height))]
