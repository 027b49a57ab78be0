"""Identification: the whole way from a photo to catalogue numbers.

    photo -> find: crops.parted -> [Crop]
          -> answer: embedder.embed_zooms + keypoints.extract -> Index.candidates -> alignment.verify
             -> overlay.compared, where keypoints agree on none -> verdict.decide -> further_photos.fused -> Recognition

A photo of many pins has keypoints taken and searched once, as a whole; known pins that are seen that way (`sightings`)
part and complete what the outlines say, and every crop gets its share.

This is where a photo becomes a number; every step is one call to the module that is named after it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np

from recognizer.catalogue.store import Catalogue
from recognizer.decision import further_photos, same_drawing, verdict
from recognizer.decision.calibration import Terms
from recognizer.decision.checks import checks
from recognizer.decision.verdict import Ranking
from recognizer.errors import IndexError_, IndexMismatch
from recognizer.search import embedder
from recognizer.search.embedder import Embedder
from recognizer.search.features import SETTINGS
from recognizer.search.index import Index
from recognizer.types import (
    CatalogueEntry,
    Crop,
    Evidence,
    Float32,
    Hit,
    Keypoints,
    Neighbours,
    Photo,
    Recognition,
    Reference,
    Role,
)
from recognizer.vision import glued, keypoints, sightings
from recognizer.vision.comparing import inscriptions, overlay
from recognizer.vision.comparing.alignment import verify
from recognizer.vision.crops import Sheet, holds_pin, joined, lifted, parted, shows_several

_LOG: Final = logging.getLogger("znachki.identify")

BY_VOTES: Final = 24
BY_SIMILARITY: Final = 16
"""Candidates that are verified, the best of each evidence. On `pins/` they hold the right entry for .99 of the
queries, on `emblems/` for all."""

SURE: Final = 12
"""Keypoints behind a known pin that makes a lot of what looked like a photo of one pin, where there are two such."""

SURVEYED: Final = 400
"""Keypoints a pin that are taken of a picture of many, the strongest first. On the 17 pictures of `boards/`, most of 10
to 35 pins, 12,000 a picture saw 99 of 101 known pins, as 30,000 did."""

READERS: Final = min(4, os.cpu_count() or 1)
"""Pins whose inscriptions are read at once, each by a process of its own."""

FEW: Final = 20
"""Pins whose keypoints are taken at least: the ground has some too, and there may be more pins than were found."""


class Recognizer:
    """A catalogue, its index and the index's model, loaded once and asked often.

    Two verbs are all that asking takes: `find` the pins of a photo, `answer` what each is; `identify` does both.
    `hits`, `decided` and `without_others` are the stages of an answer, for those who measure and fit them.

    `seconds` adds up the time of each stage (crop, embed, keypoints, search, verify, rank, read, back); a caller may
    clear it.
    `families` names the family of every entry by entry_id, the curator's or that of its kin, "" for none.
    """

    def __init__(self, catalogue: Catalogue, index: Index, model: Embedder, ranking: Ranking | None = None) -> None:
        index.check_model(model.fingerprint, model.name)
        if index.manifest.settings != SETTINGS:
            raise IndexMismatch(
                f"{index.folder}: its features were taken as {index.manifest.settings}, this version takes {SETTINGS}; "
                "run `znachki index`"
            )
        self.catalogue = catalogue
        self.index = index
        self.model = model
        self.ranking = ranking or verdict.ranking()
        self.uncalibrated = ""
        self.seconds: dict[str, float] = {}
        self._damaged: set[str] = set()
        self._entries = _entries_of_images(catalogue)
        self._faces = {image.image_id for image in catalogue.images(Role.FACE)}
        self.families = self._families()

    @classmethod
    def open(cls, data: Path, *, model: str | None = None, false_match_rate: float | None = None) -> Recognizer:
        """Open the data folder; `model` None takes the one that the index was made with.

        The ranking is that of the folder's calibration where it serves, else the one that ships; `uncalibrated` then
        says why. `false_match_rate` sets another operating point, see `verdict.Ranking.at`. Raises CatalogueError,
        IndexError_, IndexMismatch or ModelError, each with the cure.
        """
        catalogue = Catalogue.open(data)
        try:
            index = Index.open(data / "index")
            terms = Terms.of(data, index.manifest, false_match_rate)
            made = cls(catalogue, index, embedder.load(model or index.manifest.model, data / "models"), terms.ranking)
        except BaseException:
            catalogue.close()
            raise
        made.uncalibrated = terms.uncalibrated
        return made

    @property
    def made_with(self) -> str:
        """Name model, features, index and operating point: another name is another question."""
        return Terms(self.index.manifest, self.ranking).made_with

    def entry_of(self, image_id: int) -> CatalogueEntry | None:
        """Return the entry that a catalogue photo is offered for, None where it is offered no more."""
        return self._entries.get(image_id)

    @property
    def unindexed(self) -> int:
        """How many photos of the catalogue the index has not: their pins cannot be found."""
        return len(self._faces.difference(image_id for image_id, _ in self.index.manifest.images))

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def identify(
        self,
        photos: Sequence[Photo],
        *,
        k: int = 5,
        evidence: Evidence = Evidence.BOTH,
        further: Sequence[tuple[Photo, Role]] = (),
    ) -> list[list[Recognition]]:
        """Return the answers: outer list one a photo, inner one a crop, each with at most `k` entries, best first.

        `further` are photos of the pin with their roles, for photos that show one pin alone, see `find`.
        """
        crops = [self.find(photo, evidence=evidence, further=further) for photo in photos]
        answers = iter(self.answer([crop for group in crops for crop in group], k=k, evidence=evidence))
        return [[next(answers) for _ in group] for group in crops]

    def find(
        self, photo: Photo, *, evidence: Evidence = Evidence.BOTH, further: Sequence[tuple[Photo, Role]] = ()
    ) -> list[Crop]:
        """Return the crops of a photo in reading order, found by their outlines and, unless only embeddings are to
        count, by the keypoints of known pins.

        `further` are photos of the same pin with their roles, its reverse, clasp or mark, which choose between the
        entries that its face leaves open; where the photo shows several pins, nobody knows whose they are, and they are
        left out.
        """
        crops = self._found(photo, evidence)
        return [replace(crops[0], further=tuple(further))] if further and len(crops) == 1 else crops

    def _found(self, photo: Photo, evidence: Evidence) -> list[Crop]:
        """The crops of a photo. One of one pin that turns out to show several known ones side by side is looked at
        again, as a lot."""
        pair = None if evidence is Evidence.EMBEDDER else self._both_sides(photo)
        if pair is not None:
            return [pair]
        sheet = Sheet(photo)
        with self._timed("crop"):
            crops = parted(sheet)
        if evidence is Evidence.EMBEDDER or not crops:
            return crops
        pin = float(np.median([max(crop.box.width, crop.box.height) for crop in crops]))
        if len(crops) == 1:
            only = self._looked_up(crops[0])
            assert only.keypoints is not None
            assert only.neighbours is not None
            with self._timed("crop"):
                seen = sightings.sight(only.keypoints, only.neighbours, self._reference, SURE)
            if not shows_several(only, [one.outline for one in seen]):
                return [only]
            pin = float(np.median([np.ptp(one.outline, axis=0).max() for one in seen]))
            with self._timed("crop"):
                crops = parted(sheet, pin=pin)
        with self._timed("keypoints"):
            points = keypoints.survey(sheet.image, pin * sheet.scale, SURVEYED * max(FEW, len(crops)))
        with self._timed("search"):
            neighbours = self.index.neighbours(points.descriptors)
        with self._timed("crop"):
            seen = sightings.sight(points, neighbours, self._reference)
            crops = joined(sheet, crops, [one.outline / np.float32(sheet.scale) for one in seen])
            return [_shared(crop, points, neighbours, sheet.image.shape) for crop in crops]

    def _both_sides(self, photo: Photo) -> Crop | None:
        """The face of a pin with its back, where the picture is glued of a photo of each; None of any other picture.

        What looks like a back and shows a known face is the face of another pin.
        """
        with self._timed("crop"):
            at = glued.seam(photo.image)
            halves = None if at is None else glued.parted(photo, at)
            face = None if halves is None else glued.face_with_back(*halves)
        if face is None or face.back is None:
            return None
        back = self._looked_up(face.back)
        assert back.keypoints is not None
        assert back.neighbours is not None
        seen = sightings.sight(back.keypoints, back.neighbours, self._reference, SURE)
        return None if any(one.image_id in self._faces for one in seen) else face

    def answer(
        self, crops: Sequence[Crop], *, k: int | Sequence[int] = 5, evidence: Evidence = Evidence.BOTH
    ) -> list[Recognition]:
        """Return the answers for crops that were found before, in their order: a lot may be asked a few pins at a time.

        `k` bounds the entries of every answer, or of each crop's by its own number.
        """
        most = [k] * len(crops) if isinstance(k, int) else list(k)
        return self.decided(crops, self.hits(crops, depth=max(most, default=1), evidence=evidence), k=most)

    def decided(
        self, crops: Sequence[Crop], found: Sequence[Sequence[Hit]], *, k: int | Sequence[int] = 5
    ) -> list[Recognition]:
        """Return the answers for crops whose candidates were found before, see `hits`; both in one order."""
        most = [k] * len(crops) if isinstance(k, int) else k
        with self._timed("rank"):
            decided = [self._decided(*one) for one in zip(crops, found, most, strict=True)]
        with self._timed("read"), ThreadPoolExecutor(READERS) as readers:
            read = readers.map(self._read, crops, decided)
        whole = [self._fused(crop, answer) for crop, answer in zip(crops, read, strict=True)]
        shown = [verdict.bounded(answer, one) for answer, one in zip(whole, most, strict=True)]
        return [placed(crop, _checked(answer)) for crop, answer in zip(crops, shown, strict=True)]

    def _decided(self, crop: Crop, hits: Sequence[Hit], k: int) -> Recognition:
        if crop.back is not None or crop.further:
            k = max(k, further_photos.MOST_ENTRIES)
        answer = verdict.decide(crop.box, hits, self._entries, self.ranking, k, self.families)
        return answer if holds_pin(crop) else verdict.without_pin(answer, hits)

    def _fused(self, crop: Crop, answer: Recognition) -> Recognition:
        """The answer with what other photos of the pin say, and its back, where its own picture shows that."""
        back = [] if crop.back is None else [(Photo(crop.back.whole, "", ""), Role.REVERSE)]
        further = [*back, *crop.further]
        if not further:
            return answer
        with self._timed("back"):
            scale = self.index.manifest.scale
            return further_photos.fused(answer, further, self.catalogue, self.model, self.ranking, scale)

    def _families(self) -> Mapping[str, str]:
        """The family of every entry: its curator's, else that of the kin that the index knows."""
        manifest = self.index.manifest
        held = [(sha256, self._entries[one]) for one, sha256 in manifest.images if one in self._entries]
        try:
            return same_drawing.families(same_drawing.read(self.index.folder, manifest.settings), held)
        except IndexError_ as error:
            _LOG.warning("%s", error)
            return same_drawing.families(same_drawing.Kin(), held)

    def _read(self, crop: Crop, answer: Recognition) -> Recognition:
        """The answer with what is read on the pin, where that may choose between the members of a family."""
        entries = [match.entry for match in answer.matches if match.entry.entry_id in answer.members]
        if len(entries) < 2 or not inscriptions.installed() or not inscriptions.tells(entries):
            return answer
        words = inscriptions.read(crop, answer.matches[0].hit.homography)
        return verdict.with_evidence(answer, inscriptions.log_odds(words, entries), self.ranking)

    def hits(self, crops: Sequence[Crop], *, depth: int = 5, evidence: Evidence = Evidence.BOTH) -> list[list[Hit]]:
        """Return the candidates of each crop with all their evidences, in no order; at least `depth` by each
        evidence."""
        if evidence is Evidence.KEYPOINTS:
            embeddings: Float32 = np.zeros((len(crops), 0, self.model.dim), np.float32)
        else:
            with self._timed("embed"):
                embeddings = self.model.embed_zooms([crop.whole for crop in crops], [lifted(crop) for crop in crops])
        return [self._hits(crop, zooms, depth, evidence) for crop, zooms in zip(crops, embeddings, strict=True)]

    def _hits(self, crop: Crop, zooms: Float32, depth: int, evidence: Evidence) -> list[Hit]:
        current = crop.neighbours is not None and crop.neighbours.generation == self.index.manifest.generation
        if evidence is not Evidence.EMBEDDER and not current:
            crop = self._looked_up(crop)
        points = keypoints.none() if crop.keypoints is None or evidence is Evidence.EMBEDDER else crop.keypoints
        with self._timed("search"):
            said = crop.neighbours if len(points) and crop.neighbours is not None else points.descriptors
            candidates = self.index.candidates(zooms, said, max(BY_VOTES, depth), max(BY_SIMILARITY, depth))
        with self._timed("verify"):
            if evidence is Evidence.EMBEDDER:
                return candidates
            head = _head(candidates)
            held = self._references(head)
            references = [reference for _, reference in held]
            checked = verify(crop.image, points, [hit for hit, _ in held], references, crop.outline)
            if evidence is Evidence.BOTH and not verdict.agrees(checked):
                checked = overlay.compared(crop.image, crop.outline, checked, references)
        shown = {hit.image_id for hit in head}
        return checked + [hit for hit in candidates if hit.image_id not in shown]

    def without_others(self, crop: Crop, hits: Sequence[Hit], kept: Sequence[Hit]) -> list[Hit]:
        """Return those of a crop's hits that are `kept`, as they were if the catalogue had no others.

        Outlines are laid over one another where no keypoints agree, and they may have agreed on another entry alone.
        """
        if verdict.agrees(kept) or not verdict.agrees(hits):
            return list(kept)
        held = self._references(_head(kept))
        lain = overlay.compared(crop.image, crop.outline, [hit for hit, _ in held], [one for _, one in held])
        by_photo = {hit.image_id: hit for hit in lain}
        return [by_photo.get(hit.image_id, hit) for hit in kept]

    def _looked_up(self, crop: Crop) -> Crop:
        """The crop with its own keypoints and what the index says of them."""
        with self._timed("keypoints"):
            points = keypoints.extract(crop.image, crop.outline)
        with self._timed("search"):
            return replace(crop, keypoints=points, neighbours=self.index.neighbours(points.descriptors))

    def _reference(self, image_id: int) -> Reference | None:
        """What the index keeps of a photo, None of one that has left the catalogue since, or whose file is damaged.

        One damaged file is no reason to answer nothing: it is told once, with its cure, and the photo left out.
        """
        try:
            return self.index.reference(image_id)
        except IndexError_ as error:
            if str(error) not in self._damaged and not self.index.replaced():
                self._damaged.add(str(error))
                _LOG.warning("%s", error)
            return None

    def _references(self, head: Sequence[Hit]) -> list[tuple[Hit, Reference]]:
        """What verification needs of each hit; a photo that has left the catalogue since is left out."""
        held = [(hit, self._reference(hit.image_id)) for hit in head]
        return [(hit, reference) for hit, reference in held if reference is not None]

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def _shared(crop: Crop, points: Keypoints, neighbours: Neighbours, shape: tuple[int, ...]) -> Crop:
    """The crop with those of the picture's keypoints that are its own, and what was said of them."""
    corner = crop.corner
    assert crop.outline is not None  # whatever is found on a lot has one
    rows = keypoints.inside(points, crop.outline + corner, shape)
    own = points.take(rows)
    return replace(crop, keypoints=replace(own, places=own.places - corner), neighbours=neighbours.take(rows))


