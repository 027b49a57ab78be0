"""Draws the icons of the page from its own pin.svg: `make icons`. Phones cut them round; the pin keeps off the edge."""

from __future__ import annotations

import re
from pathlib import Path

import resvg_py

STATIC = Path(__file__).resolve().parents[1] / "recognizer" / "web" / "static"
SIDES = (180, 192, 512)


def main() -> None:
    """Draw each size."""
    pin = (STATIC / "pin.svg").read_text(encoding="utf-8")
    inside = re.sub(r"^<svg[^>]*>|</svg>\s*$", "", pin.strip())
    icon = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" fill="#f4f2ee"/>'
        f'<g transform="translate(6.4 6.4) scale(.6)">{inside}</g></svg>'
    )
    for side in SIDES:
        made = resvg_py.svg_to_bytes(svg_string=icon, width=side, height=side)
        (STATIC / f"icon-{side}.png").write_bytes(bytes(made))


if __name__ == "__main__":
    main()
