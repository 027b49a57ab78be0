"""Kin: catalogue photos that show one drawing, looked for once, when a photo is indexed.

Variants of a drawing that a photo of a pin does not show well are missed by comparing that photo with both of them.
The catalogue's own photos are better: each is asked of the index as a query is, and another entry's photo that shows
the same in the same place, by the rule of `verdict.variants`, is kin. Only votes of keypoints name candidates, so
that kin does not depend on the model. What was found stays in `kin.json` beside the index, by the photos' content:

    {"format": 1, "settings": "...", "asked": ["<sha256>", ...], "pairs": [["<sha256>", "<sha256>", appearance], ...]}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from recognizer.decision import verdict
from recognizer.errors import IndexError_
from recognizer.files import HERE, write_whole
from recognizer.search.agreement import as_query
from recognizer.search.index import Index
from recognizer.types import CatalogueEntry, Hit
from recognizer.vision.comparing.alignment import verify

FORMAT: Final = 1

COMPARED: Final = 3
"""Photos that each is compared with, the first by votes. Of 23 such pairs that a comparison with the first 12 by votes
and by similarity found in `pins/`, 22 came first by votes and one second."""

ASKED: Final = 300
"""Keypoints that a photo votes with, of up to 600: the ranks of these pairs were the same, in half the time; with 200
two of them fell, one to rank 96."""

_MANY: Final = 32  # photos for which it pays to make lists
_SAVED: Final = 64  # photos between two writings; a kill loses at most these


@dataclass(frozen=True, slots=True)
class Kin:
    """What is known of kin among photos, each named by the sha256 of its content.

    `asked` are the photos that were compared with the others, `pairs` those that show one drawing, each pair in order,
    with how alike they look after alignment (-1 to 1).
    """

    asked: frozenset[str] = frozenset()
    pairs: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def among(self, photos: Collection[str]) -> Kin:
        """Return what is known of these photos alone."""
        kept = {pair: alike for pair, alike in self.pairs.items() if pair[0] in photos and pair[1] in photos}
        return Kin(self.asked & frozenset(photos), kept)


def path_of(folder: Path) -> Path:
    """Return where the kin of an index's folder lies."""
    return folder / "kin.json"


def read(folder: Path, settings: str) -> Kin:
    """Return the kin of an index's folder; none of a folder without any, or whose features were taken otherwise.

    Raises IndexError_ where the file is damaged.
    """
    path = path_of(folder)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] != FORMAT or held["settings"] != settings:
            return Kin()
        pairs = {(str(one), str(other)): float(alike) for one, other, alike in held["pairs"]}
        return Kin(frozenset(map(str, held["asked"])), pairs)
    except FileNotFoundError:
        return Kin()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexError_(f"{path}: not readable ({error}); run `znachki index`") from error


def write(folder: Path, settings: str, kin: Kin) -> None:
    """Put kin in the place of what the folder has, in one step."""
    pairs = [[*pair, round(alike, 4)] for pair, alike in sorted(kin.pairs.items())]
    held = {"format": FORMAT, "settings": settings, "asked": sorted(kin.asked), "pairs": pairs}
    write_whole(path_of(folder), (json.dumps(held) + "\n").encode(), IndexError_, cure=HERE)


Alike = list[tuple[int, float]]
"""Photos, each by its image_id, with how alike they look."""

Look = Callable[[Sequence[int]], Iterable[tuple[int, Alike]]]
"""Asks photos by their image_ids: yields each with what it is like."""


