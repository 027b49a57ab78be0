"""Names of colours: what a person calls a patch of enamel or metal, in the eleven basic terms and light blue.

The terms are those of Berlin and Kay (1969) with Russian's twelfth, голубой. Where one ends and the next begins was set
on the enamels and platings of the drawn sample. Of metal a photo shows a colour alone: gold and yellow share a name,
grey and silver too.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from recognizer.types import Float32

NAMES: Final = (
    *("black", "white", "grey or silver", "red", "pink", "orange", "brown", "yellow or gold", "green"),
    *("light blue", "blue", "violet"),
)
"""All that `named` returns."""

ENAMEL: Final = frozenset({"red", "pink", "green", "light blue", "blue", "violet"})
"""Those that no plating has, whatever it mirrors."""

NEIGHBOURS: Final = frozenset(
    frozenset(pair)
    for pair in (
        *(("light blue", "blue"), ("blue", "violet"), ("violet", "pink"), ("pink", "red"), ("red", "orange")),
        *(("red", "brown"), ("violet", "red"), ("green", "light blue")),
    )
)
"""Pairs that a lamp makes of one colour."""

_NEUTRAL: Final = 11.0  # chroma up to which a colour is none
_DARK: Final = 24.0  # lightness up to which it is black then
_PALE: Final = 82.0  # and from which on it is white


def named(colour: Float32) -> str:
    """Return what a CIELAB colour (3,), lightness 0 to 100, is called."""
    lightness, a, b = (float(value) for value in colour)
    chroma, hue = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a))) % 360
    if chroma < _NEUTRAL or lightness < _DARK / 2:
        return "black" if lightness < _DARK else "white" if lightness > _PALE else "grey or silver"
    if lightness > 88 and chroma < 18:
        return "white"  # as cream enamel is
    pale = lightness > 58
    if hue < 42 or hue >= 345:
        return "pink" if pale and chroma < 55 else "red"
    if hue < 72:
        return "brown" if lightness < 45 or chroma < 30 else "orange"
    if hue < 112:
        return "brown" if lightness < 42 else "yellow or gold"
    if hue < 190:
        return "green"
    if hue < 240:
        return "light blue"
    if hue < 312:
        return "light blue" if pale else "blue"
    return "pink" if pale else "violet"
