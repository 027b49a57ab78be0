"""The catalogues of texts: all that page and reports say is in them, nothing else is, and a language can be added."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from recognizer.errors import ZnachkiError
from recognizer.locales import catalogues
from recognizer.locales.words import counted, said
from recognizer.reports import page_templates
from recognizer.web.language import chosen

ROOT = Path(__file__).parents[2]
KEYWORDS = dict.fromkeys(("t", "said", "phrase", "aria")) | {"told": (2,), "noun": (1, 2)}


def extracted() -> set[str | tuple[str, ...]]:
    """Every text of the source, as `make words` finds them."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    found = extract_from_dir(str(ROOT / "recognizer"), methods, keywords=KEYWORDS, comment_tags=())
    return {text for _, _, text, _, _ in found}


@pytest.fixture
def russian() -> Catalog:
    with (catalogues.FOLDER / "ru" / catalogues.FILE).open("rb") as file:
        return read_po(file, locale="ru", abort_invalid=True)


def test_the_makefile_looks_for_the_same_texts_as_this_test() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("pybabel -q extract")[2]
    for name, places in KEYWORDS.items():
        assert f"-k {name}{':' + ','.join(map(str, places)) if places else ''} " in recipe


def test_every_text_of_page_and_reports_is_there_in_russian_and_none_is_left_over(russian: Catalog) -> None:
    texts = extracted()
    assert len(texts) > 400
    held = {message.id for message in russian if message.id}
    assert texts - held == set(), "run `make words`, and translate what is new"
    assert held - texts == set(), "run `make words`"
    for message in russian:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), f"{message.id!r} has no Russian"
        assert not message.fuzzy, f"{message.id!r} is marked as a guess"
        assert not list(message.check(russian)), message.id


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the folder of languages, which may be changed."""
    copied = Path(shutil.copytree(catalogues.FOLDER, tmp_path / "locales"))
    caches = (catalogues.languages, catalogues.translations, page_templates.template)
    monkeypatch.setattr(catalogues, "FOLDER", copied)
    for cached in caches:
        cached.cache_clear()
    yield copied
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


def write(folder: Path, code: str, texts: dict[str | tuple[str, str], str | tuple[str, ...]]) -> Path:
    held = Catalog(locale=code)
    for text, translation in texts.items():
        held.add(text, translation)
    written = BytesIO()
    write_po(written, held)
    path = folder / code / catalogues.FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(written.getvalue())
    return path


def test_a_language_is_added_by_a_file_in_a_folder(folder: Path) -> None:
    pins = ("%(count)s pin", "%(count)s pins")
    write(
        folder,
        "pl",
        {
            "Jar": "Słoik",
            "You have %(count)s": "Masz %(ile)s",
            pins: ("%(count)s odznaka", "%(count)s odznaki", "%(count)s odznak"),
        },
    )
    assert catalogues.languages() == {"en": "English", "pl": "Polski", "ru": "Русский"}
    assert chosen(None, "pl-PL,ru;q=0.5") == "pl"
    assert said("Jar", "pl") == "Słoik"
    assert said("Note", "pl") == "Note"  # not translated yet: English
    assert said("You have %(count)s", "pl", count=3) == "You have 3"  # misspelt by the translator
    assert [counted(n, "pin", "pl") for n in (1, 3, 5, 12345)] == [
        *("1 odznaka", "3 odznaki", "5 odznak", "12\u00a0345 odznak"),
    ]
    page = page_templates.template("discover.html").render(clusters=[], crops=0, single=0, known=0, most=1, folder="x")
    assert '<button type="button" data-set="pl" lang="pl">Polski</button>' in page


def test_a_language_of_a_country_is_known_by_its_browser_too(folder: Path) -> None:
    write(folder, "pt_BR", {"Jar": "Pote"})
    assert catalogues.languages()["pt_BR"] == "Português (Brasil)"
    assert chosen(None, "pt-BR") == "pt_BR"
    assert chosen("pt_BR", "en") == "pt_BR"
    assert chosen(None, "pt-PT") == "en"


def test_a_damaged_catalogue_is_named_with_its_line(folder: Path) -> None:
    path = write(folder, "de", {"Jar": "Dose"})
    path.write_text(path.read_text(encoding="utf-8") + 'msgid "Note"\nmsgstring "Notiz"\n', encoding="utf-8")
    with pytest.raises(ZnachkiError, match=r"de.LC_MESSAGES.znachki\.po.*on \d+.*mend that line"):
        said("Jar", "de")


def test_a_folder_that_is_named_like_no_language_is_told(folder: Path) -> None:
    (folder / "nolanguage" / "LC_MESSAGES").mkdir(parents=True)
    (folder / "nolanguage" / catalogues.FILE).write_text('msgid ""\nmsgstr ""\n')
    with pytest.raises(ZnachkiError, match="nolanguage"):
        catalogues.languages()
