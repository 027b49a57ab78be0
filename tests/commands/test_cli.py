"""The command line: what it prints, in which words, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from recognizer.catalogue.store import Catalogue
from recognizer.cli import COMMANDS, main
from recognizer.commands import progress_bars
from recognizer.drawn import sample
from recognizer.types import CatalogueEntry

Query = Callable[[int], tuple[Path, str | None]]

MATCH_KEYS = {
    *("entry_id", "number", "title", "title_en", "probability", "image_id", "similarity", "votes", "inliers"),
    "appearance",
    "colour",
    "overlap",
    "same",
    "silhouette",
}


def znachki(*arguments: object, stdin: bytes | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner(env={"ZNACHKI_DATA": None, **(env or {})}).invoke(main, [str(a) for a in arguments], input=stdin)


def good(*arguments: object, **more: Any) -> str:
    done = znachki(*arguments, **more)
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.stdout


def process(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "recognizer.cli", *(str(argument) for argument in arguments)]
    return subprocess.run(command, input=stdin, capture_output=True)


@pytest.fixture
def small(tmp_path: Path, sample_files: sample.SampleFiles) -> Path:
    """A table of the sample's first five entries, beside their photos."""
    rows = sample_files.catalogue.read_text(encoding="utf-8").splitlines()[:6]
    table = sample_files.folder / f"{tmp_path.name}.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


# The group


def test_help_names_every_command() -> None:
    said = good("--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", said, re.MULTILINE)


def test_help_takes_less_than_half_a_second() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        assert process("--help").returncode == 0
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_data_and_tells_its_default(command: str) -> None:
    whole = main.get_command(click.Context(main), command)
    parts = list(whole.commands) if isinstance(whole, click.Group) else []
    for said in [good(command, part, "--help") for part in parts] or [good(command, "--help")]:
        assert "--data" in said
        assert "ZNACHKI_DATA" in said


def test_an_unknown_command_is_a_usage_error() -> None:
    assert znachki("collect").exit_code == 2


def test_an_option_before_the_command_tells_where_it_stands() -> None:
    done = CliRunner().invoke(main, ["--data", "somewhere", "serve"])
    assert done.exit_code == 2
    assert "No such option '--data'; options stand behind the command: znachki serve --data ..." in done.output


