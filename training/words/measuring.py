"""How well words find pins whose drawings nothing was trained on.

A query is the name of a held-out drawing in one language, the gallery the pins struck from held-out drawings, one each:
all of them, and parts of it of a set size that always hold the right ones. Right is any pin whose drawing has the name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from recognizer.search.text_tower import TextTower
from training.words.names import LANGUAGES, Said

WITHIN: Final = 5
SIZES: Final = (200, 1000)
QUERIES: Final = 200


def measured(
    tower: TextTower, rows: NDArray[np.float16], said: Sequence[Said], packages: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """Return, by package and language, how often the right pin is within the first five of `QUERIES` names.

    `rows` (drawings, dim) are of the held-out drawings' pins, in the order of `said` and `packages`.
    """
    found: dict[str, Any] = {}
    gallery = rows.astype(np.float32)
    groups = {"all": np.arange(len(rows))} | {
        name: np.flatnonzero(np.array(packages) == name) for name in set(packages)
    }
    for name, of in sorted(groups.items()):
        for language in LANGUAGES:
            owners: dict[str, list[int]] = defaultdict(list)
            for at in of:
                if language in said[int(at)].texts:
                    owners[said[int(at)].texts[language][0].casefold()].append(int(at))
            if len(owners) < 20:  # too few to say anything
                continue
            rng = np.random.default_rng((seed, 7))
            texts = sorted(owners)
            texts = [texts[int(at)] for at in rng.permutation(len(texts))[:QUERIES]]
            with torch.inference_mode():
                asked = tower(texts).numpy()
            figures = {"queries": len(texts), f"of {len(of)}": _share(asked, texts, owners, gallery, of)}
            for size in SIZES:
                if size < len(of):
                    part = [rng.choice(of, size, replace=False) for _ in texts]
                    figures[f"of {size}"] = _share(asked, texts, owners, gallery, part)
            found.setdefault(name, {})[language] = figures
    return found


def _share(
    asked: NDArray[Any], texts: Sequence[str], owners: dict[str, list[int]], gallery: NDArray[Any], parts: Any
) -> float:
    hits = 0
    for at, text in enumerate(texts):
        right = np.array(owners[text])
        others = np.setdiff1d(parts[at] if isinstance(parts, list) else parts, right)
        best = float((gallery[right] @ asked[at]).max())
        hits += int((gallery[others] @ asked[at] >= best).sum()) < WITHIN
    return round(hits / len(texts), 3)
