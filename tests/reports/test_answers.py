"""What an answer says in words and in JSON."""

from __future__ import annotations

import numpy as np

from recognizer.reports.answers import Answer, answer_json, answer_lines
from recognizer.types import Box, Photo, Recognition, Verdict


def test_a_heap_is_said_to_be_one_with_about_how_many_pins() -> None:
    photo = Photo(np.zeros((9, 9, 3), np.uint8), "0" * 64, "photo.jpg")
    answer = Answer(photo, (Recognition(Box(0, 0, 9, 9), (), Verdict.UNKNOWN, about=8),))
    assert "about 8 pins in a heap: lay them apart" in answer_lines(answer)
    assert answer_json(answer)["recognitions"][0]["about"] == 8
    one = Answer(photo, (Recognition(Box(0, 0, 9, 9), (), Verdict.UNKNOWN),))
    assert "heap" not in answer_lines(one)
