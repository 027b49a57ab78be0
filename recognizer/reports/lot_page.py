"""The page of a lot report: what lots hold and what they come to, each pin beside the entry that it was taken for."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from recognizer.collecting.jobs import Job
from recognizer.decision.checks import in_words
from recognizer.locales.words import phrase
from recognizer.reports.answers import percent
from recognizer.reports.headings import short_names
from recognizer.reports.page_templates import template
from recognizer.reports.photo_report import VERDICT_WORDS

MARKS: Final = {
    "owned": phrase("I have it"),
    "better": phrase("better than mine"),
    "missing": phrase("missing"),
    "again": phrase("again"),
    "unsure": phrase("maybe missing"),
}
"""Marks that the page shows."""


def page_of(job: Job, found: Mapping[str, Any], *, whole: bool = False) -> str:
    """Return the report of a job as a page, by what `as_json` and `mark` say.

    Its pictures lie beside it in the job's folder; with `whole` they are in the page itself, which then needs nothing
    else.
    """

    def source(name: str) -> str:
        path = job.picture(name)
        if not whole:
            return f"pictures/{name}.jpg"
        return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}" if path.exists() else ""

    untold = [lot["lot"] for lot in found["lots"] if not lot["title"]]
    names = {lot["lot"]: lot["title"] for lot in found["lots"]} | dict(zip(untold, short_names(untold), strict=True))
    return template("lots.html").render(
        names=names,
        check_words=in_words,
        found=found,
        whole=whole,
        words=VERDICT_WORDS,
        marks=MARKS,
        percent=percent,
        amount=amount,
        safe=_safe,
        source=source,
        entry_picture=entry_name,
        shown=lambda image_id: job.picture(entry_name(image_id)).exists(),
        # In a job that an earlier program began the picture itself has them.
        outlined=lambda key: outlined_name(key) if job.picture(outlined_name(key)).exists() else key,
    )


def outlined_name(key: str) -> str:
    """The name of a lot's picture with outlines and numbers drawn on it."""
    return f"{key}-outlined"


def entry_name(image_id: int) -> str:
    """The name of the small picture of a catalogue photo."""
    return f"entry-{image_id}"


def amount(price: float | None, currency: str) -> str:
    """Say a price: "7.10 EUR", "" for none."""
    return "" if price is None else f"{Decimal(str(price)):,.2f} {currency}".strip()


def _safe(url: str) -> str:
    """The address if a browser may follow it, else nothing: a listing's text is not to be trusted."""
    return url if re.match(r"https?://", url) else ""
