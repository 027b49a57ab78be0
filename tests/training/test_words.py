"""The base's words: what is said of drawings, and a tower that learns it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from recognizer.search.text_tower import TextTower
from training.designs import Design
from training.words import learning, names
from training.words.learning import Plan
from training.words.names import LANGUAGES, Lexicon, Said

PLAN = Plan(steps=40, texts=16, buckets=2048, width=16, wide=256, rank=8, ridge=1e-3)
THINGS = (
    ("rocket", "ракета", "კოსმოსი"),
    ("star", "звезда", "ვარსკვლავი"),
    ("bear", "медведь", "დათვი"),
    ("ship", "корабль", "გემი"),
    ("anchor", "якорь", "ღუზა"),
    ("book", "книга", "წიგნი"),
    ("flower", "цветок", "ყვავილი"),
    ("fish", "рыба", "თევზი"),
)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    emoji: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {language: {} for language in LANGUAGES}
    emoji["en"] = {"🚀": ("rocket", ("space", "launch")), "⭐": ("star", ("space",)), "🛰": ("satellite", ("space",))}
    emoji["ru"] = {"🚀": ("ракета", ("космос", "взлёт")), "⭐": ("звезда", ("космос",)), "🛰": ("спутник", ("космос",))}
    emoji["ka"] = {"🚀": ("რაკეტა", ("კოსმოსი",))}
    emoji["en"]["🇪🇪"], emoji["ru"]["🇪🇪"] = ("flag: Estonia", ("flag",)), ("флаг: Эстония", ("флаг",))
    territories: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    territories["en"], territories["ru"] = {"EE": "Estonia"}, {"EE": "Эстония"}
    return Lexicon(emoji, territories, {"coat of arms": {"ru": ("герб",)}})


def design(package: str, name: str) -> Design:
    return Design("0" * 20, package, Path("none.png"), name)


def test_names_and_keywords_that_stand_together_are_translations(lexicon: Lexicon) -> None:
    assert lexicon.translated("Rocket", "ru") == "ракета"
    assert lexicon.translated("space", "ru") == "космос"
    assert lexicon.translated("rocket star", "ru") == "ракета звезда"
    assert lexicon.translated("rocket teapot", "ru") == ""
    assert lexicon.translated("coat of arms", "ru") == "герб"


def test_drawings_are_named_by_emoji_by_territory_and_by_their_own_titles(lexicon: Lexicon) -> None:
    of_emoji = names.said_of(design("@iconify-json/noto", "rocket"), lexicon, {})
    assert of_emoji is not None
    assert of_emoji.texts["ru"] == ("ракета", "космос", "взлёт")
    assert of_emoji.texts["ka"][0] == "რაკეტა"
    flag = names.said_of(design("flag-icons", "ee"), lexicon, {})
    assert flag is not None
    assert flag.texts["ru"][:2] == ("флаг: Эстония", "Эстония")
    titled = names.said_of(design("openclipart-svg", "x_01"), lexicon, {"x_01": ("Coat of Arms 2", "hash", "star")})
    assert titled is not None
    assert titled.texts["en"] == ("Coat of Arms", "star")
    assert titled.texts["ru"] == ("герб", "звезда")
    assert names.said_of(design("openclipart-svg", "y"), lexicon, {"y": ("lemon theme icon", "computer")}) is None
    assert names.said_of(design("@iconify-json/noto", "rocket-light-skin-tone"), lexicon, {}) is None


def test_a_word_is_spoken_in_more_than_one_way() -> None:
    lot = random.Random(0)
    said = {learning.spoken("ракета", lot, ("Эстония",)) for _ in range(100)}
    assert len(said) > 5
    assert "ракета" in said
    assert any("Эстония" in text.split() for text in said)


def test_a_tower_learns_what_words_mean_and_what_they_look_like() -> None:
    concepts = [{"en": (en,), "ru": (ru,), "ka": (ka,)} for en, ru, ka in THINGS]
    tower = learning.learnt(concepts, dict.fromkeys(LANGUAGES, 1.0), ("город",), 24, PLAN)
    russian, georgian = (tower.meanings([thing[at] for thing in THINGS]) for at in (1, 2))
    assert (russian @ georgian.T).argmax(dim=1).tolist() == list(range(len(THINGS)))
    rng = np.random.default_rng(0)
    pins = rng.normal(0, 1, (len(THINGS), 1, 24)) + rng.normal(0, 0.1, (len(THINGS), 2, 24)) + 3
    rows = (pins / np.linalg.norm(pins, axis=2, keepdims=True)).astype(np.float16)
    said = [Said({"en": (en,), "ru": (ru,), "ka": (ka,)}) for en, ru, ka in THINGS]
    learning.shown(tower, said, rows, PLAN)
    likeness = tower([thing[1] for thing in THINGS]) @ torch.from_numpy(rows[:, 1].astype(np.float32)).T
    assert likeness.argmax(dim=1).tolist() == list(range(len(THINGS)))


def test_a_tower_says_of_changed_pictures_what_it_said_before() -> None:
    from training.settle import realigned

    torch.manual_seed(0)
    tower = TextTower(24, 512, 8, one_spelling=True, wide=32, rank=12).eval()
    before = torch.nn.functional.normalize(torch.randn(200, 24), dim=1)
    after = torch.nn.functional.normalize(before @ torch.randn(24, 30), dim=1)
    texts = [thing[0] for thing in THINGS]
    with torch.inference_mode():
        was, now = tower(texts) @ before.T, realigned(tower, before, after)(texts) @ after.T
    assert float(torch.nn.functional.cosine_similarity(was, now).min()) > 0.9
