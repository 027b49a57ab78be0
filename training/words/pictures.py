"""Drawn pins and what the base sees of them: the side of the words that stays as it is.

Each drawing is struck as a pin a few times, in other enamels and plating, photographed, lifted from its ground and
embedded, which is the second of the zooms that `znachki index` keeps of a catalogue photo and the one that words are
looked up in. Nothing is worked on twice: the rows of a few hundred pins are kept as one file, which is
written beside and renamed, so that a run that was killed goes on, also with more drawings.
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
from training.data import SPRITE
from training.designs import Design
from training.pictures import augment, render

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

    Taken from `folder` where an earlier run left them. `progress` is called with the pins done of those that were
    missing, and all of these. The same seed gives the same pins, whatever other drawings are asked for.
    """
    make_folder(folder, cure=HERE)
    backdrops = augment.grounds(np.random.default_rng((seed, 3)), _BACKDROPS, PHOTO)
    held = [_kept(folder, f"{model.fingerprint}-{seed}-{view}") for view in range(views)]
    missing = [(view, one) for view in range(views) for one in designs if one.key not in held[view]]
    done = 0
    for view in range(views):
        wanted = [one for at, one in missing if at == view]
        for at in range(0, len(wanted), CHUNK):
            part = wanted[at : at + CHUNK]
            keys = [one.key for one in part]
            rows = _rows(part, model, view, seed, backdrops)
            content = io.BytesIO()
            np.savez(content, keys=np.array(keys), rows=rows)
            name = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
            write_whole(folder / f"{model.fingerprint}-{seed}-{view}-{name}.npz", content.getvalue(), cure=HERE)
            held[view] |= dict(zip(keys, rows, strict=True))
            done += len(part)
            if progress:
                progress(done, len(missing))
    return np.stack([np.stack([one[design.key] for design in designs]) for one in held], axis=1)


def _kept(folder: Path, start: str) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for file in sorted(folder.glob(f"{start}-*.npz")):
        with np.load(file, allow_pickle=False) as part:
            found |= dict(zip(part["keys"].tolist(), part["rows"], strict=True))
    return found


def _rows(part: Sequence[Design], model: Embedder, view: int, seed: int, backdrops: Sequence[Any]) -> Rows:
    cv2.setNumThreads(0)
    pins = []
    for design in part:
        rng = np.random.default_rng((seed, view, int(design.key[:12], 16)))
        sprite = render.lit(render.strike(design.read(), rng, SPRITE), rng)
        pins.append(augment.photo_and_pin(sprite, rng, PHOTO, backdrops)[1])
    return model.embed(pins).astype(np.float16)
