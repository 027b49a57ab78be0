"""Pins that the catalogue lacks are put together from lots, counted once a picture, and become entries."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from index.build import build
from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.collecting.jobs import Job
from recognizer.collecting.listings import Listing
from recognizer.curating import discover
from recognizer.curating.discover import Cluster, Seen, grouped
from recognizer.drawn import sample
from recognizer.drawn.scenes import Lot
from recognizer.errors import PhotoError, ZnachkiError
from recognizer.identify import Recognizer
from recognizer.reports.discover_report import write_discovered
from recognizer.reports.lot_report import write
from recognizer.search.embedder import Embedder
from recognizer.vision.photos import encode_jpeg, open_photo

LACKING = 1_000_003  # seed of drawn pins that the catalogue of the tests lacks


@pytest.fixture(scope="module")
def model(data: Path) -> Embedder:
    with Recognizer.open(data) as recognizer:
        return recognizer.model


@pytest.fixture(scope="module")
def lots_of() -> dict[int, Lot]:
    """Three drawn pictures of lots: pins 0 and 1 lie on all of them, 2 on the first two, 3, 4 and 5 on one each."""
    shown = {0: [0, 1, 2, 3], 1: [1, 0, 2, 4], 2: [0, 5, 1]}
    return {shot: sample.lot_view(pins, LACKING, shot, touching=False) for shot, pins in shown.items()}


def job_of(folder: Path, lots: Sequence[tuple[str, Lot]], quality: int = 92, kept: bool = True) -> Path:
    """A job folder as `znachki lot` leaves it: each drawn lot a listing, its pins answered with unknown."""
    listings = []
    folder.mkdir(parents=True)
    for name, lot in lots:
        path = folder.parent / f"{folder.name}-{name}.jpg"
        path.write_bytes(encode_jpeg(lot.image, quality))
        listings.append(Listing(name, (path,), f"Lot {name}"))
    job = Job.open(folder, listings, "made with")
    for task, (_, lot) in zip(job.tasks, lots, strict=True):
        pins = []
        for number, box in enumerate(lot.boxes, 1):
            sides = [box.left, box.top, box.right, box.bottom]
            pins.append(
                {"score": 1.0, "box": sides, "outline": None, "verdict": "unknown", "matches": [], "checks": []}
            )
            crop = lot.image[box.top : box.bottom, box.left : box.right]
            job.picture(f"{task.key}-{number}").write_bytes(encode_jpeg(np.ascontiguousarray(crop), 82))
        pins.append(
            {"score": 1.0, "box": [0, 0, 50, 50], "outline": None, "verdict": "not_a_pin", "matches": [], "checks": []}
        )
        about = {"photo": str(task.picture), "width": lot.image.shape[1], "height": lot.image.shape[0]}
        job.keep(task, about | {"sha256": open_photo(task.picture).sha256, "recognitions": pins})
    if not kept:  # as in a folder whose pictures were cleared away once the report was made
        write(job)
        for task in job.tasks:
            task.picture.unlink()
    return folder


def found(folder: Path, data: Path, model: Embedder) -> list[Cluster]:
    with Catalogue.open(data) as catalogue:
        return discover.cluster(folder, catalogue, model.fingerprint)


@pytest.fixture(scope="module")
def jobs(lots_of: dict[int, Lot], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A job folder for each of the lots, to read."""
    folder = tmp_path_factory.mktemp("jobs")
    return [job_of(folder / f"job{shot}", [(str(shot), lot)]) for shot, lot in lots_of.items()]


