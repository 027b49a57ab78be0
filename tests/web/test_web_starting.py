"""The first start over HTTP: an empty folder, a table with broken rows, an import, a kill in the middle of it."""

from __future__ import annotations

import io
import json
import re
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from web_service import Served, serving

from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.drawn import sample
from recognizer.vision.photos import encode_jpeg

HTML = {"Accept": "text/html"}
HEADER = "№ по каталогу;Название;Год;Серия;Фото\n"


@pytest.fixture
def empty(tmp_path: Path, _base_read_once: None) -> Iterator[Served]:
    """A service on a folder without anything, as whoever sits at the machine sees it."""
    folder = tmp_path / "data"
    Catalogue.open(folder, create=True).close()
    with serving(folder, open_here=True) as served:
        yield served


def proof(served: Served, path: str = "/start") -> str:
    found = re.search(r'name="proof" value="([\w-]+)"', served.get(path, headers=HTML).text)
    assert found is not None
    return found[1]


def archive(rows: list[str], pictures: int) -> bytes:
    """A ZIP archive of a Russian table and its pictures."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("список.csv", (HEADER + "\n".join(rows)).encode())
        for at in range(pictures):
            made.writestr(f"фото/{at}.jpg", encode_jpeg(sample.catalogue_view(at)))
    return data.getvalue()


def send(served: Served, name: str, data: bytes) -> str:
    answer = served.post("/start/sources", files={"file": (name, data)}, data={"proof": proof(served)}, headers=HTML)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def ended(served: Served) -> None:
    ends = time.monotonic() + 60
    while not served.get("/start/progress/state").json()["ended"]:
        assert time.monotonic() < ends
        time.sleep(0.05)


def look(served: Served, source: str, **columns: str) -> str:
    """Choose columns as they are proposed, but for those that are given by number, and see what would change."""
    page = served.get(source, headers=HTML).text
    fields = {"proof": proof(served)}
    for name, options in re.findall(r'<select id="(column-\d+)"(.+?)</select>', page, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    answer = served.post(f"{source}/look", data=fields | columns, headers=HTML)
    if answer.status_code == 303:
        ended(served)
        return served.get(f"{source}/look", headers=HTML).text
    return answer.text


def act(served: Served, path: str, **fields: str) -> httpx.Response:
    answer = served.post(path, data={"proof": proof(served)} | fields, headers=HTML)
    if answer.status_code == 303:
        ended(served)
    return answer


def test_an_empty_folder_opens_on_a_page_that_takes_a_catalogue(empty: Served) -> None:
    first = empty.get("/", headers=HTML)
    assert (first.status_code, first.headers["location"]) == (303, "/start")
    page = empty.get("/start", headers=HTML).text
    assert "Try with drawn pins" in page
    assert 'type="file"' in page


def test_a_table_with_two_broken_rows_is_told_by_row_left_out_imported_and_indexed(empty: Served) -> None:
    rows = [f"12-{at};{sample.entries(5)[at].title};1961;Гербы;фото/{at}.jpg" for at in range(2)]
    rows[1:1] = ["12-8;Без снимка;1961;Гербы;фото/нет.jpg"]
    rows[3:3] = [";Без номера;1961;Гербы;"]
    source = send(empty, "мои.zip", archive(rows, 2))
    told = look(empty, source)
    assert "2 errors" in told, re.sub(r"<[^>]+>|\s+", " ", told)
    assert re.findall(r'<th scope="row">(line \d+)</th>', told) == ["line 3", "line 5"]
    assert str(empty.data) not in told  # where the service keeps it is no matter of whoever sent it
    assert empty.get("/api/v1/entries").json()["total"] == 0
    assert act(empty, f"{source}/import").status_code == 409
    act(empty, f"{source}/leave-out")
    told = empty.get(f"{source}/look", headers=HTML).text
    assert "2 entries: new" in told
    assert empty.get("/api/v1/entries").json()["total"] == 0
    act(empty, f"{source}/import")
    assert "2 photos: can be recognised" in empty.get("/start/progress", headers=HTML).text
    assert empty.get("/api/v1/ready").status_code == 200
    assert empty.get(source, headers=HTML).status_code == 404
    assert not list((empty.data / "web" / "imports").iterdir())


def test_columns_can_be_chosen_otherwise_than_proposed(empty: Served) -> None:
    source = send(empty, "t.csv", "A;B;C\nx1;Маяк;7\nx2;Якорь;8\n".encode())
    assert "no column holds each entry" in look(empty, source, **{f"column-{at}": "" for at in range(3)})
    both = look(empty, source, **{"column-0": "entry_id", "column-1": "series", "column-2": "series"})
    assert "are both series" in both
    look(empty, source, **{"column-0": "entry_id", "column-1": "title", "column-2": "number:avers"})
    act(empty, f"{source}/import")
    entry = empty.get("/api/v1/entries/x2").json()
    assert (entry["title"], entry["identifiers"]) == ("Якорь", [["avers", "8"]])


def test_pictures_alone_and_other_programs_collections_are_looked_over_too(empty: Served, tmp_path: Path) -> None:
    view = encode_jpeg(sample.catalogue_view(0))
    files = [("file", (f"12-{at}.jpg", view)) for at in (1, 2)]
    answer = empty.post("/start/sources", files=files, data={"proof": proof(empty)}, headers=HTML)
    told = look(empty, answer.headers["location"])
    assert "2 entries: new" in told
    assert "Taken for" in empty.get(answer.headers["location"], headers=HTML).text
    with Catalogue.open(tmp_path / "other", create=True) as other:
        other.upsert([sample.entries(1)[0]])
    saved = tmp_path / "pins.db"
    assert (
        CliRunner().invoke(main, ["export-opennumismat", str(saved), "--data", str(tmp_path / "other")]).exit_code == 0
    )
    assert "1 entry: new" in look(empty, send(empty, "pins.db", saved.read_bytes()))


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.zip", b"no archive", "damaged or cut short"),
        ("a.exe", b"MZ", "of no known kind"),
        ("../../a.csv", b"entry_id\n1\n", "which is no place"),
        ("a.csv", b"", "its first line must name the columns"),
    ],
)
def test_what_is_no_catalogue_is_refused_and_leaves_nothing(empty: Served, name: str, data: bytes, why: str) -> None:
    answer = empty.post("/start/sources", files={"file": (name, data)}, data={"proof": proof(empty)}, headers=HTML)
    told = answer.text if answer.status_code != 303 else look(empty, answer.headers["location"])
    assert why in told.replace("&#39;", "'") or "empty; it must have a header" in told
    if answer.status_code != 303:
        assert not list((empty.data / "web").glob("imports/*"))


def test_a_table_does_not_reach_pictures_of_the_machine(empty: Served, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(encode_jpeg(sample.catalogue_view(0)))
    for where in (str(tmp_path / "secret.jpg"), "../../../../../secret.jpg"):
        source = send(empty, "t.csv", f"entry_id,image\n1,{where}\n".encode())
        assert "does not lie beside the table" in look(empty, source)


def test_over_the_network_only_a_token_fills_the_catalogue(empty: Served) -> None:
    held = proof(empty)
    far = HTML | {"X-Forwarded-For": "203.0.113.7"}
    assert "Sign in" in empty.get("/start", headers=far).text
    assert 'type="file"' not in empty.get("/start", headers=far).text
    for path in ("/start/sample", "/start/sources"):
        assert empty.post(path, data={"proof": held}, headers=far).status_code == 401
        assert empty.post(path, data={"proof": "0" * 22}, headers=HTML).status_code == 403  # no form of ours
        elsewhere = HTML | {"Origin": "https://evil.example"}
        assert empty.post(path, data={"proof": held}, headers=elsewhere).status_code == 403
    assert empty.get("/collection", headers=far).status_code == 401


def test_catalogues_have_a_measure_of_their_own(tmp_path: Path) -> None:
    Catalogue.open(tmp_path / "data", create=True).close()
    with serving(tmp_path / "data", open_here=True, max_bytes=1000, max_source=20_000) as small:
        source = send(small, "t.csv", b"entry_id,title\n" + b"1,x\n" * 1000)
        assert source.startswith("/start/sources/")
        sent = {"file": ("t.csv", b"x" * 30_000)}
        assert small.post("/start/sources", files=sent, data={"proof": proof(small)}).status_code == 413


def test_an_import_that_a_kill_cut_off_is_taken_up_again(empty: Served) -> None:
    source = send(empty, "мои.csv", (HEADER + "12-1;Знак;1961;Гербы;\n12-2;Знак;1961;Гербы;\n").encode())
    look(empty, source)
    order = {"kind": "import", "source_id": source.rsplit("/", 1)[1], "leave_out": [], "anew": False}
    (empty.data / "web" / "work.json").write_text(json.dumps(order), encoding="utf-8")
    copy = Path(shutil.copytree(empty.data, empty.data.parent / "killed"))
    with serving(copy, open_here=True) as again:
        ended(again)
        assert again.get("/api/v1/entries").json()["total"] == 2
        assert not (copy / "web" / "work.json").exists()


def test_one_work_is_done_at_a_time(empty: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from recognizer.drawn.sample import write

    def slowly(*arguments: Any, **named: Any) -> Any:
        time.sleep(0.3)
        return write(arguments[0], 2, 0, 1, 0, arguments[5])

    monkeypatch.setattr("index.trial.write", slowly)
    assert empty.post("/start/sample", data={"proof": proof(empty)}).status_code == 303
    assert empty.post("/start/index", data={"proof": proof(empty)}).status_code == 503
    assert "Drawing pins" in empty.get("/start", headers=HTML).text  # every page says what goes on
    ended(empty)
    page = empty.get("/", headers=HTML).text
    shown = re.search(r"/start/sample/(query-\d+)\.jpg", page)
    assert shown is not None
    assert empty.get(shown[0]).headers["content-type"] == "image/jpeg"
    answer = empty.post(f"/start/sample/{shown[1]}/identify", headers=HTML)
    assert 'class="badge match"' in answer.text
    assert empty.get("/start/sample/..%2f..%2fcatalogue.jpg").status_code == 404
    source = send(empty, "t.csv", b"entry_id,title\n1,x\n")
    assert "Take the drawn pins out before" in look(empty, source)
    act(empty, f"{source}/import", anew="1")
    assert [one["entry_id"] for one in empty.get("/api/v1/entries").json()["entries"]] == ["1"]