def completed(
    index: Index,
    owners: Mapping[int, str],
    known: Kin,
    progress: Callable[[int, int], None] | None = None,
    save: Callable[[Kin], None] | None = None,
    look: Look | None = None,
) -> Kin:
    """Return the kin among all photos of an index, asking those that `known` has not asked.

    `owners` names the entry of each image_id; photos of one entry are no kin. `save` is called with what is found so
    far, now and then and at the end, where anything was asked. `look` asks photos elsewhere, in any order, as `alike`
    does of an index that is `ready` for so many.
    """
    held = dict(index.manifest.images)
    known = known.among(set(held.values()))
    asked, pairs = set(known.asked), dict(known.pairs)
    waiting = [image_id for image_id, sha256 in held.items() if sha256 not in asked and image_id in owners]
    if look is None:
        asks = ready(index, len(waiting)) if waiting else index
        looked: Iterable[tuple[int, Alike]] = ((image_id, alike(asks, image_id, owners)) for image_id in waiting)
    else:
        looked = look(waiting)
    for done, (image_id, found) in enumerate(looked, 1):
        for other, likeness in found:
            pair = (min(held[image_id], held[other]), max(held[image_id], held[other]))
            pairs[pair] = max(likeness, pairs.get(pair, -1.0))
        asked.add(held[image_id])
        if save and (done % _SAVED == 0 or done == len(waiting)):
            save(Kin(frozenset(asked), pairs))
        if progress:
            progress(done, len(waiting))
    return Kin(frozenset(asked), pairs)


def ready(index: Index, count: int) -> Index:
    """Return an index to ask so many photos of: one by lists where they are many."""
    return index.by_lists() if count >= _MANY else index


def alike(index: Index, image_id: int, owners: Mapping[int, str]) -> Alike:
    """The photos of other entries that a photo shows, with how alike they look after alignment."""
    try:
        image, points = as_query(index.reference(image_id))
        voted = [other for other, _ in index.vote(points.descriptors[:ASKED])]
        others = [other for other in voted if owners.get(other, owners[image_id]) != owners[image_id]][:COMPARED]
        hits = verify(image, points, [Hit(other) for other in others], [index.reference(other) for other in others])
    except IndexError_:
        return []  # damaged features: whoever is asked for this photo says so
    # Its own photo stands first, which it shows in full.
    hits = [Hit(image_id, inliers=len(points), overlap=1.0), *hits]
    score = np.array([1.0] + [0.0] * len(others))
    same = verdict.variants(hits, score, [str(hit.image_id) for hit in hits], {})
    return [(hit.image_id, hit.appearance) for hit in hits[1:] if str(hit.image_id) in same]


def groups(kin: Kin, owners: Iterable[tuple[str, str]]) -> list[tuple[list[str], float]]:
    """Return the entries that are kin, or kin of kin, each group in the order of `owners`, with how alike the least.

    `owners` are (sha256, entry_id) of the photos; entries that share a photo are kin.
    """
    entries: dict[str, list[str]] = {}
    order: dict[str, str] = {}
    for sha256, entry_id in owners:
        order.setdefault(entry_id, entry_id)
        if entry_id not in entries.setdefault(sha256, []):
            entries[sha256].append(entry_id)
    edges = [(ids[0], other, 1.0) for ids in entries.values() for other in ids[1:]]
    for (one, other), alike in kin.pairs.items():
        edges += [(a, b, alike) for a in entries.get(one, ()) for b in entries.get(other, ()) if a != b]
    least: dict[str, float] = {}
    for one, other, alike in sorted(edges, key=lambda edge: -edge[2]):
        first, second = _root(order, one), _root(order, other)
        if first != second:
            order[second] = first
            least[first] = min(least.get(first, 1.0), least.get(second, 1.0), alike)
    members: dict[str, list[str]] = {}
    for entry_id in order:
        members.setdefault(_root(order, entry_id), []).append(entry_id)
    return [(ids, least[root]) for root, ids in members.items() if len(ids) > 1]


def families(kin: Kin, owners: Iterable[tuple[str, CatalogueEntry]]) -> dict[str, str]:
    """Return the family of every entry by entry_id, "" for none: the curator's, else that of its kin.

    `owners` are (sha256, entry) of the photos. Kin of a named family belong to it; where a group has two names, the
    photos have no say.
    """
    held = list(owners)
    named = {entry.entry_id: entry.family for _, entry in held}
    for ids, _ in groups(kin, [(sha256, entry.entry_id) for sha256, entry in held]):
        names = {named[entry_id] for entry_id in ids} - {""}
        if len(names) < 2:
            named |= dict.fromkeys(ids, next(iter(names), f"kin of {ids[0]}"))
    return named


def _root(joined: dict[str, str], entry_id: str) -> str:
    while joined[entry_id] != entry_id:
        joined[entry_id] = joined[joined[entry_id]]
        entry_id = joined[entry_id]
    return entry_id
