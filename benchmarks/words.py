"""How well words find entries of the drawn sample: by full text, by what titles mean, by pictures, and together.

    python benchmarks/words.py                     200 entries of the drawn sample, indexed with the base
    python benchmarks/words.py --count 400 --data OUT/words    another size; keeps the data folder and uses it again

A query is what a person would type for a pin: its subject, "ракета" or "rocket", one query an entry, and right is any
entry of that subject among the first five. The catalogue has its Russian titles alone unless it says "both", so that
English and the third languages cannot be found by plain words. Twenty everyday subjects are asked for in five more
languages, and in Latin letters. Last, an entry is asked for by its whole title, and right is one of that very title.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from index.build import build
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.curating import word_search
from recognizer.drawn import sample
from recognizer.search import embedder
from recognizer.search.index import Index

WITHIN = 5
ELSEWHERE = {  # emblem: in Ukrainian, Estonian, Georgian, Kazakh, Latvian, and Russian in Latin letters
    "rocket": ("ракета", "rakett", "რაკეტა", "зымыран", "raķete", "raketa"),
    "star": ("зірка", "täht", "ვარსკვლავი", "жұлдыз", "zvaigzne", "zvezda"),
    "bear": ("ведмідь", "karu", "დათვი", "аю", "lācis", "medved"),
    "fish": ("риба", "kala", "თევზი", "балық", "zivs", "ryba"),
    "anchor": ("якір", "ankur", "ღუზა", "зәкір", "enkurs", "yakor"),
    "sun": ("сонце", "päike", "მზე", "күн", "saule", "solntse"),
    "book": ("книга", "raamat", "წიგნი", "кітап", "grāmata", "kniga"),
    "key": ("ключ", "võti", "გასაღები", "кілт", "atslēga", "klyuch"),
    "flower": ("квітка", "lill", "ყვავილი", "гүл", "zieds", "tsvetok"),
    "owl": ("сова", "öökull", "ბუ", "жапалақ", "pūce", "sova"),
    "deer": ("олень", "hirv", "ირემი", "бұғы", "briedis", "olen"),
    "mountain": ("гори", "mägi", "მთა", "тау", "kalns", "gory"),
    "bell": ("дзвін", "kell", "ზარი", "қоңырау", "zvans", "kolokol"),
    "plane": ("літак", "lennuk", "თვითმფრინავი", "ұшақ", "lidmašīna", "samolyot"),
    "bridge": ("міст", "sild", "ხიდი", "көпір", "tilts", "most"),
    "leaf": ("листок", "leht", "ფოთოლი", "жапырақ", "lapa", "list"),
    "mushroom": ("гриб", "seen", "სოკო", "саңырауқұлақ", "sēne", "grib"),
    "tractor": ("трактор", "traktor", "ტრაქტორი", "трактор", "traktors", "traktor"),
    "bicycle": ("велосипед", "jalgratas", "ველოსიპედი", "велосипед", "velosipēds", "velosiped"),
    "car": ("автомобіль", "auto", "ავტომობილი", "автомобиль", "automobilis", "avtomobil"),
}
LANGUAGES = ("uk", "et", "ka", "kk", "lv", "ru in Latin letters")
Ranked = Callable[[str], Sequence[str]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--model", default="base")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as spare:
        print(json.dumps(measured(asked.data or Path(spare), asked.count, asked.model), indent=1, ensure_ascii=False))


def measured(folder: Path, count: int, name: str) -> dict[str, Any]:
    """Return the share of queries whose right entry is within the first five, by query and by what is searched."""
    for titles in ("russian", "both"):
        if not (folder / titles).exists():
            prepared(folder, count, titles, name)
    model = embedder.load(name)
    index = Index.open(folder / "russian" / "index")
    found: dict[str, Any] = {"entries": count, "model": model.name}
    pins = sample.pins(count)
    subjects = [subject_of(pin) for pin in pins]
    words = {"ru": [said(pin)[0] for pin in pins], "en": [said(pin)[1] for pin in pins]}
    right = {
        one: {pin.entry.entry_id for pin, other in zip(pins, subjects, strict=True) if other == one} for one in subjects
    }
    for titles in ("russian", "both"):
        with Catalogue.open(folder / titles) as catalogue:
            ways = ways_of(catalogue, index, model)
            for language, texts in words.items():
                queries = [(text, right[subject]) for text, subject in zip(texts, subjects, strict=True)]
                found[f"{language}, titles {titles}"] = shares(queries, ways)
            if titles == "both":
                whole = [(pin.entry.title, twins(pins, pin.entry.title)) for pin in pins]
                found["whole title, titles both"] = shares(whole, ways)
                continue
            for at, language in enumerate(LANGUAGES):
                queries = [(others[at], right[one]) for one, others in ELSEWHERE.items() if one in right]
                found[f"{language}, titles {titles}"] = shares(queries, ways)
    return found


def prepared(folder: Path, count: int, titles: str, name: str) -> None:
    """Make a data folder of the sample, with titles in Russian alone or in both languages, and the index of one."""
    files = sample.write(folder / f"{titles} files", count)
    if titles == "russian":
        with files.catalogue.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        with files.catalogue.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(row | {"title_en": ""} for row in rows)
    with Catalogue.open(folder / titles, create=True) as catalogue:
        import_csv(catalogue, files.catalogue)
    if titles == "russian":  # the other has the same pictures under the same numbers
        build(folder / titles, model=name)


def subject_of(pin: sample.SamplePin) -> str:
    """Return what is on a pin, arms of any town and portraits of anyone being one subject each."""
    return {"arms": "arms", "profile": "portrait"}.get(pin.design.kind, pin.design.emblem)


def said(pin: sample.SamplePin) -> tuple[str, str]:
    """Return what a person would type for a pin, in Russian and in English."""
    if pin.design.kind == "arms":
        return "герб", "coat of arms"
    if pin.design.kind == "profile":
        return "портрет", "portrait"
    if pin.design.kind == "jubilee":
        return pin.entry.title.partition(". ")[2].partition(" (")[0], pin.entry.title_en.partition(". ")[2]
    return pin.entry.title.partition(". ")[0], pin.entry.title_en.partition(". ")[0]


def twins(pins: Sequence[sample.SamplePin], title: str) -> set[str]:
    """Return the entries of exactly this title."""
    return {pin.entry.entry_id for pin in pins if pin.entry.title == title}


def ways_of(catalogue: Catalogue, index: Index, model: embedder.Embedder) -> dict[str, Ranked]:
    """Return by name what ranks entry_ids for words."""

    def alone(place: str) -> Ranked:
        def ranked(words: str) -> list[str]:
            found = word_search.search(catalogue, words, index=index, model=model, limit=100)
            held = [one for one in found if getattr(one, place)]
            return [one.entry.entry_id for one in sorted(held, key=lambda one: int(getattr(one, place)))]

        return ranked

    def together(words: str) -> list[str]:
        return [one.entry.entry_id for one in word_search.search(catalogue, words, index=index, model=model)]

    def text(words: str) -> list[str]:
        return [entry.entry_id for entry in catalogue.search(words, WITHIN)]

    return {"text": text, "meaning": alone("by_meaning"), "picture": alone("by_picture"), "together": together}


def shares(queries: Sequence[tuple[str, set[str]]], ways: dict[str, Ranked]) -> dict[str, float]:
    """Return the share of queries that each way finds within the first five, and how many there are."""
    figures: dict[str, float] = {"queries": len(queries)}
    for name, ranked in ways.items():
        hits = {words: list(ranked(words))[:WITHIN] for words in {words for words, _ in queries}}
        figures[name] = round(sum(bool(right & set(hits[words])) for words, right in queries) / len(queries), 3)
    return figures


if __name__ == "__main__":
    main()
