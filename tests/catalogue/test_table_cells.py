"""No table that people open holds a formula of a stranger's, and each value is itself again after an import."""

import csv
from pathlib import Path

import pytest

from recognizer.catalogue.exports import export_csv
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.table_cells import plain_cell, safe_cell
from recognizer.collecting.holdings import Collection, Holding, Kind, write_list
from recognizer.types import CatalogueEntry

RISKY = ["=1+1", "+7", "-5", "@SUM(A1)", "'=1", "''-x", "\tx"]


@pytest.mark.parametrize("text", [*RISKY, "x", "'", "'quoted'", "", "Ёлка"])
def test_a_cell_is_itself_again_and_never_a_formula(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text
    assert safe_cell(text)[:1] not in tuple("=+-@\t")
    assert safe_cell(-5) == -5


def test_an_export_of_formulas_is_safe_and_imports_to_the_same(tmp_path: Path) -> None:
    given = [CatalogueEntry(text, number=text, title=text, maker=text) for text in RISKY[:-1]]
    with Catalogue.open(tmp_path / "one", create=True) as one:
        one.upsert(given)
        export_csv(one, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in tuple("=+-@\t")]
    with Catalogue.open(tmp_path / "two", create=True) as two:
        import_csv(two, tmp_path / "out.csv")
        assert two.entries() == given


def test_a_want_list_of_formulas_is_safe_and_taken_back(tmp_path: Path) -> None:
    entry = CatalogueEntry("-1", number="=2", title="@x")
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert([entry])
        write_list(tmp_path / "wants.csv", [(entry, Holding("-1", Kind.WISH, 1, note="+note"))])
        assert "'=2,'@x,'-1,1,,,'+note" in (tmp_path / "wants.csv").read_text()
        collection = Collection(catalogue)
        assert collection.take_table(tmp_path / "wants.csv", Kind.WISH) == 1
