"""Doubts: answers to pins of kept lots that nobody has judged yet, the doubtful ones first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recognizer.catalogue import corrections
from recognizer.collecting.picture_answers import PictureAnswer
from recognizer.types import Verdict
from recognizer.web.service import Service

OFFERED: Final = 5
"""Entries to choose from, a key each."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One pin of a kept lot: where its picture is, what it was asked as, and the entries that were offered for it."""

    job_id: str
    key: str
    pin: int
    photo: str
    sha256: str
    box: tuple[int, int, int, int]
    verdict: Verdict
    offered: tuple[Mapping[str, Any], ...]

    @property
    def doubt(self) -> float:
        """From 0, surely right or surely wrong, to .5, as likely the one as the other."""
        best = float(self.offered[0]["probability"]) if self.offered else 0.0
        return 0.5 - abs(best - 0.5)


def doubts(service: Service) -> list[Doubt]:
    """List the pins of kept lots without a judgement, the most doubtful first.

    Lots that nobody asked to keep are left out: they are whose address it is.
    """
    judged = {(one.sha256, one.box) for one in corrections.listed(service.engine.catalogue)}
    found = []
    for state in service.lots.kept():
        for task, answer in service.lots.answers(state.job_id):
            for one in _pins(state.job_id, task.key, answer):
                if (one.sha256, one.box) not in judged and one.verdict is not Verdict.NOT_A_PIN:
                    found.append(one)
    return sorted(found, key=lambda one: -one.doubt)


def _pins(job_id: str, key: str, answer: PictureAnswer) -> Iterable[Doubt]:
    for pin in answer.get("recognitions", ()):
        left, top, right, bottom = (int(side) for side in pin["box"])
        yield Doubt(
            job_id,
            key,
            int(pin["pin"]),
            str(answer["photo"]),
            str(answer["sha256"]),
            (left, top, right, bottom),
            Verdict(pin["verdict"]),
            tuple(pin["matches"][:OFFERED]),
        )
