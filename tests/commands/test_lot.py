"""`znachki lot` and `znachki split` on a drawn lot: every pin in the report, and a kill that loses nothing."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from recognizer.cli import main
from recognizer.collecting import jobs
from recognizer.drawn import sample
from recognizer.reports.lot_report import summary
from recognizer.types import Float32, Photo, UInt8Image
from recognizer.vision import outlines
from recognizer.vision.crops import split
from recognizer.vision.photos import encode_jpeg, open_photo

SHOWN = (0, 3, 7, 12, 18, 25)
"""Pins of the drawn catalogue that lie on the lot."""


def znachki(*arguments: object) -> Result:
    return CliRunner(env={"ZNACHKI_DATA": None}).invoke(main, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a drawn lot apart, a photo of one pin, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("lots")
    (folder / "lot.jpg").write_bytes(encode_jpeg(sample.lot_view(SHOWN, touching=False).image, quality=90))
    (folder / "one.jpg").write_bytes(encode_jpeg(sample.phone_view(5), quality=90))
    (folder / "worse.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def done(pictures: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The command run over the pictures, and its job folder."""
    out = tmp_path_factory.mktemp("job") / "lots"
    return znachki("lot", pictures, "--out", out, "--data", data), out


def found(done: tuple[Result, Path]) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((done[1] / "lots.json").read_text(encoding="utf-8"))
    return held


def test_a_drawn_lot_is_parted_into_its_pins(pictures: Path) -> None:
    crops = split(open_photo(pictures / "lot.jpg"))
    truth = sample.lot_view(SHOWN, touching=False)
    assert len(crops) == len(SHOWN)
    shown = []
    for crop in crops:
        assert crop.outline is not None
        mask = np.zeros(truth.masks.shape[1:], np.uint8)
        cv2.fillPoly(mask, [np.round(crop.outline + np.array((crop.box.left, crop.box.top))).astype(np.int32)], 1)
        shown.append([(mask & pin).sum() / (mask | pin).sum() for pin in truth.masks])
    assert sorted(np.argmax(shown, axis=1).tolist()) == list(range(len(SHOWN)))
    assert np.max(shown, axis=1).min() > 0.7


def test_the_report_shows_the_picture_with_outlines(done: tuple[Result, Path]) -> None:
    _, out = done
    shown = re.findall(r'class="whole" src="(pictures/[^"]+)"', (out / "report.html").read_text(encoding="utf-8"))
    assert shown
    for name in shown:
        assert name.endswith("-outlined.jpg")
        plain = open_photo(out / name.replace("-outlined", "")).image
        assert np.abs(open_photo(out / name).image.astype(int) - plain).max() > 100


def test_a_photo_of_one_pin_is_one_crop(pictures: Path) -> None:
    assert len(split(open_photo(pictures / "one.jpg"))) == 1


class Seeing(outlines.Outliner):
    """An outline network that sees four parts on any photo, as surely as it is told."""

    def __init__(self, middle: float) -> None:
        self.middle = middle

    def maps(self, image: UInt8Image, scale: float) -> Float32:
        height, width = (max(8, round(side * scale / 2)) for side in image.shape[:2])
        across, down = np.meshgrid(np.linspace(0, 4, width) % 2 - 1, np.linspace(0, 4, height) % 2 - 1)
        away = np.hypot(across, down)
        part = (away < 0.7).astype(np.float32)
        return np.stack([0.95 * part, 0 * part, self.middle * part * (1 - away.astype(np.float32))])


@pytest.mark.parametrize(("middle", "crops"), [(0.9, 4), (0.35, 1)])
def test_parts_none_of_which_is_surely_a_pin_are_one_pin(middle: float, crops: int) -> None:
    photo = Photo(np.full((384, 384, 3), 90, np.uint8), "", "")
    assert len(split(photo, Seeing(middle))) == crops


def test_every_pin_of_the_lot_is_told_with_its_entry(done: tuple[Result, Path]) -> None:
    lot = next(lot for lot in found(done)["lots"] if lot["lot"].endswith("lot.jpg"))
    offered = [pin["matches"][0]["entry_id"] for pin in lot["pictures"][0]["recognitions"]]
    right = {sample.entries(40)[index].entry_id for index in SHOWN}
    assert len(right & set(offered)) >= len(SHOWN) - 1
    assert lot["summary"]["pins"] == len(SHOWN)


