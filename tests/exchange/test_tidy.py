"""Pictures that a killed import left are told and, when asked, removed; what is named or new stays."""

import os
from pathlib import Path

from click.testing import CliRunner
from drawing import draw

from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.types import CatalogueEntry


def test_pictures_that_nothing_names_are_told_and_removed_when_asked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    names = []
    with Catalogue.open(data, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1")])
        for seed in (1, 2, 3):
            draw(tmp_path / f"{seed}.jpg", seed)
            names.append(catalogue.add_picture((tmp_path / f"{seed}.jpg").read_bytes(), ".jpg"))
        catalogue.add_image("1", (tmp_path / "1.jpg").read_bytes(), ".jpg")
    for name in names[:2]:  # the third one is new: an import may be about to name it
        os.utime(data / "images" / name, (0, 0))
    asked = ["check", "--data", str(data)]
    told = CliRunner().invoke(main, asked)
    assert f"1 picture named by nothing; `znachki check --tidy` removes them: {names[1]}" in told.output
    assert CliRunner().invoke(main, [*asked, "--tidy"]).output.splitlines()[-1] == f"1 picture removed: {names[1]}"
    assert {path.name for path in (data / "images").iterdir()} == {names[0], names[2]}
