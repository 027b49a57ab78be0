"""Words: one spelling for many scripts, and a tower that is the same after it was made small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recognizer.errors import ModelError
from recognizer.networks.form import Preprocessing
from recognizer.search import embedder
from recognizer.search.index import Index, Manifest, add_image, new_descriptors, new_vectors
from recognizer.search.latin import latin
from recognizer.search.model_folder import Towers
from recognizer.search.text_tower import TextTower, fill, packed
from recognizer.search.word_pieces import pieces
from recognizer.types import Keypoints


@pytest.mark.parametrize(
    "spellings",
    [
        ("ракета", "raketa", "РАКЕТА", "რაკეტა", "raķeta"),
        ("чайка", "chaika", "chayka", "čajka"),
        ("шахматы", "shakhmaty", "šahmaty"),
        ("щит", "shchit", "schit"),
        ("хлопок", "khlopok", "hlopok"),
        ("ёлка", "елка", "elka"),
    ],
)
def test_a_word_has_one_spelling_in_all_scripts(spellings: tuple[str, ...]) -> None:
    assert {latin(word) for word in spellings} == {latin(spellings[0])}


def test_years_keep_their_digits_and_words_their_differences() -> None:
    assert latin("1988 г.") == "1988 g."
    assert len({latin(word) for word in ("лев", "лён", "волк", "вол", "шар", "сыр")}) == 6


def test_an_inflected_word_shares_most_pieces_and_another_none() -> None:
    own, inflected, other = (set(pieces(word, 1 << 24, one_spelling=True)) for word in ("медведь", "медведем", "якорь"))
    assert len(own & inflected) > len(own) / 2
    assert not own & other


def test_a_tower_that_was_made_small_says_the_same() -> None:
    torch.manual_seed(0)
    tower = TextTower(32, 512, 16, one_spelling=True, wide=64, rank=16).eval()
    held = packed(tower)
    assert held["pieces.weight"].dtype == np.int8
    again = fill(TextTower(**tower.form), held).eval()  # type: ignore[arg-type]
    texts = ["ракета", "rocket", "герб с медведем", ""]
    with torch.inference_mode():
        cosine = torch.nn.functional.cosine_similarity(tower(texts), again(texts))
    assert float(cosine.min()) > 0.999


def test_words_are_held_against_the_lifted_pin(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors, none = new_vectors(8), np.zeros((0, 128), np.float32)
    rows = {7: np.eye(8, dtype=np.float32)[[0, 3, 5]], 3: np.eye(8, dtype=np.float32)[[3, 0, 3]]}
    for image_id, zooms in rows.items():
        points = Keypoints(np.zeros((0, 2), np.float32), none[:, 0], none[:, 0], none)
        add_image(vectors, new_descriptors(none, 0), image_id, zooms, points)
    manifest = Manifest("m", "f", "s", 1, 8, ((3, "a"), (7, "b")), "v", "d")
    asked = np.eye(8, dtype=np.float32)[3] + rng.normal(0, 0.01, 8).astype(np.float32)
    found = Index(tmp_path, manifest, vectors, new_descriptors(none, 0)).shows(asked, 2)
    assert [image_id for image_id, _ in found] == [7, 3]
    assert found[0][1] > 0.9 > 0.1 > found[1][1]


def test_a_model_without_words_says_so() -> None:
    form = Preprocessing(8, (0, 0, 0), (1, 1, 1))
    model = embedder.Embedder(Towers(lambda batch: batch, None, 4, form, "x"), "plain")
    assert not model.reads_meaning
    with pytest.raises(ModelError, match="plain: this model has no words of many languages"):
        model.meanings(["ракета"])
