"""Makes the base's words again.

    python -m training.words DESIGNS WORK --out recognizer/models/base

DESIGNS is the folder of `python -m training.designs`; WORK gets what is fetched, drawn and embedded beside it, and
keeps it: a run that was killed goes on. The tower is put beside the pictures' weights in the model folder `--out`,
whose pictures it is trained with and which stay as they are. About an hour of one core, most of it embedding pins.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.numpy import save_file

from recognizer.files import HERE, beside, write_whole
from recognizer.networks import weights
from recognizer.search import embedder, model_folder
from recognizer.search.text_tower import TextTower, fill, packed
from training import designs
from training.data import DesignSource
from training.designs import Design, Source
from training.words import measuring, names, pictures
from training.words.learning import Plan, learnt, shown
from training.words.names import LANGUAGES, Lexicon

FURTHER: Final = tuple(
    Source(f"@iconify-json/{package}", "npm", licence)
    for package, licence in (
        ("fxemoji", "Apache-2.0"),
        ("twemoji", "CC-BY-4.0"),
        ("fluent-emoji-flat", "MIT"),
        ("noto-v1", "Apache-2.0"),
        ("fluent-emoji-high-contrast", "MIT"),
        ("streamline-emojis", "CC-BY-4.0"),
        ("icon-park", "Apache-2.0"),
        ("mdi", "Apache-2.0"),
        ("ph", "MIT"),
        ("fa6-solid", "CC-BY-4.0"),
        ("maki", "CC0-1.0"),
        ("emojione-monotone", "CC-BY-4.0"),
        ("flat-color-icons", "MIT"),
        ("healthicons", "MIT"),
        ("mingcute", "Apache-2.0"),
    )
)
"""Drawings of things that have names in many languages, beside those that the pictures were trained on."""

SHARES: Final = {language: {"ru": 6.0, "en": 6.0, "uk": 2.0}.get(language, 1.0) for language in LANGUAGES}
"""How often each language is spoken in training: mostly the two that pins are catalogued in."""

HELD: Final = "@iconify-json/fxemoji"
"""The package that is held out as a whole: a hand that nothing was trained on, and names in every language."""

_EVERY: Final = 50  # and of the other drawings' groups, as elsewhere, each so-manieth
_SKIPPED: Final = ("simple-icons", "circle-flags")  # trade marks, and the same flags again
_TONES: Final = ("-light", "-medium", "-dark", "skin-tone")


def main() -> None:
    """Make the words, or go on where a run was stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("designs", type=Path, metavar="DESIGNS")
    parser.add_argument("work", type=Path, metavar="WORK")
    parser.add_argument("--out", type=Path, required=True, help="the model folder that gets the tower")
    parser.add_argument("--views", type=int, default=1, help="pins struck from each drawing")
    parser.add_argument("--threads", type=int, default=1)
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    plan = Plan(**{name: getattr(asked, name) for name in asdict(Plan())})
    lexicon = lexicon_of(asked.work)
    drawings = drawn(asked.designs, asked.work, lexicon)
    model = embedder.load(asked.out)
    rows = pictures.embedded(
        drawings,
        model,
        asked.work / "rows",
        asked.views,
        0,
        lambda done, all_: print(f"pins {done}/{all_}", flush=True),
    )
    titles = names.titles_of(designs.fetch(designs.SOURCES[0], asked.designs))
    said = [names.said_of(one, lexicon, titles) for one in drawings]
    held = held_out(drawings)
    learns = [at for at, one in enumerate(said) if one is not None and not held[at]]
    tries = [at for at, one in enumerate(said) if one is not None and held[at]]
    spoken = [one for at in learns if (one := said[at]) is not None]
    among = sorted({name for language in ("ru", "en", "uk") for name in lexicon.territories[language].values()})
    tower = learnt(
        names.concepts(lexicon, spoken),
        SHARES,
        among,
        model.dim,
        plan,
        lambda step, loss: print(f"step {step}/{plan.steps} loss {loss:.3f}", flush=True),
    )
    shown(tower, spoken, rows[learns], plan)
    fill(tower, packed(tower))  # what ships is what is measured
    asks = [one for at in tries if (one := said[at]) is not None]
    found = measuring.measured(tower, rows[tries, 0], asks, [drawings[at].package for at in tries])
    print(json.dumps(found, indent=1, ensure_ascii=False))
    ship(tower, asked.out, plan, found, sorted({drawings[at].package for at in learns}), len(learns))


def lexicon_of(work: Path) -> Lexicon:
    """Fetch CLDR into WORK and read it, with our own glossary."""
    first, second, third = (designs.fetch(source, work) for source in names.CLDR)
    return names.read_lexicon(first, second, third, Path(__file__).with_name("glossary.tsv"))


def drawn(cache: Path, work: Path, lexicon: Lexicon) -> list[Design]:
    """Return the drawings that words are learnt from: those of the pictures, and `FURTHER`, none twice."""
    known = [one for one in designs.load(cache) if one.package not in _SKIPPED and "skin-tone" not in one.name]
    keys = {one.key for one in known}
    further = designs.build(work, FURTHER, 1, lambda _source, name: names.wanted(name, lexicon))
    others = [one for one in further if one.key not in keys and not any(tone in one.name for tone in _TONES)]
    return [*known, *others]


def held_out(drawings: Sequence[Design]) -> list[bool]:
    """Say which drawings are held out: all of one package, and of the others each fiftieth group of like ones."""
    _, validation = DesignSource([one for one in drawings if one.package != HELD]).parted(_EVERY)
    keys = {one.key for one in validation.designs}
    return [one.package == HELD or one.key in keys for one in drawings]


def ship(tower: TextTower, folder: Path, plan: Plan, found: dict[str, Any], packages: list[str], count: int) -> None:
    """Put the tower into a model folder, and what is known of it on the folder's card."""
    licences = {source.package: source.licence for source in (*designs.SOURCES, *FURTHER)}
    card = model_folder.read_card(folder)
    card["text"] = tower.form
    card["words"] = {
        "data": f"{count} drawings with their names, names of Unicode CLDR ({names.CLDR[0].licence}), our glossary",
        "drawings": [{"package": package, "licence": licences[package]} for package in packages],
        "languages": list(LANGUAGES),
        "rebuild": "python -m training.designs DESIGNS; python -m training.words DESIGNS WORK --out BASE",
        "plan": asdict(plan),
        "held_out": found,
    }
    with beside(folder / model_folder.WORDS, cure=HERE) as draft:
        save_file(packed(tower), draft)
        draft.chmod(0o644)
    write_whole(folder / weights.CARD, (json.dumps(card, ensure_ascii=False, indent=2) + "\n").encode(), cure=HERE)


if __name__ == "__main__":
    main()