@pytest.fixture(scope="module")
def gathered(jobs: list[Path], model: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crops of `jobs`; read the folder, and copy it to write to one."""
    folder = tmp_path_factory.mktemp("gathered") / "out"
    assert discover.gather(folder, jobs, model) == (11, [])
    return folder


def counts(clusters: Sequence[Cluster]) -> list[tuple[int, int]]:
    return [(one.seen, len(one.lots)) for one in clusters]


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["discover", *map(str, arguments), "--data", str(data)])


def test_pins_of_several_lots_are_proposed_with_how_often_and_where_they_were_seen(
    data: Path, model: Embedder, gathered: Path, tmp_path: Path
) -> None:
    clusters = found(gathered, data, model)
    assert counts(clusters) == [(3, 3), (3, 3), (2, 2), (1, 1), (1, 1), (1, 1)]
    shutil.copytree(gathered, tmp_path / "out")
    proposed = write_discovered(tmp_path / "out", clusters)
    assert counts(proposed) == [(3, 3), (3, 3), (2, 2)]
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert html.count("<img") == 8
    assert f"--accept {proposed[0].cluster}" in html


def test_no_picture_counts_twice_however_often_it_comes(
    data: Path, model: Embedder, lots_of: dict[int, Lot], jobs: list[Path], gathered: Path, tmp_path: Path
) -> None:
    shutil.copytree(gathered, tmp_path / "out")
    before = found(tmp_path / "out", data, model)
    assert discover.gather(tmp_path / "out", jobs, model) == (0, [])
    # the very same files in another job
    same = job_of(tmp_path / "same", [(str(shot), lot) for shot, lot in lots_of.items()])
    assert discover.gather(tmp_path / "out", [same], model) == (0, [])
    assert found(tmp_path / "out", data, model) == before
    relisted = job_of(tmp_path / "relisted", [("9", lots_of[0])], quality=60)
    assert discover.gather(tmp_path / "out", [relisted], model)[0] == 4
    after = found(tmp_path / "out", data, model)
    assert [one.seen for one in after] == [one.seen for one in before]
    assert sorted(len(one.copies) for one in after) == [0, 0, 1, 1, 1, 1]


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(
    data: Path, model: Embedder, jobs: list[Path], gathered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = discover.write_whole
    for stop in (3, 6, 7):
        made = iter(range(stop))

        def cut_off(path: Path, content: bytes, made: Iterator[int] = made) -> None:
            if next(made, None) is None:
                raise KeyboardInterrupt
            writes(path, content)

        with monkeypatch.context() as patch:
            patch.setattr(discover, "write_whole", cut_off)
            with pytest.raises(KeyboardInterrupt):
                discover.gather(tmp_path / "cut", jobs, model)
    discover.gather(tmp_path / "cut", jobs, model)
    assert found(tmp_path / "cut", data, model) == found(gathered, data, model)


def test_where_the_pictures_are_gone_the_small_ones_of_the_job_serve(
    data: Path, model: Embedder, lots_of: dict[int, Lot], tmp_path: Path
) -> None:
    jobs = [job_of(tmp_path / f"job{shot}", [(str(shot), lot)], kept=False) for shot, lot in lots_of.items()]
    assert discover.gather(tmp_path / "out", jobs, model) == (11, [])
    assert counts(found(tmp_path / "out", data, model))[:2] == [(3, 3), (3, 3)]
    next((tmp_path / "job0" / "pictures").glob("*-1.jpg")).unlink()
    new, notes = discover.gather(tmp_path / "again", jobs, model)
    assert new == 10
    assert len(notes) == 1


def test_an_accepted_cluster_is_an_entry_with_its_photos_and_proposed_no_more(
    own_data: Path, jobs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run(own_data, jobs[0].parent, "--out", out)  # a folder of job folders
    assert done.exit_code == 0, done.output
    assert "11 new crops, 3 pins proposed" in done.stdout
    best = json.loads((out / "discover.json").read_text(encoding="utf-8"))["clusters"][0]
    taken = run(own_data, "--out", out, "--accept", best["cluster"], "--number", "З-0001", "--title", "Новый")
    assert taken.exit_code == 1
    assert "is that of drawn-0001 already" in taken.output
    assert run(own_data, "--out", out, "--accept", best["cluster"]).exit_code == 2
    assert run(own_data, "--out", out, "--accept", "zzz", "--number", "Н-1", "--title", "Новый").exit_code == 1
    made = run(own_data, "--out", out, "--accept", best["cluster"], "--number", "Н-1", "--title", "Новый")
    assert made.exit_code == 0, made.output
    with Catalogue.open(own_data) as catalogue:
        assert catalogue.entry("Н-1").title == "Новый"
        assert {image.sha256 for image in catalogue.images(entry_id="Н-1")} == {one["crop"] for one in best["crops"]}
        change = catalogue.history(limit=1)[0].change_id
    assert "0 new crops, 2 pins proposed" in run(own_data, "--out", out).stdout
    again = run(own_data, "--out", out, "--accept", best["cluster"], "--number", "Н-2", "--title", "Новый")
    assert again.exit_code == 1
    assert "accepted already, as Н-1" in again.output
    assert build(own_data).added == 3
    with Catalogue.open(own_data) as catalogue:
        catalogue.undo(change)
    assert "0 new crops, 3 pins proposed" in run(own_data, "--out", out).stdout


def test_a_cluster_becomes_photos_of_an_entry_that_shows_the_pin_already(
    own_data: Path, jobs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run(own_data, jobs[0].parent, "--out", out).exit_code == 0
    best = json.loads((out / "discover.json").read_text(encoding="utf-8"))["clusters"][0]
    name = best["cluster"]
    assert run(own_data, "--out", out, "--accept", name, "--into", "З-0001", "--title", "Новый").exit_code == 2
    assert run(own_data, "--out", out, "--into", "З-0001").exit_code == 2
    assert "no entry 'Н-1'" in run(own_data, "--out", out, "--accept", name, "--into", "Н-1").output
    with Catalogue.open(own_data) as catalogue:
        before = {image.sha256 for image in catalogue.images(entry_id="drawn-0001")}
        entries = catalogue.count()
    made = run(own_data, "--out", out, "--accept", name, "--into", "З-0001")
    assert made.exit_code == 0, made.output
    with Catalogue.open(own_data) as catalogue:
        held = {image.sha256 for image in catalogue.images(entry_id="drawn-0001")}
        assert held == before | {one["crop"] for one in best["crops"]}
        assert catalogue.count() == entries
    again = run(own_data, "--out", out, "--accept", name, "--into", "З-0002")
    assert "0 new crops, 2 pins proposed" in run(own_data, "--out", out).stdout
    assert again.exit_code == 1


def test_a_folder_without_a_job_or_anything_discovered_is_refused(data: Path, model: Embedder, tmp_path: Path) -> None:
    with pytest.raises(ZnachkiError, match="no job in it"):
        discover.gather(tmp_path / "out", [tmp_path], model)
    with pytest.raises(ZnachkiError, match="nothing discovered yet"):
        discover.read_cluster(tmp_path, "a")
    assert found(tmp_path / "out", data, model) == []


def test_accepting_makes_nothing_where_a_picture_is_missing(own_data: Path, tmp_path: Path) -> None:
    seen = Seen("0" * 64, "1" * 64, (0, 0, 9, 9), "lot", "", "picture.jpg")
    with Catalogue.open(own_data) as catalogue:
        with pytest.raises(PhotoError):
            discover.accept(tmp_path, catalogue, Cluster("0", (seen,), 2, ("lot",)), "Н-1", "Новый")
        assert catalogue.known(["Н-1"]) == {}


def test_one_wrong_link_does_not_make_one_pin_of_two() -> None:
    triangles = [(0, 1, 50.0), (1, 2, 50.0), (0, 2, 50.0), (3, 4, 40.0), (4, 5, 40.0), (3, 5, 40.0)]
    assert grouped(7, [*triangles, (2, 3, 15.0)]) == [[0, 1, 2], [3, 4, 5], [6]]
    assert grouped(3, [(0, 1, 30.0), (1, 2, 20.0)]) == [[0, 1, 2]]
    assert grouped(0, []) == []
