"""The catalogue keeps entries, numbers and photos, finds them in Russian and English, and survives being cut off."""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import entries
import pytest

from recognizer.catalogue import lookup, migrations
from recognizer.catalogue.store import DATABASE, REVISION, Catalogue, Stored, fold
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status

GAGARIN = replace(
    entries.GAGARIN,  # with signs that part themes and inscriptions in a table
    theme=("Космос", "Космонавты / портреты"),
    inscriptions=("12 апреля 1961", "СССР | USSR"),
)
SHIP = CatalogueEntry("2", title="Крейсер «Аврора»", title_en="Cruiser Aurora", theme=("Флот",))


@pytest.fixture
def catalogue(tmp_path: Path, url: str | None) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", url=url, create=True) as opened:
        yield opened


def found(catalogue: Catalogue, words: str) -> list[str]:
    return [entry.entry_id for entry in catalogue.search(words)]


def picture(text: str) -> bytes:
    return text.encode() * 10


def cut_off(catalogue: Catalogue, *steps: Callable[[], object]) -> None:
    """Do some work in a transaction, and be interrupted before its end."""

    def work() -> None:
        with catalogue.transaction():
            for step in steps:
                step()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()


# Opening


def test_what_was_written_is_there_when_opened_again(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.upsert([GAGARIN, SHIP])
    with Catalogue.open(str(tmp_path)) as catalogue:
        assert catalogue.entries() == [GAGARIN, replace(SHIP, number="2")]
        assert catalogue.count() == 2


def test_every_field_of_an_entry_is_kept(catalogue: Catalogue) -> None:
    plain = CatalogueEntry("")
    assert all(getattr(GAGARIN, f.name) != getattr(plain, f.name) for f in fields(GAGARIN) if f.name not in LATER)
    catalogue.upsert([GAGARIN, replace(SHIP, status=Status.MERGED, merged_into=GAGARIN.entry_id)])
    assert catalogue.entry(GAGARIN.entry_id) == GAGARIN
    merged = catalogue.entry("2")
    assert (merged.status, merged.merged_into) == (Status.MERGED, GAGARIN.entry_id)


LATER = ("status", "merged_into")


def test_no_catalogue_is_told_with_the_cure_and_none_is_made(tmp_path: Path) -> None:
    for data in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CatalogueError, match=rf"^no catalogue in {data}; run `znachki import"):
            Catalogue.open(data)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / DATABASE).touch()
    with pytest.raises(CatalogueError, match=r"^no catalogue in"):
        Catalogue.open(tmp_path)


def test_a_file_that_is_no_database_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"this is no database at all, but long enough to be taken for one" * 100)
    for create in (False, True):
        with pytest.raises(
            CatalogueError, match=r"catalogue\.db: file is not a database; the file is damaged: restore"
        ):
            Catalogue.open(tmp_path, create=create)


