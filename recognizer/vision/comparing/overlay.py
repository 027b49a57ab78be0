"""Silhouettes: how alike crop and catalogue photo look once the outline of one pin is laid over that of the other.

For pins on which keypoints do not agree: bare relief, glitter, a photo that is small, blurred or behind a mirroring
bag. Both pins are brought to one place and one area; the crop is turned step by step, each view being compared with all
candidates at once; then the best candidates are aligned more closely, by affine transforms that maximise the
correlation of light, or of edges, and outline together (ECC, Evangelidis and Psarakis 2008, from OpenCV). What counts
then is mostly where edges run which way, whichever side of them is bright: metal on a dark car and on a bright one, or
under another light, has its drawing in common and little else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Hit, Reference, UInt8Image
from recognizer.vision.comparing.alignment import correlation

SIDE: Final = 64
"""Pixels of the frame in which pins are compared."""

STEP: Final = 10
"""Degrees between two views of the crop."""

CLOSER: Final = 8
"""Candidates that are aligned more closely: those that look most alike and are most similar to the embedder."""

_FILLS: Final = 0.55  # of the frame's side: the square root of the pin's area there
_FEWEST: Final = 150  # pixels of the frame that say anything of light and colour
_LOOKS: Final = ((slice(0, 1), 1e-3), (slice(1, 3), 4.0), (slice(3, 4), 1e-4))
"""Channels of luminance, colour and edges, and the variance of noise in them, lest two plain pictures correlate."""

_WAYS: Final = 8  # directions of edges, over half a turn
_WEAK: Final = 0.3  # length of a place's directions under which it has none to speak of

_GRAIN: Final = 4.0  # levels a pixel: edges weaker than that are none, and far stronger ones not much stronger
_TURNS: Final = 30  # of ECC
_MOST_PREPARED: Final = 512  # of a quarter of a megabyte each
_STRETCH: Final = 2.5  # of the pin's area: more is a transform that went astray


@dataclass(frozen=True, slots=True)
class Silhouette:
    """A pin in its frame.

    `look` (SIDE, SIDE, 4) float32 is L, a, b and the logarithm of how steep L is, which keeps the drawing where light
    turns dark metal bright; `cover` (SIDE, SIDE) float32 is 1 inside the outline's hull.
    """

    look: Float32
    cover: Float32

    def turned(self, degrees: float) -> Silhouette:
        """Return the pin turned about the middle of the frame, counter-clockwise."""
        return Silhouette(*(_warped(one, _turn(degrees)) for one in (self.look, self.cover)))


def silhouette(image: UInt8Image, outline: Float32 | None) -> Silhouette | None:
    """Return the pin of a picture (h, w, 3) with its contour (n, 2) in it, all of the picture where that is None.

    None where the contour holds nothing.
    """
    height, width = image.shape[:2]
    if outline is None:
        outline = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    hull = np.asarray(cv2.convexHull(outline.astype(np.float32)), np.float32)
    sums = cv2.moments(hull)
    if sums["m00"] < 1:
        return None
    scale = SIDE * _FILLS / float(np.sqrt(sums["m00"]))
    middle = np.array([sums["m10"], sums["m01"]]) / sums["m00"]
    place = np.column_stack([np.eye(2) * scale, SIDE / 2 - scale * middle])
    if scale < 0.6:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)  # a plain warp would alias
    small = cv2.GaussianBlur(cv2.warpAffine(image, place, (SIDE, SIDE)), (0, 0), 0.8)
    cover = np.zeros((SIDE, SIDE), np.uint8)
    corners = (hull[:, 0] @ place[:, :2].T + place[:, 2]) * 16  # fillConvexPoly counts in sixteenths of a pixel
    cv2.fillConvexPoly(cover, np.round(corners).astype(np.int32), 255, cv2.LINE_AA, 4)
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)
    light = cv2.GaussianBlur(lab[:, :, 0], (0, 0), 0.8)
    steep = cv2.magnitude(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    edges = np.log(cv2.GaussianBlur(steep, (0, 0), 1.0) + _GRAIN)
    return Silhouette(np.asarray(np.dstack([lab, edges]), np.float32), cover.astype(np.float32) / np.float32(255))


def compared(
    image: UInt8Image, outline: Float32 | None, hits: Sequence[Hit], references: Sequence[Reference]
) -> list[Hit]:
    """Return the hits with `silhouette`, in their order.

    `image` is the crop (h, w, 3), `outline` (n, 2) the pin's contour in it; `references` belong to `hits` one by one.
    """
    query = silhouette(image, outline)
    found = [_of_reference(reference) for reference in references]
    held = [(at, one) for at, one in enumerate(found) if one is not None]
    if query is None or not held:
        return list(hits)
    known = np.array([hits[at].similarity for at, _ in held])
    alike = _likeness(query, [one for _, one in held], known).tolist()
    likeness = {at: value for (at, _), value in zip(held, alike, strict=True)}
    return [replace(hit, silhouette=likeness.get(at, 0.0)) for at, hit in enumerate(hits)]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A catalogue photo's silhouette and its `_rows`."""

    pin: Silhouette
    rows: tuple[Float32, ...]


