"""The manifest: what `index.json` says of an index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from recognizer.errors import IndexError_, IndexMismatch
from recognizer.search.similarity import REFERENCE, Scale

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `index.json` says: with what the index was made, from which photos, and where its files lie.

    `images` are (image_id, sha256), by image_id. `sums` has the sha256 of each of the two files, by name; nothing reads
    them but who looks for damage. `trained_on` is how many descriptors the IVF-PQ was trained on, 0 while exact.
    `scale` is that of the model's similarities. Of each photo the `keypoints` largest are numbered, 0 for all of them,
    and the `voting` largest of those are in the index.

    A large index may have a second, small part: `fresh` are the image_ids of its photos, in the two `fresh_` files, and
    `gone` those whose photos in the large part count no more; an id may be in both, where its photo became another one.
    Where FAISS has embeddings coded, `embeddings` is what they are kept under as they are, "" else.
    """

    model: str
    fingerprint: str
    settings: str
    generation: int
    dim: int
    images: tuple[tuple[int, str], ...]
    vectors: str
    descriptors: str
    sums: Mapping[str, str] = field(default_factory=dict)
    trained_on: int = 0
    keypoints: int = 0
    voting: int = 0
    fresh: tuple[int, ...] = ()
    fresh_vectors: str = ""
    fresh_descriptors: str = ""
    fresh_trained_on: int = 0
    gone: tuple[int, ...] = ()
    embeddings: str = ""
    scale: Scale = REFERENCE
    format: int = FORMAT

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its FAISS files: of the large part, then of the fresh one where there is one."""
        fresh = (self.fresh_vectors, self.fresh_descriptors) if self.fresh_vectors else ()
        return (self.vectors, self.descriptors, *fresh)

    def of_one_part(self) -> Manifest:
        """Return it without a second part, for an index whose photos are all in the first one."""
        return replace(self, fresh=(), fresh_vectors="", fresh_descriptors="", fresh_trained_on=0, gone=())

    @property
    def digest(self) -> str:
        """Name this index in 16 hexadecimal digits: another model, other settings or other photos give another name."""
        held = (self.fingerprint, self.settings, self.images)
        return hashlib.sha256(json.dumps(held).encode()).hexdigest()[:16]


def as_json(manifest: Manifest) -> str:
    """Return the text of `index.json`. Its `images` are two columns, from which a million photos are read twice as
    fast as from pairs."""
    about = {part.name: getattr(manifest, part.name) for part in fields(manifest)}
    image_ids, sums = zip(*manifest.images, strict=True) if manifest.images else ((), ())
    told = about | {"images": {"image_ids": image_ids, "sha256": sums}, "scale": asdict(manifest.scale)}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _images(told: Any) -> tuple[tuple[int, str], ...]:
    """The images of an `index.json`, which had them as pairs once."""
    pairs = zip(told["image_ids"], told["sha256"], strict=True) if isinstance(told, dict) else map(tuple, told)
    images = tuple(pairs)
    if not all(type(image_id) is int and type(sha256) is str for image_id, sha256 in images):
        raise ValueError("images are not numbers and sums")
    return images


def read_manifest(folder: Path) -> Manifest | None:
    """Return what `index.json` of a folder says, None when there is none; IndexError_ when it is damaged."""
    path = folder / "index.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IndexError_(f"{path}: not readable ({error}); run `znachki index --rebuild`") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise IndexMismatch(f"{path}: not of format {FORMAT}; run `znachki index --rebuild`")
    try:
        images = _images(about.pop("images"))
        scale = Scale(**{name: float(value) for name, value in about.pop("scale", asdict(REFERENCE)).items()})
        fresh, gone = (tuple(map(int, about.pop(name, ()))) for name in ("fresh", "gone"))
        return Manifest(images=images, scale=scale, fresh=fresh, gone=gone, **about)
    except (KeyError, TypeError, ValueError) as error:
        raise IndexError_(f"{path}: incomplete ({error}); run `znachki index --rebuild`") from error