def test_a_damaged_page_is_told_when_it_is_met(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.upsert(replace(SHIP, entry_id=str(number), title="x" * 200) for number in range(300))
    file = tmp_path / DATABASE
    data = bytearray(file.read_bytes())
    data[20000:] = b"\xa5" * (len(data) - 20000)
    file.write_bytes(data)
    with (
        pytest.raises(CatalogueError, match=r"catalogue\.db: .*; the file is damaged"),
        Catalogue.open(tmp_path) as opened,
    ):
        opened.entries()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as other:
        other.execute("CREATE TABLE coins (name TEXT)")
    other.close()
    for create in (False, True):
        with pytest.raises(CatalogueError, match="no catalogue of znachki"):
            Catalogue.open(tmp_path, create=create)


def test_a_newer_catalogue_is_refused(tmp_path: Path) -> None:
    Catalogue.open(tmp_path, create=True).close()
    with sqlite3.connect(tmp_path / DATABASE) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(CatalogueError, match=r"catalogue\.db: made by a newer znachki .*9999"):
        Catalogue.open(tmp_path)


def test_the_named_revision_is_the_newest_step() -> None:
    assert migrations.newest() == REVISION


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(CatalogueError, match="cannot be made"):
        Catalogue.open(tmp_path / "data", create=True)


def test_the_file_waits_for_writers_and_keeps_references(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue, catalogue.database.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1}


def test_a_catalogue_opens_by_url(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    with Catalogue.open(tmp_path, url=url, create=True) as catalogue:
        catalogue.upsert([SHIP])
    with Catalogue.open(tmp_path, url=url) as catalogue:
        assert catalogue.entry("2").title == SHIP.title
    assert not (tmp_path / DATABASE).exists()


# Entries


def test_an_entry_answers_to_its_id_its_number_and_other_systems_numbers(catalogue: Catalogue) -> None:
    catalogue.upsert([GAGARIN, SHIP])
    for asked in ("12-345а", "12.345", "7-77", "avers:7-77", "AVERS : 7-77", "ilyinskii:99", " 12.345 "):
        assert catalogue.entry(asked) == GAGARIN
    with pytest.raises(EntryNotFound):
        catalogue.entry("konros:99")


def test_an_unknown_entry_is_named_with_what_is_written_like_it(catalogue: Catalogue) -> None:
    catalogue.upsert([GAGARIN, SHIP])
    with pytest.raises(EntryNotFound, match=r"no entry '12-346а' in the catalogue; written alike: 12-345а; look it up"):
        catalogue.entry("12-346а")
    with pytest.raises(EntryNotFound, match=r"'%' in the catalogue; look it up"):
        catalogue.entry("%")
    with pytest.raises(EntryNotFound, match="no entry 'gone'"):
        catalogue.entries(["2", "gone"])


def test_a_number_of_several_entries_is_not_guessed_but_the_active_one_is_taken(catalogue: Catalogue) -> None:
    old = replace(SHIP, entry_id="old", number="7", status=Status.MERGED, merged_into="new")
    catalogue.upsert([old, replace(SHIP, entry_id="new", number="7")])
    assert catalogue.entry("7").entry_id == "new"
    assert catalogue.entry("old").number == "7"
    catalogue.upsert([replace(SHIP, entry_id="other", number="7")])
    with pytest.raises(CatalogueError, match="number '7' stands for several entries; ask by entry_id: new, other"):
        catalogue.entry("7")


def test_entries_come_in_the_order_asked_or_as_they_came(catalogue: Catalogue) -> None:
    some = [CatalogueEntry(str(number), number=str(number)) for number in (5, 3, 9, 1)]
    catalogue.upsert(some)
    assert catalogue.entries() == some
    assert [entry.entry_id for entry in catalogue.entries(["9", "5", "9"])] == ["9", "5", "9"]
    assert catalogue.entries([]) == []
    assert catalogue.known(["1", "gone"]) == {"1": some[3]}


def test_storing_again_counts_what_is_new_changed_and_same(catalogue: Catalogue) -> None:
    assert catalogue.upsert([GAGARIN, SHIP]) == Stored(new=2)
    assert catalogue.upsert([GAGARIN, SHIP]) == Stored(same=2)
    changed = replace(GAGARIN, title="Гагарин", identifiers=(("konros", "5/1"),))
    assert catalogue.upsert([changed, SHIP, CatalogueEntry("3")]) == Stored(new=1, changed=1, same=1)
    assert catalogue.entry("konros:5/1") == changed
    with pytest.raises(EntryNotFound):
        catalogue.entry("avers:7-77")


def test_more_entries_than_a_statement_takes_are_stored_and_read(catalogue: Catalogue) -> None:
    many = [CatalogueEntry(f"e{n}", number=str(n), identifiers=(("avers", f"a{n}"),)) for n in range(1203)]
    assert catalogue.upsert(many) == Stored(new=1203)
    assert catalogue.upsert(many) == Stored(same=1203)
    assert catalogue.entries([entry.entry_id for entry in reversed(many)]) == many[::-1]
    assert catalogue.entries() == many


def test_an_entry_without_id_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match=r"an entry without entry_id \(lost\); give it one"):
        catalogue.upsert([CatalogueEntry(" ", title="lost")])


def test_relations_are_noted_once_between_entries_that_are_there(catalogue: Catalogue) -> None:
    catalogue.upsert([GAGARIN, SHIP])
    for _ in range(2):
        catalogue.relate("2", "variant", GAGARIN.entry_id)
    assert catalogue.relations("2") == [("variant", GAGARIN.entry_id)]
    with pytest.raises(EntryNotFound, match="'gone'"):
        catalogue.relate("2", "variant", "gone")


# Search


@pytest.fixture(params=["full text", "plain", "postgresql"])
def searched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogue]:
    """A catalogue searched by FTS5, as on databases without it, and on one of those: all must find the same."""
    url = request.getfixturevalue("server")() if request.param == "postgresql" else None
    with Catalogue.open(tmp_path / "data", url=url, create=True) as catalogue:
        catalogue._full_text = request.param == "full text"
        catalogue.upsert([GAGARIN, SHIP])
        yield catalogue


