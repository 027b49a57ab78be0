"""A report is one whole file: every answer is in it, nothing is loaded from elsewhere, no name can break it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from PIL import Image

from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.errors import PhotoError, ZnachkiError
from recognizer.reports import photo_report
from recognizer.reports.near import COLOURS, between, closer
from recognizer.reports.photo_report import Failure, percent, write_failures, write_report
from recognizer.reports.pictures import Neighbour, draw_beside, draw_boxes, thumbnail
from recognizer.search.features import reference_of
from recognizer.types import Box, Hit, Match, Photo, Recognition, UInt8Image, Verdict
from recognizer.vision.comparing import colour_names
from recognizer.vision.crops import single
from recognizer.vision.photos import encode_jpeg

HOSTILE = "<script>alert(1)</script> \"&' {{ 7*7 }} лот.jpg"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """The first four drawn pins, a photo each."""
    with Catalogue.open(tmp_path_factory.mktemp("report") / "data", create=True) as opened:
        opened.upsert(sample.entries(4))
        for index, entry in enumerate(sample.entries(4)):
            opened.add_image(entry.entry_id, encode_jpeg(sample.catalogue_view(index)), ".jpg")
        yield opened


@pytest.fixture(scope="module")
def pixels() -> UInt8Image:
    return sample.phone_view(0)


def match(catalogue: Catalogue, index: int, probability: float, points: int = 12) -> Match:
    """An answer; of the points that agree on one pose one is off the plane that is drawn."""
    image = catalogue.images()[index]
    matched = np.random.default_rng(index).uniform(20, 300, (points - 1, 4)).astype(np.float32) if points else None
    hit = Hit(image.image_id, 0.71, 0.25, points, 0.5, 0.5, 0.5, 0.5, homography=np.eye(3), matched=matched)
    return Match(catalogue.entry(image.entry_id), image.image_id, probability, hit)


def whole(image: UInt8Image) -> Box:
    return Box(0, 0, image.shape[1], image.shape[0])


VOID = {"meta", "img", "link", "br", "hr", "input"}


@dataclass
class Page(HTMLParser):
    """What a browser would make of the file, as far as the tests ask."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.stack[-1:] not in (["script"], ["style"]) else ""

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.stack == []
    return page


def written(
    folder: Path, catalogue: Catalogue, answers: Sequence[tuple[Photo, Sequence[Recognition]]], *refused: PhotoError
) -> Page:
    write_report(folder / "out.html", answers, catalogue, refused=refused)
    assert [path.name for path in folder.iterdir()] == ["out.html"]
    return read(folder / "out.html")


def test_a_report_shows_photo_verdict_number_title_and_candidates(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image
) -> None:
    matches = (match(catalogue, 0, 0.973), match(catalogue, 1, 0.02), match(catalogue, 2, 0.004, points=0))
    answer = Recognition(Box(40, 30, 600, 590), matches, Verdict.FAMILY, ("gold or nickel plating",))
    page = written(tmp_path, catalogue, [(Photo(pixels, "00", "мой.jpg"), [answer])])
    for shown in matches:
        assert shown.entry.number in page.text
        assert shown.entry.title in page.text
    for words in ("мой.jpg", "97%", "2%", "<1%", "check the variant", "проверьте вариант", "gold or nickel plating"):
        assert words in page.text
    assert "12 matched points" in page.text  # as the evidence below says
    assert len(page.all("img")) == 3  # the pair and a thumbnail for each further candidate


def test_a_report_needs_nothing_but_itself(tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image) -> None:
    page = written(tmp_path, catalogue, [(Photo(pixels, "00", "a.jpg"), [one_match(catalogue, pixels)])])
    sources = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in sources)
    assert "default-src 'none'" in next(tag["content"] for tag in page.all("meta") if "http-equiv" in tag)
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", text)
    for picture in page.all("img"):
        with Image.open(io.BytesIO(base64.b64decode(picture["src"].partition(",")[2]))) as image:
            assert image.size == (int(picture["width"]), int(picture["height"]))
            assert max(image.size) <= 1000


def one_match(catalogue: Catalogue, image: UInt8Image) -> Recognition:
    return Recognition(whole(image), (match(catalogue, 0, 0.9), match(catalogue, 1, 0.1)), Verdict.MATCH)


