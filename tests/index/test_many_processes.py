"""Several processes make the index that one makes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from index import build as building
from index.build import build
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.running.workers import Workers
from recognizer.vision.photos import encode_jpeg

pytestmark = pytest.mark.slow


def catalogue(data: Path) -> Path:
    """Six entries, a photo each, the fourth of which cannot be read."""
    with Catalogue.open(data, create=True) as store:
        store.upsert(sample.entries(6))
        for at, entry in enumerate(sample.entries(6)):
            added = store.add_image(entry.entry_id, encode_jpeg(sample.catalogue_view(at)), ".jpg")
            if at == 3:
                store.picture_path(added).write_bytes(b"no picture")
    return data


def sums(data: Path) -> dict[str, str]:
    """What is kept of the photos, and of which bytes."""
    index = data / "index"
    files = [*index.glob("features/*.pack"), *index.glob("embeddings/*.pack"), index / "kin.json"]
    assert len(files) == 3
    return {str(file.relative_to(index)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_two_processes_keep_of_every_photo_what_one_keeps(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "BATCH", 2)
    monkeypatch.setattr(building, "WORTH", 1)
    monkeypatch.setattr(building, "COMPARED", 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = build(catalogue(tmp_path / "alone"), model=str(tiny_model))
    steps: list[tuple[int, int]] = []
    together = build(
        catalogue(tmp_path / "together"),
        model=str(tiny_model),
        team=Workers(2),
        progress=lambda at, of: steps.append((at, of)),
    )
    assert (alone.added, len(alone.failed)) == (together.added, len(together.failed)) == (5, 1)
    assert together.failed[0][0] == alone.failed[0][0]
    assert sums(tmp_path / "together") == sums(tmp_path / "alone")
    assert [step for step in steps if step[1] == 6][-1] == (6, 6)