def test_works_that_follow_one_another_have_a_bar_each(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", screen)
    with progress_bars("index", "compare photos") as (first, second):
        time.sleep(0.35)  # short works draw none
        first(1, 2)
        time.sleep(0.15)
        first(2, 2)
        second(1, 4)
        time.sleep(0.45)
        second(3, 4)
    assert re.search(r"index: +50%.* 1/2 ", screen.getvalue())
    assert re.search(r"compare photos: +75%.* 3/4 ", screen.getvalue())


def test_errors_have_a_message_and_end_with_1(tmp_path: Path) -> None:
    done = process("show", "--data", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: no catalogue in ")
    assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(data: Path) -> None:
    command = (
        f"{sys.executable} -m recognizer.cli show --limit 0 --json --data {data} | head -1; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout == "[\n"
    assert done.stderr == ""


# import and show


def test_import_says_what_it_did_and_again_changes_nothing(small: Path, tmp_path: Path) -> None:
    assert good("import", small, "--data", tmp_path / "d").splitlines()[:3] == [
        "5 rows read",
        "entries: 5 new, 0 changed, 0 the same",
        "photos:  5 new, 0 changed, 0 the same",
    ]
    report = json.loads(good("import", small, "--data", tmp_path / "d", "--json"))
    assert report["entries_same"] == report["images_same"] == report["rows"] == 5
    assert report["entries_new"] == report["images_new"] == 0


def test_import_takes_a_folder_and_the_environment_names_the_data(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    photo = next((small.parent / "photos").glob("drawn-0001*"))
    (folder / "Щ-1.jpg").write_bytes(photo.read_bytes())
    (folder / "Щ-1_reverse.jpg").write_bytes(photo.with_name("drawn-0002.jpg").read_bytes())
    env = {"ZNACHKI_DATA": str(tmp_path / "d")}
    good("import", folder, env=env)
    (entry,) = json.loads(good("show", "--json", env=env))
    assert entry["entry_id"] == "Щ-1"
    assert [image["role"] for image in entry["images"]] == ["face", "reverse"]


def test_a_wrong_row_is_told_by_line_and_nothing_enters(small: Path, tmp_path: Path) -> None:
    small.write_text(small.read_text(encoding="utf-8").replace("drawn-0003.jpg", "gone.jpg"), encoding="utf-8")
    done = znachki("import", small, "--data", tmp_path / "d")
    assert done.exit_code == 1
    assert "line 4" in done.stderr
    assert "gone.jpg" in done.stderr
    assert json.loads(good("show", "--json", "--data", tmp_path / "d")) == []


def test_import_of_nothing_tells_the_cure(tmp_path: Path) -> None:
    done = znachki("import", tmp_path / "no.csv", "--data", tmp_path / "d")
    assert done.exit_code == 1
    assert "no.csv" in done.stderr


def test_show_lists_the_catalogue_up_to_the_limit(data: Path) -> None:
    lines = good("show", "--limit", 3, "--data", data).splitlines()
    assert lines[0].split() == ["entry_id", "number", "years", "title"]
    assert [line.split()[:2] for line in lines[1:4]] == [[f"drawn-000{n}", f"З-000{n}"] for n in (1, 2, 3)]
    assert lines[4:] == ["40 entries, 3 shown; --limit 0 shows all"]
    assert len(json.loads(good("show", "--limit", 0, "--data", data, "--json"))) == 40


@pytest.mark.parametrize("asked", ["drawn-0005", "З-0005", "own:З-0005"])
def test_show_of_one_entry_is_a_sheet(data: Path, asked: str) -> None:
    sheet = dict(line.split(maxsplit=1) for line in good("show", asked, "--data", data).splitlines())
    entry = sample.entries()[4]
    assert sheet["entry_id"] == "drawn-0005"
    assert sheet["title"] == entry.title
    assert sheet["theme"] == " / ".join(entry.theme)
    assert Path(sheet["photo"].split()[1]).is_file()


def test_show_of_one_entry_as_json_has_the_fields_of_an_entry(data: Path) -> None:
    shown = json.loads(good("show", "З-0005", "--data", data, "--json"))
    assert {*CatalogueEntry.__dataclass_fields__} <= shown.keys()
    assert shown["title"] == sample.entries()[4].title
    assert shown["images"][0]["role"] == "face"


def test_search_finds_words_in_two_alphabets(data: Path) -> None:
    entry = sample.entries(40)[1]
    for words in (entry.place.upper(), entry.title_en.split()[-1].lower()):
        found = json.loads(good("show", "--search", words, "--data", data, "--json"))
        assert entry.entry_id in [one["entry_id"] for one in found]
    assert "nothing found" in good("show", "--search", "ъъъ", "--data", data)


def test_show_of_an_unknown_number_fails(data: Path) -> None:
    done = znachki("show", "З-9999", "--data", data)
    assert done.exit_code == 1
    assert "'З-9999'" in done.stderr
    assert znachki("show", "З-0001", "--search", "звезда", "--data", data).exit_code == 2


# sample


def test_sample_writes_tables_that_import_and_evaluate_read(tmp_path: Path) -> None:
    done = good("sample", tmp_path / "s", "--count", 3, "--known", 2, "--lacking", 1, "--json")
    told = json.loads(done)
    assert told["entries"] == 3
    assert told["known_queries"] == 2
    good("import", told["catalogue"], "--data", tmp_path / "d")
    assert len(json.loads(good("show", "--data", tmp_path / "d", "--json"))) == 3


def test_sample_lies_in_the_data_folder_unless_told(tmp_path: Path) -> None:
    good("sample", "--count", 1, "--known", 0, "--lacking", 0, "--data", tmp_path)
    assert (tmp_path / "sample" / "catalogue.csv").is_file()


def test_sample_in_a_place_that_cannot_be_written_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert znachki("sample", tmp_path / "file" / "s", "--count", 1).exit_code == 1


# index


def test_index_again_changes_nothing_and_check_agrees(own_data: Path) -> None:
    report = json.loads(good("index", "--data", own_data, "--json"))
    assert (report["added"], report["removed"], report["kept"]) == (0, 0, 40)
    good("index", "--check", "--data", own_data)


def test_check_tells_what_is_missing_and_index_adds_only_that(own_data: Path, sample_files: sample.SampleFiles) -> None:
    with Catalogue.open(own_data) as catalogue:
        catalogue.upsert([CatalogueEntry("new-1")])
        picture = (sample_files.folder / "photos" / "query-001.jpg").read_bytes()
        image = catalogue.add_image("new-1", picture, ".jpg")
    done = znachki("index", "--check", "--data", own_data, "--json")
    assert done.exit_code == 1
    state = json.loads(done.stdout)
    assert state["stale"] is True
    assert state["missing"] == [image.image_id]
    assert state["orphaned"] == []
    assert "1 added" in good("index", "--data", own_data)
    good("index", "--check", "--data", own_data)


def test_check_with_rebuild_is_a_usage_error(data: Path) -> None:
    assert znachki("index", "--check", "--rebuild", "--data", data).exit_code == 2


# identify


def test_identify_answers_in_the_words_of_the_house(data: Path, query: Query) -> None:
    path, truth = query(0)
    told = json.loads(good("identify", path, "--k", 3, "--data", data, "--json"))
    assert told.keys() == {"photos", "errors"}
    (photo,) = told["photos"]
    assert photo.keys() == {"photo", "sha256", "recognitions"}
    assert photo["photo"] == str(path)
    assert len(photo["sha256"]) == 64
    (found,) = photo["recognitions"]
    assert {"box", "verdict", "matches"} <= found.keys()
    left, top, right, bottom = found["box"]
    assert 0 <= left < right
    assert 0 <= top < bottom
    assert 1 <= len(found["matches"]) <= 3
    assert all(match.keys() == MATCH_KEYS for match in found["matches"])
    probabilities = [match["probability"] for match in found["matches"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert found["matches"][0]["entry_id"] == truth


def test_identify_to_read(data: Path, query: Query) -> None:
    path, truth = query(0)
    first, *matches = good("identify", path, "--k", 2, "--data", data).splitlines()
    assert first.startswith(f"{path}: ")
    number = next(entry.number for entry in sample.entries() if entry.entry_id == truth)
    assert re.fullmatch(rf" +[<>]?\d+%  {number}  .+", matches[0])


def test_identify_as_csv(data: Path, query: Query) -> None:
    path, truth = query(0)
    rows = list(csv.DictReader(io.StringIO(good("identify", path, "--k", 2, "--data", data, "--csv"))))
    assert [row["rank"] for row in rows] == [str(rank + 1) for rank in range(len(rows))]
    assert rows[0]["photo"] == str(path)
    assert rows[0]["entry_id"] == truth
    assert 0 <= float(rows[0]["probability"]) <= 1


def test_identify_reads_one_picture_from_standard_input(data: Path, query: Query) -> None:
    path, truth = query(0)
    told = json.loads(good("identify", "-", "--data", data, "--json", stdin=path.read_bytes()))
    assert told["photos"][0]["photo"] == "stdin"
    assert told["photos"][0]["recognitions"][0]["matches"][0]["entry_id"] == truth


def test_bad_files_are_told_and_the_others_answered(data: Path, query: Query, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(query(0)[0].read_bytes())
    (folder / "b.jpg").write_bytes(b"no picture")
    (folder / "c.jpg").write_bytes(query(1)[0].read_bytes())
    done = znachki("identify", folder, tmp_path / "gone.jpg", "--data", data, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert [Path(one["photo"]).name for one in told["photos"]] == ["a.jpg", "c.jpg"]
    assert [Path(one["photo"]).name for one in told["errors"]] == ["b.jpg", "gone.jpg"]
    assert all(one["error"] for one in told["errors"])
    assert "b.jpg" in done.stderr
    assert "gone.jpg" in done.stderr


def test_all_good_ends_with_0(data: Path, query: Query) -> None:
    assert znachki("identify", query(0)[0], query(1)[0], "--data", data).exit_code == 0


def test_a_folder_without_photos_is_told(data: Path, tmp_path: Path) -> None:
    done = znachki("identify", tmp_path, "--data", data)
    assert done.exit_code == 1
    assert "no photos in this folder" in done.stderr


def test_identify_writes_a_report_that_needs_nothing_else(data: Path, query: Query, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    done = znachki("identify", query(0)[0], bad, "--data", data, "--report", report)
    assert done.exit_code == 1
    html = report.read_text(encoding="utf-8")
    assert "data:image/jpeg;base64," in html
    assert "bad.jpg" in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert str(report) in done.stderr


def test_identify_without_an_index_tells_the_cure(small: Path, tmp_path: Path, query: Query) -> None:
    good("import", small, "--data", tmp_path / "d")
    done = znachki("identify", query(0)[0], "--data", tmp_path / "d")
    assert done.exit_code == 1
    assert "znachki index" in done.stderr


def test_csv_and_json_at_once_is_a_usage_error(data: Path, query: Query) -> None:
    assert znachki("identify", query(0)[0], "--csv", "--json", "--data", data).exit_code == 2


# demo


def test_demo_says_which_answers_are_right(tmp_path: Path) -> None:
    arguments = ("demo", "--count", 6, "--photos", 2, "--data", tmp_path / "d")
    said = good(*arguments)
    assert said.count("A photo of ") == 3
    assert "A photo of a pin that the catalogue lacks:" in said
    report = tmp_path / "d" / "report.html"
    assert report.is_file()
    told = json.loads(good(*arguments, "--json"))
    assert [one["entry_id"] for one in told["photos"]] == ["drawn-0001", "drawn-0004", None]
    assert told["right"] == sum(one["outcome"] == "right" for one in told["photos"])
    assert told["lot"]["found"] >= 6
    assert "A lot of 8 pins, 6 of them in the catalogue" in said.splitlines()[-1]
    assert said.splitlines()[-2] == (
        f"{told['right']} of 3 right. Photos beside catalogue photos, matched points drawn: {report}"
    )
    for one in told["photos"]:
        assert f"  {one['outcome']}\n" in said


def test_demo_keeps_away_from_a_collectors_catalogue(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("А-1", title="Мой значок")])
    done = znachki("demo", "--data", tmp_path)
    assert done.exit_code == 1
    assert "a catalogue of your own" in done.stderr


def tiff_with_odd_tags() -> bytes:
    """A TIFF at which libtiff writes a warning to standard error, past Python: it has a tag of a kind that is none."""
    whole = io.BytesIO()
    Image.fromarray(sample.catalogue_view(0)[:64, :64]).save(whole, "TIFF", compression="tiff_lzw")
    data = whole.getvalue()
    (at,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack_from("<H", data, at)
    entries = data[at + 2 : at + 2 + 12 * count] + struct.pack("<HHII", 65002, 99, 7, 1)
    directory = struct.pack("<H", count + 1) + entries + struct.pack("<I", 0)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


@pytest.mark.skipif(os.name != "posix", reason="on Windows libraries write to the console itself")
def test_warnings_of_libraries_do_not_reach_the_user_and_errors_do(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    path = tmp_path / "given" / "1.tif"
    path.write_bytes(tiff_with_odd_tags())
    aloud = [sys.executable, "-c", "import sys; from PIL import Image; Image.open(sys.argv[1]).load()", str(path)]
    assert b"TIFFFetch" in subprocess.run(aloud, capture_output=True, check=True).stderr
    done = process("import", tmp_path / "given", "--data", tmp_path / "data")
    assert (done.returncode, done.stderr) == (0, b"")
    done = process("import", tmp_path / "gone", "--data", tmp_path / "data")
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) <= 4
    assert b"gone" in done.stderr
