"""`znachki evaluate` asks as a collector would, counts every query, and says by row what it cannot use."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.drawn import sample
from recognizer.measuring.metrics import QUALITIES, STAGES, Measures
from recognizer.types import Box, Evidence, Hit, Match, Photo, Recognition, Verdict
from recognizer.vision.photos import encode_jpeg

ENTRIES = sample.entries(4)
A, B, C, _ = (entry.entry_id for entry in ENTRIES)


Pin = tuple[Photo, list[tuple[str, float]]]
"""What stands for a crop: the photo, and what is answered to it."""


class Fake:
    """Answers by the photo's name, as the recognizer would, and remembers how it was asked."""

    uncalibrated = ""
    unindexed = 0
    families: ClassVar[dict[str, str]] = {}

    def __init__(self, catalogue: Catalogue, answers: dict[str, list[list[tuple[str, float]]]]) -> None:
        self.catalogue = catalogue
        self.seconds: dict[str, float] = {}
        self.asked: list[tuple[str, tuple[int, ...], int, Evidence]] = []
        self._answers = answers

    def __enter__(self) -> Fake:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def identify(self, photos: Sequence[Photo], *, k: int, evidence: Evidence) -> list[list[Recognition]]:
        crops = [self.find(photo, evidence=evidence) for photo in photos]
        return [self.decided(one, self.hits(one, depth=k, evidence=evidence), k=k) for one in crops]

    def find(self, photo: Photo, *, evidence: Evidence) -> list[Pin]:
        return [(photo, pin) for pin in self._answers[photo.source]]

    def hits(self, crops: Sequence[Pin], *, depth: int, evidence: Evidence) -> list[list[SimpleNamespace]]:
        for stage in ("crop", "embed", "keypoints", "search", "verify", "rank"):
            self.seconds[stage] = self.seconds.get(stage, 0.0) + 0.001
        photo = crops[0][0]
        self.asked.append((photo.source, photo.image.shape[:2], depth, evidence))
        return [[SimpleNamespace(image_id=entry_id, chance=chance) for entry_id, chance in pin] for _, pin in crops]

    def entry_of(self, image_id: str) -> SimpleNamespace:
        return SimpleNamespace(entry_id=image_id)

    def without_others(self, crop: Pin, hits: object, kept: list[SimpleNamespace]) -> list[SimpleNamespace]:
        return kept

    def decided(
        self, crops: Sequence[Pin], found: Sequence[Sequence[SimpleNamespace]], *, k: int = 5
    ) -> list[Recognition]:
        return [
            self._recognition(photo, [(hit.image_id, hit.chance) for hit in hits])
            for (photo, _), hits in zip(crops, found, strict=True)
        ]

    def _recognition(self, photo: Photo, answers: list[tuple[str, float]]) -> Recognition:
        height, width = photo.image.shape[:2]
        matched = np.array([[5, 5, 9, 9]], np.float32)
        matches = [
            Match(
                self.catalogue.entry(entry_id),
                self.catalogue.images(entry_id=entry_id)[0].image_id,
                probability,
                Hit(1, 0.5, 0.1, 8, 0.4, 0.4, 0.4, 0.4, homography=np.eye(3), matched=matched),
            )
            for entry_id, probability in answers
        ]
        sure = bool(answers) and answers[0][1] > 0.5
        return Recognition(Box(0, 0, width, height), tuple(matches), Verdict.MATCH if sure else Verdict.UNKNOWN)


