"""The pictures of the pages in docs/: all are shown and described, none is left over, and they stay small."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = {path.name for path in (ROOT / "docs" / "pages").glob("*")}


def test_every_picture_is_drawn_by_the_command_and_described() -> None:
    script = (ROOT / "docs" / "draw_pages.py").read_text(encoding="utf-8")
    assert [name for name in PICTURES if f'"{Path(name).stem}"' not in script] == []
    page = (ROOT / "docs" / "the-page.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(pages/([\w-]+\.jpg)\)", page)
    assert set(shown) == PICTURES


def test_the_pictures_are_small() -> None:
    assert sum((ROOT / "docs" / "pages" / name).stat().st_size for name in PICTURES) < 1_500_000


def test_the_readme_shows_three_of_them() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(set(re.findall(r"docs/pages/([\w-]+\.jpg)", readme)) & PICTURES) == 3
