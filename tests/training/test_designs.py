from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recognizer.errors import ModelError
from training import designs

STAR = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    '<path fill="{}" d="M12 2l3 7h7l-6 5 2 8-6-5-6 5 2-8-6-5h7z"/></svg>'
)


def folder_of_icons(folder: Path) -> Path:
    (folder / "package" / "1x1").mkdir(parents=True)
    (folder / "package" / "a.svg").write_text(STAR.format("red"))
    (folder / "package" / "1x1" / "twin.svg").write_text(STAR.format("red"))
    icons = {"b": {"body": '<circle cx="8" cy="8" r="7" fill="currentColor"/>'}, "c": {"body": "", "width": 4}}
    (folder / "package" / "icons.json").write_text(json.dumps({"icons": icons, "width": 16, "height": 16}))
    return folder


def test_drawings_come_from_files_and_icon_listings(tmp_path: Path) -> None:
    found = dict(designs.drawings(folder_of_icons(tmp_path)))
    assert sorted(found) == ["a", "b", "c"]
    assert 'viewBox="0 0 16 16"' in found["b"]


def test_a_drawing_is_centred_on_a_square_and_the_same_each_time() -> None:
    drawn = designs.draw(STAR.format("currentColor"))
    assert drawn is not None
    assert drawn.shape == (256, 256, 4)
    np.testing.assert_array_equal(drawn, designs.draw(STAR.format("currentColor")))
    rows = np.flatnonzero(drawn[:, :, 3].max(axis=1) > 128)
    assert 255 - rows[-1] == pytest.approx(rows[0], abs=3)


@pytest.mark.parametrize(
    "text",
    [
        "no drawing at all",
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="red"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 90"><rect width="90" height="2" fill="red"/></svg>',
    ],
)
def test_what_shows_nothing_is_left_out(text: str) -> None:
    assert designs.draw(text) is None


def test_alike_drawings_share_a_key_and_others_do_not() -> None:
    red, again, blue = (designs.draw(STAR.format(tone)) for tone in ("#f00", "#fe0000", "#00f"))
    assert red is not None
    assert again is not None
    assert blue is not None
    assert designs.likeness_key(red) == designs.likeness_key(again) != designs.likeness_key(blue)


def test_build_filters_and_is_read_back(tmp_path: Path) -> None:
    folder_of_icons(tmp_path / "sources" / "drawn")
    built = designs.build(tmp_path, [designs.Source("drawn", "npm", "own")], workers=1)
    assert len(built) == 2
    assert built == designs.load(tmp_path)
    assert built[0].read().shape == (256, 256, 4)


def test_a_folder_without_designs_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"training\.designs"):
        designs.load(tmp_path)


def test_a_client_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelError, match="npm is not installed"):
        designs.fetch(designs.Source("drawn", "npm", "own"), tmp_path)
