"""The audit: what is wrong with a catalogue's photos, found from the photos themselves.

Two photos are the same picture where almost all that the one shows lies at the same places of the other and looks the
same there, however they were shrunk or encoded. Otherwise photos are compared as a query is with the catalogue: by
similarity, votes, inliers and appearance, weighed by the ranking. Everything is taken from the index; only photos that
the index does not hold, those of reverses, clasps and marks, are looked at, once.
"""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from recognizer.catalogue.database import assign, assigned
from recognizer.catalogue.store import Catalogue
from recognizer.decision import verdict
from recognizer.errors import PhotoError
from recognizer.running.teams import Alone, Members, Oneself, Team, in_order
from recognizer.search import embedder
from recognizer.search.agreement import APART, agreement, as_query, is_copy, nearest
from recognizer.search.index import Index
from recognizer.types import CatalogueImage, Float32, Hit, Role, Status
from recognizer.vision import crops
from recognizer.vision.comparing.alignment import verify
from recognizer.vision.photos import check_photo, open_photo, photo_size

Progress = Callable[[int, int], None]
Found = TypeVar("Found")


class Kind(StrEnum):
    """What may be wrong."""

    SAME_PHOTO = "same_photo"
    NEARER_TO_ANOTHER = "nearer_to_another"
    MIXED_ROLES = "mixed_roles"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    TINY = "tiny"
    NO_PHOTO = "no_photo"
    ONE_PHOTO = "one_photo"


NEIGHBOURS: Final = 12
"""Photos that each is compared with: those most like it to the model."""

ALIKE: Final = 0.6
"""Similarity from which two photos are looked at for being one picture. Copies of the photos of `pins/`, encoded anew,
halved, cut or brightened, had .8 and more."""

KIN_APART: Final = 8.0
"""Levels apart up to which photos of two entries of one family are one picture: drawn near twins are 11 and more."""

LEAD: Final = 4.0
"""How far, in log-odds, another entry's photo must be ahead of the own entry's.

Drawn photos in a wrong entry were 5 and more ahead. With 85 queries of `pins/` filed as photos of their entries nothing
is told; with 20 of them in wrong entries 14 of these are, and one photo that is in its place, a chrome variant.
"""

TINY: Final = 100
"""Pixels of a pin's long side below which its photo is too small: under the 112 at which recall was measured."""

ROLES_FROM: Final = 5
"""Photos of a role from which it can be told what such photos look like."""

ROLE_LEAD: Final = 0.1
"""How much more like the photos of the other role, in cosine, a photo must be. Drawn reverses among faces and faces
among reverses were .16 and more ahead, one photo in its right place .07."""

WORTH: Final = 100
"""Photos a process, at least: a few seconds of work, which is what it takes to open the index and load a network."""

PART: Final = 20
"""Photos, or pairs of them, that are looked at by one process before another one gets some."""