@pytest.mark.parametrize(
    "words",
    [
        *("гагарин", "ГАГАРИН", "гагар", "елка", "ёлка", "Ёлка", "ЁЛКА первый", "космонавт восток", "GAGARIN"),
        *("yuri cosmo", "torva", "TÕRVA", "12-345", "12.345", "7-77", "апреля", "эмаль ссср", "покорители"),
        *("Ю. А.", "портреты", "«восток»"),
    ],
)
def test_words_are_found_in_any_case_with_any_marks_by_their_beginnings(searched: Catalogue, words: str) -> None:
    assert found(searched, words) == [GAGARIN.entry_id]


@pytest.mark.parametrize(
    "words", ["гагарин аврора", "агарин", "Гагарина", "", " — ", "zzz", '"', "NEAR(", "a* OR b", "%", "_"]
)
def test_all_words_must_match_and_signs_mean_nothing(searched: Catalogue, words: str) -> None:
    assert found(searched, words) == []


def test_the_server_finds_words_by_its_index_and_without_it(tmp_path: Path, server: Callable[[], str]) -> None:
    with Catalogue.open(tmp_path, url=server(), create=True) as catalogue:
        catalogue.upsert([GAGARIN, SHIP, *(CatalogueEntry(f"x{n}", title=f"Значок {n}") for n in range(300))])
        with catalogue.database.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            query = "EXPLAIN SELECT * FROM entry WHERE words LIKE '%% гагар%%'"
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(query))
            assert "entry_words" in plan
            assert found(catalogue, "ГАГАР") == found(catalogue, "ёлка") == [GAGARIN.entry_id]
            connection.exec_driver_sql("DROP INDEX entry_words")
            assert found(catalogue, "ГАГАР") == found(catalogue, "ёлка") == [GAGARIN.entry_id]
            connection.exec_driver_sql("CREATE INDEX entry_words ON entry USING gin (words gin_trgm_ops)")


def test_an_entry_of_exactly_that_number_comes_first(searched: Catalogue) -> None:
    searched.upsert([CatalogueEntry(f"2{n}", title="2 2 2") for n in range(30)])
    assert found(searched, "2")[0] == "2"
    assert len(searched.search("2", limit=5)) == 5


def test_of_more_entries_than_are_weighed_those_that_came_first_are_found(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "RANKED", 3)
    catalogue.upsert([CatalogueEntry(f"e{at}", f"№ {at}", "Ракета", theme=("Космос",)) for at in range(9)])
    assert [one.entry_id for one in catalogue.search("ракета космос", 5)] == ["e0", "e1", "e2", "e3", "e4"]
    assert [one.entry_id for one in catalogue.search("№ 7", 5)] == ["e7"]
    catalogue.upsert([CatalogueEntry("ракета", "12", "Ракета")])
    assert [one.entry_id for one in catalogue.search("ракета", 3)] == ["ракета", "e0", "e1"]


