"""Finds the outline of every pin on a photo, whatever it lies on.

A light network (EfficientNet-Lite0 under a small feature pyramid, Lin et al. 2017) says for each 4 x 4 pixels whether a
pin is there, whether an outline runs through, and how near the middle of its pin the place is: 1 in the middle, falling
to 0 at the rim of the ellipse that has the pin's second moments. Middles part touching pins; a flood from them, level
by level (Meyer 1994), gives each the pixels around it. The photo is looked at small first and, when its pins turn out
small, once more and larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.networks import loading, weights
from recognizer.networks.form import OUTLINES
from recognizer.networks.loading import Looks
from recognizer.types import Box, Float32, Mask, UInt8Image
from recognizer.vision.margins import picture_within

SHIPPED = weights.SHIPPED / "outlines"
SHIPPED_CLOSER = SHIPPED.with_name("outlines-closer")
"""The network of the closer looks: the first one's weights trained on, with full boards. Photos of one pin, and with
them the crops that an index is made of, depend on the first alone."""
FIRST_SIDE = OUTLINES.size  # pixels of the first look; the size that the network was trained at
PIN_SIDE = 90  # pixels of a middling pin in the second look
CLOSER = 1.4  # times larger must a closer look be to be worth it
LOOKS = 3  # after the first
GROUND, NEARER = 0.15, 1.1
"""Ground that a nearer look sees around all that was found, as a share of its side, and how many times nearer it must
be to be worth it. Where the white margins of half the sides around `boards/` were not known as such it found .87 of the
places, .51 were found without; a ground of .05 found .89, but three more of 70 photos of one pin with such a margin
fell into parts."""
CROWDED = 0.65
"""Mean of the map of outlines over all that is pin or outline in the first look, from which many pins are too small for
it. Photos of one pin have .11 to .62 (116 of `pins/`, 55 of `emblems/`), drawn lots of 60 to 250 pins .66 to .79."""
EMPTY = 0.5  # the same where no pin at all was found
FARTHER = 2.0  # times larger is the next look at a crowd without a pin, or at what may be a blob of many pins
BLOB = 0.5  # of all that is found: one region that large is a blob of many pins where a closer look finds small ones
LARGER, SURE, SMOOTH, WHOLE, MOST_WITHIN = 4.0, 0.8, 0.3, 0.93, 2
"""What is left of an earlier look as one large pin, see `with_larger`: times the middling area, least score, most of
the map of outlines, least share of its hull (large pins had .97 and .25 at most, heaps .88 and .35), pins within it."""
GRID = 1000.0  # steps of a photo's side in which contours are compared
PIECE = 0.2  # of the blob: pins that small
PART = 0.4
"""The same where several pins were found: these were blobs of a few pins each if most are that much smaller in a closer
look. On `boards/` .97 of the places were found with .35 and .93 without, amid a white margin .82 and .74; .6 and .8 did
as much, but broke large pins of many cells, on one of 16 lots of 2 to 8 cut-out pins."""
LARGEST = 1.5  # times the photo's own size: enlarged, small pins are parted better
LOOKED_AT = 40_000_000  # pixels of the largest look: some 3000 pins side by side
TILE, OVERLAP = 1280, 160  # pixels of a look that is worked at once, and of what a tile sees around it
DEPTH = 0.2  # of the valley between two pins, see `labelled`
CLOSER_DEPTH = 0.32
"""The same in the second look, where the inside of a pin has valleys too. Composed lots like up to 0.44. On real photos
more leaves fewer pins in pieces and more touching ones together: 0.28 and 0.44 gave, with an earlier mean of weights,
an F1 of .911 and .964 for lots of cut-out pins, and found .891 and .706 of the places on `boards/`."""
SMALL_DEPTH = 0.45
"""The same for neighbours that together are no larger than a middling pin of the lot: these are rather pieces of one.
On drawn lots F1 at an IoU of .7 rose from .835 to .852, on lots of cut-out pins from .936 to .966; of the 119 places on
`boards/` one fewer was found by outlines alone. 0.6 gave .870, .970, and three places fewer."""
RIM, RIM_CELLS = 0.3, 2
"""What the network must say of a place to be the rim of the pin beside it, and how far from the surer part, in cells.
It is less sure of real rims than of drawn ones: the places of .5 and more are .96 of the area of cut-out pins, and
those of .3 and more all of it, in either half of the pins (mean IoU .92 and .94); of drawn pins 1.01 and 1.06."""
BESIDE = 0.8
"""Of the middling score in a closer look: what scores less is the ground that pins enclose."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One pin on a photo.

    `contour` (n, 2) float32 is its closed outline, x, y in pixels of the photo; `box` the upright box around it;
    `rectangle` (4, 2) float32 the corners of the smallest turned rectangle around it, clockwise; `score` 0 to 1.
    `lined` is how much of it, 0 to 1, the network takes for outlines.
    """

    contour: Float32
    box: Box
    rectangle: Float32
    score: float
    lined: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the network says of a photo, or of the `part` of it that was looked at by itself: `maps` (3, h, w)."""

    maps: Float32
    part: Box

    @property
    def scale(self) -> float:
        """How large a pixel of the photo was in the look."""
        return FIRST_SIDE / max(self.part.width, self.part.height)

    def of(self, image: UInt8Image) -> UInt8Image:
        """Return the part of its photo (h, w, 3) that was looked at."""
        return image[self.part.top : self.part.bottom, self.part.left : self.part.right]


