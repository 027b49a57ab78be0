"""The drawn sample as a catalogue to try with: drawn, known again, and taken out without a trace in the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from index import trial
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection
from recognizer.errors import CatalogueError
from recognizer.types import CatalogueEntry


def test_a_trial_is_drawn_tried_and_taken_out(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    files = trial.draw(tmp_path, 3, 1, lambda done, total: told.append((done, total)))
    assert told == [(done, 5) for done in range(1, 6)]
    trial.refuse_a_collectors_catalogue(tmp_path, "")  # there is none yet
    with Catalogue.open(tmp_path, create=True) as catalogue:
        assert not trial.is_trial(catalogue)
        for _ in range(2):  # taken out, it may be tried again
            import_csv(catalogue, files.catalogue)
            entry_id = catalogue.entries()[0].entry_id
            Collection(catalogue).own(entry_id, 2, "Space")
            Collection(catalogue).own(entry_id, 1, "Space")
            assert trial.is_trial(catalogue)
            trial.take_out(catalogue)
            assert (catalogue.count(), catalogue.images(unused=True)) == (0, [])


def test_a_collectors_catalogue_is_no_trial(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1", series="Гербы")])
        assert not trial.is_trial(catalogue)
        with pytest.raises(CatalogueError, match="that were not drawn"):
            trial.take_out(catalogue)
        assert catalogue.count() == 1
    with pytest.raises(CatalogueError, match="a catalogue of your own; elsewhere"):
        trial.refuse_a_collectors_catalogue(tmp_path, "elsewhere")
