"""What people say of answers is kept with its photo, counts until it is taken back, and reaches all who use it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from drawing import draw
from web_service import serving, wait_ready

from recognizer.catalogue import corrections
from recognizer.catalogue.corrections import EARLIER, Correction, Query, Said, corrected_queries
from recognizer.catalogue.imports import read_queries
from recognizer.catalogue.store import QUERIES, Catalogue
from recognizer.cli import main
from recognizer.drawn import sample
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.exchange.backup import back_up, check_folder, restore
from recognizer.exchange.copying import transfer
from recognizer.types import CatalogueEntry
from recognizer.vision.photos import encode_jpeg, open_photo
from training.data import photos_of

Queries = Callable[[int], tuple[Path, str | None]]
LACKING = 10  # the first of the drawn queries whose pin the catalogue lacks


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--data", str(data)], env={"ZNACHKI_USER": "Вера"})


def picture(seed: int, folder: Path) -> Query:
    """A query with the bytes of a picture of no sense, another one for each seed."""
    data = draw(folder / f"{seed}.png", seed).read_bytes()
    return Query(open_photo(data).sha256, None, data, ".png")


@pytest.fixture
def catalogue(tmp_path: Path, url: str | None) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", url=url, create=True) as opened:
        opened.upsert([CatalogueEntry("1", number="12-345"), CatalogueEntry("2"), CatalogueEntry("3")])
        yield opened


def say(catalogue: Catalogue, query: Query, entry_id: str = "", said: Said = Said.CORRECTED) -> Correction:
    return corrections.add(catalogue, query, said, entry_id, who="Вера")


# By the command line, on drawn pins


def test_an_answer_is_confirmed_with_who_when_what_answered_and_the_photo(own_data: Path, query: Queries) -> None:
    path, entry_id = query(0)
    assert entry_id is not None
    done = run(own_data, "correct", path, "--entry", entry_id, "--note", "с обратной стороны «ЛЮДМИЛА»", "--json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert (made["said"], made["entry_id"], made["offered"], made["who"]) == ("confirmed", entry_id, entry_id, "Вера")
    index = json.loads((own_data / "index" / "index.json").read_text())
    assert made["model"] == index["fingerprint"]
    assert len(made["index_made"]) == 16
    assert made["sha256"] == open_photo(path).sha256
    assert (own_data / QUERIES / made["picture"]).read_bytes() == path.read_bytes()
    assert "ЛЮДМИЛА" in run(own_data, "corrections").stdout


def test_an_answer_is_corrected_by_any_number(own_data: Path, query: Queries) -> None:
    path, _ = query(LACKING)
    right = sample.entries(3)[2]
    done = run(own_data, "correct", path, "--entry", right.number, "--json")
    assert json.loads(done.stdout)["said"] == "corrected"
    assert json.loads(done.stdout)["entry_id"] == right.entry_id
    wrong = run(own_data, "correct", path, "--entry", "no such number")
    assert wrong.exit_code == 1
    assert "no entry 'no such number'" in wrong.output
    assert run(own_data, "correct", path).exit_code == 2
    assert run(own_data, "correct", path, "--unknown", "--not-a-pin").exit_code == 2
    assert run(own_data, "correct", path, "--unknown", "--add-photo").exit_code == 2


def test_of_a_photo_of_several_pins_one_must_be_named_and_only_it_is_kept(own_data: Path, tmp_path: Path) -> None:
    lot = tmp_path / "lot.jpg"
    lot.write_bytes(encode_jpeg(sample.lot_view([1, 5, 9], shot=3, touching=False).image, 92))
    vague = run(own_data, "correct", lot, "--unknown")
    assert vague.exit_code == 2
    assert "say which with --pin" in vague.output
    made = json.loads(run(own_data, "correct", lot, "--unknown", "--pin", "2", "--json").stdout)
    left, top, right, bottom = made["box"]
    kept = open_photo(own_data / QUERIES / made["picture"]).image
    assert kept.shape[:2] == (bottom - top, right - left)
    assert max(kept.shape) < max(open_photo(lot).image.shape)
    assert run(own_data, "correct", lot, "--unknown", "--pin", "99").exit_code == 2


def test_a_pin_is_counted_by_an_answer_alone_and_without_one_the_photo_is_not_split_for_it(
    own_data: Path, tmp_path: Path
) -> None:
    lot = tmp_path / "lot.jpg"
    lot.write_bytes(encode_jpeg(sample.lot_view([1, 5, 9], shot=3, touching=False).image, 92))
    (own_data / "index" / "index.json").unlink()
    refused = run(own_data, "correct", lot, "--unknown", "--pin", "2")
    assert refused.exit_code == 1
    assert "nothing answers" in refused.output
    assert "znachki index" in refused.output
    assert "0 corrections" in run(own_data, "corrections").stdout


def test_what_was_said_is_exported_as_queries_that_evaluate_reads(
    own_data: Path, query: Queries, tmp_path: Path
) -> None:
    (known, entry_id), (lacking, _) = query(1), query(LACKING)
    assert entry_id is not None
    run(own_data, "correct", known, "--entry", entry_id)
    run(own_data, "correct", lacking, "--unknown")
    table = tmp_path / "elsewhere" / "corrected.csv"
    table.parent.mkdir()
    assert "2 queries written" in run(own_data, "corrections", "--export", table).stdout
    assert [answer for _, answer in read_queries(table)] == [entry_id, None]
    assert [path.read_bytes() for path, _ in read_queries(table)] == [known.read_bytes(), lacking.read_bytes()]
    found = json.loads(run(own_data, "evaluate", table, "--json").stdout)
    assert (found["queries"], found["unknown_queries"]) == (2, 1)


def test_a_confirmed_photo_becomes_a_reference_with_the_next_index_until_it_is_taken_back(
    own_data: Path, query: Queries
) -> None:
    path, entry_id = query(2)
    assert entry_id is not None
    done = run(own_data, "correct", path, "--entry", entry_id, "--add-photo", "--json")
    made = json.loads(done.stdout)
    assert "1 added" in run(own_data, "index").stdout
    answer = json.loads(run(own_data, "identify", path, "--k", "1", "--json").stdout)
    assert answer["photos"][0]["recognitions"][0]["matches"][0]["image_id"] == made["image_id"]
    again = json.loads(run(own_data, "correct", path, "--entry", entry_id, "--add-photo", "--json").stdout)
    assert again["image_id"] == 0  # it is there already, and stays when this is taken back
    gone = run(own_data, "corrections", "--undo", str(again["correction_id"]))
    assert gone.exit_code == 0
    assert "0 removed" in run(own_data, "index").stdout
    assert run(own_data, "corrections", "--undo", str(made["correction_id"])).exit_code == 0
    assert "1 removed" in run(own_data, "index").stdout
    twice = run(own_data, "corrections", "--undo", str(made["correction_id"]))
    assert twice.exit_code == 1
    assert "already" in twice.output
    assert "0 corrections" in run(own_data, "corrections").stdout
    assert "taken back" in run(own_data, "corrections", "--all").stdout


# What counts


def test_of_two_corrections_of_one_pin_the_later_one_counts(catalogue: Catalogue, tmp_path: Path) -> None:
    query = picture(1, tmp_path)
    say(catalogue, query, "1")
    later = say(catalogue, query, "2")
    assert [answer for _, answer in corrected_queries(catalogue)] == ["2"]
    corrections.undo(catalogue, later.correction_id, who="Вера")
    assert [answer for _, answer in corrected_queries(catalogue)] == ["1"]
    say(catalogue, query, said=Said.NOT_A_PIN)
    assert [answer for _, answer in corrected_queries(catalogue)] == [None]


def test_a_correction_follows_its_entry_when_that_is_merged_and_rests_when_it_is_withdrawn(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    say(catalogue, picture(1, tmp_path), "12-345")
    say(catalogue, picture(2, tmp_path), "3")
    catalogue.merge("1", "2")
    catalogue.withdraw("3")
    assert [answer for _, answer in corrected_queries(catalogue)] == ["2"]


def test_a_photo_that_the_catalogue_shows_is_no_query(catalogue: Catalogue, tmp_path: Path) -> None:
    query = picture(1, tmp_path)
    made = corrections.add(catalogue, query, Said.CORRECTED, "1", who="Вера", add_photo=True)
    assert made.image_id
    assert corrected_queries(catalogue) == []
    corrections.undo(catalogue, made.correction_id, who="Вера")
    assert catalogue.images(entry_id="1") == []


def test_confirmed_photos_train_their_entry_and_the_others_do_not(catalogue: Catalogue, tmp_path: Path) -> None:
    say(catalogue, picture(1, tmp_path), "1")
    say(catalogue, picture(2, tmp_path), said=Said.UNKNOWN)
    say(catalogue, picture(3, tmp_path), said=Said.NOT_A_PIN)
    own = catalogue.add_image("1", draw(tmp_path / "own.png", 9).read_bytes(), ".png")
    photos = photos_of(catalogue)
    assert list(photos) == ["1"]
    assert [path.name.partition(".")[0] for path in photos["1"]] == [own.sha256, picture(1, tmp_path).sha256]


@pytest.mark.parametrize(
    ("said", "entry_id", "add_photo"),
    [(Said.UNKNOWN, "1", False), (Said.CONFIRMED, "", False), (Said.UNKNOWN, "", True)],
)
def test_what_does_not_hold_together_is_refused_and_leaves_nothing(
    catalogue: Catalogue, tmp_path: Path, said: Said, entry_id: str, add_photo: bool
) -> None:
    with pytest.raises(CatalogueError):
        corrections.add(catalogue, picture(1, tmp_path), said, entry_id, who="Вера", add_photo=add_photo)
    with pytest.raises(EntryNotFound):
        say(catalogue, picture(1, tmp_path), "no such entry")
    assert corrections.listed(catalogue, undone=True) == []
    assert not (catalogue.folder / QUERIES).exists()


def test_a_kill_after_the_picture_was_written_leaves_no_correction_and_the_next_try_works(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(corrections, "_find", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            say(catalogue, picture(1, tmp_path), "1")
    assert corrections.listed(catalogue) == []
    assert say(catalogue, picture(1, tmp_path), "1").picture
    assert len(corrected_queries(catalogue)) == 1


# Kept safe


def test_earlier_corrections_of_the_page_come_in_once(catalogue: Catalogue) -> None:
    file = catalogue.folder / EARLIER
    (file.parent / "uploads").mkdir(parents=True)
    (file.parent / "uploads" / "kept.jpg").write_bytes(b"a photo")
    row = {"correction_id": "x1", "at": "2026-01-01T00:00:00Z", "who": "Вера", "said": "confirmed", "sha256": "a" * 64}
    row |= {"box": [1, 2, 3, 4], "offered": "1", "entry_id": "1", "upload_id": "kept", "note": ""}
    lines = [json.dumps(row), json.dumps(row | {"correction_id": "x2", "box": None, "upload_id": ""}), '{"correction_']
    file.write_text("\n".join(lines), encoding="utf-8")
    assert corrections.take_in(catalogue) == 2
    assert not file.exists()
    file.write_text("\n".join(lines), encoding="utf-8")  # as after a kill before it went
    assert corrections.take_in(catalogue) == 0
    first, second = corrections.listed(catalogue)
    assert (first.box, first.at, first.entry_id) == ((1, 2, 3, 4), "2026-01-01T00:00:00Z", "1")
    assert (catalogue.folder / QUERIES / first.picture).read_bytes() == b"a photo"
    assert (second.box, second.picture) == (None, "")


def test_a_backup_brings_corrections_back_with_pictures_kept_photos_and_tokens(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    made = say(catalogue, picture(1, tmp_path), "1")
    for name in ("tokens.json", "uploads/a.jpg", "uploads/a.json", "session.key"):
        (catalogue.folder / "web" / name).parent.mkdir(parents=True, exist_ok=True)
        (catalogue.folder / "web" / name).write_text(name)
    assert back_up(catalogue, tmp_path / "saved.zip").damaged == []
    restore(tmp_path / "saved.zip", tmp_path / "other")
    with Catalogue.open(tmp_path / "other") as other:
        assert corrections.listed(other) == [made]
        assert len(corrected_queries(other)) == 1
    there = {path.name for path in (tmp_path / "other" / "web").rglob("*") if path.is_file()}
    assert there == {"tokens.json", "a.jpg", "a.json"}


def test_a_damaged_or_missing_picture_of_a_correction_is_named(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        first, second = (say(catalogue, picture(seed, tmp_path), said=Said.UNKNOWN) for seed in (1, 2))
        assert check_folder(catalogue.folder) == []
        (catalogue.folder / QUERIES / first.picture).write_bytes(b"no picture")
        (catalogue.folder / QUERIES / second.picture).unlink()
        found = dict(check_folder(catalogue.folder))
        assert found[f"queries/{first.picture}"].startswith("damaged")
        assert found[f"queries/{second.picture}"].startswith("missing")
        report = back_up(catalogue, tmp_path / "saved.zip")
    assert {name for name, _ in report.damaged} == set(found)


def test_corrections_are_copied_to_another_database_and_back(
    tmp_path: Path, server: Callable[[], str], catalogue: Catalogue
) -> None:
    made = [say(catalogue, picture(1, tmp_path), "1"), say(catalogue, picture(2, tmp_path), said=Said.UNKNOWN)]
    corrections.undo(catalogue, made[0].correction_id, who="Вера")
    before = corrections.listed(catalogue, undone=True)
    with (
        Catalogue.open(tmp_path / "there", url=server(), create=True) as there,
        Catalogue.open(tmp_path / "back", create=True) as back,
    ):
        transfer(catalogue, there)
        transfer(there, back)
        assert corrections.listed(back, undone=True) == before
        assert len(corrected_queries(back)) == 1
        assert say(back, picture(3, tmp_path), "2").correction_id == 3


# By the page


def test_the_page_and_the_command_line_share_one_store_and_a_deleted_photo_is_forgotten(
    own_data: Path, query: Queries
) -> None:
    (path, entry_id), (lacking, _) = query(3), query(LACKING)
    assert entry_id is not None
    run(own_data, "correct", lacking, "--unknown")
    with serving(own_data) as served:
        wait_ready(served)
        files = {"photo": ("pin.jpg", path.read_bytes())}
        sent = served.post("/api/v1/identify", files=files, data={"keep": "true"}, headers=served.writes).json()
        answer = sent["photos"][0]
        said = {"said": "corrected", "sha256": answer["sha256"], "entry_id": entry_id, "upload_id": answer["upload_id"]}
        other = served.post("/api/v1/corrections", json=said | {"sha256": "b" * 64}, headers=served.writes)
        assert other.status_code == 422
        generation = served.get("/api/v1/version").json()["index_generation"]
        made = served.post("/api/v1/corrections", json=said | {"add_photo": True}, headers=served.writes)
        assert made.status_code == 201, made.text
        assert made.json()["kept"]
        assert served.get("/api/v1/version").json()["index_generation"] == generation + 1
        match = served.identify(path.read_bytes(), k=1).json()["photos"][0]["recognitions"][0]["matches"][0]
        assert match["image_id"] == made.json()["image_id"]
        both = served.get("/api/v1/corrections", headers=served.writes).json()["corrections"]
        assert [one["said"] for one in both] == ["corrected", "unknown"]
        assert served.client.delete(f"/api/v1/uploads/{answer['upload_id']}").status_code == 204
        assert not served.get("/api/v1/corrections", headers=served.writes).json()["corrections"][0]["kept"]
        gone = served.client.delete(f"/api/v1/corrections/{made.json()['correction_id']}", headers=served.writes)
        assert gone.status_code == 204
        assert served.get("/api/v1/version").json()["index_generation"] == generation + 2
    assert "1 correction" in run(own_data, "corrections").stdout


def test_a_visitor_may_correct_where_that_is_open_but_adds_no_photo(own_data: Path) -> None:
    said = {"said": "not_a_pin", "sha256": "a" * 64}
    with serving(own_data, open_corrections=True) as served:
        made = served.post("/api/v1/corrections", json=said)
        assert (made.status_code, made.json()["who"], made.json()["said"]) == (201, "visitor", "not_a_pin")
        wants = {"said": "corrected", "sha256": "a" * 64, "entry_id": "drawn-0001", "upload_id": "x", "add_photo": True}
        assert served.post("/api/v1/corrections", json=wants).status_code == 403