_PREPARED: Final[WeakKeyDictionary[Reference, _Prepared]] = WeakKeyDictionary()
"""What was compared of late: the pins of a lot have many candidates in common."""


def _of_reference(reference: Reference) -> _Prepared | None:
    """The silhouette of a catalogue photo, made once while the index holds the photo; None of an empty outline."""
    held = _PREPARED.get(reference)
    if held is not None:
        return held
    pin = silhouette(reference.thumbnail, _in_thumbnail(reference))
    if pin is None:
        return None
    if len(_PREPARED) >= _MOST_PREPARED:
        _PREPARED.clear()
    made = _Prepared(pin, _rows(pin))
    _PREPARED[reference] = made
    return made


def _in_thumbnail(reference: Reference) -> Float32 | None:
    """The outline of a catalogue photo's pin in pixels of its thumbnail."""
    if reference.outline is None:
        return None
    moved = (reference.outline - np.asarray(reference.corner, np.float32)) * np.float32(reference.factor)
    return np.asarray(moved, np.float32)


def _likeness(query: Silhouette, others: Sequence[_Prepared], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """How alike the others (n,) look at their best, 0 to 1; `known` (n,) is what the embedder says of them.

    See `_alike`. Of the 203 photos of `emblems/` on which no keypoints agree it alone names 179 right; by luminance,
    colour, edges and outline, and aligned by luminance alone, it was 148.
    """
    angles = np.arange(0, 360, STEP)
    views = [_rows(query.turned(float(angle))) for angle in angles]
    rows = [other.rows for other in others]
    *looks, cover = (
        np.stack(v) @ np.stack(r).T for v, r in zip(zip(*views, strict=True), zip(*rows, strict=True), strict=True)
    )
    areas = [np.array([pin[-1].sum() for pin in pins]) for pins in (views, rows)]
    union = cover / (areas[0][:, None] + areas[1] - cover)
    tables = (sum(looks) + 2 * union) / (len(looks) + 2), (2 * looks[-1] + union) / 3  # all, and whatever the light
    best = np.zeros(len(others))
    order = np.argsort(-(tables[0].max(axis=0) + known), kind="stable")
    ways = _ways(query.look[:, :, 0])
    for rank, at in enumerate(order):
        turns = [float(angles[table[:, at].argmax()]) for table in tables]
        other = others[at].pin
        placed = _closer(query, other, [_turn(turn) for turn in turns]) if rank < CLOSER else []
        best[at] = max(_alike(query, ways, other, place) for place in placed or map(_turn, dict.fromkeys(turns)))
    return best


def _alike(query: Silhouette, ways: Float32, other: Silhouette, place: NDArray[np.float64]) -> float:
    """How alike two pins look, 0 to 1, once `place` (2, 3) has brought the query's places to those of the other.

    The mean of the correlations of luminance, half as much where bright is dark, of colour and of edges, and twice each
    of the outlines' intersection over union and of the directions in which edges run, `ways` for the query.
    """
    back = cv2.invertAffineTransform(place)
    look, cover = (_warped(one, back) for one in (other.look, other.cover))
    both = np.flatnonzero((cover > 0.5) & (query.cover > 0.5))
    if len(both) < _FEWEST:
        return 0.0
    union = float(np.minimum(cover, query.cover).sum() / np.maximum(cover, query.cover).sum())
    one, another = (seen.reshape(SIDE * SIDE, -1)[both] for seen in (query.look, look))
    light, colour, edges = (correlation(one[:, part], another[:, part], noise) for part, noise in _LOOKS)
    here, there = (seen.reshape(SIDE * SIDE, -1)[both] for seen in (ways, _ways(look[:, :, 0])))
    way = correlation(here, there, _LOOKS[2][1])
    return max(0.0, (max(light, -light / 2) + colour + edges + 2 * union + 2 * way) / 7)


def _ways(light: Float32) -> Float32:
    """How strongly edges run in each direction around each place, (h, w, _WAYS), their lengths made even.

    Histograms of oriented gradients (Dalal and Triggs 2005), of directions without sign, in a Gaussian window.
    """
    strength, way = cv2.cartToPolar(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    strength = np.log1p(strength.ravel() / 8)
    way = way.ravel() * (_WAYS / np.pi)
    lower = way.astype(np.int32)
    upper = strength * (way - lower)
    each = np.arange(light.size)
    shares = np.zeros((light.size, _WAYS), np.float32)
    shares[each, lower % _WAYS] = strength - upper
    shares[each, (lower + 1) % _WAYS] = upper
    found = cv2.GaussianBlur(shares.reshape(*light.shape, _WAYS), (0, 0), 2.5)
    length = np.sqrt(np.einsum("ijk,ijk->ij", found, found))
    return np.asarray(found / (length[:, :, None] + _WEAK), np.float32)


def _rows(pin: Silhouette) -> tuple[Float32, ...]:
    """Luminance, colour and edges within the pin as rows of length 1, less their means, and its cover."""
    cover = pin.cover.ravel()
    look = pin.look.reshape(SIDE * SIDE, -1)
    area = max(float(cover.sum()), 1.0)
    level = (look - cover @ look / np.float32(area)) * cover[:, None]
    parts = [(level[:, channels].ravel(), noise) for channels, noise in _LOOKS]
    return (*(part / np.float32(np.sqrt(float(part @ part) + noise * area)) for part, noise in parts), cover)


def _closer(query: Silhouette, other: Silhouette, starts: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Where the other lies once aligned to the query from the two starts, by light and by edges; none that fails."""
    everywhere = np.ones((SIDE, SIDE), np.uint8)
    end = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, _TURNS, 1e-3)
    places = []
    for start, (channel, noise) in zip(starts, ((0, 1.0), (3, 0.1)), strict=True):
        one, another = (_lit(pin, channel, noise) for pin in (query, other))
        turn = np.asarray(start, np.float32)
        try:
            _, found = cv2.findTransformECC(one, another, turn, cv2.MOTION_AFFINE, end, everywhere, 5)
        except cv2.error:  # it does not converge
            continue
        place = np.asarray(found, np.float64)
        if 1 / _STRETCH < abs(float(np.linalg.det(place[:, :2]))) < _STRETCH:
            places.append(place)
    return places


def _warped(picture: Float32, transform: cv2.typing.MatLike) -> Float32:
    return np.asarray(cv2.warpAffine(picture, transform, (SIDE, SIDE)), np.float32)


def _turn(degrees: float) -> NDArray[np.float64]:
    return np.asarray(cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), degrees, 1.0), np.float64)


def _lit(pin: Silhouette, channel: int, noise: float) -> Float32:
    """What ECC aligns: luminance or edges, spread alike whatever the light, on a plateau in the shape of the pin."""
    seen = pin.look[:, :, channel]
    inside = seen[pin.cover > 0.5]
    spread = (seen - inside.mean()) / (inside.std() + noise) if len(inside) else seen * 0
    return np.asarray((40 * spread + 60) * pin.cover, np.float32)