def test_a_picture_that_cannot_be_read_is_named_at_the_end_and_fails_the_run(done: tuple[Result, Path]) -> None:
    result, _ = done
    assert result.exit_code == 1
    assert "worse.jpg" in result.stderr.strip().splitlines()[-1]
    assert [Path(one["picture"]).name for one in found(done)["errors"]] == ["worse.jpg"]


def test_page_table_and_coco_tell_the_same_pins(done: tuple[Result, Path]) -> None:
    pins = [pin for lot in found(done)["lots"] for one in lot["pictures"] for pin in one.get("recognitions", ())]
    with (done[1] / "pins.csv").open(encoding="utf-8-sig", newline="") as lines:
        table = list(csv.DictReader(lines))
    coco = json.loads((done[1] / "coco.json").read_text(encoding="utf-8"))
    page = (done[1] / "report.html").read_text(encoding="utf-8")
    assert len(table) == len(coco["annotations"]) == page.count("<tr data-verdict") == len(pins)
    assert [one["verdict"] for one in coco["annotations"]] == [row["verdict"] for row in table]
    for annotation, pin in zip(coco["annotations"], pins, strict=True):
        left, top, right, bottom = pin["box"]
        assert annotation["bbox"] == [left, top, right - left, bottom - top]
        assert 0 < annotation["area"] <= (right - left) * (bottom - top)


def test_every_picture_that_the_page_shows_is_there(done: tuple[Result, Path]) -> None:
    page = (done[1] / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="(pictures/[^"]+)"', page)
    assert sources
    assert [source for source in sources if not (done[1] / source).is_file()] == []


