"""A catalogue is published as one file: identifies elsewhere, only reads, holds what may be published, shows damage."""

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from index import assembling
from index.build import build
from recognizer.catalogue.store import BUNDLE, DATABASE, Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import Collection
from recognizer.errors import CatalogueError, IndexError_
from recognizer.exchange.archive import MANIFEST
from recognizer.exchange.backup import check_folder
from recognizer.exchange.bundle import BundleReport, allows_publishing, compare, make_bundle, open_bundle
from recognizer.identify import Recognizer
from recognizer.search.index import Index, making
from recognizer.types import CatalogueEntry
from recognizer.vision.photos import open_photo

Query = Callable[[int], tuple[Path, str | None]]


def licensed(data: Path, licence: str, *others: tuple[str, str]) -> None:
    """Give the photos of a data folder a licence, those of some entries (entry_id, licence) another one."""
    given = dict(others)
    with Catalogue.open(data) as catalogue:
        images = catalogue.images()
        catalogue.add_images([replace(image, licence=given.get(image.entry_id, licence)) for image in images])


@pytest.fixture
def made(own_data: Path, tmp_path: Path) -> tuple[Path, BundleReport]:
    """A bundle of the drawn catalogue, of which one entry may not be published and one is owned."""
    with Catalogue.open(own_data) as catalogue:
        first, second = catalogue.entries()[:2]
        Collection(catalogue).own(second.entry_id)
    licensed(own_data, "CC BY-SA 4.0", (first.entry_id, "CC BY-NC-ND 4.0"))
    path = tmp_path / "pins.znachki"
    return path, make_bundle(own_data, path, name="pins", version="3", leave_out=True)


@pytest.mark.parametrize(
    "licence",
    ["CC0", "CC0 1.0", "public domain", "PDM 1.0", "CC BY 4.0", "cc-by-sa-3.0", "CC BY-NC-SA 4.0", "CC_BY 2.0"],
)
def test_licences_that_allow_altered_copies_allow_a_bundle(licence: str) -> None:
    assert allows_publishing(licence)


@pytest.mark.parametrize("licence", ["", "CC BY-ND 4.0", "cc-by-nc-nd", "all rights reserved", "© Museum", "unknown"])
def test_other_licences_do_not_unless_the_publisher_vouches_for_them(licence: str) -> None:
    assert not allows_publishing(licence)
    assert allows_publishing(licence.upper(), [licence])


def test_a_bundle_identifies_on_another_machine_as_the_catalogue_did(
    own_data: Path, tmp_path: Path, made: tuple[Path, BundleReport], query: Query
) -> None:
    path, report = made
    refused = report.refused[0][0]
    answers = []
    for number in range(4):
        photo, right = query(number)
        if right != refused:
            answers.append((open_photo(photo), right))
    with Recognizer.open(own_data) as here:
        expected = [found[0].matches[0].entry.entry_id for found in here.identify([photo for photo, _ in answers])]
    shutil.rmtree(own_data)
    open_bundle(path, tmp_path / "there")
    with Recognizer.open(tmp_path / "there") as there:
        found = there.identify([photo for photo, _ in answers])
    assert [one[0].matches[0].entry.entry_id for one in found] == expected


def test_a_bundle_has_the_embeddings_that_coded_ones_are_compared_by(
    own_data: Path, tmp_path: Path, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembling, "LARGE", 5)
    monkeypatch.setattr(making, "EXACT_PHOTOS", 5)
    (own_data / "index" / "index.json").unlink()
    build(own_data)
    licensed(own_data, "CC0")
    index = Index.open(own_data / "index")
    assert index.manifest.embeddings
    image_ids = [image_id for image_id, _ in index.manifest.images]
    zooms = index.zooms(image_ids)
    photo = open_photo(query(0)[0])
    with Recognizer.open(own_data) as here:
        (expected,) = here.identify([photo])
    path = tmp_path / "pins.znachki"
    make_bundle(own_data, path, name="pins")
    shutil.rmtree(own_data)
    open_bundle(path, tmp_path / "there")
    there = Index.open(tmp_path / "there" / "index")
    np.testing.assert_allclose(there.zooms(image_ids), zooms, atol=1e-3)
    with Recognizer.open(tmp_path / "there") as recognizer:
        (found,) = recognizer.identify([photo])
    assert [one.matches[0].entry.entry_id for one in found] == [one.matches[0].entry.entry_id for one in expected]