class Boxed(Protocol):
    """What has a place on a photo."""

    @property
    def box(self) -> Box:
        """The upright box around it."""


Placed = TypeVar("Placed", bound=Boxed)


class Outliner:
    """Finds pins with a trained network; make one with `load` and use it for many photos."""

    def __init__(self, network: Looks, card: dict[str, Any], closer: Looks | None = None) -> None:
        """`network` takes the first look, `closer` all others; the first one does both where there is none."""
        self.network = network
        self.closer = closer or network
        self.card = card

    @classmethod
    def load(cls, folder: Path | None = None, closer: Path | None = None) -> Outliner:
        """Load the shipped networks, or those in `folder` and `closer` (weights.safetensors and model.json each).

        With `folder` alone its network takes all looks. Raises ModelError when a folder has none or its weights are of
        another network.
        """
        if folder is None:
            folder, closer = SHIPPED, closer or SHIPPED_CLOSER
        near = None if closer is None else loading.outlines(closer)
        return cls(loading.outlines(folder), weights.card(folder), near)

    def find(
        self,
        image: UInt8Image,
        first: Look | None = None,
        pin: float | None = None,
        larger: Callable[[float], UInt8Image] | None = None,
        full: float = 1.0,
    ) -> list[Outline]:
        """Return the outlines of the pins on an RGB photo (h, w, 3), in reading order; empty where there is none.

        The photo is looked at again, larger, as long as what is found gets smaller or is nothing but outlines, so that
        the scale is that of the pins and not of the blobs that many small ones are from afar. `first` is that of
        `nearer_look`, where it is at hand. Where it is known how long a middling pin is, `pin` in pixels, the looks
        begin at the scale for that. `larger` gives the photo so many times as large, up to `full` times, for looks at
        more than its size.
        """
        most = min(LARGEST * full, float(np.sqrt(LOOKED_AT / (image.shape[0] * image.shape[1]))))

        picture = picture_within(image)

        def closely(scale: float) -> tuple[list[Region], bool]:
            shown = larger(scale) if larger is not None and min(scale, full) > 1 else image
            factor = shown.shape[1] / image.shape[1]
            left, top, right, bottom = (round(side * factor) for side in astuple(picture))
            seen = self.maps(shown[top:bottom, left:right], scale / factor, self.closer)
            found = regions(seen, depth=CLOSER_DEPTH, small=SMALL_DEPTH)
            return [region.within(picture, image.shape) for region in found], crowded(seen)

        if pin is None:
            first = self.nearer_look(image, self.first_look(image)) if first is None else first
            scale = first.scale
            found = [region.within(first.part, image.shape) for region in regions(first.maps)]
            crowd = crowded(first.maps, CROWDED if found else EMPTY)
        else:
            scale = min(PIN_SIDE / pin, most)
            found, crowd = closely(scale)
        seen = []
        for look in range(LOOKS):
            # maps are at half scale
            nearer = PIN_SIDE / (2 * float(np.sqrt(typical_area(found)))) if found else 1.0
            parts = float("inf")  # of what was found, which is to fall into parts that small
            if nearer <= CLOSER:
                if look == 0 and pin is None and found:
                    parts = PIECE if _is_blob(found) else PART
                elif not crowd:
                    break
                nearer = FARTHER
            # the picture is not read at its full size on trial
            wanted = min(scale * nearer, most if parts > 1 else min(most, 1.0))
            if wanted <= CLOSER * scale:
                break
            closer, crowd = closely(wanted)
            if not closer and (not crowd or parts < 1):
                break
            if parts < 1 and typical_area(closer) > parts * typical_area(found) * (wanted / scale) ** 2:
                break
            seen += found
            found, scale = closer, wanted
        found = with_larger(found, seen)
        return reading_order([_outline(region, image.shape[:2]) for region in found])

    def first_look(self, image: UInt8Image) -> Look:
        """Look at the whole photo (h, w, 3) at the size that the network was trained at."""
        return self._look(image, Box(0, 0, image.shape[1], image.shape[0]))

    def nearer_look(self, image: UInt8Image, first: Look) -> Look:
        """Return the look at all that was found in the first one, with some ground around; the first one where that
        fills the photo.

        Thus a board that hangs on a wall is looked at as one that fills its photo. A plain margin around the photo is
        none of it.
        """
        picture = picture_within(image)
        if NEARER * max(picture.width, picture.height) <= max(image.shape[:2]):
            first = self._look(image, picture)
        found = regions(first.maps)
        if not found:
            return first
        part = first.part
        places = np.concatenate([region.within(part, image.shape).contour for region in found]) * image.shape[1::-1]
        low, high = places.min(axis=0), places.max(axis=0)
        ground = GROUND * float((high - low).max())
        left, top = np.maximum(low - ground, (part.left, part.top)).astype(int).tolist()
        right, bottom = np.minimum(high + ground + 1, (part.right, part.bottom)).astype(int).tolist()
        near = Box(left, top, right, bottom)
        if NEARER * max(near.width, near.height) > max(part.width, part.height):
            return first
        return self._look(image, near)

    def _look(self, image: UInt8Image, part: Box) -> Look:
        shown = image[part.top : part.bottom, part.left : part.right]
        return Look(self.maps(shown, FIRST_SIDE / max(shown.shape[:2])), part)

    def maps(self, image: UInt8Image, scale: float, network: Looks | None = None) -> Float32:
        """Return pin, outline and middle as (3, h, w) float32 of 0 to 1 at half of `scale`, padding cut off,
        as the network of the first look sees them or the one given.

        What is larger than TILE pixels is worked in tiles that see OVERLAP pixels beyond their own part on every side,
        so that memory stays level and no seam shows.
        """
        height, width = (max(8, round(side * scale)) for side in image.shape[:2])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small: UInt8Image = np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)
        if height * width <= TILE**2:
            return _looked(network or self.network, small)
        out = np.empty((3, -(-height // 2), -(-width // 2)), np.float32)
        for top, bottom in _spans(height):
            for left, right in _spans(width):
                y, x = max(0, top - OVERLAP), max(0, left - OVERLAP)
                seen = _looked(network or self.network, small[y : bottom + OVERLAP, x : right + OVERLAP])
                own = seen[:, (top - y) // 2 :, (left - x) // 2 :]
                part = out[:, top // 2 : -(-bottom // 2), left // 2 : -(-right // 2)]
                part[:] = own[:, : part.shape[1], : part.shape[2]]
        return out


def _looked(network: Looks, small: UInt8Image) -> Float32:
    """The maps (3, h/2, w/2) of a picture (h, w, 3) or a part of one, as large as it is to be looked at."""
    height, width = small.shape[:2]
    padded = cv2.copyMakeBorder(small, 0, -height % 32, 0, -width % 32, cv2.BORDER_REFLECT_101)
    return network(np.asarray(padded, np.uint8))[:, : -(-height // 2), : -(-width // 2)]


def _spans(length: int) -> list[tuple[int, int]]:
    """Part a side of so many pixels into equal tiles that begin at multiples of 32, as the network's cells do."""
    step = -(-length // -(-length // TILE) // 32) * 32
    return [(start, min(start + step, length)) for start in range(0, length, step)]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One pin in the maps: its `contour` as shares of the maps' width and height, `score`, the `area` in cells of its
    surer part, without the rim, and how much of that is `lined`, the mean of the map of outlines."""

    contour: NDArray[np.float64]
    area: float
    score: float
    lined: float = 0.0

    def within(self, part: Box, shape: Sequence[int]) -> Region:
        """Return the region of a part's maps as one of the whole photo's, of `shape` (h, w)."""
        corner, size = (part.left, part.top), (part.width, part.height)
        return replace(self, contour=(self.contour * size + corner) / (shape[1], shape[0]))


def crowded(maps: Float32, least: float = CROWDED) -> bool:
    """Whether the maps (3, h, w) of a look are full of outlines, as those of many pins too small for it are."""
    shown = np.maximum(maps[0], maps[1]) > 0.5
    return bool(shown.any()) and float(maps[1][shown].mean()) >= least


def with_larger(found: list[Region], seen: Sequence[Region]) -> list[Region]:
    """Return the pins of the last look, those among them that are too large for its scale as `seen` in earlier ones.

    Such a pin is several times as large as the middling one, smooth and whole; what is full of outlines, ragged, or has
    pins on it in the closer look is a heap, or what carries the pins.
    """
    if len(found) < 2:
        return found
    middling = float(np.median([_extent(one) for one in found]))
    large = [one for one in seen if _extent(one) > LARGER * middling and one.score > SURE and one.lined < SMOOTH]
    for one in sorted(large, key=lambda one: -one.score):
        contour = (one.contour * GRID).astype(np.float32)
        if cv2.contourArea(contour) < WHOLE * cv2.contourArea(cv2.convexHull(contour)):
            continue
        inside = [
            cv2.pointPolygonTest(contour, (GRID * other.contour.mean(axis=0)).tolist(), False) > 0 for other in found
        ]
        within = [other for other, held in zip(found, inside, strict=True) if held]
        pins = [other for other in within if other.score > SURE and _extent(other) < 0.5 * _extent(one)]
        if len(pins) > MOST_WITHIN or any(_extent(other) >= 0.5 * _extent(one) for other in within):
            continue
        found = [other for other, held in zip(found, inside, strict=True) if not held] + [one]
    return found


def _extent(region: Region) -> float:
    """The area within a region's contour, as a share of the photo."""
    return float(cv2.contourArea(region.contour.astype(np.float32)))


def _is_blob(found: Sequence[Region]) -> bool:
    areas = [region.area for region in found]
    return bool(areas) and max(areas) >= BLOB * sum(areas)


def labelled(maps: Float32, pin: float = 0.5, depth: float = DEPTH) -> NDArray[np.int32]:
    """Part the maps (3, h, w) into pins: (h, w) int32, 0 for ground.

    Two middles are two pins when the valley between them is at least `depth` below the lower one. On 60 composed
    scenes, 0.12 gave an F1 of .81 for lots and .69 for single pins, 0.2 gave .85 and .88, 0.3 gave .80 and .92.
    """
    solid = maps[0] > pin
    inner = _inner(maps)
    return flooded(middles(inner, solid, depth), inner, solid)


def _inner(maps: Float32) -> Float32:
    """How far inside a pin every place of the maps (3, h, w) is, (h, w): the middle, less where an outline runs."""
    return np.asarray(cv2.GaussianBlur(maps[2] * (1 - 0.5 * maps[1]), (0, 0), 1.5), np.float32)


def middles(height: Float32, solid: Mask, depth: float) -> NDArray[np.uint16]:
    """Mark the tops of `height` (h, w) within `solid`: (h, w) uint16, one number each, at least one a solid part.

    A part is split where, some level up, two or more of what is left of it rise by `depth` or more above that level.
    """
    parts, markers = cv2.connectedComponents(solid.astype(np.uint8))
    markers = np.asarray(markers, np.int32)
    following = parts
    for level in np.arange(0.05, 1.0, 0.05):
        above = solid & (height > level)
        count, pieces = cv2.connectedComponents(above.astype(np.uint8))
        if count < 2:
            break
        peaks = np.zeros(count, np.float32)
        np.maximum.at(peaks, np.asarray(pieces, np.int64)[above], height[above])
        parents = np.zeros(count, np.int64)
        parents[pieces[above]] = markers[above]
        high = peaks >= level + depth
        high[0] = False
        heirs = np.bincount(parents[high], minlength=following)
        splitting = high & (heirs[parents] > 1) & (parents > 0)
        if splitting.any():
            renamed = np.zeros(count, np.int32)
            renamed[splitting] = np.arange(following, following + int(splitting.sum()))
            following += int(splitting.sum())
            markers[np.isin(markers, np.unique(parents[splitting]))] = 0
            taken = renamed[pieces] > 0
            markers[taken] = renamed[pieces][taken]
    return np.asarray(markers, np.uint16)


def flooded(markers: NDArray[np.uint16], height: Float32, solid: Mask) -> NDArray[np.int32]:
    """Grow the markers (h, w) downhill over `height`, 0 to 1, until they meet or fill `solid`.

    Every level is filled before the next lower one is, so that two pins meet in the valley between them. OpenCV's own
    watershed goes by the difference of neighbours, not by height, and does not keep to the valley.
    """
    cross = np.ones((3, 3), np.uint8)
    labels = markers.copy()
    for level in (*np.linspace(0.45, 0.05, 9), -1.0):
        free = solid & (height > level) & (labels == 0)
        while free.any():
            grown = np.asarray(cv2.dilate(labels, cross), np.uint16)
            new = free & (grown > 0)
            if not new.any():
                break
            labels[new] = grown[new]
            free &= ~new
    return labels.astype(np.int32)


def rejoined(labels: NDArray[np.int32], height: Float32, depth: float) -> NDArray[np.int32]:
    """Join neighbours among `labels` (h, w) that together are no larger than a middling pin, the shallowest valley in
    `height` (h, w) first, as long as it is less than `depth` below the lower of their tops."""
    areas = np.bincount(labels.ravel()).astype(np.float64)
    areas[0] = 0
    if len(areas) < 4:  # of two pins none is middling
        return labels
    most = _typical(areas)
    tops = np.zeros(len(areas), np.float32)
    np.maximum.at(tops, labels.ravel(), height.ravel())
    passes = np.zeros((len(areas), len(areas)), np.float32)
    for here, there in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        one, other = labels[here], labels[there]
        seam = (one != other) & (one > 0) & (other > 0)
        np.maximum.at(passes, (one[seam], other[seam]), np.minimum(height[here][seam], height[there][seam]))
    passes = np.maximum(passes, passes.T)
    heir = np.arange(len(areas))
    while True:
        valleys = np.minimum(tops[:, None], tops) - passes
        valleys[(passes == 0) | (areas[:, None] + areas > most)] = np.inf
        first, second = divmod(int(valleys.argmin()), len(areas))
        if valleys[first, second] >= depth:
            return np.asarray(heir[labels], np.int32)
        heir[heir == second] = first
        areas[first] += areas[second]
        tops[first] = max(tops[first], tops[second])
        passes[first] = passes[:, first] = np.maximum(passes[first], passes[second])
        passes[second] = passes[:, second] = passes[first, first] = 0


def regions(maps: Float32, least: float = 0.6, depth: float = DEPTH, small: float | None = None) -> list[Region]:
    """Return the pins in the maps; specks, and regions with a score under `least`, are left out.

    `small` is the depth of the valley that parts neighbours which together are no larger than a middling pin.
    """
    labels = labelled(maps, depth=depth)
    if small is not None:
        labels = rejoined(labels, _inner(maps), small)
    whole = _with_rim(labels, maps)
    height, width = labels.shape
    found = []
    for (rows, columns), (around, across) in zip(_cells(labels), _cells(whole), strict=True):
        if len(rows) < 30:
            continue
        area = float(len(rows))
        middle = float(np.partition(maps[2][rows, columns], -max(1, len(rows) // 20))[-max(1, len(rows) // 20)])
        score = float(maps[0][rows, columns].mean()) * (0.5 + 0.5 * min(1.0, middle / 0.6))
        top, left = int(around.min()), int(across.min())
        piece: NDArray[Any] = np.zeros((int(around.max()) - top + 3, int(across.max()) - left + 3), np.uint8)
        piece[around - top + 1, across - left + 1] = 1
        # three times as large, because a contour runs through the centres of the outermost cells
        piece = cv2.resize(piece, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        contour = _smooth((max(contours, key=cv2.contourArea)[:, 0] + 0.5) / 3) + np.array((left - 1, top - 1))
        found.append(Region(contour / (width, height), area, score, float(maps[1][rows, columns].mean())))
    if not found:
        return []
    typical = typical_area(found)
    if small is not None:
        least = max(least, BESIDE * float(np.median([region.score for region in found])))
    return [region for region in found if region.score >= least and region.area > 0.08 * typical]


def _cells(labels: NDArray[np.int32]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns of the cells of every label 1... of (h, w), some of which may have none."""
    rows, columns = np.nonzero(labels)
    held = labels[rows, columns]
    order = np.argsort(held, kind="stable")
    ends = np.cumsum(np.bincount(held, minlength=int(labels.max()) + 1))[:-1]
    return list(zip(np.split(rows[order], ends)[1:], np.split(columns[order], ends)[1:], strict=True))


def _with_rim(labels: NDArray[np.int32], maps: Float32) -> NDArray[np.int32]:
    """Grow labels (h, w) over what may be their rims in the maps (3, h, w); two pins meet as in `flooded`."""
    reach = 2 * RIM_CELLS + 1
    solid = (labels > 0).astype(np.uint8)
    near = cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0
    return flooded(labels.astype(np.uint16), _inner(maps), (solid > 0) | (near & (maps[0] > RIM)))


def _smooth(contour: NDArray[np.float64], reach: float = 1.5) -> NDArray[np.float64]:
    """Take the steps of the cells out of a closed contour (n, 2), and the points that a straight line needs not."""
    steps = np.arange(-int(3 * reach), int(3 * reach) + 1)
    weights = np.exp(-0.5 * (steps / reach) ** 2)
    around = np.pad(contour, ((len(steps) // 2, len(steps) // 2), (0, 0)), mode="wrap")
    smooth = np.stack([np.convolve(around[:, axis], weights / weights.sum(), "valid") for axis in (0, 1)], axis=1)
    fewer = cv2.approxPolyDP(smooth.astype(np.float32)[:, None], 0.15, True)[:, 0].astype(np.float64)
    return fewer if len(fewer) >= 4 else smooth


def typical_area(found: list[Region]) -> float:
    """Return the area of the region that the middle of all found area lies in, so that scraps do not count."""
    return _typical(np.array([region.area for region in found]))


def _typical(areas: NDArray[np.float64]) -> float:
    ordered = np.sort(areas)
    return float(ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)])


def reading_order(outlines: Sequence[Placed]) -> list[Placed]:
    """Order by rows, then from left to right: a row takes what has its middle above the bottom of its first."""
    left_over = sorted(outlines, key=lambda outline: outline.box.top)
    ordered: list[Placed] = []
    while left_over:
        bottom = left_over[0].box.bottom
        in_row = [(one.box.top + one.box.bottom) / 2 <= bottom for one in left_over]
        in_row[0] = True
        row = [one for one, inside in zip(left_over, in_row, strict=True) if inside]
        ordered += sorted(row, key=lambda outline: outline.box.left)
        left_over = [one for one, inside in zip(left_over, in_row, strict=True) if not inside]
    return ordered


def _outline(region: Region, shape: tuple[int, ...]) -> Outline:
    height, width = shape[:2]
    contour = np.clip(region.contour * (width, height), 0, (width, height)).astype(np.float32)
    left, top = np.floor(contour.min(axis=0)).astype(int)
    right, bottom = np.ceil(contour.max(axis=0)).astype(int)
    box = Box(int(left), int(top), max(int(left) + 1, int(right)), max(int(top) + 1, int(bottom)))
    rectangle = cv2.boxPoints(cv2.minAreaRect(contour)).astype(np.float32)
    return Outline(contour, box, rectangle, min(1.0, region.score), region.lined)