def test_search_keeps_step_with_changes_and_with_what_is_undone(searched: Catalogue) -> None:
    searched.upsert([replace(SHIP, title="Ледокол «Ленин»", title_en="Icebreaker")])
    assert found(searched, "аврора") == []
    assert found(searched, "ледокол") == ["2"]
    cut_off(
        searched,
        lambda: searched.upsert([replace(SHIP, title="Подлодка")]),
        lambda: found(searched, "подлодка") == ["2"] or pytest.fail("not found inside the transaction"),
    )
    assert found(searched, "подлодка") == []
    assert found(searched, "ледокол") == ["2"]


def test_short_i_is_another_letter_and_folding_is_settled() -> None:
    assert fold("Ёлочный  шар, «Юрий»!") == "елочный шар юрий"
    assert fold("ЙОД") == fold("и\u0306од") == "йод"
    assert fold("Tõrva ĢĪ №5 ﬁn ½") == "torva gi no5 fin 1 2"
    assert fold("თბილისი Тоҷикистон Ӣ") == "თბილისი тоҷикистон и"


# Photos


def test_a_photo_is_kept_by_its_content_once(catalogue: Catalogue) -> None:
    catalogue.upsert([GAGARIN, SHIP])
    first = catalogue.add_image("2", picture("a"), ".jpg", licence="CC0", source="own")
    assert first == CatalogueImage(
        first.image_id, "2", Role.FACE, hashlib.sha256(picture("a")).hexdigest(), f"{first.sha256}.jpg", "CC0", "own"
    )
    other = catalogue.add_image(GAGARIN.entry_id, picture("a"), ".jpg", Role.REVERSE)
    assert other.file == first.file
    assert catalogue.picture_path(first).read_bytes() == picture("a")
    assert [path.name for path in catalogue.picture_folder.iterdir()] == [first.file]
    assert catalogue.images() == [first, other]
    assert catalogue.images(role=Role.REVERSE) == [other]
    assert catalogue.images(entry_id="2") == [first]
    assert catalogue.image(other.image_id) == other


def test_a_damaged_picture_file_is_written_anew(catalogue: Catalogue) -> None:
    file = catalogue.add_picture(picture("a"), ".png")
    (catalogue.picture_folder / file).write_bytes(b"half")
    assert catalogue.add_picture(picture("a"), ".png") == file
    assert (catalogue.picture_folder / file).read_bytes() == picture("a")


def test_a_picture_cut_off_while_written_leaves_nothing_under_its_name(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CatalogueError, match=r"cannot be written \(No space left on device\)"):
        catalogue.add_picture(picture("a"), ".jpg")
    assert list(catalogue.picture_folder.iterdir()) == []