ANSWERS = {
    "a1.jpg": [[(A, 0.9), (B, 0.1)]],  # right
    "a2.jpg": [[(B, 0.8), (A, 0.3)]],  # second
    "b1.jpg": [[(C, 0.2)], [(B, 0.7)]],  # right, on the second pin of the photo
    "c1.jpg": [[(A, 0.4), (C, 0.4)]],  # a tie counts against us: second
    "u1.jpg": [[(A, 0.75)]],  # unknown, and taken for A
    "u2.jpg": [[(A, 0.05)]],  # unknown, and told so
}
TRUTH = {"a1.jpg": A, "a2.jpg": A, "b1.jpg": B, "c1.jpg": C, "u1.jpg": "", "u2.jpg": ""}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Four entries; the first has two photos, the last none."""
    with Catalogue.open(tmp_path_factory.mktemp("evaluate") / "data", create=True) as opened:
        opened.upsert(ENTRIES)
        for index, entry_id in enumerate([A, B, C, A]):
            opened.add_image(entry_id, encode_jpeg(sample.catalogue_view(index)), ".jpg")
        yield opened


@pytest.fixture
def fake(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake(catalogue, ANSWERS)
    opened = SimpleNamespace(Recognizer=SimpleNamespace(open=lambda data, *, model, false_match_rate: made))
    monkeypatch.setitem(sys.modules, "recognizer.identify", opened)
    return made


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    return table(tmp_path, TRUTH)


def table(folder: Path, truth: dict[str, str]) -> Path:
    for number, name in enumerate(truth):
        pixels = np.random.default_rng(number).integers(0, 255, (300, 200, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    path = folder / "queries.csv"
    path.write_text("image,entry_id\n" + "".join(f"{name},{entry_id}\n" for name, entry_id in truth.items()))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def measured(*arguments: str | Path) -> dict[str, object]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_measures_are_those_worked_by_hand(fake: Fake, queries: Path) -> None:
    found = measured(queries)
    assert (found["queries"], found["unknown_queries"], found["entries"]) == (6, 2, 3)  # the fourth entry has no photo
    assert found["recall_at_1"] == 2 / 4  # a1, b1
    assert found["recall_at_5"] == 1.0
    assert found["mrr"] == pytest.approx((1 + 1 / 2 + 1 + 1 / 2) / 4)
    # by confidence: .9 right, .8 wrong, .75 unknown, .7 right, .4 wrong, .05 unknown; (1/1 + 2/4) / 4
    assert found["gap"] == pytest.approx(1.5 / 4)
    assert found["auroc"] == pytest.approx(3 / 4)  # .9 beats .75 and .05, .7 beats .05
    assert found["fpir_at_95"] == pytest.approx(1 / 2)  # threshold .7
    assert found["matches_right"] == pytest.approx(2 / 3)  # a1, b1, not a2
    assert (found["hidden_matched"], found["variants"]) == (1 / 4, 0)  # of a2, B is called a match where A is hidden
    assert found["variant_matched"] is None


def test_a_hidden_entry_with_kin_is_an_unknown_variant(
    fake: Fake, queries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "families", {A: "kin", B: "kin", C: ""}, raising=False)
    found = measured(queries)
    assert (found["variants"], found["variant_matched"], found["hidden_matched"]) == (3, pytest.approx(1 / 3), 0.0)
    assert found["new_variant_found"] == 0.0
    intervals = found["intervals"]
    assert isinstance(intervals, dict)
    assert intervals["variant_matched"] == pytest.approx([0.0615, 0.7923], abs=5e-4)


def test_json_has_the_agreed_keys(fake: Fake, queries: Path) -> None:
    found = measured(queries)
    assert list(found) == [field.name for field in fields(Measures)] + ["intervals", "jobs"]
    assert set(QUALITIES) < set(found)
    times = found["milliseconds"]
    assert isinstance(times, dict)
    assert tuple(times) == STAGES
    assert times["embed"] == pytest.approx(1.0)  # of one photo alone, whatever went before
    assert times["decode"] > 0
    assert times["total"] >= times["decode"]


def test_photos_are_asked_one_by_one_after_one_that_is_not_timed(fake: Fake, queries: Path) -> None:
    measured(queries)
    assert [name for name, *_ in fake.asked] == ["a1.jpg", *ANSWERS]
    assert {(k, evidence) for _, _, k, evidence in fake.asked} == {(50, Evidence.BOTH)}


def test_px_shrinks_each_photo_before_anything_else(fake: Fake, queries: Path) -> None:
    measured(queries, "--px", "112")
    assert {max(shape) for _, shape, *_ in fake.asked} == {112}


@pytest.mark.parametrize("only", ["embedder", "keypoints"])
def test_only_uses_one_evidence(fake: Fake, queries: Path, only: str) -> None:
    measured(queries, "--only", only)
    assert {evidence for *_, evidence in fake.asked} == {Evidence(only)}


def test_the_cases_behind_the_figures_are_drawn_the_gravest_first(fake: Fake, queries: Path, tmp_path: Path) -> None:
    done = run(queries, "--wrong", tmp_path / "wrong", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["queries"] == 6
    assert "4 cases behind the figures" in done.stderr
    drawn = sorted(path.name for path in (tmp_path / "wrong").iterdir())
    assert drawn == ["001-a2.jpg", "002-u1.jpg", "003-a2.jpg", "004-c1.jpg", "index.html"]


def test_the_table_tells_intervals_splits_and_times(fake: Fake, queries: Path) -> None:
    done = run(queries)
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:6] == ["6", "queries,", "2", "of", "pins", "that"]
    assert ["recall", "at", "1", "0.500"] in [line[:4] for line in lines]
    assert ["crop", "to", "512", "px", "4", "0.500"] in [line[:6] for line in lines]
    assert ["photos", "an", "entry", "1", "2", "0.500"] in [line[:6] for line in lines]  # b1, c1
    assert ["photos", "an", "entry", "2", "2", "0.500"] in [line[:6] for line in lines]  # a1, a2
    assert [line[0] for line in lines[-8:]] == [
        "decode",
        "crop",
        "embed",
        "keypoints",
        "search",
        "verify",
        "rank",
        "total",
    ]
    assert run(queries).stdout.split("milliseconds")[0] == done.stdout.split("milliseconds")[0]


def test_a_photo_that_cannot_be_read_counts_as_wrong_and_is_told(fake: Fake, queries: Path, tmp_path: Path) -> None:
    (tmp_path / "a1.jpg").write_bytes(b"not a picture")
    done = run(queries, "--json", "--wrong", tmp_path / "wrong")
    assert done.exit_code == 1
    assert "a1.jpg: not a picture" in done.stderr
    assert json.loads(done.stdout)["recall_at_1"] == 1 / 4
    assert [name for name, *_ in fake.asked][:2] == ["a2.jpg", "a2.jpg"]  # the first that opens warms up
    assert "a1" not in (tmp_path / "wrong" / "index.html").read_text()
    assert run(queries).exit_code == 1


def test_nothing_readable_is_still_an_answer(fake: Fake, tmp_path: Path) -> None:
    queries = table(tmp_path, {"a1.jpg": A})
    (tmp_path / "a1.jpg").write_bytes(b"not a picture")
    for arguments in ([], ["--json"]):
        done = run(queries, *arguments)
        assert done.exit_code == 1
        assert "Traceback" not in done.output
        assert isinstance(done.exception, SystemExit)


def test_true_answers_that_no_entry_has_are_refused_by_row(fake: Fake, tmp_path: Path) -> None:
    done = run(table(tmp_path, {"a1.jpg": A, "a2.jpg": "nobody", "u1.jpg": ""}))
    assert done.exit_code == 1
    assert "queries.csv: 1 error" in done.stderr
    assert "row 2: no entry 'nobody' in the catalogue (photo a2.jpg)" in done.stderr
    assert fake.asked == []


def test_a_table_without_rows_is_refused(fake: Fake, tmp_path: Path) -> None:
    done = run(table(tmp_path, {}))
    assert done.exit_code == 1
    assert "queries.csv: no queries" in done.stderr


def test_only_known_or_only_unknown_queries_can_be_measured(fake: Fake, tmp_path: Path) -> None:
    known = measured(table(tmp_path, {"a1.jpg": A}))
    assert (known["recall_at_1"], known["auroc"], known["fpir_at_95"]) == (1.0, None, None)
    unknown = measured(table(tmp_path, {"u1.jpg": ""}))
    assert (unknown["recall_at_1"], unknown["unknown_queries"]) == (None, 1)
    assert run(tmp_path / "queries.csv").exit_code == 0


def test_drawn_pins_are_measured_the_whole_way(data: Path, sample_files: sample.SampleFiles, tmp_path: Path) -> None:
    head, *rows = sample_files.queries.read_text(encoding="utf-8").splitlines()
    asked = sample_files.folder / f"{tmp_path.name}.csv"
    asked.write_text("\n".join([head, *rows[::2]]) + "\n", encoding="utf-8")
    found = measured(asked, "--data", data, "--wrong", tmp_path / "wrong")
    lacking = sum(row.endswith(",") for row in rows[::2])
    assert 0 < lacking < 4 < len(rows[::2])
    assert (found["queries"], found["unknown_queries"], found["entries"]) == (
        len(rows[::2]),
        lacking,
        sample_files.entries,
    )
    assert isinstance(found["recall_at_1"], float)
    assert found["recall_at_1"] >= 0.8
    times = found["milliseconds"]
    assert isinstance(times, dict)
    assert all(times[stage] > 0 for stage in STAGES)
    assert sum(times[stage] for stage in STAGES[:-1]) < 1.5 * times["total"]
    assert (tmp_path / "wrong" / "index.html").is_file()
