"""The templates of reports: pages in one file that speak every language that there is, and show one at a time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from recognizer.locales.catalogues import languages
from recognizer.locales.words import counted, phrase, said

FOLDER = Path(__file__).parents[1] / "templates"


@cache
def template(name: str) -> jinja2.Template:
    """Return a page template of the package."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"t": everywhere, "n": counted_everywhere, "aria": aria, "phrase": phrase}
    environment.globals["languages"] = languages()
    return environment.get_template(name)


def everywhere(text: str, /, **values: object) -> Markup:
    """A text in every language, each in an element of its own, of which the page shows one."""
    return _spans({language: said(text, language, **values) for language in languages()})


def counted_everywhere(count: int, noun: str) -> Markup:
    """A count with what is counted, as `everywhere`."""
    return _spans({language: counted(count, noun, language) for language in languages()})


def aria(text: str) -> str:
    """A text in every language for an attribute, which cannot show one of them."""
    return " · ".join(dict.fromkeys(said(text, language) for language in languages()))


def _spans(texts: dict[str, str]) -> Markup:
    span, between = (
        Markup('<span class="said" lang="{}">{}</span>'),
        Markup('<span class="and" aria-hidden="true"> · </span>'),
    )
    return between.join(span.format(language.replace("_", "-"), text) for language, text in texts.items())