def test_every_picture_has_words_and_the_page_has_landmarks(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image
) -> None:
    photo = Photo(pixels, "00", "a.jpg")
    page = written(tmp_path, catalogue, [(photo, [one_match(catalogue, pixels)])] * 5)
    assert all(picture["alt"].strip() for picture in page.all("img"))
    names = [name for name, _ in page.tags]
    assert [names.count(tag) for tag in ("main", "header", "footer", "h1", "nav")] == [1, 1, 1, 1, 1]
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in page.all("a")} <= set(ids)
    assert page.all("html")[0]["lang"] == "en"
    assert {"en", "ru"} <= {attributes["lang"] for attributes in page.all("span") if "lang" in attributes}


def test_no_name_breaks_the_page(tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image) -> None:
    answer = Recognition(whole(pixels), (match(catalogue, 0, 0.9),), Verdict.MATCH, (HOSTILE,))
    page = written(tmp_path, catalogue, [(Photo(pixels, "00", HOSTILE), [answer])], PhotoError(f"{HOSTILE}: empty"))
    assert len(page.all("script")) == 1  # the page's own
    assert page.text.count(HOSTILE) == 3  # check in two languages, bad file
    assert page.text.count(Path(HOSTILE).name) == 4  # and the heading, without the folders that it seems to have
    assert [heading["title"] for heading in page.all("h2") if "title" in heading] == [HOSTILE]


def test_files_that_could_not_be_read_come_last_with_the_reason(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image
) -> None:
    refused = PhotoError("bad.jpg: empty file (0 bytes); copy the photo again")
    page = written(tmp_path, catalogue, [(Photo(pixels, "00", "a.jpg"), [one_match(catalogue, pixels)])], refused)
    assert page.text.index(str(refused)) > page.text.index("Further candidates")


def test_reasons_noted_while_answers_come_are_in_the_report(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image
) -> None:
    refused: list[PhotoError] = []

    def answers() -> Iterator[tuple[Photo, list[Recognition]]]:
        yield Photo(pixels, "00", "a.jpg"), [one_match(catalogue, pixels)]
        refused.append(PhotoError("late.jpg: cut short"))

    write_report(tmp_path / "out.html", answers(), catalogue, refused=(error for error in refused))
    assert "late.jpg: cut short" in read(tmp_path / "out.html").text


def test_a_lot_is_shown_whole_with_numbered_boxes(tmp_path: Path, catalogue: Catalogue) -> None:
    lot = sample.lot_view([0, 1, 2])
    answers = [Recognition(box, (match(catalogue, i, 0.9),), Verdict.MATCH) for i, box in enumerate(lot.boxes)]
    answers[2] = Recognition(lot.boxes[2], (), Verdict.NOT_A_PIN)
    page = written(tmp_path, catalogue, [(Photo(lot.image, "00", "lot.jpg"), answers)])
    assert "lot.jpg: 3 pins, boxed and numbered" in [picture["alt"] for picture in page.all("img")]
    assert len(page.all("img")) == 4
    assert "No entry comes near" in page.text


@pytest.mark.parametrize("recognitions", [[], [Recognition(Box(0, 0, 640, 640), (), Verdict.UNKNOWN)]])
def test_a_photo_without_an_answer_has_its_place(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image, recognitions: list[Recognition]
) -> None:
    page = written(tmp_path, catalogue, [(Photo(pixels, "00", "a.jpg"), recognitions)])
    assert len(page.all("img")) == 1
    assert ("No entry comes near" if recognitions else "No pin was found") in page.text


def test_what_is_no_pin_says_how_to_take_one(tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image) -> None:
    near = match(catalogue, 0, 0.05)
    asked = [
        (Photo(pixels, "00", f"{verdict}.jpg"), [Recognition(Box(0, 0, 640, 640), (near,), verdict)])
        for verdict in (Verdict.UNKNOWN, Verdict.NOT_A_PIN)
    ]
    page = written(tmp_path, catalogue, asked)
    assert page.text.count("Take it from nearer, on a plain ground") == 1


