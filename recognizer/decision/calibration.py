"""Calibration: the sureness of one catalogue's answers, kept beside its index.

    DATA/index/calibration.json   what it was fitted on, with which model and features, and the ranking

The ranking that ships knows other catalogues. `znachki calibrate` fits its probabilities and thresholds to this one;
what it found serves as long as model and features are the same and the index has not grown or shrunk by more than a
tenth.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from recognizer.decision import verdict
from recognizer.decision.verdict import Ranking
from recognizer.errors import IndexError_, ModelError
from recognizer.files import HERE, write_whole
from recognizer.search.index import Manifest, read_manifest

FILE: Final = "calibration.json"
FORMAT: Final = 1

GROWN: Final = 0.1
"""Share of the photos by which an index may differ from the one that was calibrated."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A ranking fitted to one index.

    `fingerprint` and `settings` are those of the index, `photos` how many it had; `source` says what the ranking was
    fitted on, `figures` what it does on queries that the fit did not see; `made` is UTC in ISO 8601.
    """

    ranking: Ranking
    fingerprint: str
    settings: str
    photos: int
    source: str
    figures: dict[str, float]
    made: str

    def outdated(self, manifest: Manifest) -> str:
        """Say why it does not serve an index, "" where it does."""
        if manifest.fingerprint != self.fingerprint:
            return "the index was made with another model since"
        if manifest.settings != self.settings:
            return "features are taken in another way since"
        photos = len(manifest.images)
        if abs(photos - self.photos) > GROWN * self.photos:
            return f"it was made for {self.photos} photos, the index has {photos}"
        return ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the answers of a data folder rest on: its index and the ranking; known without loading a model.

    `uncalibrated` says why the folder's calibration is not used, "" where it is or there is none.
    """

    manifest: Manifest
    ranking: Ranking
    uncalibrated: str = ""

    @classmethod
    def of(cls, data: Path, manifest: Manifest | None = None, false_match_rate: float | None = None) -> Terms:
        """Return those of a data folder, whose index has this manifest, or the one that lies there where None is given.

        Raises IndexError_, IndexMismatch or ModelError, each with the cure.
        """
        manifest = manifest or read_manifest(data / "index")
        if manifest is None:
            raise IndexError_(f"{data / 'index'}: no index in it; run `znachki index`")
        ranking, why = ranking_for(data / "index", manifest, false_match_rate)
        said = f"{data}: its calibration is not used, {why}; run `znachki calibrate`" if why else ""
        return cls(manifest, ranking, said)

    @property
    def made_with(self) -> str:
        """Name model, features, index and operating point: another name is another question."""
        held = self.manifest
        least = ",".join(f"{value:.4f}" for value in self.ranking.match)
        return f"{held.fingerprint}/{held.settings}/{held.generation}/{least}"


def ranking_for(folder: Path, manifest: Manifest, false_match_rate: float | None = None) -> tuple[Ranking, str]:
    """Return the ranking to use with an index, and why its calibration does not serve, "" where it does or is none.

    `false_match_rate` sets another operating point than the kept one, see `verdict.Ranking.at`.
    """
    held = read(folder)
    why = held.outdated(manifest) if held else ""
    ranking = held.ranking if held and not why else verdict.ranking()
    return ranking if false_match_rate is None else ranking.at(false_match_rate), why


def read(folder: Path) -> Calibration | None:
    """Return the calibration in an index's folder, None where there is none; ModelError where it is damaged."""
    path = folder / FILE
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if held.pop("format") != FORMAT:
            raise ValueError(f"not of format {FORMAT}")
        return Calibration(verdict.ranking_from(held.pop("ranking")), **held)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ModelError) as error:
        raise ModelError(f"{path}: not readable ({error}); run `znachki calibrate`, or delete it") from error


def write(folder: Path, calibration: Calibration) -> None:
    """Keep a calibration in an index's folder, written whole; raises ModelError where it cannot be."""
    held = asdict(calibration) | {"format": FORMAT, "ranking": verdict.as_json(calibration.ranking)}
    text = json.dumps(held, ensure_ascii=False, indent=2) + "\n"
    write_whole(folder / FILE, text.encode(), ModelError, cure=HERE)
