"""Similarities of any model are brought to the scale of the base that ships, and stay in order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index import spread
from recognizer.catalogue.store import Catalogue
from recognizer.curating import audit
from recognizer.decision import further_photos
from recognizer.decision.verdict import Ranking
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.search import embedder
from recognizer.search.agreement import nearest
from recognizer.search.similarity import OF_BASE, REFERENCE, Scale
from recognizer.types import Box, Crop, Float32, Hit, Match, Photo, Recognition, Role, UInt8Image, Verdict
from recognizer.vision.photos import encode_jpeg


class Squeezed:
    """The base's embeddings with a direction common to all pins added, which makes them more alike."""

    name = "squeezed"

    def __init__(self, share: float) -> None:
        self.base, self.share = embedder.load(), share

    def embed_zooms(self, images: list[UInt8Image]) -> Float32:
        zooms = self.base.embed_zooms(images)
        common = np.ones(zooms.shape[-1], np.float32) / np.sqrt(zooms.shape[-1])
        moved = zooms + self.share * common
        return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True), np.float32)


def test_a_scale_moves_its_mean_and_spread_onto_the_others_and_keeps_the_order() -> None:
    narrow, wide = Scale(0.5, 0.05), Scale(0.3, 0.1)
    moved = narrow.onto(wide, np.array([0.5, 0.55, 0.45, 0.6]))
    assert moved.tolist() == pytest.approx([0.3, 0.4, 0.2, 0.5])
    assert wide.onto(narrow, moved).tolist() == pytest.approx([0.5, 0.55, 0.45, 0.6])


def test_the_scale_of_the_base_is_what_is_measured_of_it() -> None:
    base = embedder.load()
    found = spread.measured(base)
    assert found.mean == pytest.approx(OF_BASE.mean, abs=0.005)
    assert found.spread == pytest.approx(OF_BASE.spread, abs=0.002)
    assert spread.of_model(base) == OF_BASE
    assert OF_BASE.onto(REFERENCE, np.array(OF_BASE.mean)) == pytest.approx(REFERENCE.mean)


def test_a_model_to_which_pins_are_more_alike_has_a_higher_mean_and_less_spread() -> None:
    found = spread.measured(Squeezed(0.7))  # type: ignore[arg-type]
    assert found.mean > OF_BASE.mean + 0.1
    assert found.spread < 0.9 * OF_BASE.spread


def test_a_model_to_which_all_pins_are_alike_is_stretched_no_more_than_twice(tiny_model: Path) -> None:
    assert spread.of_model(embedder.load(tiny_model)).spread >= REFERENCE.spread / 2


HALF = Scale(0.5, OF_BASE.spread * 2)  # not the identity


def brought_by(scale: Scale, similarities: NDArray[Any]) -> Float32:
    """What similarities that were brought from the scale of the base are when they are brought from this one."""
    return scale.onto(REFERENCE, REFERENCE.onto(OF_BASE, similarities))


def test_nearest_photos_are_told_with_similarities_of_the_scale_of_the_base() -> None:
    zooms = embedder.load().embed_zooms([sample.phone_view(at, shot=1) for at in range(4)])
    plain, moved = (list(nearest(zooms, 3, scale)) for scale in (OF_BASE, HALF))
    for near, brought in zip(plain, moved, strict=True):
        assert [row for row, _ in near] == [row for row, _ in brought]
        values = np.array([value for _, value in near])
        np.testing.assert_allclose([value for _, value in brought], brought_by(HALF, values), atol=1e-6)


def test_the_audit_and_discovery_ask_for_the_nearest_with_the_scale_of_the_index(
    own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = own_data / "index" / "index.json"
    about = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(about | {"scale": asdict(HALF)}), encoding="utf-8")
    asked: list[Scale] = []

    def noted(zooms: Float32, most: int, scale: Scale = OF_BASE) -> Iterator[list[tuple[int, float]]]:
        asked.append(scale)
        return nearest(zooms, most, scale)

    monkeypatch.setattr(audit, "nearest", noted)
    audit.audit(own_data)
    assert asked == [HALF]


def test_further_photos_are_weighed_by_similarities_of_the_scale_of_the_base(
    own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalogue.open(own_data) as catalogue:
        ids = [entry.entry_id for entry in catalogue.entries()][:2]
        for at, entry_id in enumerate(ids):
            catalogue.add_image(entry_id, encode_jpeg(sample.reverse_view(at)), ".jpg", Role.REVERSE)
    weighed: list[list[float]] = []
    scores = further_photos.verdict.scores

    def noted(hits: Sequence[Hit], ranking: Ranking) -> Any:
        weighed.append([hit.similarity for hit in hits])
        return scores(hits, ranking)

    monkeypatch.setattr(further_photos.verdict, "scores", noted)
    with Recognizer.open(own_data) as recognizer:
        matches = tuple(Match(recognizer.catalogue.entry(entry_id), 1, 0.4, Hit(1)) for entry_id in ids)
        answer = Recognition(Box(0, 0, 9, 9), matches, Verdict.FAMILY, members=tuple(ids))
        back = [(Photo(sample.reverse_view(0), "", "back"), Role.REVERSE)]
        crop = Crop(back[0][0].image, answer.box, further=tuple(back))
        recognizer._fused(crop, answer)
        manifest = recognizer.index.manifest
        monkeypatch.setattr(recognizer.index, "manifest", replace(manifest, scale=HALF))
        recognizer._fused(crop, answer)
    plain, brought = weighed
    np.testing.assert_allclose(brought, brought_by(HALF, np.array(plain)), atol=1e-5)