@pytest.fixture(scope="module")
def kin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Two entries that differ in one enamel, drawn-0003 and drawn-0004."""
    with Catalogue.open(tmp_path_factory.mktemp("kin") / "data", create=True) as opened:
        opened.upsert(sample.entries(4)[2:])
        for index in (2, 3):
            opened.add_image(f"drawn-{index + 1:04}", encode_jpeg(sample.catalogue_view(index)), ".jpg")
        yield opened


def in_question(kin: Catalogue, said: Verdict, of: Sequence[int] = (0, 1)) -> Recognition:
    """An answer to the catalogue photo of the second entry, laid over it as it is."""
    images = kin.images()
    found = [
        Match(kin.entry(images[at].entry_id), images[at].image_id, 0.5, Hit(images[at].image_id, homography=np.eye(3)))
        for at in of
    ]
    members = tuple(one.entry.entry_id for one in found) if said is Verdict.FAMILY else ()
    return Recognition(whole(sample.catalogue_view(3)), tuple(found), said, members=members)


def test_members_in_question_are_shown_from_near_where_they_differ(kin: Catalogue, tmp_path: Path) -> None:
    photo = Photo(sample.catalogue_view(3), "0" * 64, "asked.jpg")
    near = closer(photo, in_question(kin, Verdict.FAMILY), kin)
    assert [one.number for one in near] == ["", *(one.number for one in sample.entries(4)[2:])]
    own, other, same = (one.picture.astype(float) for one in near)
    assert np.abs(own - same).mean() < 5 < 20 < np.abs(own - other).mean()  # the enamel that is red on one of them
    page = written(tmp_path, kin, [(photo, [in_question(kin, Verdict.FAMILY)])])
    assert sum(one["alt"].startswith("From near") for one in page.all("img")) == 3
    own_colour, other_colour, same_colour = (one.colour for one in near)
    assert own_colour == same_colour != other_colour
    assert page.text.count(own_colour) >= 2


def test_a_colour_has_a_name_on_page_and_report() -> None:
    assert set(COLOURS) == set(colour_names.NAMES)


def test_a_new_variant_is_shown_from_near_beside_the_entry_that_it_is_not(kin: Catalogue) -> None:
    photo = Photo(sample.catalogue_view(3), "0" * 64, "asked.jpg")
    near = closer(photo, in_question(kin, Verdict.NEW_VARIANT, [0]), kin)
    assert len(near) == 2


def test_nothing_is_shown_from_near_where_nothing_is_in_question_or_differs(kin: Catalogue) -> None:
    photo = Photo(sample.catalogue_view(3), "0" * 64, "asked.jpg")
    assert closer(photo, in_question(kin, Verdict.MATCH), kin) == []
    assert closer(photo, in_question(kin, Verdict.NEW_VARIANT, [1]), kin) == []


def test_a_report_on_nothing_is_a_page_too(tmp_path: Path, catalogue: Catalogue) -> None:
    assert "0 photos" in written(tmp_path, catalogue, []).text


def test_a_catalogue_photo_that_has_gone_is_shown_as_missing(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image
) -> None:
    gone = match(catalogue, 0, 0.9)
    gone = Match(gone.entry, 987654321, 0.9, gone.hit)
    page = written(
        tmp_path, catalogue, [(Photo(pixels, "00", "a.jpg"), [Recognition(whole(pixels), (gone, gone), Verdict.MATCH)])]
    )
    assert "Catalogue photo is gone" in [tag.get("aria-label") for tag in page.all("span")]


def test_pictures_shrink_in_a_long_report(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_report, "MOST_LARGE", 1)
    page = written(tmp_path, catalogue, [(Photo(pixels, "00", "a.jpg"), [one_match(catalogue, pixels)])] * 2)
    first, second = (int(tag["width"]) for tag in page.all("img") if tag["class"] == "pair")
    assert second < 0.7 * first


def test_an_old_report_stays_when_a_new_one_fails(tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image) -> None:
    path = tmp_path / "out.html"
    path.write_text("old")

    def answers() -> Iterator[tuple[Photo, list[Recognition]]]:
        yield Photo(pixels, "00", "a.jpg"), [one_match(catalogue, pixels)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(path, answers(), catalogue)
    assert path.read_text() == "old"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(ZnachkiError, match=r"out\.html: cannot be written .*; name a file"):
        write_report(tmp_path / "none" / "out.html", [], catalogue)


@pytest.mark.parametrize(
    ("probability", "words"), [(0.0, "<1%"), (0.0099, "<1%"), (0.01, "1%"), (0.5, "50%"), (0.99, "99%"), (1.0, ">99%")]
)
def test_certainty_is_never_claimed(probability: float, words: str) -> None:
    assert percent(probability) == words


# Pictures


def test_a_line_joins_each_matched_point_with_its_place(pixels: UInt8Image) -> None:
    black = np.zeros((200, 200, 3), np.uint8)
    plain = draw_beside(black, Neighbour(black), side=200)
    drawn = draw_beside(black, Neighbour(black, np.array([[50, 40, 150, 160]], np.float32)), side=200)
    rows, columns = np.nonzero((drawn != plain).any(axis=2))
    # panels of 200 pixels, 8 between and around them: (50, 40) lies at (58, 48), (150, 160) at 8 + 200 + 8 + 150
    assert (columns.min(), columns.max()) == (pytest.approx(58, abs=5), pytest.approx(366, abs=5))
    assert (rows.min(), rows.max()) == (pytest.approx(48, abs=5), pytest.approx(168, abs=5))
    middle = rows[columns == 212]  # half way, in the gap
    assert len(middle)
    assert middle.mean() == pytest.approx(108, abs=3)


def test_points_outside_a_picture_are_drawn_at_its_rim(pixels: UInt8Image) -> None:
    wild = np.array([[-500, 1e6, 1e6, -500]], np.float32)
    assert draw_beside(pixels, Neighbour(pixels, wild)).shape == draw_beside(pixels, Neighbour(pixels)).shape


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (1200, 30, 3)])
def test_pictures_of_any_shape_are_drawn(shape: tuple[int, int, int]) -> None:
    image = np.full(shape, 90, np.uint8)
    assert max(draw_beside(image, Neighbour(image), Neighbour(None), box=whole(image), caption="Ж").shape) < 1500
    assert max(draw_boxes(image, [whole(image)] * 12, side=300).shape) <= 300
    assert max(thumbnail(image, 64).shape) <= 64


def test_a_caption_keeps_its_dots(pixels: UInt8Image) -> None:
    assert not np.array_equal(
        draw_beside(pixels, None, caption="0.36 · 9"), draw_beside(pixels, None, caption="0 36   9")
    )


# Failures


def test_failures_are_drawn_a_picture_each_in_their_order(
    tmp_path: Path, catalogue: Catalogue, pixels: UInt8Image
) -> None:
    found, right = match(catalogue, 1, 0.91, points=30), match(catalogue, 0, 0.4)
    one = Recognition(Box(0, 0, 500, 600), (found, right), Verdict.MATCH)
    photo = Photo(pixels, "00", HOSTILE)
    failures = [
        Failure(photo, right.entry, 2, (found, one), (right, one)),
        Failure(photo, right.entry, 0, (found, one), None),
        Failure(photo, None, 0, (found, one), None),
        Failure(photo, right.entry, 0, None, None),
    ]
    write_failures(tmp_path / "wrong", iter(failures), catalogue)
    page = read(tmp_path / "wrong" / "index.html")
    shown = [unquote(tag["src"]) for tag in page.all("img")]
    assert shown == sorted(path.name for path in (tmp_path / "wrong").glob("*.jpg"))
    assert [name[:4] for name in shown] == ["001-", "002-", "003-", "004-"]
    widths = [int(tag["width"]) for tag in page.all("img")]
    assert widths[0] > widths[2]  # three pictures side by side; two where the catalogue lacks the pin
    for words in (found.entry.number, "30 inliers", "91%", "not among the answers", "not in the catalogue", "rank 2"):
        assert words in page.text
    assert page.all("script") == []


def test_photos_of_variants_are_shown_from_near_where_they_differ_whatever_their_size() -> None:
    members = []
    for number, index, size in (("4", 3, 1.0), ("3", 2, 0.7), ("4 again", 3, 0.8)):
        view = sample.catalogue_view(index)
        picture = cv2.resize(view, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
        members.append((number, picture, reference_of(single(Photo(picture, "0" * 64, number)))))
    near = between(members)
    assert [one.number for one in near] == ["4", "3", "4 again"]
    own, other, same = (one.picture.astype(float) for one in near)
    assert np.abs(own - same).mean() < 12 < 20 < np.abs(own - other).mean()
    assert near[0].colour == near[2].colour != near[1].colour
    assert between([members[0], members[2]]) == []
    assert between(members[:1]) == []