def test_what_may_not_be_published_stands_in_the_way_or_is_left_out(own_data: Path, tmp_path: Path) -> None:
    with Catalogue.open(own_data) as catalogue:
        ids = [entry.entry_id for entry in catalogue.entries()]
    licensed(own_data, "CC0", (ids[0], ""), (ids[1], "mine"))
    path = tmp_path / "pins.znachki"
    with pytest.raises(
        CatalogueError, match=f"2 entries may not be published; --leave-out .*\n  {ids[0]}: a photo without"
    ):
        make_bundle(own_data, path, name="pins")
    assert not path.exists()
    report = make_bundle(own_data, path, name="pins", also=["Mine"], leave_out=True)
    assert report.refused == [(ids[0], "a photo without licence")]
    assert report.entries == len(ids) - 1


def test_a_bundle_holds_neither_collection_nor_history_nor_what_was_left_out(
    tmp_path: Path, made: tuple[Path, BundleReport]
) -> None:
    path, report = made
    manifest = open_bundle(path, tmp_path / "there")
    assert (manifest["name"], manifest["version"], manifest["licences"]) == (
        "pins",
        "3",
        {"CC BY-SA 4.0": report.images},
    )
    with Catalogue.open(tmp_path / "there") as there:
        assert there.count() == report.entries
        assert report.refused[0][0] not in there.known([report.refused[0][0]])
        assert there.history() == []
        assert Collection(there).holdings() == {}
        assert there.search("значок", 3) == there.search("ЗНАЧОК", 3)
    assert check_folder(tmp_path / "there") == []


def test_an_unpacked_bundle_is_only_read(tmp_path: Path, made: tuple[Path, BundleReport]) -> None:
    open_bundle(made[0], tmp_path / "there")
    before = (tmp_path / "there" / DATABASE).read_bytes()
    with Catalogue.open(tmp_path / "there") as there, pytest.raises(CatalogueError, match="only read, as a bundle is"):
        there.upsert([CatalogueEntry("new")])
    assert (tmp_path / "there" / DATABASE).read_bytes() == before
    assert not list((tmp_path / "there").glob(f"{DATABASE}-*"))
    assert (tmp_path / "there" / BUNDLE).is_file()
    with pytest.raises(CatalogueError, match="is there already"):
        open_bundle(made[0], tmp_path / "there")


def test_damage_is_found_by_the_checksums(tmp_path: Path, made: tuple[Path, BundleReport]) -> None:
    path, _ = made
    signed = path.with_name(path.name + ".sha256")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "other.znachki", "w") as new:
        names = old.namelist()
        for name in names:
            new.writestr(name, b"other" if name == "index/vectors-1.faiss" else old.read(name))
    with pytest.raises(CatalogueError, match=r"other\.znachki: 1 damaged, fetch it again\n  index/vectors-1\.faiss"):
        open_bundle(tmp_path / "other.znachki", tmp_path / "there")
    (tmp_path / "other.znachki").replace(path)
    with pytest.raises(CatalogueError, match=f"not the file that {signed.name} was made for"):
        open_bundle(path, tmp_path / "there")
    assert not (tmp_path / "there").exists()
    assert MANIFEST in names


def test_bundles_are_compared_by_their_entries(own_data: Path, tmp_path: Path, made: tuple[Path, BundleReport]) -> None:
    with Catalogue.open(own_data) as catalogue:
        entry = catalogue.entries()[3]
        catalogue.upsert([replace(entry, title="Другое", years_text="1980"), CatalogueEntry("zzz", title="Новый")])
    newer = tmp_path / "newer.znachki"
    make_bundle(own_data, newer, name="pins", version="4", also=["CC BY-NC-ND 4.0"])
    found = compare(made[0], newer)
    assert found.added == tuple(sorted([made[1].refused[0][0], "zzz"]))
    assert found.removed == ()
    assert found.changed == ((entry.entry_id, ("title", "years_text")),)
    done = CliRunner().invoke(main, ["bundle", str(newer), "--since", str(made[0])])
    assert done.output.splitlines()[-1] == "2 added, 0 removed, 1 changed"


def test_an_index_that_is_not_of_the_catalogue_is_refused(own_data: Path, tmp_path: Path) -> None:
    with Catalogue.open(own_data) as catalogue:
        catalogue.remove_image(catalogue.image_keys()[0][0])
    with pytest.raises(IndexError_, match="run `znachki index` first"):
        make_bundle(own_data, tmp_path / "pins.znachki", name="pins")


def test_commands_publish_and_unpack(own_data: Path, tmp_path: Path) -> None:
    licensed(own_data, "CC0")
    path = str(tmp_path / "pins.znachki")
    done = CliRunner().invoke(main, ["bundle", path, "--version", "7", "--data", str(own_data), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    done = CliRunner().invoke(main, ["unbundle", path, "--data", str(tmp_path / "there")])
    assert done.output == f"pins 7: {report['entries']} entries and {report['images']} photos in {tmp_path / 'there'}\n"
    with sqlite3.connect(tmp_path / "there" / DATABASE) as raw:
        assert raw.execute("SELECT count(*) FROM change").fetchone() == (0,)
    raw.close()
