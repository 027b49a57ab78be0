"""Drawn pins and what the base sees of them: the side of the words that stays as it is.

Each drawing is struck as a pin a few times, in other enamels and plating, photographed, lifted from its ground and
embedded, which is the second of the zooms that `znachki index` keeps of a catalogue photo and the one that words are
looked up in. Nothing is worked on twice: the rows of a few hundred pins are kept as one file, which is
written beside and renamed, so that a run that was killed goes on.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.files import HERE, make_folder, write_whole
from recognizer.search.embedder import Embedder
from training import augment, render
from training.data import SPRITE
from training.designs import Design

CHUNK: Final = 256  # pins whose rows are one file
PHOTO: Final = 256  # pixels of a photograph's long side, about
_BACKDROPS: Final = 200

Rows = NDArray[np.float16]


def embedded(
    designs: Sequence[Design],
    model: Embedder,
    folder: Path,
    views: int,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Rows:
    """Return what the model sees of each drawing's pins: (designs, views, dim) float16 of unit rows.

    Read from `folder` where an earlier run left them. `progress` is called with the files done and all of them. The
    same seed gives the same pins, whatever other drawings are asked for.
    """
    make_folder(folder, cure=HERE)
    backdrops = augment.grounds(np.random.default_rng((seed, 3)), _BACKDROPS, PHOTO)
    parts: list[list[NDArray[Any]]] = []
    starts = range(0, len(designs), CHUNK)
    for view in range(views):
        parts.append([])
        for at in starts:
            part = designs[at : at + CHUNK]
            name = hashlib.sha256("".join(one.key for one in part).encode()).hexdigest()[:16]
            file = folder / f"{model.fingerprint}-{seed}-{view}-{name}.npy"
            if not file.exists():
                held = io.BytesIO()
                np.save(held, _chunk(part, model, view, seed, backdrops), allow_pickle=False)
                write_whole(file, held.getvalue(), cure=HERE)
            parts[-1].append(np.load(file, mmap_mode="r", allow_pickle=False))
            if progress:
                progress(view * len(starts) + at // CHUNK + 1, views * len(starts))
    return np.stack([np.concatenate(part) for part in parts], axis=1)


def _chunk(part: Sequence[Design], model: Embedder, view: int, seed: int, backdrops: Sequence[Any]) -> Rows:
    cv2.setNumThreads(0)
    pins = []
    for design in part:
        rng = np.random.default_rng((seed, view, int(design.key[:12], 16)))
        sprite = render.lit(render.strike(design.read(), rng, SPRITE), rng)
        pins.append(augment.photo_and_pin(sprite, rng, PHOTO, backdrops)[1])
    return model.embed(pins).astype(np.float16)