def placed(crop: Crop, answer: Recognition) -> Recognition:
    """Return the answer with the crop's outline, in pixels of the photo."""
    moved = [None if places is None else crop.on_photo(places) for places in (crop.outline, crop.rectangle)]
    back = None if crop.back is None else crop.back.box
    return replace(answer, outline=moved[0], rectangle=moved[1], score=crop.score, about=crop.about, reverse=back)


def _checked(answer: Recognition) -> Recognition:
    """Say what to look at where the choice is left open."""
    entries = {match.entry.entry_id: match.entry for match in answer.matches}
    members = [entries[entry_id] for entry_id in answer.members]
    return replace(answer, checks=checks(members))


def _head(candidates: Sequence[Hit]) -> list[Hit]:
    """The candidates worth verifying: the best by each evidence, without doubles."""
    by_votes = sorted(candidates, key=lambda hit: -hit.votes)[:BY_VOTES]
    by_similarity = sorted(candidates, key=lambda hit: -hit.similarity)[:BY_SIMILARITY]
    return list({hit.image_id: hit for hit in by_votes + by_similarity}.values())


def _entries_of_images(catalogue: Catalogue) -> Mapping[int, CatalogueEntry]:
    """The entry of every photo; entries without a photo, of which a catalogue may have many, are not read."""
    images = catalogue.images()
    ids = {image.entry_id for image in images}
    if 2 * len(ids) < catalogue.count():
        entries = catalogue.known(ids)
    else:
        entries = {entry.entry_id: entry for entry in catalogue.entries()}
    return {image.image_id: entries[image.entry_id] for image in images}
