"""Decides whether a trained model may take the current one's place, and keeps the record of those that did.

The current model is the one that `index.json` names, so that a model and its index change in one rename and there is no
moment with one of them alone. A candidate is compared with the current model and with the frozen base on the same
queries (`evaluate.exam_of`). `models/history.json` lists the promotions, oldest first; a line is written before the
index changes, and counts only once the index names its model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from recognizer.errors import ModelError
from recognizer.files import HERE, make_folder, write_whole
from recognizer.reports.pictures import Neighbour, draw_beside
from recognizer.search import embedder
from recognizer.search.index import Manifest, read_manifest
from recognizer.search.model_folder import IMAGENET, read_card
from recognizer.vision.photos import encode_jpeg
from training.evaluate import Exam, Marks, exam_of, marked

GROUP: Final = 20
"""Queries from which a group has a say of its own."""

FALL: Final = 0.05
"""By how much a group's recall at 1 may fall: one query in twenty."""

SLACK: Final = 0.005
"""By how much the mean reciprocal rank may fall where recall at 1 is the same."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate beside the current model and the frozen base: figures by model and group, and what speaks against.

    `figures` are {model: {group: {queries, recall_at_1, recall_at_5, mrr}}}; `changed` the rows of the exam whose best
    entry is another one than the current model's.
    """

    candidate: str
    fingerprint: str
    current: str
    base: str
    exam: Exam
    figures: dict[str, dict[str, dict[str, float]]]
    marks: dict[str, Marks]
    changed: tuple[int, ...]
    worse: tuple[str, ...]


def compare(data: Path, candidate: str, base: str | None = None) -> Comparison:
    """Ask the frozen queries to the candidate, the current model and the base (None: the one that ships).

    Raises ModelError where there is no current model or nothing to measure on.
    """
    manifest = current(data)
    exam = exam_of(data)
    if not exam.queries:
        raise ModelError(f"{data}: too few entries with photos to hold any out; nothing can be measured")
    names = {"candidate": candidate, "current": manifest.model, "base": base or IMAGENET}
    loaded = {role: embedder.load(name, data / "models") for role, name in names.items()}
    done: dict[str, Marks] = {}
    marks = {}
    for role, model in loaded.items():
        if model.fingerprint not in done:
            done[model.fingerprint] = marked(model, exam)
        marks[role] = done[model.fingerprint]
    figures = {role: marks[role].figures(exam) for role in names}
    changed = tuple(
        row
        for row, (new, old) in enumerate(zip(marks["candidate"].best, marks["current"].best, strict=True))
        if new != old
    )
    worse = [reason for role in ("current", "base") for reason in against(figures["candidate"], figures[role], role)]
    return Comparison(
        loaded["candidate"].name,
        loaded["candidate"].fingerprint,
        manifest.model,
        names["base"],
        exam,
        figures,
        marks,
        changed,
        tuple(worse),
    )


def against(candidate: dict[str, dict[str, float]], other: dict[str, dict[str, float]], role: str) -> list[str]:
    """Say what speaks against a candidate: less recall at 1 over all, or in a group of the current model's."""
    found = []
    new, old = candidate["all"], other["all"]
    if new["recall_at_1"] < old["recall_at_1"]:
        found.append(f"recall at 1 is {new['recall_at_1']:.3f}, the {role}'s {old['recall_at_1']:.3f}")
    elif new["recall_at_1"] == old["recall_at_1"] and new["mrr"] < old["mrr"] - SLACK:
        found.append(f"mean reciprocal rank is {new['mrr']:.3f}, the {role}'s {old['mrr']:.3f}")
    for group, now in candidate.items() if role == "current" else ():
        then = other[group]
        if group != "all" and now["queries"] >= GROUP and now["recall_at_1"] < then["recall_at_1"] - FALL:
            found.append(f"{group}: recall at 1 is {now['recall_at_1']:.3f}, the {role}'s {then['recall_at_1']:.3f}")
    return found


def current(data: Path) -> Manifest:
    """Return the index's manifest, which names the current model; ModelError where there is no index."""
    manifest = read_manifest(data / "index")
    if manifest is None:
        raise ModelError(f"{data}: no index, so no current model; run `znachki index`")
    return manifest


def history(data: Path) -> list[dict[str, Any]]:
    """Return the recorded promotions, oldest first; ModelError where the record is damaged."""
    path = data / "models" / _HISTORY
    if not path.exists():
        return []
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(held, list):
            raise ValueError("a list was expected")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not readable ({error}); restore it from a backup, or remove it") from error
    return held


def note(data: Path, model: str, fingerprint: str, **about: Any) -> None:
    """Write down that a model is about to take the current one's place."""
    old = current(data)
    line = {
        "model": model,
        "fingerprint": fingerprint,
        "from": old.model,
        "from_fingerprint": old.fingerprint,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
    }
    path = data / "models" / _HISTORY
    make_folder(path.parent, ModelError, cure=HERE)
    text = json.dumps([*history(data), line], ensure_ascii=False, indent=1) + "\n"
    write_whole(path, text.encode(), ModelError, cure=HERE)


def previous(data: Path) -> str:
    """Return the model that the current one took the place of; ModelError where none is on record."""
    now = current(data)
    for line in reversed(history(data)):
        moved = line["fingerprint"] != line["from_fingerprint"] and not line.get("rollback")
        if moved and line["fingerprint"] == now.fingerprint:
            return str(line["from"])
    raise ModelError(f"{data}: no record of a model before {now.model}; name one with `znachki promote MODEL`")


def listed(data: Path) -> dict[str, Any]:
    """List the models of a data folder: what each is made from, how it did, which is `current`, which was `before` it
    (None for none on record), and the record of promotions. Raises ModelError where a card or the record is damaged."""
    manifest = read_manifest(data / "index")
    name = manifest.model if manifest else None
    record = history(data)
    noted = {line["model"]: line for line in record}
    rows: list[dict[str, Any]] = []
    for folder in sorted(path.parent for path in (data / "models").glob("*/model.json")):
        if folder.name.startswith("."):
            continue
        card = read_card(folder)
        rows.append(
            {
                "model": folder.name,
                "current": folder.name == name,
                "base": card.get("base", ""),
                "data": card.get("data", ""),
                "made": card.get("made", ""),
                "held_out_recall": card.get("held_out_recall", {}),
                "promoted": noted.get(folder.name, {}).get("date", ""),
                "numbers": noted.get(folder.name, {}).get("numbers") or {},
            }
        )
    if name and name not in {row["model"] for row in rows}:
        rows.insert(0, {"model": name, "current": True, "base": "", "data": "", "made": "", "promoted": ""})
    try:
        before: str | None = previous(data)
    except ModelError:
        before = None
    return {"current": name, "before": before, "models": rows, "history": record}


_HISTORY: Final = "history.json"


def draw_changed(found: Comparison, folder: Path) -> None:
    """Draw every changed answer into `folder`: the current model's entry, the query, and the candidate's entry."""
    make_folder(folder)
    exam, marks = found.exam, found.marks
    for number, row in enumerate(found.changed, 1):
        query = exam.queries[row]
        sides = [
            Neighbour(exam.pictures[exam.owners.index(best)][0], None, f"{role}: {best}")
            for role, best in (("before", marks["current"].best[row]), ("now", marks["candidate"].best[row]))
        ]
        picture = draw_beside(query.image, sides[1], sides[0], caption=f"shows {query.entry_id}")
        write_whole(folder / f"{number:03d}.jpg", encode_jpeg(picture))
