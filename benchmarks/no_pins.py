"""Asks 300 drawn photographs of things that are no pins, and counts what gets a match.

    python benchmarks/no_pins.py [--data DATA] [--photos FOLDER] [--json]

Coins, buttons, faces, pages of text, textures and empty tables, fifty each, with camera blur, noise and JPEG; and the
pictures of FOLDER, if one is given, every find on them counting as one. Without --data the drawn sample catalogue is
asked.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click
import cv2
import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from index.build import build
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.types import Photo, UInt8Image
from recognizer.vision.photos import list_photos, open_photo
from training.pictures.grounds import ground
from training.pictures.render import camera, font

EACH: Final = 50
SIDE: Final = 480


def coin(rng: np.random.Generator) -> UInt8Image:
    """A round piece of metal with a rim, a number and a wreath of strokes, lit from a side."""
    relief: UInt8Image = np.zeros((SIDE, SIDE), np.uint8)
    middle, radius = (SIDE // 2, SIDE // 2), int(SIDE * rng.uniform(0.25, 0.45))
    cv2.circle(relief, middle, radius, 128, -1, cv2.LINE_AA)
    cv2.circle(relief, middle, int(radius * 0.95), 255, int(radius * 0.06), cv2.LINE_AA)
    words = str(rng.choice(["1", "2", "5", "10", "20", "50", "1961", "1978"]))
    size = radius / 40
    (across, down), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_TRIPLEX, size, 4)
    start = (middle[0] - across // 2, middle[1] + down // 2)
    cv2.putText(relief, words, start, cv2.FONT_HERSHEY_TRIPLEX, size, 255, 4, cv2.LINE_AA)
    for turn in np.linspace(0, 2 * np.pi, int(rng.integers(12, 60))):
        way = np.array([np.cos(turn), np.sin(turn)])
        ends = [tuple(np.round(middle + way * radius * share).astype(int).tolist()) for share in (0.75, 0.85)]
        cv2.line(relief, ends[0], ends[1], 255, 3, cv2.LINE_AA)
    return _metal(rng, relief.astype(np.float32) / 255, relief > 0)


def button(rng: np.random.Generator) -> UInt8Image:
    """A round button with two or four holes."""
    middle, radius = (SIDE // 2, SIDE // 2), int(SIDE * rng.uniform(0.2, 0.45))
    out = ground(rng, SIDE, SIDE)
    shade = tuple(int(value) for value in rng.integers(20, 236, 3))
    cv2.circle(out, middle, radius, shade, -1, cv2.LINE_AA)
    cv2.circle(
        out, middle, int(radius * 0.8), tuple(int(0.8 * value) for value in shade), int(radius * 0.08), cv2.LINE_AA
    )
    holes = int(rng.choice([2, 4]))
    for turn in np.arange(holes) * 2 * np.pi / holes + rng.uniform(0, np.pi):
        place = (int(middle[0] + np.cos(turn) * radius * 0.25), int(middle[1] + np.sin(turn) * radius * 0.25))
        cv2.circle(out, place, int(radius * 0.1), (25, 20, 20), -1, cv2.LINE_AA)
    return out


def face(rng: np.random.Generator) -> UInt8Image:
    """A head with hair, eyes, nose and mouth before a ground."""
    out = ground(rng, SIDE, SIDE)
    skin = np.array([225, 180, 150]) * rng.uniform(0.4, 1.1)
    colour = tuple(int(min(255, value)) for value in skin)
    hair = tuple(int(value) for value in rng.integers(10, 120, 3))
    x, y, r = SIDE // 2, SIDE // 2, int(SIDE * rng.uniform(0.2, 0.35))
    cv2.ellipse(out, (x, y - r // 3), (int(r * 1.05), int(r * 1.2)), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(out, (x, y), (int(r * 0.85), int(r * 1.1)), 0, 0, 360, colour, -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.ellipse(
            out, (x + side * r // 3, y - r // 5), (r // 7, r // 12), 0, 0, 360, (250, 250, 250), -1, cv2.LINE_AA
        )
        cv2.circle(out, (x + side * r // 3, y - r // 5), r // 14, hair, -1, cv2.LINE_AA)
    dark = tuple(int(0.7 * value) for value in colour)
    cv2.line(out, (x, y - r // 8), (x - r // 10, y + r // 4), dark, 3, cv2.LINE_AA)
    cv2.ellipse(out, (x, y + r // 2), (r // 3, r // 8), 0, 10, 170, (150, 60, 70), 5, cv2.LINE_AA)
    return out


def text(rng: np.random.Generator) -> UInt8Image:
    """A page of words."""
    out: UInt8Image = np.full((SIDE, SIDE, 3), int(rng.integers(200, 256)), np.uint8)
    letters = list("АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯ   " if rng.random() < 0.5 else "ABCDEFGHIJKLMNOPQRSTUVWXYZ   ")
    size = int(rng.integers(14, 60))
    page = Image.fromarray(out)
    for top in range(10, SIDE - size, int(size * 1.4)):
        line = "".join(rng.choice(letters, int(2 * SIDE / size)))
        ImageDraw.Draw(page).text((10, top), line, fill=(30, 30, 30), font=font(size))
    return np.asarray(page)


def texture(rng: np.random.Generator) -> UInt8Image:
    """Cloth, wood, stone, paper: a ground and nothing on it."""
    return ground(rng, SIDE, SIDE)


def table(rng: np.random.Generator) -> UInt8Image:
    """An empty table before a wall."""
    out = ground(rng, SIDE, SIDE)
    edge = int(SIDE * rng.uniform(0.25, 0.6))
    out[:edge] = np.array(rng.integers(90, 250, 3), np.uint8)
    cv2.line(out, (0, edge), (SIDE, edge + int(rng.normal(0, 15))), (60, 50, 40), 4, cv2.LINE_AA)
    return out


KINDS: Final[dict[str, Callable[[np.random.Generator], UInt8Image]]] = {
    "coin": coin,
    "button": button,
    "face": face,
    "text": text,
    "texture": texture,
    "table": table,
}


def _metal(rng: np.random.Generator, height: np.ndarray, inside: np.ndarray) -> UInt8Image:
    smooth = cv2.GaussianBlur(height, (0, 0), 2)
    turn = rng.uniform(0, 2 * np.pi)
    light = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) * np.cos(turn) + cv2.Sobel(smooth, cv2.CV_32F, 0, 1) * np.sin(turn)
    tint = np.array(rng.choice([[190, 190, 195], [205, 175, 110], [180, 120, 80]], axis=0), np.float32)
    metal = np.clip(tint * (0.8 + 1.2 * light[:, :, None]), 0, 255)
    return np.where(inside[:, :, None], metal, ground(rng, SIDE, SIDE)).astype(np.uint8)


def photographs() -> Iterator[tuple[str, Photo]]:
    """Yield kind and photograph, the same every time."""
    for kind, draw in KINDS.items():
        for number in range(EACH):
            rng = np.random.default_rng([len(kind), *map(ord, kind[:2]), number])
            yield kind, Photo(camera(draw(rng).astype(np.float32), rng), "", f"{kind}-{number}")


@click.command(help=(__doc__ or "").split("\n")[0])
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="A data folder with an index.")
@click.option("--photos", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Further photographs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(data: Path | None, photos: Path | None, as_json: bool) -> None:
    """Ask all of them."""
    with tempfile.TemporaryDirectory() as made:
        if data is None:
            files = sample.write(Path(made) / "sample")
            data = Path(made) / "data"
            with Catalogue.open(data, create=True) as catalogue:
                import_csv(catalogue, files.catalogue)
            build(data)
        found: dict[str, Counter[str]] = {}
        with Recognizer.open(data) as recognizer:
            others = [(photos.name, open_photo(path)) for path in list_photos(photos)] if photos else []
            for kind, photo in tqdm([*photographs(), *others], disable=None):
                counts = found.setdefault(kind, Counter())
                counts.update(one.verdict.value for one in recognizer.identify([photo], k=1)[0])
    drawn = sum((found[kind] for kind in KINDS), Counter[str]())
    shares = {"drawn": drawn["match"] / max(1, drawn.total())} | {
        kind: counts["match"] / max(1, counts.total()) for kind, counts in found.items()
    }
    if as_json:
        click.echo(json.dumps({"match": shares, "verdicts": found}))
    else:
        for kind, counts in found.items():
            click.echo(f"{kind:10} {dict(counts)}")
        click.echo(f"match: {shares['drawn']:.3f} of {drawn.total()} finds on {EACH * len(KINDS)} drawn photographs")


if __name__ == "__main__":
    main()
