"""A drawn catalogue with planted faults, ten of each kind that the audit knows, and what an audit finds of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from recognizer.catalogue.store import Catalogue
from recognizer.curating.audit import Audit, Kind
from recognizer.drawn import sample
from recognizer.types import Role, UInt8Image
from recognizer.vision.photos import encode_jpeg

EACH = 10
ENTRIES = 12 * EACH
"""Entries: EACH with a fault of each kind, and four times as many without."""


def plant(data: Path) -> dict[Kind, set[frozenset[str]]]:
    """Fill a data folder and return the planted faults: for each kind, the entries that each is about."""
    planted: dict[Kind, set[frozenset[str]]] = defaultdict(set)
    kinds = list(Kind)
    broken: list[Path] = []
    with Catalogue.open(data, create=True) as catalogue, catalogue.transaction("planted"):
        ids = [entry.entry_id for entry in sample.entries(ENTRIES)]
        catalogue.upsert(sample.entries(ENTRIES))

        def add(at: int, picture: UInt8Image, role: Role = Role.FACE, quality: int = 88) -> Path:
            return catalogue.picture_path(catalogue.add_image(ids[at], encode_jpeg(picture, quality), ".jpg", role))

        for at in range(ENTRIES):
            kind = kinds[at // EACH] if at // EACH < len(kinds) else None
            other = at + 8 * EACH if at < 4 * EACH else at  # an entry without a fault
            if kind is not Kind.NO_PHOTO:
                add(at, sample.catalogue_view(at))
            if kind not in (Kind.NO_PHOTO, Kind.ONE_PHOTO):
                add(at, sample.phone_view(at))
            about = {ids[at]}
            if kind is Kind.SAME_PHOTO:
                add(at, _again(sample.catalogue_view(other), at), quality=70)
                about = {ids[at], ids[other]}
            elif kind is Kind.NEARER_TO_ANOTHER:
                add(at, sample.phone_view(other, shot=1))
            elif kind is Kind.MIXED_ROLES and at % 2:
                add(at, sample.reverse_view(at))
            elif kind is Kind.MIXED_ROLES:
                add(at, sample.phone_view(at, shot=1), Role.REVERSE)
            elif kind is Kind.DUPLICATE:
                add(at, _again(sample.catalogue_view(at), at), quality=60)
            elif kind is Kind.UNREADABLE:
                broken.append(add(at, sample.phone_view(at, shot=1)))
            elif kind is Kind.TINY:
                small = cv2.resize(sample.phone_view(at, shot=1), (72, 72), interpolation=cv2.INTER_AREA)
                add(at, np.asarray(small, np.uint8))
            elif kind is None:
                add(at, sample.reverse_view(at), Role.REVERSE)
            if kind is not None:
                planted[kind].add(frozenset(about))
    for path in broken:
        path.write_bytes(path.read_bytes()[:2000])
    return planted


def missed_and_false(planted: dict[Kind, set[frozenset[str]]], found: Audit) -> dict[Kind, tuple[int, int]]:
    """Count for each kind the planted faults that were not found, and the findings that nobody planted."""
    told: dict[Kind, list[frozenset[str]]] = defaultdict(list)
    for one in found.findings:
        # Of a stray the entry that it is in counts: it may be as near to a twin of its own entry.
        stray = one.kind is Kind.NEARER_TO_ANOTHER
        told[one.kind].append(frozenset(one.entry_ids[:1] if stray else one.entry_ids))
    return {
        kind: (len(planted[kind] - set(told[kind])), sum(about not in planted[kind] for about in told[kind]))
        for kind in Kind
    }


def _again(picture: UInt8Image, at: int) -> UInt8Image:
    """A picture as it comes back from another shop: smaller, or cut at its edges, or brighter."""
    height, width = picture.shape[:2]
    if at % 3 == 0:
        return np.asarray(
            cv2.resize(picture, (width * 2 // 3, height * 2 // 3), interpolation=cv2.INTER_AREA), np.uint8
        )
    if at % 3 == 1:
        cut = slice(height // 40, -height // 40), slice(width // 40, -width // 40)
        return np.ascontiguousarray(picture[cut])
    return np.clip(picture.astype(np.float32) * 1.05 + 4, 0, 255).astype(np.uint8)