def test_a_killed_run_goes_on_and_asks_no_picture_twice(
    pictures: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, kept = jobs.Job.keep, []

    def killed(self: jobs.Job, task: jobs.Task, answer: Any) -> None:
        if len(kept) == 1:
            kept.append("kill")
            raise SystemExit(137)
        kept.append(task.picture.name)
        keep(self, task, answer)

    monkeypatch.setattr(jobs.Job, "keep", killed)
    assert znachki("lot", pictures, "--out", tmp_path / "job", "--data", data).exit_code == 137
    again = znachki("lot", "--out", tmp_path / "job", "--data", data)
    assert again.exit_code == 1  # the file that is no picture
    assert "1 of 3 pictures answered before" in again.stderr
    assert sorted(set(kept) - {"kill"}) == ["lot.jpg", "one.jpg", "worse.jpg"]
    assert len(kept) == 4
    kept.append("no more")
    assert znachki("lot", "--out", tmp_path / "job", "--data", data).exit_code == 1
    assert kept[-1] == "no more"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_several_jobs_give_the_same_answers_to_the_byte_and_go_on_after_a_kill(
    pictures: Path, done: tuple[Result, Path], data: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "recognizer.cli", "lot", str(pictures), "--out", "job", "--data", str(data)]
    with subprocess.Popen([*command, "--jobs", "2"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "so far" in running.stdout.readline()
        running.kill()
    ends = time.monotonic() + 30
    while held := _processes_in(tmp_path):  # the processes that it had end with it
        assert time.monotonic() < ends, held
        time.sleep(0.1)
    again = subprocess.run([*command, "--jobs", "2"], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 1  # the file that is no picture
    assert "of 3 pictures answered before" in again.stderr
    answers = {path.name: path.read_bytes() for path in (tmp_path / "job" / "answers").glob("*.json")}
    assert answers == {path.name: path.read_bytes() for path in (done[1] / "answers").glob("*.json")}


def _processes_in(folder: Path) -> list[str]:
    """The working directories of all processes that lie in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.append(str((process / "cwd").readlink()))
    return [one for one in found if one == str(folder)]


def test_what_all_lots_so_far_come_to_is_told_as_they_are_done(pictures: Path, data: Path, tmp_path: Path) -> None:
    own = tmp_path / "data"
    shutil.copytree(data, own)
    assert znachki("own", sample.entries(40)[SHOWN[0]].entry_id, "--data", own).exit_code == 0
    for number, name in ((1, "lot.jpg"), (2, "one.jpg")):
        shutil.copy(pictures / name, tmp_path / f"{number}.jpg")
    items = [{"itemId": str(at), "price": {"value": str(6 * at), "currency": "EUR"}} for at in (1, 2)]
    (tmp_path / "sale.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    told = znachki("lot", tmp_path / "sale.jsonl", "--out", tmp_path / "job", "--data", own)
    assert told.exit_code == 0, told.output
    last = [line for line in told.stdout.splitlines() if "so far" in line][-1]
    totals = json.loads((tmp_path / "job" / "lots.json").read_text(encoding="utf-8"))["totals"]
    assert totals["pins"] == len(SHOWN) + 1
    assert 0 < totals["missing"] < totals["named"] <= totals["pins"]
    each = 18 / totals["missing"]
    assert last.endswith(
        f"so far {totals['pins']} pins, {totals['named']} named, {totals['missing']} missing, "
        f"{each:.2f} EUR for each missing pin"
    )
    assert f"{each:.2f} EUR" in (tmp_path / "job" / "report.html").read_text(encoding="utf-8")


def test_a_listing_brings_its_title_and_price(pictures: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "5551.jpg").write_bytes((pictures / "one.jpg").read_bytes())
    item = {"itemId": "v1|5551|0", "title": "Значки <b>", "price": {"value": "3.5", "currency": "EUR"}}
    (tmp_path / "sale.jsonl").write_text(json.dumps(item) + "\n", encoding="utf-8")
    said = znachki("lot", tmp_path / "sale.jsonl", "--out", tmp_path / "job", "--data", data)
    assert said.exit_code == 0, said.output
    assert "Значки <b>, 3.50 EUR: 1 pin" in said.stdout
    page = (tmp_path / "job" / "report.html").read_text(encoding="utf-8")
    assert "Значки &lt;b&gt;" in page
    assert "3.50 EUR" in page


def test_copies_are_counted_not_merged() -> None:
    def pin(entry: str, verdict: str = "match") -> dict[str, Any]:
        return {"verdict": verdict, "matches": [{"entry_id": entry}]}

    first = {"recognitions": [pin("A"), pin("A"), pin("B"), pin("C", "unknown"), pin("D", "family")]}
    second = {"recognitions": [pin("A"), pin("B"), pin("B")]}
    counted = summary([first, second, {"error": "bad"}])
    assert (counted.pins, counted.known, counted.unsure, counted.unknown) == (8, 6, 1, 1)
    assert counted.entries == {"A": 2, "B": 2}
    assert counted.duplicates == 2


def test_split_writes_crops_clear_outside_their_outline(pictures: Path, tmp_path: Path) -> None:
    done = znachki("split", pictures, "--out", tmp_path / "crops", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1  # worse.jpg
    assert [Path(one["source"]).name for one in told["unread"]] == ["worse.jpg"]
    of_lot = [one for one in told["crops"] if one["picture"].endswith("lot.jpg")]
    assert len(of_lot) == len(SHOWN)
    for one in of_lot:
        crop = cv2.imread(one["crop"], cv2.IMREAD_UNCHANGED)
        assert crop is not None
        assert crop.shape[2] == 4
        assert set(np.unique(crop[:, :, 3])) == {0, 255}


def test_lots_are_measured_against_a_truth(
    pictures: Path, data: Path, tmp_path: Path, query: Callable[[int], tuple[Path, str | None]]
) -> None:
    lot = sample.lot_view(SHOWN, touching=False)
    rows = ["image,entry_id,left,top,right,bottom"]
    for index, box in zip(SHOWN, lot.boxes, strict=True):
        rows.append(f"lot.jpg,{sample.entries(40)[index].entry_id},{box.left},{box.top},{box.right},{box.bottom}")
    truth = pictures / "lots.csv"
    truth.write_text("\n".join(rows), encoding="utf-8")
    done = znachki("evaluate", "--lots", truth, "--data", data, "--json", "--draw", tmp_path / "drawn")
    figures = json.loads(done.stdout)
    assert figures["places_found"] == 1.0
    assert figures["recall_at_1"] >= 0.8
    assert (tmp_path / "drawn" / "lot.jpg").is_file()
    assert znachki("evaluate", "--data", data).exit_code == 2
