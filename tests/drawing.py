"""Pictures for tests that need some and do not mind what is on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def draw(path: Path, seed: int) -> Path:
    """Write a small picture, another one for each seed, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)).save(path)
    return path
