"""Cells of tables that people open: texts from strangers that no spreadsheet may take for formulas.

A cell that begins with =, +, -, @, a tab or a carriage return is written with an apostrophe before it, by which
spreadsheets tell a text (OWASP, CSV injection), and what is read has it taken off again: a value stays itself through
export and import, one that begins with an apostrophe of its own included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_RISKY: Final = re.compile(r"'*[=+\-@\t\r]")
_MADE_SAFE: Final = re.compile(r"'+[=+\-@\t\r]")


def safe_cell(value: Any) -> Any:
    """A cell as it is written; numbers and harmless texts are themselves."""
    return f"'{value}" if isinstance(value, str) and _RISKY.match(value) else value


def safe_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is written, each cell made safe."""
    return {name: safe_cell(value) for name, value in row.items()}


def plain_cell(text: str) -> str:
    """A cell as it was before it was made safe."""
    return text[1:] if _MADE_SAFE.match(text) else text