def test_photo_ids_are_never_used_again(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.upsert([SHIP])
        ids = [catalogue.add_image("2", picture(name), ".jpg").image_id for name in "abc"]
        catalogue.remove_image(ids[2])
        catalogue.remove_image(ids[1])
    with Catalogue.open(tmp_path) as catalogue:
        again = catalogue.add_image("2", picture("c"), ".jpg").image_id
        assert again > max(ids)
        assert [image.image_id for image in catalogue.images()] == [ids[0], again]


def test_a_removed_photo_takes_its_file_along_unless_another_entry_shows_it(catalogue: Catalogue) -> None:
    catalogue.upsert([GAGARIN, SHIP])
    first = catalogue.add_image("2", picture("a"), ".jpg")
    other = catalogue.add_image(GAGARIN.entry_id, picture("a"), ".jpg")
    catalogue.remove_image(first.image_id)
    assert catalogue.picture_path(other).is_file()
    cut_off(catalogue, lambda: catalogue.remove_image(other.image_id))
    assert catalogue.images() == [other]
    assert catalogue.picture_path(other).is_file()
    catalogue.remove_image(other.image_id)
    assert not catalogue.picture_path(other).exists()
    with pytest.raises(CatalogueError, match=f"no photo {other.image_id} in the catalogue"):
        catalogue.remove_image(other.image_id)


def test_photos_entered_again_keep_their_ids_and_take_the_new_role(catalogue: Catalogue) -> None:
    catalogue.upsert([SHIP])
    image = catalogue.add_image("2", picture("a"), ".jpg")
    assert catalogue.add_images([image]) == Stored(same=1)
    assert catalogue.add_images([replace(image, image_id=77, role=Role.MARK, licence="CC0")]) == Stored(changed=1)
    assert catalogue.images() == [replace(image, role=Role.MARK, licence="CC0")]


def test_photos_of_an_entry_out_of_use_are_no_answers_but_are_kept(catalogue: Catalogue) -> None:
    catalogue.upsert([GAGARIN, SHIP])
    one = catalogue.add_image(GAGARIN.entry_id, picture("a"), ".jpg")
    other = catalogue.add_image("2", picture("b"), ".jpg")
    catalogue.withdraw(GAGARIN.entry_id)
    assert catalogue.images() == [other]
    assert catalogue.image_keys() == [(other.image_id, other.sha256)]
    assert catalogue.images(entry_id=GAGARIN.entry_id) == [one]
    assert catalogue.images(unused=True) == [one, other]


def test_photos_of_no_entry_or_without_picture_are_refused(catalogue: Catalogue) -> None:
    catalogue.upsert([SHIP])
    with pytest.raises(EntryNotFound, match="no entry '3'"):
        catalogue.add_image("3", picture("a"), ".jpg")
    with pytest.raises(CatalogueError, match="no such picture; import it again"):
        catalogue.add_images([CatalogueImage(0, "2", Role.FACE, "f" * 64, "f" * 64 + ".jpg")])
    assert catalogue.images() == []


def test_the_fingerprint_tells_whether_photos_changed(catalogue: Catalogue) -> None:
    catalogue.upsert([SHIP])
    empty = catalogue.fingerprint()
    image = catalogue.add_image("2", picture("a"), ".jpg")
    reverse = catalogue.add_image("2", picture("b"), ".jpg", Role.REVERSE)
    assert catalogue.image_keys() == [(image.image_id, image.sha256), (reverse.image_id, reverse.sha256)]
    assert catalogue.image_keys(Role.FACE) == [(image.image_id, image.sha256)]
    full = catalogue.fingerprint()
    assert len({empty, full, catalogue.fingerprint(Role.FACE)}) == 3
    catalogue.upsert([GAGARIN])
    assert catalogue.fingerprint() == full


# Transactions


def test_an_error_inside_a_transaction_undoes_all_of_it(catalogue: Catalogue) -> None:
    catalogue.upsert([SHIP])
    cut_off(
        catalogue,
        lambda: catalogue.upsert([GAGARIN, replace(SHIP, title="changed")]),
        lambda: catalogue.add_image("2", picture("a"), ".jpg"),
        lambda: catalogue.count() == 2 or pytest.fail("not there inside the transaction"),
    )
    assert catalogue.entries() == [replace(SHIP, number="2")]
    assert catalogue.images() == []


def test_other_connections_see_a_transaction_only_once_it_is_whole(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as writer, Catalogue.open(tmp_path) as reader:
        with writer.transaction():
            writer.upsert([SHIP])
            assert reader.count() == 0
        assert reader.count() == 1


def test_threads_write_one_after_the_other(catalogue: Catalogue) -> None:
    def work(name: str) -> None:
        for number in range(10):
            catalogue.upsert([CatalogueEntry(f"{name}{number}")])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catalogue.count() == 40


def test_a_writer_that_waited_in_vain_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recognizer.catalogue.database.WAIT_SECONDS", 0)
    with Catalogue.open(tmp_path, create=True) as one, Catalogue.open(tmp_path) as other, one.transaction():
        one.upsert([SHIP])
        with pytest.raises(CatalogueError, match="locked; another znachki is writing to it; wait"):
            other.upsert([GAGARIN])