_TELLS_NOTHING: Final = 0.6  # cosine between what photos of one pin and of two have
_NEAREST: Final = 5  # photos of a role that a photo is held against
_BACK: Final = frozenset({Role.REVERSE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that may be wrong: entries and photos that it is about, and the command that mends it.

    `entry_ids` and `image_ids` name those at fault first, then those that they are compared with. `score` says how
    clear it is, higher is clearer, in the kind's own unit.
    """

    kind: Kind
    entry_ids: tuple[str, ...]
    image_ids: tuple[int, ...]
    what: str
    command: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found, how much it looked at, and notes on what it could not look at."""

    findings: tuple[Finding, ...]
    entries: int
    photos: int
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[Kind, int]:
        """Count the findings of each kind, those without any too."""
        found = Counter(one.kind for one in self.findings)
        return {kind: found[kind] for kind in Kind}

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        rows = [
            {
                "kind": one.kind.value,
                "entry_ids": list(one.entry_ids),
                "image_ids": list(one.image_ids),
                "what": one.what,
                "command": one.command,
                "score": round(one.score, 4),
            }
            for one in self.findings
        ]
        counts = {kind.value: count for kind, count in self.counts().items()}
        return {
            "entries": self.entries,
            "photos": self.photos,
            "counts": counts,
            "findings": rows,
            "notes": list(self.notes),
        }


def audit(data: Path, *, team: Team | None = None, progress: Progress | None = None) -> Audit:
    """Look through a data folder's catalogue with the index that it has; nothing of either is changed.

    Many photos are shared with a `team`, each member of which opens catalogue and index. `progress` is called with the
    photos done and all of them. Raises CatalogueError, IndexError_ or IndexMismatch.
    """
    with Catalogue.open(data) as catalogue:
        auditor = _Auditor(catalogue, Index.open(data / "index"), data / "models")
        team = (team or Alone()).at_most(len(auditor.images) // WORTH)
        if team.size == 1:
            return auditor.findings(Oneself(auditor), progress)
        with team.begun(_begin, data.absolute(), assigned(data)) as members:
            return auditor.findings(members, progress)


def _begin(data: Path, database: str | None) -> _Auditor:
    assign(data, database)
    return _Auditor(Catalogue.open(data), Index.open(data / "index"), data / "models")


@dataclass(slots=True)
class _Faces:
    """The face photos that the index holds: image_ids, their embeddings (n, zooms, dim) and the row of each."""

    images: list[CatalogueImage]
    zooms: Float32
    rows: dict[int, int] = field(default_factory=dict)


class _Auditor:
    """One look through a catalogue."""

    def __init__(self, catalogue: Catalogue, index: Index, models: Path) -> None:
        self.catalogue, self.index, self.models = catalogue, index, models
        self.entries = {e.entry_id: e for e in catalogue.entries() if e.status is Status.ACTIVE}
        self.images = [image for image in catalogue.images() if image.entry_id in self.entries]
        self.notes: list[str] = []
        self.ranking = verdict.ranking()
        self.related = _related(catalogue, self.entries)
        held = dict(index.manifest.images)
        faces = [one for one in self.images if one.role is Role.FACE and held.get(one.image_id) == one.sha256]
        self.faces = _Faces(faces, index.zooms([one.image_id for one in faces]))
        self.faces.rows = {one.image_id: row for row, one in enumerate(faces)}
        self.of_entry: dict[str, list[CatalogueImage]] = defaultdict(list)
        for one in faces:
            self.of_entry[one.entry_id].append(one)

    def findings(self, members: Members, progress: Progress | None) -> Audit:
        """Look through everything, the members doing what takes long."""
        unreadable, sizes = self._read(members, progress)
        broken = {one.image_ids[0] for one in unreadable}
        missing = sum(
            one.role is Role.FACE and one.image_id not in self.faces.rows and one.image_id not in broken
            for one in self.images
        )
        if missing:
            self.notes.append(f"{missing} photos are not in the index and were not compared; run `znachki index`")
        same, duplicate = self._same(members)
        mixed, tiny = list(self._mixed(broken)), list(self._tiny(sizes))
        told = {one.image_ids[0] for one in (*same, *duplicate, *mixed, *tiny)}
        found = [
            *same,
            *self._nearer(members, told),
            *mixed,
            *duplicate,
            *unreadable,
            *tiny,
            *self._few(),
        ]
        return Audit(tuple(found), len(self.entries), len(self.images), tuple(self.notes))

    # Entries with too few photos

    def _few(self) -> Iterable[Finding]:
        count = Counter(one.entry_id for one in self.images if one.role is Role.FACE)
        for entry_id in self.entries:
            mend = f"znachki correct PHOTO --entry {shlex.quote(entry_id)} --add-photo"
            if count[entry_id] == 0:
                yield Finding(Kind.NO_PHOTO, (entry_id,), (), "no photo of its face", mend)
            elif count[entry_id] == 1:
                yield Finding(Kind.ONE_PHOTO, (entry_id,), (), "one photo of its face", mend)

    # Files

    def _read(self, members: Members, progress: Progress | None) -> tuple[list[Finding], dict[int, int]]:
        """The photos that cannot be read, and the long side in pixels of the others."""
        found: list[Finding] = []
        sizes: dict[int, int] = {}
        done = 0
        for unreadable, sides in _shared(members, _Auditor.read, self.images):
            found += unreadable
            sizes |= sides
            done += len(unreadable) + len(sides)
            if progress is not None:
                progress(done, len(self.images))
        return found, sizes

    def read(self, images: Sequence[CatalogueImage]) -> tuple[list[Finding], dict[int, int]]:
        """Read some photos; what `_read` does."""
        found: list[Finding] = []
        sizes: dict[int, int] = {}
        for image in images:
            path = self.catalogue.picture_path(image)
            try:
                check_photo(path, image.file)
                sizes[image.image_id] = max(photo_size(path, image.file))
            except PhotoError as error:
                mend = f"znachki photo {image.image_id} --remove"
                found.append(Finding(Kind.UNREADABLE, (image.entry_id,), (image.image_id,), str(error), mend))
        return found, sizes

    def _tiny(self, sizes: Mapping[int, int]) -> Iterable[Finding]:
        for image in self.images:
            if image.image_id not in sizes:
                continue
            side = float(sizes[image.image_id])
            if image.image_id in self.faces.rows:
                side = min(side, self._side(image))
            if side < TINY:
                what = f"the pin is {side:.0f} pixels long, under {TINY}"
                mend = f"znachki correct PHOTO --entry {shlex.quote(image.entry_id)} --add-photo"
                if image.role is not Role.FACE or len(self.of_entry[image.entry_id]) > 1:
                    mend = f"znachki photo {image.image_id} --remove"
                yield Finding(Kind.TINY, (image.entry_id,), (image.image_id,), what, mend, TINY - side)

    # The same picture twice

    def _same(self, members: Members) -> tuple[list[Finding], list[Finding]]:
        """The pictures that are under two entries, and those that are twice in one."""
        across: list[Finding] = []
        within: list[Finding] = []
        told: set[int] = set()  # of three copies two are to go, each once
        for first, second, score in self._copies(members):
            one, other = self._by_right(first, second)
            if other.image_id in told:
                continue
            told.add(other.image_id)
            ids = (other.image_id, one.image_id)
            mend = f"znachki photo {other.image_id} --remove"
            if one.entry_id == other.entry_id:
                what = f"photo {other.image_id} is photo {one.image_id} again"
                within.append(Finding(Kind.DUPLICATE, (one.entry_id,), ids, what, mend, score))
            else:
                what = (
                    f"photo {other.image_id} of {other.entry_id} is photo {one.image_id} of {one.entry_id}; if they "
                    f"are one pin: znachki merge {shlex.quote(other.entry_id)} {shlex.quote(one.entry_id)}"
                )
                across.append(Finding(Kind.SAME_PHOTO, (other.entry_id, one.entry_id), ids, what, mend, score))
        return across, within

    def _by_right(self, first: int, second: int) -> tuple[CatalogueImage, CatalogueImage]:
        """Two photos that are one picture: the one in its place first, told by the other photos of its entry.

        Where these do not tell, the earlier one is in its place; of two in one entry, the larger one.
        """
        images = self.faces.images[first], self.faces.images[second]
        if images[0].entry_id == images[1].entry_id:
            sizes = [self._side(image) for image in images]
            return images if sizes[0] >= sizes[1] else images[::-1]
        fits = [self._fit(image, images) for image in images]
        return images if fits[0] >= fits[1] else images[::-1]

    def _fit(self, image: CatalogueImage, aside: Sequence[CatalogueImage]) -> float:
        """How like a photo is to the others of its entry, in cosine; what tells nothing where there is none."""
        own = [one.image_id for one in self.of_entry[image.entry_id] if one not in aside]
        zooms = self.faces.zooms[self.faces.rows[image.image_id]]
        return max(self.index.similarity(zooms, own), default=_TELLS_NOTHING)

    def _side(self, image: CatalogueImage) -> float:
        """Pixels of the long side of the pin on a photo."""
        reference = self.index.reference(image.image_id)
        return float(max(reference.thumbnail.shape[:2])) / reference.factor

    def _copies(self, members: Members) -> Iterable[tuple[int, int, float]]:
        """Rows of the pairs of face photos that are one picture, and how surely."""
        near = nearest(self.faces.zooms, NEIGHBOURS, self.index.manifest.scale)
        pairs = [
            (row, other)
            for row, others in enumerate(near)
            for other, similarity in others
            if other > row and similarity >= ALIKE
        ]
        for copies in _shared(members, _Auditor.copies, pairs):
            yield from copies

    def copies(self, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int, float]]:
        """Which of some pairs of rows are one picture, and how surely."""
        faces = self.faces
        found = []
        for row, other in pairs:
            if faces.images[row].sha256 == faces.images[other].sha256:
                found.append((row, other, 1.0))
                continue
            first, second = (self.index.reference(faces.images[at].image_id) for at in (row, other))
            agreed = agreement(first, second)
            kin = faces.images[other].entry_id in self.related[faces.images[row].entry_id]
            if is_copy(agreed) and not (kin and agreed.apart > KIN_APART):
                found.append((row, other, 1 - agreed.apart / APART))
        return found

    # Photos with another entry's pin

    def _nearer(self, members: Members, told: set[int]) -> list[Finding]:
        """A photo an entry at most whose best match lies in another entry, far before those of its own.

        Photos that were `told` of already, with what to do, neither are at fault here nor is any photo near them. Those
        that are at fault are no measure for others, so what the first look finds is looked at again without them.
        """
        first = self._strays(members, told, None)
        strays = {one.image_ids[0] for one in first}
        return self._strays(members, told | strays, strays)

    def _strays(self, members: Members, left_out: set[int], asked: set[int] | None) -> list[Finding]:
        """The strays among the photos asked about, None for all but those left out."""
        wanted = [
            image
            for images in self.of_entry.values()
            for image in images
            if (image.image_id in asked if asked is not None else image.image_id not in left_out)
        ]
        found: list[Finding] = []
        vouched: set[int] = set()
        for strays, nearest_own in _shared(members, _Auditor.strays, wanted, left_out):
            found += strays
            vouched |= nearest_own
        best: dict[str, Finding] = {}
        for one in found:
            known = best.get(one.entry_ids[0])
            if one.image_ids[0] not in vouched and (known is None or one.score > known.score):
                best[one.entry_ids[0]] = one
        return list(best.values())

    def strays(self, images: Sequence[CatalogueImage], left_out: set[int]) -> tuple[list[Finding], set[int]]:
        """The strays among some photos, and the photos that others of their entry are nearest to."""
        found: list[Finding] = []
        vouched: set[int] = set()
        for image in images:
            of_entry = self.of_entry[image.entry_id]
            own = [one for one in of_entry if one.image_id not in left_out and one.image_id != image.image_id]
            stray, nearest_own = self._stray(image, own, left_out) if own else (None, None)
            found += [stray] if stray is not None else []
            vouched |= {nearest_own} if nearest_own is not None else set()
        return found, vouched

    def _stray(
        self, image: CatalogueImage, own: Sequence[CatalogueImage], left_out: set[int]
    ) -> tuple[Finding | None, int | None]:
        """What tells that a photo shows the pin of another entry, None where it may well be its own entry's.

        Beside it the image_id of the photo that it is nearest to of all, None where that is no own one: whichever own
        photo another one is nearest to is in its place.
        """
        zooms = self.faces.zooms[self.faces.rows[image.image_id]]
        picture, points = as_query(self.index.reference(image.image_id))
        hits = self.index.candidates(zooms, points.descriptors, NEIGHBOURS, NEIGHBOURS)
        there = {hit.image_id for hit in hits}
        lacking = [one.image_id for one in own if one.image_id not in there]
        similarity = self.index.similarity(zooms, lacking)
        hits += [Hit(one, likeness) for one, likeness in zip(lacking, similarity, strict=True)]
        aside = left_out | {image.image_id}
        hits = [hit for hit in hits if hit.image_id in self.faces.rows and hit.image_id not in aside]
        checked = verify(picture, points, hits, [self.index.reference(hit.image_id) for hit in hits])
        best: dict[str, tuple[float, int]] = {}
        for hit, score in zip(checked, verdict.scores(checked, self.ranking).tolist(), strict=True):
            owner = self.faces.images[self.faces.rows[hit.image_id]].entry_id
            best[owner] = max(best.get(owner, (score, hit.image_id)), (score, hit.image_id))
        mine, nearest_own = best[image.entry_id]
        kin = self.related[image.entry_id] | {image.entry_id}
        others = [(score, image_id, owner) for owner, (score, image_id) in best.items() if owner not in kin]
        if not others or max(others)[0] <= mine:
            return None, nearest_own
        score, image_id, owner = max(others)
        if score - mine < LEAD:
            return None, None
        what = f"photo {image.image_id} of {image.entry_id} is nearer to photo {image_id} of {owner}"
        mend = f"znachki photo {image.image_id} --to {shlex.quote(owner)}"
        ids = (image.image_id, image_id)
        return Finding(Kind.NEARER_TO_ANOTHER, (image.entry_id, owner), ids, what, mend, score - mine), None

    # Faces among reverses

    def _mixed(self, broken: set[int]) -> Iterable[Finding]:
        """Photos that look like those of the other role: fronts and backs of other entries stand as examples."""
        backs = [one for one in self.images if one.role in _BACK and one.image_id not in broken]
        if len(backs) < ROLES_FROM or len(self.faces.images) < ROLES_FROM:
            if backs:
                self.notes.append(f"{len(backs)} photos of reverses, under {ROLES_FROM}: too few to know reverses by")
            return
        images = [*self.faces.images, *backs]
        zooms = np.concatenate([self.faces.zooms, self._looked_at(backs)])
        rows = zooms[:, 1] if zooms.shape[1] > 1 else zooms[:, 0]  # the pin lifted from its ground
        is_back = np.array([one.role in _BACK for one in images])
        owners = np.array([one.entry_id for one in images])
        for at in range(len(images)):
            cosines = rows @ rows[at]
            cosines[owners == owners[at]] = -np.inf
            lead = _top(cosines[is_back]) - _top(cosines[~is_back])
            if (lead if not is_back[at] else -lead) < ROLE_LEAD:
                continue
            image, should = images[at], Role.FACE if is_back[at] else Role.REVERSE
            what = f"photo {image.image_id} stands as {image.role.value} and looks like a {should.value}"
            mend = f"znachki photo {image.image_id} --role {should.value}"
            yield Finding(Kind.MIXED_ROLES, (image.entry_id,), (image.image_id,), what, mend, abs(float(lead)))

    def _looked_at(self, images: Sequence[CatalogueImage]) -> Float32:
        """Embeddings (n, zooms, dim) of photos that the index does not search, taken anew: an audit writes nothing."""
        model = embedder.load(self.index.manifest.model, self.models)
        self.index.check_model(model.fingerprint, model.name)
        found = []
        for image in images:
            crop = crops.single(open_photo(self.catalogue.picture_path(image), image.file))
            found += list(model.embed_zooms([crop.whole], [crops.lifted(crop)]))
        return np.stack(found)


def _shared(members: Members, look: Callable[..., Found], over: Sequence[Any], *told: Any) -> Iterator[Found]:
    """Have members look at parts of a list, by a method of their own auditors; yields what they found, in order."""
    parts = ((look, over[at : at + PART], told) for at in range(0, len(over), PART))
    return in_order(members.do(_look, parts))


def _look(auditor: _Auditor, part: tuple[Callable[..., Any], Sequence[Any], tuple[Any, ...]]) -> Any:
    look, over, told = part
    return look(auditor, over, *told)


def _top(cosines: Float32) -> float:
    """Mean of the greatest few."""
    known = cosines[np.isfinite(cosines)]
    return float(np.sort(known)[-_NEAREST:].mean()) if len(known) else -1.0


def _related(catalogue: Catalogue, entries: Mapping[str, Any]) -> dict[str, set[str]]:
    """The entries that each may well be mistaken for: its family, and those that a relation ties it to."""
    families: dict[str, set[str]] = {"": set()}
    for entry in entries.values():
        if entry.family:
            families.setdefault(entry.family, set()).add(entry.entry_id)
    found = {entry_id: families[entry.family] - {entry_id} for entry_id, entry in entries.items()}
    for entry_id in entries:
        for _, other in catalogue.relations(entry_id):
            found[entry_id].add(other)
            found.setdefault(other, set()).add(entry_id)
    return found
