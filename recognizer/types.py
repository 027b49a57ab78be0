"""The nouns of znachki: what travels from a photo to a catalogue number.

Everything here is frozen and holds plain data; arrays are NumPy and are never written to after construction.
Colour is RGB, places are (x, y) in pixels from the top left, and of two scores the higher is the better one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

UInt8Image = NDArray[np.uint8]
Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Role(StrEnum):
    """What a catalogue photo shows of the pin."""

    FACE = "face"
    REVERSE = "reverse"
    CLASP = "clasp"
    MARK = "mark"


class Status(StrEnum):
    """Whether an entry is in use; merged and withdrawn entries keep their number and answer with it."""

    ACTIVE = "active"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"


class Verdict(StrEnum):
    """What znachki says of one pin on a photo."""

    MATCH = "match"
    FAMILY = "family"
    NEW_VARIANT = "new_variant"
    UNKNOWN = "unknown"
    NOT_A_PIN = "not_a_pin"


NAMED: Final = (Verdict.MATCH, Verdict.FAMILY, Verdict.NEW_VARIANT)
"""The verdicts under which the first entry is said to show the drawing of the pin, its variant sure or not."""


class Evidence(StrEnum):
    """Which evidence an answer rests on; one alone is for measuring."""

    BOTH = "both"
    EMBEDDER = "embedder"
    KEYPOINTS = "keypoints"


@dataclass(frozen=True, slots=True)
class Photo:
    """One decoded photo: upright, RGB, bounded in size.

    `image` is (height, width, 3) uint8; `sha256` is of the file's bytes, so that one file is one photo wherever it
    lies; `source` is the name to use in messages. Where the file holds a larger picture, `full` times as large,
    `encoded` are its bytes: small pins on it are read from there, see `photos.enlarged`.
    """

    image: UInt8Image
    sha256: str
    source: str
    encoded: bytes = field(default=b"", repr=False, compare=False)
    full: float = 1.0


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels of the upright photo, half open: right and bottom are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Local features of one picture.

    `places` (n, 2) float32 x, y in pixels of the picture that they were taken from; `scales` (n,) float32 diameters in
    the same pixels; `angles` (n,) float32 degrees, clockwise, 0 to 360; `descriptors` (n, 128) float32 unit rows.
    """

    places: Float32
    scales: Float32
    angles: Float32
    descriptors: Float32

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: NDArray[np.intp]) -> Keypoints:
        """Return the keypoints of these rows, in their order."""
        return Keypoints(self.places[rows], self.scales[rows], self.angles[rows], self.descriptors[rows])


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What an index says of descriptors: of each the nearest keypoints of catalogue photos, nearest first.

    `image_ids` (n, m) int64 and `numbers` (n, m) int64 name photo and keypoint, -1 where there are fewer; `weights`
    (n, m) float32 are their votes, see `index.Index.vote`. `generation` is that of the index, for another index may
    take its place meanwhile.
    """

    image_ids: NDArray[np.int64]
    numbers: NDArray[np.int64]
    weights: Float32
    generation: int

    def __len__(self) -> int:
        return len(self.image_ids)

    def take(self, rows: NDArray[np.intp]) -> Neighbours:
        """Return what is said of these rows, in their order."""
        return Neighbours(self.image_ids[rows], self.numbers[rows], self.weights[rows], self.generation)


@dataclass(frozen=True, slots=True)
class Crop:
    """One pin cut from a photo.

    `image` is (height, width, 3) uint8 of `box`; `outline` is the pin's closed contour, (n, 2) float32 of x, y in
    pixels of `image`, or None where the whole crop counts as pin. `photo` is the photo (height, width, 3) that shows
    this pin alone, None where it shows others too. `rectangle` is (4, 2) float32, the corners of the smallest turned
    rectangle around the outline, clockwise, in pixels of `image`; `score` says how sure it is that a pin is there.
    `keypoints`, in pixels of `image`, and what the index said of each, are there where the whole photo was searched.
    Pins of a lot are cut from its file's own larger picture: `image` then has `scale` pixels for each of the photo.
    `about` is how many pins it seems to hold, more than one for a heap that could not be parted. `back` is the crop of
    the same pin's back, where the picture shows both (see `vision.glued`); `further` are other photos of the pin, with
    their roles.
    """

    image: UInt8Image
    box: Box
    outline: Float32 | None = None
    photo: UInt8Image | None = None
    rectangle: Float32 | None = None
    score: float = 1.0
    keypoints: Keypoints | None = field(default=None, compare=False)
    neighbours: Neighbours | None = field(default=None, compare=False)
    scale: float = 1.0
    about: int = 1
    back: Crop | None = field(default=None, compare=False)
    further: tuple[tuple[Photo, Role], ...] = field(default=(), compare=False)

    @property
    def corner(self) -> Float32:
        """Where the top left of `image` lies on the picture that it was cut from, (2,) x, y in pixels of that."""
        return np.floor(np.array([self.box.left, self.box.top]) * self.scale).astype(np.float32)

    def on_photo(self, places: Float32) -> Float32:
        """Return places (n, 2) of x, y on `image` in pixels of the photo."""
        return np.asarray((places + self.corner) / np.float32(self.scale), np.float32)

    @property
    def whole(self) -> UInt8Image:
        """The most that may be looked at for this pin: its photo, or the crop where others are beside it."""
        return self.image if self.photo is None else self.photo


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Reference:
    """What the index keeps of a catalogue photo beside its embeddings.

    `keypoints` and `outline`, the pin's closed contour (n, 2) float32 or None, are in pixels of the photo; `thumbnail`
    (h, w, 3) uint8 is the pin's crop, `factor` times as large, its top left at `corner` (x, y) of the photo. Equal is
    only what is the same object, so that more may be kept beside it as long as it is there.
    """

    keypoints: Keypoints
    thumbnail: UInt8Image
    factor: float
    corner: tuple[float, float] = (0.0, 0.0)
    outline: Float32 | None = None


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One catalogue number and what the catalogue says of it.

    `entry_id` is the catalogue's own key and never changes; `number` is what the collector reads (the same text unless
    the catalogue gives another). `theme` is a path, outermost first. `year_from` and `year_to` are inclusive;
    `years_text` keeps what was written. `size_mm` is as written, "25 x 18". `inscriptions` are the words on the pin,
    `languages` their ISO 639 codes. `identifiers` are (system, number) pairs of other numbering systems. `family` names
    the group of near twins, "" for none; `merged_into` the entry that took this one over.
    """

    entry_id: str
    number: str = ""
    title: str = ""
    title_en: str = ""
    theme: tuple[str, ...] = ()
    series: str = ""
    year_from: int | None = None
    year_to: int | None = None
    years_text: str = ""
    country: str = ""
    place: str = ""
    maker: str = ""
    hallmark: str = ""
    material: str = ""
    technique: str = ""
    size_mm: str = ""
    inscriptions: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    price_mark: str = ""
    rarity: str = ""
    status: Status = Status.ACTIVE
    merged_into: str = ""
    family: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueImage:
    """One photo of a catalogue entry.

    `image_id` is a positive 64-bit number, never used again after a removal. `file` is the picture's name inside the
    data folder's `images/`: its sha256 and the ending of its format.
    """

    image_id: int
    entry_id: str
    role: Role
    sha256: str
    file: str
    licence: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """What the evidences say of one catalogue photo for one query.

    `similarity` is that of the embeddings (-1 to 1, about so where the model is not the base that ships, to whose scale
    it is brought); `votes` what the query's keypoints give the photo, a keypoint (0
    up, see `index.Index.vote`); `inliers` how many correspondences agree on one pose. After alignment, `appearance`
    says how alike the pictures are around the matched points and `colour` how alike their colours all over the pin (-1
    to 1), `overlap` how far the two pins cover one another (0 to 1), `same` the log-odds that they are one pin and no
    variants of one another (see `variants`); 0 where they could not be aligned. `silhouette` says how alike both look
    with one outline laid over the other (0 to 1, see `overlay`), 0 where keypoints agree with some candidate.
    `homography` is (3, 3) float64 from pixels of the catalogue photo to pixels of the crop, `matched` is (m, 4) float32
    of x, y in the crop and x, y in the catalogue photo for the correspondences behind it, both pictures as
    `photos.open_photo` returns them; both None where there is no alignment.
    """

    image_id: int
    similarity: float = 0.0
    votes: float = 0.0
    inliers: int = 0
    appearance: float = 0.0
    colour: float = 0.0
    overlap: float = 0.0
    same: float = 0.0
    silhouette: float = 0.0
    homography: NDArray[np.float64] | None = None
    matched: Float32 | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One catalogue entry offered as the answer, with its best photo and the probability that it is right (0 to 1)."""

    entry: CatalogueEntry
    image_id: int
    probability: float
    hit: Hit


@dataclass(frozen=True, slots=True)
class Recognition:
    """The answer for one pin on a photo: entries, best first, and the verdict.

    `outline` is the pin's closed contour, (n, 2) float32, and `rectangle` (4, 2) float32 the corners of the smallest
    turned rectangle around it, clockwise, both x, y in pixels of the photo and None where the box is all that is known;
    `score` says how sure it is that a pin is there, 0 to 1. `members` are the entry_ids, best first, between which a
    `family` leaves the choice, and `checks` what to look at to choose. `drawing` says how likely the drawing of the
    first entry is right, `lacking` how likely the catalogue has not the variant shown where it is, each 0
    to 1; `variants` are the entry_ids that show the drawing, the first entry's among them. `about` is how many pins
    seem to lie there: more than one for a heap that could not be parted, whose answer is of one of them at best.
    `reverse` is where on the photo the back of the same pin is, None where the photo does not show it.
    """

    box: Box
    matches: tuple[Match, ...]
    verdict: Verdict
    checks: tuple[str, ...] = field(default=())
    outline: Float32 | None = field(default=None, compare=False)
    rectangle: Float32 | None = field(default=None, compare=False)
    score: float = 1.0
    members: tuple[str, ...] = ()
    drawing: float = 0.0
    lacking: float = 0.0
    variants: tuple[str, ...] = ()
    about: int = 1
    reverse: Box | None = None
