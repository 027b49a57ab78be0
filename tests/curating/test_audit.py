"""The audit finds photos that are in the wrong place, tells how to mend each, and leaves sound ones alone."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from planted import missed_and_false, plant

from index.build import build
from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.commands.curating import KINDS, ROLES
from recognizer.curating.audit import Audit, Finding, Kind, audit
from recognizer.drawn import sample
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.reports.audit_report import WORDS, write_audit
from recognizer.search.agreement import APART, agreement, is_copy, nearest
from recognizer.search.index import Index, read_features
from recognizer.types import Role
from recognizer.vision.photos import encode_jpeg

Queries = Callable[[int], tuple[Path, str | None]]


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--data", str(data)])


def add(data: Path, entry_id: str, picture: np.ndarray, role: Role = Role.FACE, quality: int = 88) -> int:
    with Catalogue.open(data) as catalogue:
        return catalogue.add_image(entry_id, encode_jpeg(picture, quality), ".jpg", role).image_id


def mend(data: Path, one: Finding, photo: Path) -> None:
    """Run the command of a finding, with a photo where it leaves one to the reader."""
    words = shlex.split(one.command.replace("PHOTO", str(photo)))
    assert words[0] == "znachki"
    done = run(data, *words[1:])
    assert done.exit_code == 0, f"{one.command}: {done.output}"


def of(kind: Kind, found: Audit) -> list[Finding]:
    return [one for one in found.findings if one.kind is kind]


@pytest.fixture(scope="module")
def ids() -> list[str]:
    return [entry.entry_id for entry in sample.entries(40)]


def test_a_sound_catalogue_of_one_photo_each_has_nothing_but_single_photos(data: Path) -> None:
    found = audit(data)
    assert {one.kind for one in found.findings} == {Kind.ONE_PHOTO}
    assert (found.entries, found.photos, found.counts()[Kind.ONE_PHOTO]) == (40, 40, 40)


@pytest.mark.slow
def test_each_fault_is_told_once_and_its_command_mends_it(own_data: Path, ids: list[str], query: Queries) -> None:
    again = cv2.resize(sample.catalogue_view(0), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    shared = add(own_data, ids[20], np.asarray(again, np.uint8), quality=70)
    twice = add(own_data, ids[3], sample.catalogue_view(3), quality=60)
    small = cv2.resize(sample.phone_view(7), (70, 70), interpolation=cv2.INTER_AREA)
    tiny = add(own_data, ids[7], np.asarray(small, np.uint8))
    stray = add(own_data, ids[9], sample.phone_view(25))
    with Catalogue.open(own_data) as catalogue:
        (gone,) = catalogue.images(entry_id=ids[11])
        catalogue.remove_image(gone.image_id)
        (broken,) = catalogue.images(entry_id=ids[13])
        path = catalogue.picture_path(broken)
    path.write_bytes(path.read_bytes()[:1500])
    build(own_data)
    found = audit(own_data)
    assert [(one.entry_ids, one.image_ids[0]) for one in of(Kind.SAME_PHOTO, found)] == [((ids[20], ids[0]), shared)]
    assert [one.image_ids[0] for one in of(Kind.DUPLICATE, found)] == [twice]
    assert [one.image_ids for one in of(Kind.TINY, found)] == [(tiny,)]
    assert [(one.entry_ids, one.image_ids[0]) for one in of(Kind.NEARER_TO_ANOTHER, found)] == [
        ((ids[9], ids[25]), stray)
    ]
    assert [one.entry_ids for one in of(Kind.NO_PHOTO, found)] == [(ids[11],)]
    assert [one.image_ids for one in of(Kind.UNREADABLE, found)] == [(broken.image_id,)]
    photo, _ = query(0)
    for one in found.findings:
        if one.kind is not Kind.ONE_PHOTO:
            mend(own_data, one, photo)
    build(own_data)
    after = audit(own_data)
    left = {(one.kind, one.entry_ids) for one in after.findings if one.kind is not Kind.ONE_PHOTO}
    assert left <= {(Kind.NO_PHOTO, (ids[13],))}  # its only photo could not be read, and was taken out


def test_nothing_is_embedded_anew_and_nothing_changed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a photo was looked at that the index holds")

    monkeypatch.setattr("recognizer.search.embedder.load", forbidden)
    monkeypatch.setattr("recognizer.vision.crops.single", forbidden)
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file() and path.suffix != ".db"}
    audit(data)
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
def test_faces_among_reverses_and_reverses_among_faces_are_told(own_data: Path, ids: list[str]) -> None:
    for at in range(8):
        add(own_data, ids[at], sample.reverse_view(at), Role.REVERSE)
    as_face = add(own_data, ids[10], sample.reverse_view(10))
    as_back = add(own_data, ids[12], sample.phone_view(12), Role.REVERSE)
    build(own_data)
    found = of(Kind.MIXED_ROLES, audit(own_data))
    assert {one.image_ids[0] for one in found} == {as_face, as_back}
    for one in found:
        mend(own_data, one, own_data)
    build(own_data)
    assert of(Kind.MIXED_ROLES, audit(own_data)) == []


def test_an_audit_leaves_every_file_as_it_was(own_data: Path, ids: list[str]) -> None:
    for at in range(6):
        add(own_data, ids[at], sample.reverse_view(at), Role.REVERSE)
    build(own_data)
    before = {path: path.read_bytes() for path in own_data.rglob("*") if path.is_file()}
    first = audit(own_data)
    assert {path: path.read_bytes() for path in own_data.rglob("*") if path.is_file()} == before
    assert audit(own_data) == first


def test_too_few_reverses_are_noted_and_photos_out_of_the_index_too(own_data: Path, ids: list[str]) -> None:
    add(own_data, ids[0], sample.reverse_view(0), Role.REVERSE)
    add(own_data, ids[0], sample.phone_view(0))
    notes = audit(own_data).notes
    assert any("too few to know reverses by" in note for note in notes)
    assert any("1 photos are not in the index" in note for note in notes)


def test_twins_of_one_family_are_not_told_as_strays(own_data: Path) -> None:
    twins = [at for at, entry in enumerate(sample.entries(40)) if entry.family == "З-сем-001"]
    assert len(twins) > 1
    for at in twins:
        add(own_data, sample.entries(40)[at].entry_id, sample.phone_view(at))
    build(own_data)
    assert of(Kind.NEARER_TO_ANOTHER, audit(own_data)) == []


@pytest.mark.slow
def test_the_report_and_the_json_tell_every_finding(own_data: Path, tmp_path: Path, ids: list[str]) -> None:
    twice = add(own_data, ids[3], sample.catalogue_view(3), quality=60)
    build(own_data)
    page = tmp_path / "audit.html"
    done = run(own_data, "audit", "--json", "--report", page)
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["counts"]["duplicate"] == 1
    assert [one["command"] for one in told["findings"] if one["kind"] == "duplicate"] == [
        f"znachki photo {twice} --remove"
    ]
    html = page.read_text(encoding="utf-8")
    assert f"znachki photo {twice} --remove" in html
    assert html.count("data:image/jpeg;base64,") == 2
    assert WORDS[Kind.DUPLICATE][0] in html
    assert WORDS[Kind.DUPLICATE][1] in html
    assert run(own_data, "audit", "--kind", "no_photo").exit_code == 0


def test_what_entries_are_called_is_written_into_the_report_as_text(tmp_path: Path, data: Path) -> None:
    evil = Finding(Kind.NO_PHOTO, ("<script>alert(1)</script>",), (), "<b>no</b>", "znachki show '<i>'")
    with Catalogue.open(data) as catalogue:
        write_audit(tmp_path / "audit.html", Audit((evil,), 1, 0), catalogue)
    html = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;b&gt;no" in html


def test_a_photo_is_moved_turned_round_and_taken_out_and_all_of_it_undone(own_data: Path, ids: list[str]) -> None:
    with Catalogue.open(own_data) as catalogue:
        (image,) = catalogue.images(entry_id=ids[5])
        assert catalogue.change_role(image.image_id, Role.REVERSE).role is Role.REVERSE
        moved = catalogue.move_image(image.image_id, sample.entries(7)[6].number)
        assert (moved.entry_id, moved.role) == (ids[6], Role.REVERSE)
        assert catalogue.picture_path(moved).is_file()
        with pytest.raises(CatalogueError):
            catalogue.move_image(image.image_id, ids[6])  # it is under another image_id now
        with pytest.raises(EntryNotFound):
            catalogue.move_image(moved.image_id, "no such entry")
        for change in catalogue.history(limit=2):
            catalogue.undo(change.change_id)
        assert catalogue.images(entry_id=ids[5]) == [image]
    shown = run(own_data, "photo", str(image.image_id))
    assert f"photo {image.image_id} of {ids[5]}, face" in shown.stdout
    assert run(own_data, "photo", str(image.image_id), "--remove", "--role", "mark").exit_code == 2
    assert run(own_data, "photo", "999999", "--remove").exit_code == 1


def test_the_nearest_are_those_that_the_index_finds(data: Path) -> None:
    index = Index.open(data / "index")
    image_ids = [image_id for image_id, _ in index.manifest.images]
    zooms = index.zooms(image_ids)
    for row, near in enumerate(nearest(zooms, 4)):
        found = [one for one in index.similar(zooms[row], 5) if one[0] != image_ids[row]][:4]
        assert [image_ids[other] for other, _ in near] == [image_id for image_id, _ in found]
        assert np.allclose([likeness for _, likeness in near], [likeness for _, likeness in found], atol=1e-5)


def test_another_photo_of_the_same_pin_is_no_copy(data: Path, ids: list[str]) -> None:
    index = Index.open(data / "index")
    first = index.reference(index.manifest.images[0][0])
    itself = agreement(first, first)
    assert is_copy(itself)
    assert itself.apart < APART / 2
    twins = [at for at, entry in enumerate(sample.entries(40)) if entry.family == "З-сем-001"]
    with Catalogue.open(data) as catalogue:
        images = [catalogue.images(entry_id=ids[at])[0] for at in twins]
    pair = [read_features(index.folder, index.manifest.settings, image.sha256) for image in images[:2]]
    assert not is_copy(agreement(*pair))


def test_the_command_line_knows_all_kinds_and_roles() -> None:
    assert tuple(kind.value for kind in Kind) == KINDS
    assert tuple(role.value for role in Role) == ROLES


@pytest.mark.slow
def test_ten_planted_faults_of_each_kind_are_found_with_few_false_alarms(tmp_path: Path) -> None:
    planted = plant(tmp_path / "data")
    build(tmp_path / "data")
    for kind, (missed, false) in missed_and_false(planted, audit(tmp_path / "data")).items():
        assert missed == 0, kind
        # With the base before two photos were told as nearer to another entry that are in their place, now six.
        assert false <= (6 if kind is Kind.NEARER_TO_ANOTHER else 0), kind
